internal import CNamespaces
internal import Glibc

/// The command of the host that a run is beside, for the case that the run is killed.
struct CommandBeside {
    private static let graceMilliseconds: Int32 = 1000
    private let pid: Int32
    private let pidfd: Int32

    /// - Parameter pid: a child of this process's parent, which therefore has the number until that parent waits for it.
    init(_ pid: Int32) { (self.pid, pidfd) = (pid, cns_pidfd_open(pid)) }

    /// The run was killed, and the kernel has sent the command SIGTERM: prctl(2), PR_SET_PDEATHSIG. What does not hear that is
    /// killed a moment later, with all that it has started and not left to itself. Another process waits for that.
    func end(_ host: Host) {
        guard pidfd >= 0, cns_fork(nil) == 0 else { return }
        // The end of a jail's control socket is that of its last holder.
        cns_keep_descriptors(pidfd, host.signals.descriptor)
        var watched = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
        if unsafe poll(&watched, 1, Self.graceMilliseconds) == 0 { killTree() }
        _exit(0)
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

extension ProcessTable {
    /// Those of all its threads, as proc(5) tells; none of a process that is gone.
    fileprivate static func children(of pid: Int32) -> [Int32] {
        let threads = (try? Files.unsortedNames(in: "/proc/\(pid)/task")) ?? []
        let lists = threads.compactMap { try? Files.text("/proc/\(pid)/task/\($0)/children") }
        return lists.flatMap { $0.split(separator: " ").compactMap { Int32($0) } }
    }
}
