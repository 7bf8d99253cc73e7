internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// The command of the host that a run is beside, for the case that the run is killed.
struct CommandBeside {
    private static let graceMilliseconds = 1000
    private static let pauseMilliseconds: Int32 = 50
    private let pid: Int32
    private let pidfd: Int32
    private let mark: RunMark

    /// - Parameter pid: a child of this process's parent, which therefore has the number until that parent waits for it.
    init(_ pid: Int32) { (self.pid, pidfd, mark) = (pid, cns_pidfd_open(pid), RunMark(of: getppid())) }

    /// The run was killed, and the kernel has sent the command SIGTERM: prctl(2), PR_SET_PDEATHSIG. What it has started gets it,
    /// too: what a shell waits for is orphaned by the shell's end. What does not hear that is killed a moment later, and not
    /// left to itself. Another process waits for that.
    func end(_ host: Host) {
        guard pidfd >= 0, cns_fork(nil) == 0 else { return }
        // The end of a jail's control socket is that of its last holder.
        cns_keep_descriptors(pidfd, host.signals.descriptor)
        for process in mark.processes where process != pid { kill(process, SIGTERM) }
        let deadline = Clock.milliseconds() + Self.graceMilliseconds
        while Clock.milliseconds() < deadline, !hasEnded(withinMilliseconds: Self.pauseMilliseconds) {}
        killTree()
        for process in mark.processes { kill(process, SIGKILL) }
        _exit(0)
    }

    private func hasEnded(withinMilliseconds milliseconds: Int32) -> Bool {
        var watched = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
        if unsafe poll(&watched, 1, milliseconds) == 0 { return false }
        if mark.hasNone { return true }
        usleep(UInt32(milliseconds) * 1000)
        return false
    }

    /// Who is stopped starts nothing more, and leaves no child's number to anybody else.
    private func killTree() {
        guard cns_pidfd_signal(pidfd, SIGSTOP) >= 0 else { return }
        var tree = [pid]
        var more: [Int32]
        repeat {
            more = tree.flatMap(ProcessTable.children).filter { !tree.contains($0) }
            for process in more { kill(process, SIGSTOP) }
            tree += more
        } while !more.isEmpty
        for process in tree.reversed() { kill(process, SIGKILL) }
    }
}

/// What the environment of a run's command says, and of all that it starts: whose they are when their parents are gone.
struct RunMark {
    /// `JAILRUN_RUN=4711.88123`: the run's pid, and when it began.
    let variable: String

    private static let name = "JAILRUN_RUN"
    private static let attempts = 10

    init(of run: Int32) {
        var time: UInt64?
        // Whoever asks later must find the same.
        for _ in 0..<Self.attempts where time == nil {
            do throws(Errno) { time = try ProcessTable.startTime(of: run) ?? 0 } catch { usleep(10000) }
        }
        variable = "\(Self.name)=\(run).\(time ?? 0)"
    }

    /// Those that have it, as far as can be seen: `/proc/PID/environ` of proc(5).
    var processes: [Int32] {
        do throws(Errno) { return try found() } catch { return [] }
    }

    /// Whether there is none of which anything could be seen. Not, on a doubt.
    var hasNone: Bool {
        do throws(Errno) { return try found().isEmpty } catch { return false }
    }

    private func found() throws(Errno) -> [Int32] {
        try Files.unsortedNames(in: "/proc").compactMap { Int32($0) }.filter { process in
            // One that is gone, or another user's.
            guard let file = try? Files.open("/proc/\(process)/environ"), let bytes = try? Files.read(file) else {
                return false
            }
            return bytes.split(separator: 0).contains { $0.elementsEqual(variable.utf8) }
        }
    }

    /// A supervisor of jails that go on by themselves is nobody's any more: what it was started by may end. The kernel reads what
    /// `/proc/PID/environ` tells from here.
    static func leave() {
        guard let value = unsafe getenv(name) else { return }
        unsafe memset(value, 0, strlen(value))
    }
}

extension ProcessTable {
    /// Those of all its threads, as proc(5) tells; none of a process that is gone.
    fileprivate static func children(of pid: Int32) -> [Int32] {
        let threads = (try? Files.unsortedNames(in: "/proc/\(pid)/task")) ?? []
        let lists = threads.compactMap { try? Files.text("/proc/\(pid)/task/\($0)/children") }
        return lists.flatMap { $0.split(separator: " ").compactMap { Int32($0) } }
    }
}
