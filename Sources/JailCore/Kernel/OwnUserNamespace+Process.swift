internal import Glibc
internal import SystemPackage

extension OwnUserNamespace {
    /// That of this process. Whoever changes it does so before it is asked for the first time.
    static var ofThisProcess: OwnUserNamespace { get throws(Errno) { try found.get() } }

    private static let found: Result<OwnUserNamespace, Errno> = {
        do throws(Errno) { return .success(try find()) } catch { return .failure(error) }
    }()

    private static func find() throws(Errno) -> OwnUserNamespace {
        if try isInitial() { return .initial }
        return OwnUserNamespace(
            kind: try Files.isThere(Planner.stateInside) ? .jail : .own,
            userMap: try Files.text("/proc/self/uid_map"), groupMap: try Files.text("/proc/self/gid_map"))
    }

    /// The machine's first has the same number on every machine, `USER_NS_INIT_INO` of linux/nsfs.h. A kernel without user
    /// namespaces, or a machine without /proc, has that one alone.
    private static func isInitial() throws(Errno) -> Bool {
        var status = stat()
        if unsafe stat("/proc/self/ns/user", &status) == 0 { return status.st_ino == 0xefff_fffd }
        if Errno.current.meansAbsent { return true }
        throw .current
    }
}

extension CapabilitySet {
    /// The effective ones, `CapEff` of proc(5).
    static func ofThisProcess() throws(Errno) -> CapabilitySet {
        let lines = try Files.text("/proc/self/status").split(separator: "\n")
        let digits = lines.first { $0.hasPrefix("CapEff:") }?.split(whereSeparator: \.isWhitespace).last ?? ""
        return CapabilitySet(rawValue: UInt64(digits, radix: 16) ?? 0)
    }
}
