internal import Glibc
internal import SystemPackage

/// proc(5) of the host. Each look throws when it fails, which does not say that a process is gone.
enum ProcessTable {
    /// Field 22 of `/proc/PID/stat`, in clock ticks since boot; nil for a process that is gone or a zombie.
    static func startTime(of pid: Int32) throws(Errno) -> UInt64? {
        guard let text = try ifRunning({ () throws(Errno) in try Files.read(try Files.open("/proc/\(pid)/stat")) }),
            let close = text.lastIndex(of: UInt8(ascii: ")"))
        else { return nil }
        let fields = text[(close + 1)...].split(separator: UInt8(ascii: " "), maxSplits: 20)
        guard fields.count > 19, let state = fields[0].first, state != UInt8(ascii: "Z"), state != UInt8(ascii: "X")
        else { return nil }
        return UInt64(String(decoding: fields[19], as: UTF8.self))
    }

    /// Whether it, or the process that it tells what becomes of its jails, is stopped, as by SIGSTOP or Ctrl-Z: nobody knows when it
    /// goes on.
    static func isStopped(withParent pid: Int32) -> Bool {
        if isStopped(pid) { return true }
        guard let parent = fields(of: pid)?.dropFirst().first, let number = Int32(parent) else { return false }
        return isStopped(number)
    }

    /// Not, on a doubt, nor at a moment at which a tracer looks at it.
    static func isStopped(_ pid: Int32) -> Bool { fields(of: pid)?.first == "T" }

    /// Whether it is stopped, or sleeps over a signal that was sent to it. Not, on a doubt, nor as long as it only waits for a
    /// processor.
    static func isDeaf(_ pid: Int32, to signal: Int32) -> Bool {
        guard let state = fields(of: pid)?.first, state != "R" else { return false }
        if state == "T" { return true }
        // proc_pid_status(5).
        let lines = (try? Files.text("/proc/\(pid)/status"))?.split(separator: "\n") ?? []
        let line = lines.first { $0.hasPrefix("ShdPnd:") }
        let pending = line?.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) } ?? 0
        return pending >> UInt64(signal - 1) & 1 == 1
    }

    /// The state, the parent, and so on: proc_pid_stat(5).
    private static func fields(of pid: Int32) -> [String]? {
        guard let text = try? Files.text("/proc/\(pid)/stat"), let close = text.lastIndex(of: ")") else { return nil }
        return text[text.index(after: close)...].split(separator: " ").prefix(2).map(String.init)
    }

    /// What `look` finds of a process; nil when that has ended.
    static func ifRunning<Found>(_ look: () throws(Errno) -> Found) throws(Errno) -> Found? {
        do throws(Errno) { return try look() } catch {
            if error.meansAbsent || error.rawValue == ESRCH { return nil }
            throw error
        }
    }

    /// Whether the process of that number is the one that started then.
    static func isRunning(_ pid: Int32, since startTime: UInt64) throws(RuntimeError) -> Bool {
        try attempt("cannot look at process \(pid)") { () throws(Errno) in try self.startTime(of: pid) == startTime }
    }

    /// When this process started: it is recorded, and who reads it takes this process for gone when it is wrong.
    static func ownStartTime() throws(RuntimeError) -> UInt64 {
        let found = try attempt("cannot look at this process itself") { () throws(Errno) in try startTime(of: getpid())
        }
        guard let found else { throw .system("cannot look at this process itself", .noSuchProcess) }
        return found
    }

    /// Its numbers in each pid namespace, from this process's own down: `NSpid`. Nil when it has ended.
    static func numbers(of pid: Int32) throws(Errno) -> [Int32]? {
        let text = try ifRunning { () throws(Errno) in try Files.text("/proc/\(pid)/status") }
        let line = text?.split(separator: "\n").first { $0.hasPrefix("NSpid:") }
        return line?.split(whereSeparator: \.isWhitespace).compactMap { Int32($0) }
    }

    /// Whether a process is in this one's own user namespace; one that has ended may have been.
    static func sharesUserNamespace(_ pid: Int32) throws(Errno) -> Bool {
        var (own, other) = (stat(), stat())
        _ = try unsafe checked(stat("/proc/self/ns/user", &own))
        let isThere = try ifRunning { () throws(Errno) in try unsafe checked(stat("/proc/\(pid)/ns/user", &other)) }
        return isThere == nil || own.st_ino == other.st_ino
    }
}
