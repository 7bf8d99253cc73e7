internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// A cgroup of the v2 hierarchy: cgroups(7).
public struct Cgroup: Equatable, Sendable {
    /// The directory, `/sys/fs/cgroup/jailrun/www`.
    public let path: String
    public init(path: String) { self.path = path }

    /// Where the v2 hierarchy is mounted; on hybrid hosts that is `/sys/fs/cgroup/unified`. Nil when it is not.
    public static func mountPoint() -> String? {
        // Where it is on all but a few machines; their table of mounts may be long.
        for usual in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] where unsafe cns_is_cgroup2(usual) != 0 {
            return usual
        }
        guard let file = try? Files.open("/proc/self/mountinfo"), let bytes = try? Files.read(file) else { return nil }
        let mark = Array(" - cgroup2 ".utf8)
        let points = bytes.split(separator: UInt8(ascii: "\n")).compactMap { line -> String? in
            guard line.contains(UInt8(ascii: "2")), contains(line, mark) else { return nil }
            let fields = line.split(separator: UInt8(ascii: " "), maxSplits: 5)
            return fields.count > 5 ? String(decoding: fields[4], as: UTF8.self) : nil
        }
        return points.first { $0.hasPrefix("/sys/fs/cgroup") } ?? points.first
    }

    private static func contains(_ line: ArraySlice<UInt8>, _ mark: [UInt8]) -> Bool {
        guard line.count >= mark.count else { return false }
        return (line.startIndex...line.endIndex - mark.count).contains { start in
            line[start] == mark[0] && line[start...].starts(with: mark)
        }
    }

    public var exists: Bool { Files.exists(path) }

    /// Whether a process lives in it or below it; a cgroup that is gone has none.
    public var isPopulated: Bool {
        guard let events = try? Files.open("\(path)/cgroup.events") else { return false }
        return Self.isPopulated(events)
    }

    private static func isPopulated(_ events: borrowing Descriptor) -> Bool {
        guard let bytes = try? Files.read(events) else { return false }
        return bytes.split(separator: UInt8(ascii: "\n")).contains { $0.elementsEqual("populated 1".utf8) }
    }

    /// Host pids of a jail's own processes: in its cgroup or in the leaf, not in those of jails inside it.
    public var processes: [Int32] { ownProcesses + Cgroup(path: "\(path)/\(CgroupMark.leaf)").ownProcesses }

    /// Host pids of the processes in it, not below it.
    var ownProcesses: [Int32] { (try? readOwnProcesses()) ?? [] }

    /// - Throws: when it is there and cannot be looked at.
    private func readOwnProcesses() throws(Errno) -> [Int32] {
        do {
            return try Files.text("\(path)/cgroup.procs").split(separator: "\n").compactMap { Int32($0) }
        } catch {
            if error.meansAbsent || error.rawValue == ENODEV { return [] }
            throw error
        }
    }

    /// `processes`, for whoever must not take a cgroup that cannot be read for an empty one.
    func readProcesses() throws(Errno) -> [Int32] {
        try readOwnProcesses() + Cgroup(path: "\(path)/\(CgroupMark.leaf)").readOwnProcesses()
    }

    /// How many cgroups are below it, leaves of jails aside: where `children.max` counts, each is a jail.
    var nestedCount: Int {
        let names = ((try? Files.names(in: path)) ?? []).filter { !$0.hasPrefix(".") && isDirectory("\(path)/\($0)") }
        return names.reduce(names.count) { $0 + Cgroup(path: "\(path)/\($1)").nestedCount }
    }

    /// Where a process that joins the jail goes.
    var home: String {
        let leaf = "\(path)/\(CgroupMark.leaf)"
        return Files.exists(leaf) ? leaf : path
    }

    /// The words of `cgroup.controllers`: what may be enabled for children.
    public var controllers: [String] { words("cgroup.controllers") }
    public var enabledControllers: [String] { words("cgroup.subtree_control") }

    private func words(_ file: String) -> [String] {
        ((try? Files.text("\(path)/\(file)")) ?? "").split(whereSeparator: \.isWhitespace).map(String.init)
    }

    func value(of file: String) throws(Errno) -> String { try Files.text("\(path)/\(file)") }

    /// SIGKILL to all that is in it and below it, at once, then waits until it is empty.
    /// - Throws: `ETIMEDOUT` when a process does not die in time: it hangs in the kernel.
    func killAll(timeoutMilliseconds: Int) throws(Errno) {
        guard isPopulated else { return }
        do { try writeKill() } catch { if error != .noSuchFileOrDirectory { throw error } }
        try waitUntilEmpty(timeoutMilliseconds: timeoutMilliseconds)
    }

    private func writeKill() throws(Errno) {
        let file = try Files.open("\(path)/cgroup.kill", O_WRONLY)
        try Files.write(Array("1".utf8), to: file.number)
    }

    /// poll(2) on `cgroup.events`, which tells changes by POLLPRI.
    /// - Throws: `ETIMEDOUT`.
    func waitUntilEmpty(timeoutMilliseconds: Int) throws(Errno) {
        let deadline = Clock.milliseconds() + timeoutMilliseconds
        guard let events = try? Files.open("\(path)/cgroup.events") else { return }
        while isPopulatedFresh(events) {
            let rest = deadline - Clock.milliseconds()
            if rest <= 0 { throw Errno(ETIMEDOUT) }
            var watched = pollfd(fd: events.number, events: Int16(POLLPRI), revents: 0)
            _ = unsafe poll(&watched, 1, Int32(min(rest, 100)))
        }
    }

    private func isPopulatedFresh(_ events: borrowing Descriptor) -> Bool {
        lseek(events.number, 0, SEEK_SET)
        return Self.isPopulated(events)
    }

    /// Whether jailrun made it for the jail of that name.
    func belongs(to name: String) -> Bool {
        var value = [UInt8](repeating: 0, count: 256)
        let length = unsafe cns_get_attribute(
            path, CgroupMark.attribute(isNested: !OwnUserNamespace.isInitial), &value, value.count)
        return length > 0 && value[..<length].elementsEqual(name.utf8)
    }

    /// Marks it as jailrun's: a jail's by the jail's name.
    func mark(_ value: String) {
        let name = CgroupMark.attribute(isNested: !OwnUserNamespace.isInitial)
        _ = unsafe cns_set_attribute(path, name, value, value.utf8.count)
    }

    /// Moves a process into it.
    /// - Returns: false when the kernel refuses; a process that has ended is no matter.
    func take(_ process: Int32) -> Bool {
        do throws(Errno) {
            let file = try Files.open("\(path)/cgroup.procs", O_WRONLY)
            try Files.write(Array("\(process)".utf8), to: file.number)
        } catch { return error.rawValue == ESRCH }
        return true
    }

    /// Removes the empty cgroup of all jails, and those above it that were made for it. An administrator's stays.
    func removeLevels() {
        var level = self
        while level.isLevel, unsafe rmdir(level.path) == 0,
            let slash = level.path.lastIndex(of: "/")
        { level = Cgroup(path: String(level.path[..<slash])) }
    }

    /// rmdir(2), which refuses a cgroup that has processes or cgroups.
    /// - Returns: whether it is gone.
    @discardableResult
    func removeIfEmpty() -> Bool { unsafe rmdir(path) == 0 }

    /// rmdir(2) of it and of the cgroups below it, deepest first. One that is gone is done.
    func remove() throws(Errno) {
        if unsafe rmdir(path) == 0 || errno == ENOENT { return }
        for name in (try? Files.names(in: path)) ?? [] where isDirectory("\(path)/\(name)") {
            try Cgroup(path: "\(path)/\(name)").remove()
        }
        if unsafe rmdir(path) < 0 && errno != ENOENT { throw .current }
    }

    private func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}

/// CLOCK_MONOTONIC.
enum Clock {
    static func microseconds() -> Int { microseconds(CLOCK_MONOTONIC) }

    private static func microseconds(_ clock: clockid_t) -> Int {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
    }

    static func milliseconds() -> Int { microseconds() / 1000 }

    /// CLOCK_PROCESS_CPUTIME_ID: what this process has used, and not what it waited for.
    static func processorMicroseconds() -> Int { microseconds(CLOCK_PROCESS_CPUTIME_ID) }

    /// CLOCK_REALTIME, seconds since 1970.
    static func wallSeconds() -> Int { time(nil) }
}
