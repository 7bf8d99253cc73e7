internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Jails that root inside of a jail has made, as the host sees them: docs/design/0021.
///
/// Which there are, and which is the first process of each, the kernel says. What is recorded of them was written by root inside: it
/// is shown, and it may narrow what a command that enters one gets. It gives nothing.
struct InnerJails {
    let host: Host

    /// jls(8) and its like take a jail's number for its name: these are above all of the host's, and of one life as the pid is.
    private static let firstNumber = 1_000_000
    /// Of a record; one of jailrun's own has some thousands. Each is read by each command that looks for jails.
    private static let mostBytes = 64 << 10

    /// - Parameter outer: jails of the host's that are up.
    /// - Throws: when it could not be looked for them.
    func records(in outer: [JailRecord]) throws(RuntimeError) -> [JailRecord] {
        var records: [JailRecord] = []
        for jail in outer where jail.spec.privileges.allowsJails && jail.unreadable == nil {
            records += try jails(in: jail, madeBy: jail, of: jail)
        }
        return records
    }

    /// - Returns: nil for a jail that the host has made, or none.
    func record(of name: String) throws(RuntimeError) -> JailRecord? {
        var outer: JailRecord?
        for ancestor in JailName.ancestors(of: name) {
            if let record = try host.state.record(of: ancestor) { outer = record }
        }
        guard let outer, try !host.state.hasTrace(of: name), try outer.isAlive() else { return nil }
        return try records(in: [outer]).first { $0.name == name }
    }

    /// - Parameter maker: in whose name this one was made, by root of that jail.
    private func jails(
        in around: JailRecord, madeBy maker: JailRecord, of outer: JailRecord
    ) throws(RuntimeError) -> [JailRecord] {
        let prefix = "\(Self.folder(of: around)).".utf8
        var found: [JailRecord] = []
        for folder in try folders(in: around.cgroup) {
            // Made from outside of it, its folder has the whole name: `b.c` in `b`.
            let isFromOutside = around.cgroup != outer.cgroup && folder.utf8.starts(with: prefix)
            let name = isFromOutside ? String(folder.utf8.dropFirst(prefix.count)) ?? folder : folder
            let from = isFromOutside ? maker : around
            let whole = "\(around.name).\(name)"
            guard let jail = try jail(whole, folder: folder, in: around, madeBy: from, of: outer) else { continue }
            found.append(jail)
            found += try jails(in: jail, madeBy: from, of: outer)
        }
        return found
    }

    private static func folder(of jail: JailRecord) -> String {
        jail.cgroup.split(separator: "/").last.map(String.init) ?? ""
    }

    /// The cgroups in that of a jail which jailrun inside has marked as jails.
    private func folders(in cgroup: String) throws(RuntimeError) -> [String] {
        try Cgroup(path: cgroup).look { (place) throws(Errno) in
            var folders: [String] = []
            for name in try place.childNames() where JailName.objection(to: Bytes(name.utf8)) == nil {
                if try Cgroup(path: "\(place.path)/\(name)").isInnerJail(named: name) { folders.append(name) }
            }
            return folders
        }
    }

    private func jail(
        _ name: String, folder: String, in around: JailRecord, madeBy maker: JailRecord, of outer: JailRecord
    ) throws(RuntimeError) -> JailRecord? {
        let cgroup = "\(around.cgroup)/\(folder)"
        if try host.state.hasTrace(of: name) { return nil }
        let first = try Cgroup(path: cgroup).look { (cgroup) throws(Errno) in try Self.firstProcess(in: cgroup) }
        guard let (pid, startTime) = first else { return nil }
        let identity = JailIdentity(
            jid: Self.firstNumber + Int(pid), idRange: outer.identity.idRange, generation: outer.identity.generation)
        let trace = JailTrace(
            name: name, label: name, identity: identity, phase: .up, cgroup: cgroup, pid: pid, startTime: startTime,
            isTransient: false, supervisor: 0, supervisorStartTime: 0, hasNetwork: false)
        var details = outer.details
        (details.networkUndo, details.networkChange) = ([], nil)
        details.spec = outer.spec.inside(name, try recorded(folder, in: maker))
        details.spec.path.value = Self.path(details.spec.path.value, in: maker)
        return JailRecord(trace: trace, details: details)
    }

    /// A path of a jail's, as the host has it.
    private static func path(_ inner: String, in maker: JailRecord) -> String {
        let root = maker.spec.path.value
        if inner == "/" || !inner.hasPrefix("/") { return root }
        return root == "/" ? inner : root + inner
    }

