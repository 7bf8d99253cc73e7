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

    private let control: Int32
    private let pidfd: Int32
    private let signals: SignalSource
    private let waits: Waits
    private let purpose: Int32
    private var isControlOpen = true
    let console: Console

    /// The descriptors stay the caller's.
    /// - Parameter purpose: a pidfd: with that process's end there is nothing to wait for.
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
            ]
            let count = unsafe poll(&watched, nfds_t(watched.count), waits.timeout(until: deadline))
            if count == 0 {
                waits.tick()
                if let deadline, deadline <= Clock.milliseconds() { return .timedOut }
                continue
            }
            if watched[3].revents & Int16(POLLOUT) != 0 { console.deliverInput() }
            if watched[3].revents & ~Int16(POLLOUT) != 0 { console.moveOutput() }
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
            if watched[5].revents != 0 { return .pointless }
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
    private let source: Int32
    private let isTerminal: Bool
    private var master: Int32 = -1
    private var saved: [UInt8]?
    private var escapes = 0
    private var lastEscape = 0
    private var isInputOpen = true
    /// What is no terminal is read once a command runs.
    private var isWanted = false
    /// Input that the pty has not taken yet.
    private var pending: [UInt8] = []
    private var isAtLineStart = true
    /// Where what is spelled out is shown; nil for the bytes as they are.
    private let shownOn: Int32?
    private var line: [UInt8] = []

    /// - Parameter input: the descriptor to be read, a terminal or not, or -1.
    init(input: Int32) { (source, isTerminal, shownOn) = (input, input >= 0 && isatty(input) == 1, nil) }

    /// A pipe of the jail's, whose lines are shown as `logs` shows them.
    init(showing pipe: Int32, on descriptor: Int32) {
        (source, isTerminal, shownOn, master) = (-1, false, descriptor, pipe)
    }

    deinit {
        makeCooked()
        showLine()
        if master >= 0 { close(master) }
    }

    var readable: Int32 { master }
    /// A program that does not read its input makes nobody wait.
    var events: Int16 { Int16(pending.isEmpty ? POLLIN : POLLIN | POLLOUT) }
    var input: Int32 { isWanted && master >= 0 && isInputOpen && pending.isEmpty ? source : -1 }

    func attach(_ descriptor: Int32) {
        master = descriptor
        _ = cns_make_nonblocking(master)
        resize()
    }

    /// A command of the jail's is in the foreground: input is its own. Of a terminal the keys are, Ctrl-C among them.
    func makeRaw() {
        guard source >= 0, master >= 0, !isWanted else { return }
        var bytes = [UInt8](repeating: 0, count: 128)
        if isTerminal, unsafe cns_make_raw(source, &bytes, bytes.count) == 0 { saved = bytes }
        isWanted = saved != nil || !isTerminal
    }

    func makeCooked() {
        isWanted = false
        guard let bytes = saved else { return }
        _ = unsafe cns_restore_terminal(source, bytes)
        saved = nil
    }

    func resize() {
        guard master >= 0, let screen = [source, 1, 2].first(where: { $0 >= 0 && isatty($0) == 1 }) else { return }
        cns_copy_window_size(screen, master)
    }

    func moveOutput() {
        var buffer = [UInt8](repeating: 0, count: 16384)
        let count = unsafe read(master, &buffer, buffer.count)
        if count < 0 && (errno == EINTR || errno == EAGAIN) { return }
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
        let count = unsafe read(source, &buffer, buffer.count)
        if count < 0 && (errno == EINTR || errno == EAGAIN) { return nil }
        if count <= 0 {
            isInputOpen = false
            if !isTerminal { endInput() }
            return nil
        }
        for byte in buffer[..<count] where isTerminal {
            let now = Clock.milliseconds()
            escapes = byte == 0x1d ? (now - lastEscape < 1000 ? escapes + 1 : 1) : 0
            if byte == 0x1d { lastEscape = now }
            if escapes == 3 { return SIGTERM }
        }
        pending += buffer[..<count]
        isAtLineStart = buffer[count - 1] == UInt8(ascii: "\n")
        deliverInput()
        return nil
    }

    /// The end of a pipe or a file is for a terminal the key VEOF at the beginning of a line: termios(3). In the middle of one it
    /// ends the line.
    private func endInput() {
        let key = UInt8(cns_end_of_file_key(master))
        pending += isAtLineStart ? [key] : [key, key]
        deliverInput()
    }

    /// As much as the pty takes now.
    func deliverInput() {
        while !pending.isEmpty, master >= 0 {
            let count = unsafe pending.withUnsafeBytes { unsafe write(master, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            if count < 0 && errno == EAGAIN { return }
            // Nobody has the other end any more.
            if count <= 0 { return pending.removeAll() }
            pending.removeFirst(count)
        }
    }
}
