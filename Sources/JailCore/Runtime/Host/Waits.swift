internal import Glibc

/// What a process waits for, by name, and for how long: nobody waits for longer than a moment without being told.
///
/// A process waits for one thing at a time, and what it forks has its own copy, so nothing here is ever shared.
package final class Waits: @unchecked Sendable {
    package struct Wait: Sendable {
        package let jail: String
        package let what: String
        package let seconds: Int

        /// `db: waiting for exec.prestart: sleep 60, 5 s so far`.
        package var text: String { "\(jail): waiting for \(what), \(seconds) s so far" }
    }

    private var jail = ""
    private var what: (() -> String)?
    private var began = 0
    private var next = 0
    private var isTold = false
    /// A process that is looked at meanwhile: what is done when it has ended.
    struct Guarded {
        /// A pidfd, or -1.
        let descriptor: Int32
        let ended: () -> Void
    }

    var guarded: Guarded?
    private var later: (milliseconds: Int, action: () -> Void)?

    /// Others write to the same terminal at the same time: this process cannot have a line that changes.
    package var isOneOfMany = false
    /// Told of a wait every second, and with nil when it is over.
    package var tell: ((Wait?) -> Void)?

    package static let pauseMilliseconds = 1000

    init() {}

    /// From now on it is that which is waited for.
    /// - Parameter since: when something that is the same for who waits began; nil is now.
    func begin(_ jail: String, _ what: @autoclosure @escaping () -> String, since: Int? = nil) {
        end()
        (self.jail, self.what, began) = (jail, what, since ?? Clock.milliseconds())
        next = began + Self.pauseMilliseconds
    }

    func end() {
        if isTold { tell?(nil) }
        (what, isTold) = (nil, false)
    }

    /// Something to be done once, if this process still waits by then.
    func after(milliseconds: Int, _ action: @escaping () -> Void) {
        later = (Clock.milliseconds() + milliseconds, action)
    }

    /// Does it now, if it is still to be done.
    func doLater() {
        let action = later?.action
        later = nil
        action?()
    }

    /// For poll(2): until `deadline`, or until there is something to tell.
    func timeout(until deadline: Int?) -> Int32 {
        let told = tell != nil && what != nil ? next : nil
        guard let first = [deadline, told, later?.milliseconds].compactMap({ $0 }).min() else { return -1 }
        return Int32(min(max(0, first - Clock.milliseconds()), 3_600_000))
    }

    /// Tells what there is to be told by now.
    func tick() {
        let now = Clock.milliseconds()
        if let later, later.milliseconds <= now { doLater() }
        guard let what, let tell, next <= now else { return }
        (isTold, next) = (true, now + Self.pauseMilliseconds)
        tell(Wait(jail: jail, what: what(), seconds: (now - began) / 1000))
    }

    /// Sleeps for a moment between two looks at something that no descriptor tells.
    /// - Returns: a signal that came meanwhile.
    func pause(milliseconds: Int, _ signals: SignalSource) -> Int32? {
        tick()
        var watched = pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&watched, 1, Int32(milliseconds)) > 0, let signal = signals.next(), signal != SIGWINCH else {
            return nil
        }
        return signal
    }
}
