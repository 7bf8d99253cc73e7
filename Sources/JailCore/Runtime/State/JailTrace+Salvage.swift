internal import Glibc
internal import SystemPackage

/// A jail whose trace cannot be read. The truth is in its cgroup, which carries its name, and in the processes there.
extension JailTrace {
    /// What the kernel says of the jail, and of the text what only names something, and is checked before it is used.
    /// - Parameters:
    ///   - root: the cgroup of all jails, below which the jail's own is looked for.
    ///   - mark: by what it is known.
    static func salvaged(
        from text: String, name: String, why: UnreadableRecord, under root: Cgroup, by mark: CgroupMark
    ) throws(Errno) -> Self {
        let lines = Lines(text)
        let cgroup = try cgroup(of: name, recorded: lines["cgroup"], under: root, by: mark)
        let first = try firstProcess(of: cgroup)
        let jid = lines["jid"].flatMap { DigitsOnly.value($0.utf8, in: 1...IdentityRegistry.lastJid) } ?? 0
        let keeper = try keeper(lines.pair("supervisor"))
        let range = if let first { try idRange(of: first) } else { IDRange?.none }
        var trace = Self(
            name: name, label: name,
            identity: JailIdentity(
                jid: jid, idRange: range, generation: lines["generation"].flatMap { UInt64($0) } ?? 0),
            phase: .up, cgroup: cgroup.path, pid: first?.pid ?? 0, startTime: first?.startTime ?? 0,
            isTransient: keeper != nil && lines["transient"] == "true", supervisor: keeper?.pid ?? 0,
            supervisorStartTime: keeper?.startTime ?? 0, hasNetwork: true,
            network: lines["links"].flatMap { DigitsOnly.value($0.utf8, in: 1...2 * IdentityRegistry.lastJid) } ?? jid,
            interfaces: (lines["interfaces"] ?? "").split(separator: " ").map(String.init), unreadable: why.reason)
        trace.home = lines.home
        return trace
    }

    private struct Process {
        var pid: Int32
        var startTime: UInt64
    }

    /// Only one that carries the jail's name is its own, wherever it is: a jail that was renamed keeps the first place.
    private static func cgroup(
        of name: String, recorded: String?, under root: Cgroup, by mark: CgroupMark
    ) throws(Errno) -> Cgroup {
        let usual = Cgroup(path: "\(root.path)/\(name.split(separator: ".").joined(separator: "/"))")
        for place in [recorded.map { Cgroup(path: $0) }, usual].compactMap({ $0 })
        where try place.belongs(to: name, by: mark) { return place }
        if let found = try cgroup(of: name, below: root, by: mark) { return found }
        // Started by another unit, it has its cgroup below that one's.
        guard let top = try Cgroup.mountPoint() else { return usual }
        return try cgroup(of: name, below: Cgroup(path: top), by: mark) ?? usual
    }

    private static func cgroup(
        of name: String, below cgroup: Cgroup, by mark: CgroupMark
    ) throws(Errno) -> Cgroup? {
        for child in try cgroup.children() {
            if try child.belongs(to: name, by: mark) { return child }
            if let found = try Self.cgroup(of: name, below: child, by: mark) { return found }
        }
        return nil
    }

    /// The one that is pid 1 in the outermost pid namespace below this process's own.
    private static func firstProcess(of cgroup: Cgroup) throws(Errno) -> Process? {
        var found: (process: Process, depth: Int)?
        for pid in try cgroup.processes() {
            guard let numbers = try ProcessTable.numbers(of: pid), numbers.last == 1, numbers.count > 1,
                found.map({ numbers.count < $0.depth }) ?? true, let time = try ProcessTable.startTime(of: pid)
            else { continue }
            found = (Process(pid: pid, startTime: time), numbers.count)
        }
        return found?.process
    }

    /// Nil for the host's own user namespace.
    private static func idRange(of process: Process) throws(Errno) -> IDRange? {
        let text = try Files.textIfThere("/proc/\(process.pid)/uid_map") ?? ""
        let words = text.split(separator: "\n").first?.split(whereSeparator: \.isWhitespace) ?? []
        let fields = words.compactMap { UInt32($0) }
        guard fields.count == 3, fields[0] == 0, fields[1] > 0 || fields[2] < .max else { return nil }
        return IDRange(first: fields[1], count: fields[2])
    }

    private static func keeper(_ words: (String, String)?) throws(Errno) -> Process? {
        guard let words, let pid = Int32(words.0), let time = UInt64(words.1), pid > 0,
            try ProcessTable.startTime(of: pid) == time
        else { return nil }
        return Process(pid: pid, startTime: time)
    }
}
