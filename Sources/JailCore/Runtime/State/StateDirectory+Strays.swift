internal import Glibc
internal import SystemPackage

/// What a jailrun that was killed, or that failed between two calls, leaves in the state directory beside records: half of a
/// file that was to replace another, a lock that nobody holds, the log of a jail that never came to be.
extension StateDirectory {
    /// Removes what belongs to no jail and to nobody at work.
    /// - Parameter hasCgroup: whether a jail has one: then it may live, though its trace is gone.
    /// - Throws: when it could not be looked for it.
    func removeStrays(hasCgroup: (String) throws(RuntimeError) -> Bool) throws(RuntimeError) {
        let known = Set(try names())
        try removeRestartLocks()
        for name in try strayNames() where !known.contains(name) { try removeStrays(of: name, hasCgroup) }
    }

    /// Those of restarts that were killed.
    private func removeRestartLocks() throws(RuntimeError) {
        for name in try files("locks") where name.hasSuffix(Self.restartSuffix) {
            if let lock = try JailLock(tryLocking: lockPath(name), writesHolder: false) { lock.unlinkAndRelease() }
        }
    }

    /// Names that there are files of.
    private func strayNames() throws(RuntimeError) -> [String] {
        let records = try Self.names(in: "\(path)/jails") { name in
            if name.hasSuffix(".new") { return name.dropLast(4).withoutSuffix(".json") }
            return name.hasSuffix(".json") ? name.dropLast(5) : nil
        }
        let logs = try Self.names(in: "\(path)/services") { name in
            if name.hasSuffix(".new") { return name.dropLast(4).withoutSuffix(".json") }
            let keeper = name[...].withoutSuffix(ServiceRegistry.keeperSuffix)
            return keeper == name ? ConsoleLog.name(ofFile: name) : keeper
        }
        return Set(try Self.names(in: "\(path)/locks") { $0[...] } + records + logs).sorted()
    }

    private static func names(in directory: String, _ name: (String) -> Substring?) throws(RuntimeError) -> [String] {
        let files = try attempt("cannot look at \(directory)") { () throws(Errno) in
            try Files.namesIfThere(in: directory)
        }
        return files.compactMap { file in
            guard let name = name(file), JailName.objection(to: Bytes(name.utf8)) == nil else { return nil }
            return String(name)
        }
    }

    /// Looked at again under the name's lock: who starts the jail has that.
    private func removeStrays(
        of name: String, _ hasCgroup: (String) throws(RuntimeError) -> Bool
    ) throws(RuntimeError) {
        guard let lock = try JailLock(tryLocking: lockPath(name)) else { return }
        guard isUnknown(name, hasCgroup) else { return _ = consume lock }
        for path in [tracePath(name), recordPath(name)] { _ = unsafe unlink(path + Files.halfSuffix) }
        _ = unsafe unlink(recordPath(name))
        ServiceRegistry(state: self).removeStrays(of: name)
        lock.unlinkAndRelease()
    }

    /// No, on a doubt.
    private func isUnknown(_ name: String, _ hasCgroup: (String) throws(RuntimeError) -> Bool) -> Bool {
        do throws(RuntimeError) {
            if try hasTrace(of: name) { return false }
            if try !hasRecord(of: name) { return true }
            return try !hasCgroup(name)
        } catch { return false }
    }
}

extension ServiceRegistry {
    /// A log is begun once there is a record, and goes after it; the keeper is noted before.
    fileprivate func removeStrays(of name: String) {
        do throws(Errno) { if try Files.isThere(path(name)) { return } } catch { return }
        _ = unsafe unlink(path(name) + Files.halfSuffix)
        forgetKeeper(of: name)
        LogFile(logPath(name), walk: HostWalk()).remove()
    }
}

extension Substring {
    fileprivate func withoutSuffix(_ suffix: String) -> Substring { hasSuffix(suffix) ? dropLast(suffix.count) : self }
}

extension ConsoleLog {
    /// The jail of `NAME.log` or `NAME.log.1`.
    fileprivate static func name(ofFile file: String) -> Substring? {
        var parts = file.split(separator: ".", omittingEmptySubsequences: false)
        if let last = parts.last, !last.isEmpty, last.utf8.allSatisfy({ (48...57).contains($0) }) { parts.removeLast() }
        guard parts.count > 1, parts.last == "log", let name = parts.dropLast().last else { return nil }
        return file[..<name.endIndex]
    }
}
