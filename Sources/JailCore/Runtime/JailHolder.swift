internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Whoever is at work on a jail, and has its lock.
struct JailHolder {
    let name: String
    let host: Host

    init(of name: String, host: Host) { (self.name, self.host) = (name, host) }

    /// Whether nobody has the lock, or soon nobody has.
    func letsGo(withinMilliseconds milliseconds: Int) -> Bool {
        let deadline = Clock.milliseconds() + milliseconds
        while true {
            let path = host.state.lockPath(name)
            if JailLock(tryLocking: path, writesHolder: false) != nil { return true }
            // The last jail's state directory goes with it.
            if (try? Files.isThere(path)) == false { return true }
            if Clock.milliseconds() >= deadline { return false }
            usleep(10000)
        }
    }

    /// - Returns: false when it is gone.
    func signal(_ number: Int32) -> Bool {
        guard let holder = LockHolder(of: host.state.lockPath(name)), holder.pid != getpid() else { return false }
        let pidfd = cns_pidfd_open(holder.pid)
        guard pidfd >= 0 else { return false }
        defer { close(pidfd) }
        // The number may have come to mean another process meanwhile.
        guard LockHolder(of: host.state.lockPath(name))?.pid == holder.pid else { return false }
        return cns_pidfd_signal(pidfd, number) >= 0
    }

    private static let soonMilliseconds = 200
    /// A command that follows a forced stop, the end of one that does not listen, and the kernel's work.
    private static let endMilliseconds = JailStop.forcedCommandSeconds * 1000 + 3000

    /// Ends what it waits for: a start is broken off, a stop goes on without the jail's commands.
    /// - Returns: whether there was anybody.
    func hurry() -> Bool {
        if letsGo(withinMilliseconds: Self.soonMilliseconds) { return false }
        guard signal(SIGQUIT) else { return false }
        // Who does not even hear that is stopped itself, or hangs in the kernel.
        if !letsGo(withinMilliseconds: Self.endMilliseconds) { _ = signal(SIGKILL) }
        return true
    }
}
