internal import CNamespaces
internal import Glibc

/// A process beside a run in the foreground that lasts. The end of that run, by SIGKILL too, is the end of its jail; what does
/// not end with it is taken back by this one: the cgroup, addresses, a command of the host.
///
/// A run that is over at once and has no command of the host's is not worth a fork: nothing but an empty cgroup and its record
/// is left of it, and the next command finds them.
final class RunWatch {
    private static let delayMilliseconds = 200
    private static let lockMilliseconds = 1000
    private var pid: Int32 = 0

    init(_ host: Host) { host.waits.after(milliseconds: Self.delayMilliseconds) { [weak self] in self?.begin(host) } }

    private func begin(_ host: Host) {
        let run = cns_pidfd_open(getpid())
        if run < 0 { return }
        pid = cns_fork(nil)
        if pid == 0 {
            watch(run, host)
            _exit(0)
        }
        close(run)
    }

    /// Descriptors of the run's are its own: a lock is held, and a jail lives, as long as somebody has them.
    private func watch(_ run: Int32, _ host: Host) {
        setsid()
        cns_keep_descriptors(run, host.signals.descriptor)
        for descriptor: Int32 in 0...2 { dup2(CNS_CONTROL_DESCRIPTOR.int32, descriptor) }
        _ = unsafe chdir("/")
        var watched = pollfd(fd: run, events: Int16(POLLIN), revents: 0)
        while unsafe poll(&watched, 1, -1) < 0 {}
        JailRepair(host: host).repairAll(waitingMilliseconds: Self.lockMilliseconds)
    }

    /// The run has taken everything back itself.
    func end() {
        if pid <= 0 { return }
        kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
        pid = 0
    }
}
