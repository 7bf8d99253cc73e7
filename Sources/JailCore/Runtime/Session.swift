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
    }

    private let control: Int32
    private let pidfd: Int32
    private let signals: SignalSource
    private var isControlOpen = true
    let console: Console

    /// The descriptors stay the caller's.
    init(control: Int32, pidfd: Int32, signals: SignalSource, console: Console) {
        self.control = control
        self.pidfd = pidfd
        self.signals = signals
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
                pollfd(fd: console.readable, events: Int16(POLLIN), revents: 0),
                pollfd(fd: console.input, events: Int16(POLLIN), revents: 0),
            ]
            let rest = deadline.map { Int32(max(0, $0 - Clock.milliseconds())) } ?? -1
            let count = unsafe poll(&watched, nfds_t(watched.count), rest)
            if count == 0 { return .timedOut }
            if watched[3].revents != 0 { console.moveOutput() }
            if watched[4].revents != 0, let signal = console.moveInput() { return .signal(signal) }
            if watched[0].revents != 0, let event = readReport() { return event }
            if watched[1].revents != 0, let signal = signals.next() {
                if signal != SIGWINCH { return .signal(signal) }
                console.resize()
            }
            // Last: what the child reported and printed before its end comes first.
            if watched[2].revents != 0, watched[0].revents == 0 || !isControlOpen {
                console.drain()
                return .exited(status: cns_wait(pidfd, -1))
            }
        }
    }

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
public struct SignalSource: Sendable {
    /// Readable when there is one.
    public let descriptor: Int32
    var callersMask: mode_t = 0o022
    var callersAttributes = CallersAttributes()

    /// Takes the process over: closes what the caller left open, blocks signals, sets the umask. First thing in `main`.
    /// - Throws: the errno of the call that failed.
    public static func takeProcess() throws(RuntimeError) -> SignalSource {
        do {
            cns_keep_memory()
            _ = try checkedResult(cns_take_descriptors())
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

    /// The same, and whether a terminal has sent it: then every process of the foreground has it already.
    public func nextWithSender() -> (signal: Int32, isFromTerminal: Bool)? {
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

/// The jail's console: a pty of its own, shown on the caller's terminal.
final class Console {
    private let terminalInput: Int32
    private var master: Int32 = -1
    private var saved: [UInt8]?
    private var escapes = 0
    private var lastEscape = 0
    private var isInputOpen = true
    /// Where what is spelled out is shown; nil for the bytes as they are.
    private let shownOn: Int32?
    private var line: [UInt8] = []

    /// - Parameter terminalInput: the caller's terminal to be read, or -1.
    init(terminalInput: Int32) {
        self.terminalInput = terminalInput
        shownOn = nil
    }

    /// A pipe of the jail's, whose lines are shown as `logs` shows them.
    init(showing pipe: Int32, on descriptor: Int32) {
        (terminalInput, shownOn, master) = (-1, descriptor, pipe)
    }

    deinit {
        makeCooked()
        showLine()
        if master >= 0 { close(master) }
    }

    var readable: Int32 { master }
    var input: Int32 { saved != nil && master >= 0 && isInputOpen ? terminalInput : -1 }

    func attach(_ descriptor: Int32) {
        master = descriptor
        resize()
    }

    /// Keys go to the jail, Ctrl-C among them, while one of its commands is in the foreground.
    func makeRaw() {
        guard terminalInput >= 0, master >= 0, saved == nil else { return }
        var bytes = [UInt8](repeating: 0, count: 128)
        if unsafe cns_make_raw(terminalInput, &bytes, bytes.count) == 0 { saved = bytes }
    }

    func makeCooked() {
        guard let bytes = saved else { return }
        _ = unsafe cns_restore_terminal(terminalInput, bytes)
        saved = nil
    }

    func resize() {
        guard terminalInput >= 0, master >= 0 else { return }
        cns_copy_window_size(terminalInput, master)
    }

    func moveOutput() {
        var buffer = [UInt8](repeating: 0, count: 16384)
        let count = unsafe read(master, &buffer, buffer.count)
        if count < 0 && errno == EINTR { return }
        // EIO: the last process that had the pty open has closed it.
        if count <= 0 {
            close(master)
            master = -1
            return
        }
        if shownOn == nil {
            try? Files.write(Array(buffer[..<count]), to: 1)
            return
        }
        for piece in ConsoleLog.lines(of: buffer[..<count]) {
            line += piece
            if piece.last == UInt8(ascii: "\n") || line.count > 4096 { showLine() }
        }
    }

    private func showLine() {
        guard let shownOn, !line.isEmpty else { return }
        if line.last == UInt8(ascii: "\n") { line.removeLast() }
        try? Files.write(Array((ConsoleText.safe(String(decoding: line, as: UTF8.self)) + "\n").utf8), to: shownOn)
        line = []
    }

    /// Leaves the pty to somebody else.
    /// - Returns: its master, or -1.
    func release() -> Int32 {
        drain()
        makeCooked()
        let released = master
        master = -1
        return released
    }

    /// What is still in the pty when the jail has ended.
    func drain() {
        while master >= 0 {
            var watched = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&watched, 1, 0) > 0 else { return }
            moveOutput()
        }
    }

    /// Ctrl-] three times within a second ends the jail, whatever its command does with keys: systemd-nspawn(1)'s custom.
    func moveInput() -> Int32? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe read(terminalInput, &buffer, buffer.count)
        if count <= 0 {
            isInputOpen = false
            return nil
        }
        for byte in buffer[..<count] {
            let now = Clock.milliseconds()
            escapes = byte == 0x1d ? (now - lastEscape < 1000 ? escapes + 1 : 1) : 0
            if byte == 0x1d { lastEscape = now }
            if escapes == 3 { return SIGTERM }
        }
        try? Files.write(Array(buffer[..<count]), to: master)
        return nil
    }
}
