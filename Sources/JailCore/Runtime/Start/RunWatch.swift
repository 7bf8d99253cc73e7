internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// A process beside a run in the foreground that lasts, and beside a stop. The end of that run, by SIGKILL too, is the end of its
/// jail, and a stop that was begun has an end; what is not done with that is done by this one: the cgroup, addresses, a command of
/// the host.
///
/// A run that is over at once and has no command of the host's is not worth a fork: nothing but an empty cgroup and its record
/// is left of it, and the next command finds them.
final class RunWatch {
    private static let delayMilliseconds = 200
    private static let lockMilliseconds = 1000
    private static let attempts = 20
    private static let pauseMicroseconds: UInt32 = 200_000
    /// The run itself.
    private let parent = getpid()
    private var pid: Int32 = 0
    private let host: Host

    init(_ host: Host) {
        self.host = host
        host.waits.after(milliseconds: Self.delayMilliseconds) { [weak self] in self?.begin() }
    }

    private func begin() {
        let run = cns_pidfd_open(getpid())
        if run < 0 { return }
        var ended: Int32 = -1
        pid = unsafe cns_fork(&ended)
        if pid == 0 {
            watch(run)
            _exit(0)
        }
        close(run)
        guard pid > 0 else { return }
        // Somebody may kill this one, too: then there is another.
        host.waits.guarded = Waits.Guarded(descriptor: ended) { [weak self] in self?.beginAgain() }
    }

    private func beginAgain() {
        letGo()
        begin()
    }

    private func letGo() {
        waitpid(pid, nil, 0)
        if let guarded = host.waits.guarded?.descriptor, guarded >= 0 { close(guarded) }
        (pid, host.waits.guarded) = (0, nil)
    }

    /// Descriptors of the run's are its own: a lock is held, and a jail lives, as long as somebody has them.
    private func watch(_ run: Int32) {
        setsid()
        OwnOomScore.lower()
        cns_keep_descriptors(run, host.signals.descriptor)
        for number: Int32 in 0...2 { redirect(number, to: CNS_CONTROL_DESCRIPTOR.int32) }
        var watched = pollfd(fd: run, events: Int16(POLLIN), revents: 0)
        while unsafe poll(&watched, 1, -1) < 0 {}
        for attempt in 0..<Self.attempts where attempt == 0 || isLeft(by: parent) {
            if attempt > 0 { usleep(Self.pauseMicroseconds) }
            // Nobody reads what it would say: what it cannot do the next command does.
            do throws(RuntimeError) {
                try JailTakeover(host: host).run(waitingMilliseconds: Self.lockMilliseconds)
            } catch {}
        }
    }

    /// What was in the way for a moment only is tried again. Also when it could not be looked at.
    private func isLeft(by run: Int32) -> Bool {
        do throws(RuntimeError) {
            if try host.state.traces().contains(where: { $0.isTransient && $0.supervisor == run }) { return true }
            // Whoever waited for the lock of the run that was killed may have had it when the hooks were looked for.
            let names = try host.cgroupRoot.look { (root) throws(Errno) in try Files.namesIfThere(in: root.path) }
            if names.contains(where: { $0.hasPrefix(HookCgroup.prefix) }) { return true }
            return try !JailRepair(host: host).left().isEmpty
        } catch { return true }
    }

    /// The run has taken everything back itself.
    func end() {
        if pid <= 0 { return }
        kill(pid, SIGKILL)
        letGo()
    }
}