    /// The process that is number 1 where the jail's processes are counted. Nothing that has the host's ids is anybody's inside.
    private static func firstProcess(in cgroup: Cgroup) throws(Errno) -> (pid: Int32, startTime: UInt64)? {
        for pid in try cgroup.processes() {
            guard let numbers = try ProcessTable.numbers(of: pid), numbers.count > 2, numbers.last == 1,
                try !ProcessTable.sharesUserNamespace(pid), let startTime = try ProcessTable.startTime(of: pid)
            else { continue }
            return (pid, startTime)
        }
        return nil
    }

    /// What jailrun inside has written of it: no more than a wish, and one that cannot be read is none. It may narrow: where the host
    /// has nothing left to read it with, it is not left out.
    private func recorded(_ name: String, in maker: JailRecord) throws(RuntimeError) -> ConfiguredJail? {
        do throws(Errno) {
            let root = try Files.open("/proc/\(maker.pid)/root", Int32(OpenFlags([.path, .directory]).rawValue))
            let path = "\(Planner.stateInside.dropFirst())/jails/\(name).json"
            let file = try RootPath.openRegular(path, root: root.number)
            var status = stat()
            guard unsafe fstat(file.number, &status) == 0, status.st_size <= Self.mostBytes else { return nil }
            let bytes = try Files.read(file, limit: Self.mostBytes)
            return try? RecordForm.decode(JailDetails.self, from: bytes).spec
        } catch {
            if ![ENOMEM, ENFILE, EMFILE].contains(error.rawValue) { return nil }
            throw .system("cannot read what is recorded of \(maker.name).\(name)", error)
        }
    }
}

extension Cgroup {
    /// Whether jailrun, run by root inside of the jail around, made it for a jail.
    fileprivate func isInnerJail(named name: String) throws(Errno) -> Bool {
        try attribute(CgroupMark.user.attribute)?.elementsEqual(name.utf8) == true
    }
}

extension ConfiguredJail {
    /// What a command of the host's that enters a jail inside this one gets: no more than this jail's default, less what either takes
    /// away. The namespaces are the process's own, whatever they are.
    fileprivate func inside(_ name: String, _ recorded: ConfiguredJail?) -> ConfiguredJail {
        var jail = self
        (jail.name.value, jail.label, jail.jid) = (name, name, nil)
        (jail.depend, jail.parent, jail.names, jail.health) = ([], nil, nil, nil)
        (jail.restart, jail.log) = (Restart(), Log())
        (jail.mounts, jail.cgroup, jail.metadata) = ([], [], MetadataSpec())
        jail.commands = CommandSpec(
            isClean: commands.isClean, isJailUserOfHost: Located(false, .standard("exec.system_jail_user")),
            timeoutSeconds: Located(0, .standard("exec.timeout = SECONDS")),
            stopTimeoutSeconds: Located(10, .standard("stop.timeout = SECONDS")))
        jail.host.isInherited.value = false
        jail.network = NetworkSpec(
            mode: Located(.own, network.mode.origin), addresses: recorded?.network.addresses ?? [])
        jail.isPersistent.value = recorded?.isPersistent.value ?? false
        jail.path.value = recorded?.path.value ?? "/"
        jail.parameters = recorded?.parameters ?? JailParameters()
        jail.privileges.narrow(to: recorded?.privileges)
        return jail
    }
}

extension PrivilegeSpec {
    fileprivate mutating func narrow(to inner: PrivilegeSpec?) {
        (capAdd, granted) = ([], [])
        allowsRawSockets.value = false
        ownsNetwork.value = false
        childrenMaximum.value = 0
        sharesInterprocess.value = false
        if seccomp.value == .none { seccomp.value = .standard }
        guard let inner else { return }
        capDrop += inner.capDrop.filter { other in !capDrop.contains { $0.value == other.value } }
        withdrawn += inner.withdrawn.filter { other in !withdrawn.contains { $0.value == other.value } }
        securityLevel.value = max(securityLevel.value, min(inner.securityLevel.value, 3))
    }
}

extension JailStop {
    /// Ends a jail that root inside of another has made: SIGTERM to it, then SIGKILL to all that is in it. What else it has is taken
    /// back by who made it.
    func stopInner(_ record: JailRecord) throws(RuntimeError) -> Bool {
        terminate(record, firstProcess(of: record))
        let cgroup = Cgroup(path: record.cgroup)
        do {
            try cgroup.killAll(timeoutMilliseconds: 10000)
            onRemoval(record)
            try cgroup.remove()
            return true
        } catch {
            host.audience.warn("\(record.name): cannot remove \(record.cgroup): \(error.description)")
            return false
        }
    }
}
