internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// A cgroup of the v2 hierarchy: cgroups(7).
package struct Cgroup: Equatable, Sendable {
    /// The directory, `/sys/fs/cgroup/jailrun/www`.
    package let path: String
    package init(path: String) { self.path = path }

    /// Where the v2 hierarchy is mounted; on hybrid hosts that is `/sys/fs/cgroup/unified`. Nil when it is not.
    /// - Throws: when the table of mounts cannot be read.
    static func mountPoint() throws(Errno) -> String? {
        // Where it is on all but a few machines; their table of mounts may be long.
        for usual in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] where unsafe cns_is_cgroup2(usual) != 0 {
            return usual
        }
        let bytes = try Files.read(try Files.open("/proc/self/mountinfo"), limit: .max)
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

    // MARK: What is in it

    // Each of these throws when the cgroup is there and cannot be looked at: that is no cgroup without processes.

    func exists() throws(Errno) -> Bool { try Files.isThere(path) }

    /// Whether a process lives in it or below it; a cgroup that is gone has none.
    func isPopulated() throws(Errno) -> Bool {
        try whileThere(otherwise: false) { () throws(Errno) in
            try Self.isPopulated(try Files.open("\(path)/cgroup.events"))
        }
    }

    private static func isPopulated(_ events: borrowing Descriptor) throws(Errno) -> Bool {
        try Files.read(events).split(separator: UInt8(ascii: "\n")).contains { $0.elementsEqual("populated 1".utf8) }
    }

    /// Host pids of a jail's own processes: in its cgroup or in the leaf, not in those of jails inside it.
    func processes() throws(Errno) -> [Int32] {
        try ownProcesses() + Cgroup(path: "\(path)/\(CgroupMark.leaf)").ownProcesses()
    }

    /// Host pids of the processes in it, not below it. A threaded cgroup tells none: the one above, which holds the processes,
    /// does (cgroups(7), "Threaded mode").
    func ownProcesses() throws(Errno) -> [Int32] {
        try whileThere(otherwise: []) { () throws(Errno) in
            do throws(Errno) {
                return try Files.text("\(path)/cgroup.procs").split(separator: "\n").compactMap { Int32($0) }
            } catch {
                if error.rawValue == EOPNOTSUPP { return [] }
                throw error
            }
        }
    }

    /// One that is removed between open(2) and read(2) says ENODEV.
    private func whileThere<Found>(otherwise nothing: Found, _ look: () throws(Errno) -> Found) throws(Errno) -> Found {
        do throws(Errno) { return try look() } catch {
            if error.meansAbsent || error.rawValue == ENODEV { return nothing }
            throw error
        }
    }

    /// How many cgroups are below it, leaves of jails aside: where `children.max` counts, each is a jail.
    func nestedCount() throws(Errno) -> Int {
        var count = 0
        for child in try children() { count += try 1 + child.nestedCount() }
        return count
    }

    /// Where a process that joins the jail goes.
    func home() throws(Errno) -> String {
        let leaf = "\(path)/\(CgroupMark.leaf)"
        return try Files.isThere(leaf) ? leaf : path
    }

    /// The words of `cgroup.controllers`: what may be enabled for children.
    func controllers() throws(Errno) -> [String] { try words("cgroup.controllers") }
    func enabledControllers() throws(Errno) -> [String] { try words("cgroup.subtree_control") }

    private func words(_ file: String) throws(Errno) -> [String] {
        try whileThere(otherwise: []) { () throws(Errno) in
            try Files.text("\(path)/\(file)").split(whereSeparator: \.isWhitespace).map(String.init)
        }
    }

    func value(of file: String) throws(Errno) -> String { try Files.text("\(path)/\(file)") }

    /// The text of one of its files. Nil where this kernel has none of that name, or counts nothing for it: EOPNOTSUPP; and of a
    /// cgroup that is gone.
    func textIfThere(_ file: String) throws(Errno) -> String? {
        do throws(Errno) {
            return try whileThere(otherwise: nil) { () throws(Errno) -> String? in try value(of: file) }
        } catch {
            if error.rawValue == EOPNOTSUPP { return nil }
            throw error
        }
    }

    /// SIGKILL to all that is in it and below it, at once, then waits until it is empty.
    /// - Throws: `ETIMEDOUT` when a process does not die in time: it hangs in the kernel.
    func killAll(timeoutMilliseconds: Int) throws(Errno) {
        guard try isPopulated() else { return }
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
        let events = try Files.ifThere { () throws(Errno) in try Files.open("\(path)/cgroup.events") }
        guard let events else { return }
        while try isPopulatedFresh(events) {
            let rest = deadline - Clock.milliseconds()
            if rest <= 0 { throw Errno(ETIMEDOUT) }
            var watched = pollfd(fd: events.number, events: Int16(POLLPRI), revents: 0)
            _ = unsafe poll(&watched, 1, Int32(min(rest, 100)))
        }
    }

    private func isPopulatedFresh(_ events: borrowing Descriptor) throws(Errno) -> Bool {
        lseek(events.number, 0, SEEK_SET)
        do throws(Errno) { return try Self.isPopulated(events) } catch {
            if error.rawValue == ENODEV { return false }
            throw error
        }
    }

    /// Whether jailrun made it for the jail of that name.
    func belongs(to name: String, by mark: CgroupMark) throws(Errno) -> Bool {
        try attribute(mark.attribute)?.elementsEqual(name.utf8) == true
    }

    /// getxattr(2); nil when it has none of that name, or one that is longer than any of jailrun's.
    func attribute(_ name: String) throws(Errno) -> ArraySlice<UInt8>? {
        var value = [UInt8](repeating: 0, count: 256)
        let length = unsafe cns_get_attribute(path, name, &value, value.count)
        if length > 0 { return value[..<length] }
        let error = Errno(rawValue: CInt(-length))
        if length == 0 || error.meansAbsent || [ENODATA, ENOTSUP, ERANGE].contains(error.rawValue) { return nil }
        throw error
    }

    /// Marks it as jailrun's: a jail's by the jail's name.
    func set(_ mark: CgroupMark, to value: String) {
        _ = unsafe cns_set_attribute(path, mark.attribute, value, value.utf8.count)
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

    /// Removes the empty cgroup of all jails, and those above it that were made for it. An administrator's stays, as does one
    /// of which it is not known.
    func removeLevels(by mark: CgroupMark) throws(Errno) {
        var level = self
        while try level.isLevel(by: mark), unsafe rmdir(level.path) == 0,
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
        for name in try Files.namesIfThere(in: path) where try Self.isDirectory("\(path)/\(name)") {
            try Cgroup(path: "\(path)/\(name)").remove()
        }
        if unsafe rmdir(path) < 0 && errno != ENOENT { throw .current }
    }

    /// One that is gone is none any more.
    private static func isDirectory(_ path: String) throws(Errno) -> Bool {
        var status = stat()
        if unsafe lstat(path, &status) == 0 { return status.st_mode & S_IFMT == S_IFDIR }
        let error = Errno.current
        if error.meansAbsent { return false }
        throw error
    }

    /// The cgroups right below it, jails' leaves and those of commands aside.
    func children() throws(Errno) -> [Cgroup] { try childNames().map { Cgroup(path: "\(path)/\($0)") } }

    /// Their names. The files of a cgroup have an attribute of nobody's, and some of them cannot be asked for one.
    func childNames() throws(Errno) -> [String] {
        try Files.foldersIfThere(in: path).filter { !$0.hasPrefix(".") }
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
