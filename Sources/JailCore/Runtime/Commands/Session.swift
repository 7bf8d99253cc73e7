internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// One loop over what a start, a run or an exec waits for: the child's reports, its end, signals, and the console.
final class Session {
    enum Event: Equatable {
        case report(Report)
        case exited(status: Int32)
        case signal(Int32)
        case timedOut
        /// What it is done for is gone.
        case pointless
    }

    let control: Int32
    private let pidfd: Int32
    private let signals: SignalSource
    private let waits: Waits
    private var purpose: Int32
    private var isControlOpen = true
    let console: Console
    /// A signal came that asks for an end: nobody is waited for any more who does not take what was written.
    private(set) var isHurried = false

    /// The descriptors stay the caller's.
    /// - Parameter purpose: readable when there may be nothing to wait for any more.
    init(control: Int32, pidfd: Int32, host: Host, console: Console, purpose: Int32 = -1) {
        self.control = control
        self.pidfd = pidfd
        self.purpose = purpose
        (signals, waits) = (host.signals, host.waits)
        self.console = console
    }

    /// Waits for the next event, moving console bytes meanwhile.
    /// - Parameter deadline: of `Clock.milliseconds()`; nil waits for ever.
    func next(deadline: Int?) -> Event {
        while true {
            var watched = [
                pollfd(fd: isControlOpen ? control : -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0),
                pollfd(fd: console.readable, events: console.events, revents: 0),
                pollfd(fd: console.input, events: Int16(POLLIN), revents: 0),
                pollfd(fd: purpose, events: Int16(POLLIN), revents: 0),
                pollfd(fd: console.blockedScreen, events: Int16(POLLOUT), revents: 0),
                pollfd(fd: waits.guarded?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
            ]
            let soonest = [deadline, console.nextLook].compactMap { $0 }.min()
            let count = unsafe poll(&watched, nfds_t(watched.count), waits.timeout(until: soonest))
            console.look()
            if count == 0 {
                waits.tick()
                if let deadline, deadline <= Clock.milliseconds() { return .timedOut }
                continue
            }
            if watched[6].revents != 0 { console.showOutput() }
            if watched[7].revents != 0 { waits.guarded?.ended() }
            if watched[3].revents & Int16(POLLOUT) != 0 { console.deliverInput() }
            if watched[3].revents & ~Int16(POLLOUT) != 0 { console.moveOutput() }
            if watched[4].revents != 0, let signal = console.moveInput() { return asking(signal) }
            if watched[0].revents != 0, let event = readReport() { return event }
            if watched[1].revents != 0, let signal = signals.next() {
                if signal != SIGWINCH { return asking(signal) }
                console.resize()
            }
            // Last: what the child reported and printed before its end comes first.
            if watched[2].revents != 0, watched[0].revents == 0 || !isControlOpen {
                console.drain(isHurried: isHurried)
                return .exited(status: cns_wait(pidfd, -1))
            }
            if watched[5].revents != 0 { return .pointless }
        }
    }

    /// - Throws: why what was printed could not be shown.
    func checkConsole() throws(RuntimeError) {
        if let failure = console.failure { throw .system("cannot write standard output", failure) }
    }

    private func asking(_ signal: Int32) -> Event {
        isHurried = true
        return .signal(signal)
    }

    /// It has been looked at, and what was begun for it is still waited for.
    func forgetPurpose() { purpose = -1 }

    private func readReport() -> Event? {
        guard let received = try? Control.receive(from: control) else {
            isControlOpen = false
            return nil
        }
        if case .terminal(let master) = received {
            console.attach(master)
            return nil
        }
        return .report(received)
    }
}

/// The signals that end, stop or resize, as a descriptor: signalfd(2).
package struct SignalSource: Sendable {
    /// Readable when there is one.
    package let descriptor: Int32
    var callersMask: mode_t = 0o022
    var callersAttributes = CallersAttributes()

    /// Takes the process over: closes what the caller left open, blocks signals, sets the umask. First thing in `main`.
    /// - Throws: the errno of the call that failed.
    /// - Parameter passed: how many descriptors behind 0, 1 and 2 are a command's.
    package static func takeProcess(passed: Int = 0) throws(RuntimeError) -> SignalSource {
        do {
            cns_keep_memory()
            _ = try checkedResult(cns_take_descriptors(Int32(passed)))
            let mask = umask(0o022)
            // What a jail gets must not depend on its caller's niceness or scheduler.
            return SignalSource(
                descriptor: try checkedResult(cns_watch_signals()), callersMask: mask,
                callersAttributes: CallersAttributes.taken())
        } catch { throw .system("cannot set the process up", error) }
    }

    func next() -> Int32? {
        let signal = cns_read_signal(descriptor)
        return signal == 0 ? nil : signal
    }

    /// The same, and whether a terminal has sent it: then every process in the foreground already has it.
    package func nextWithSender() -> (signal: Int32, isFromTerminal: Bool)? {
        var isKernels: Int32 = 0
        let signal = unsafe cns_read_signal_of(descriptor, &isKernels)
        return signal == 0 ? nil : (signal, isKernels != 0)
    }

    /// Gives this process the file mode mask, the niceness and so on that it came with, for a program that is the caller's own.
    func restoreCallersProcess() {
        umask(callersMask)
        callersAttributes.giveBack()
    }
}

/// What jailrun's caller had set for itself: niceness, scheduler, personality.
struct CallersAttributes: Sendable {
    private var values: cns_attributes?

    static func taken() -> Self {
        var values = cns_attributes()
        unsafe cns_take_attributes(&values)
        return Self(values: values)
    }

    init(values: cns_attributes? = nil) { self.values = values }

    func giveBack() {
        if var values { unsafe cns_give_back_attributes(&values) }
    }
}
