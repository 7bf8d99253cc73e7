internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Whoever is at work on a jail, and has its lock.
struct JailHolder {
    let name: String
    let host: Host
    /// Whether a signal ends a wait for it.
    private let isInterruptible: Bool

    init(of name: String, host: Host, isInterruptible: Bool = true) {
        (self.name, self.host, self.isInterruptible) = (name, host, isInterruptible)
    }

    private static let pauseMilliseconds = 10

    /// Whether nobody has the lock, or soon nobody has.
    /// - Parameter pid: whose end is enough: somebody else may have it then.
    /// - Throws: `.interrupted`.
    private func letsGo(withinMilliseconds milliseconds: Int, pid: Int32? = nil) throws(RuntimeError) -> Bool {
        let deadline = Clock.milliseconds() + milliseconds
        while true {
            if isFree { return true }
            if let pid, self.pid != pid { return true }
            if Clock.milliseconds() >= deadline { return false }
            let signal = host.waits.pause(milliseconds: Self.pauseMilliseconds, host.signals)
            if let signal, isInterruptible { throw .interrupted(jail: name, signal: signal) }
        }
    }

    /// Not, on a doubt.
    private var isFree: Bool {
        let path = host.state.lockPath(name)
        do throws(RuntimeError) {
            if let lock = try JailLock(tryLocking: path, writesHolder: false) {
                lock.release(of: name, in: host.state)
                return true
            }
            // The last jail's state directory goes with it.
            return try attempt(path) { () throws(Errno) in try !Files.isThere(path) }
        } catch { return false }
    }

    /// Of the process that has the lock.
    private var pid: Int32? { holder?.pid }
    private var holder: LockHolder? { LockHolder(of: host.state.lockPath(name)) }

    /// A command that is cloned into a jail that is frozen has the lock of the jailrun that cloned it, and cannot let it go. If that
    /// jailrun was killed, nobody waits for the command any more.
    /// - Returns: whether there was one; it is killed.
    @discardableResult
    func endLeft() -> Bool {
        guard let holder, holder.isLeft else { return false }
        do throws(RuntimeError) {
            guard let trace = try host.state.trace(of: name) else { return false }
            let processes = try Cgroup(path: trace.cgroup).look { (cgroup) throws(Errno) in try cgroup.processes() }
            return processes.contains(holder.pid) && signal(SIGKILL, only: holder.pid)
        } catch { return false }
    }

    /// - Parameter only: the process that is meant; whoever has the lock, if there is none.
    /// - Returns: false when it is gone.
    func signal(_ number: Int32, only: Int32? = nil) -> Bool {
        guard let holder = pid, holder != getpid(), only == nil || holder == only else { return false }
        let pidfd = cns_pidfd_open(holder)
        guard pidfd >= 0 else { return false }
        defer { close(pidfd) }
        // The number may have come to mean another process meanwhile.
        guard pid == holder else { return false }
        return cns_pidfd_signal(pidfd, number) >= 0
    }

    private static let startMilliseconds = 3000

    /// Asks it to stop its jail. A start that only takes its time is waited for, not broken off; who is stopped takes no time.
    /// - Returns: whether it was asked.
    /// - Throws: `.interrupted`.
    func askToStop() throws(RuntimeError) -> Bool {
        if try letsGo(withinMilliseconds: Self.soonMilliseconds) { return false }
        guard let holder else { return false }
        host.waits.begin(name, "its lock, held by \(holder.text)")
        defer { host.waits.end() }
        if ProcessTable.isStopped(holder.pid) {
            host.audience.note(
                "\(Terminal.escaped(name)): waiting for its lock, held by \(holder.text)\n"
                    + "    hint: jailrun stop -f \(Terminal.escaped(name)) does not wait for it")
        } else if try letsGo(withinMilliseconds: Self.startMilliseconds) {
            return false
        }
        return signal(SIGTERM, only: holder.pid)
    }

    private static let soonMilliseconds = 200
    /// To read a signal.
    private static let deafMilliseconds = 1000
    /// A command that follows a forced stop, the end of one that does not listen, and the kernel's work.
    private static let endMilliseconds = JailStop.forcedCommandSeconds * 1000 + 3000

    /// Ends what it waits for: a start is broken off, a stop goes on without the jail's commands; and so each of those who wait
    /// for the lock, and have it next.
    /// - Returns: whether there was anybody.
    /// - Throws: `.interrupted`.
    func hurry() throws(RuntimeError) -> Bool {
        var hasAsked = false
        while try !letsGo(withinMilliseconds: Self.soonMilliseconds), let holder {
            // What a jailrun that has ended has left does nothing for the jail.
            if !signal(holder.isLeft ? SIGKILL : SIGQUIT, only: holder.pid) { break }
            hasAsked = true
            if try ends(holder) { continue }
            _ = signal(SIGKILL, only: holder.pid)
            // One that the kernel does not let go, of a file system that does not answer, keeps the lock.
            if try !letsGo(withinMilliseconds: Self.deafMilliseconds, pid: holder.pid) { break }
        }
        return hasAsked
    }

    /// Who does not even hear that it is to end is stopped itself, or hangs, and is not waited for.
    private func ends(_ holder: LockHolder) throws(RuntimeError) -> Bool {
        host.waits.begin(name, "its lock, held by \(holder.text)")
        defer { host.waits.end() }
        let deadline = Clock.milliseconds() + Self.endMilliseconds
        while Clock.milliseconds() < deadline {
            if try letsGo(withinMilliseconds: Self.deafMilliseconds, pid: holder.pid) { return true }
            if ProcessTable.isDeaf(holder.pid, to: SIGQUIT) { return false }
        }
        return false
    }
}
