internal import CNamespaces
internal import Glibc
internal import SystemPackage

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
    /// When to look whether another job has the caller's terminal still: of `Clock.milliseconds()`.
    private var nextGrab: Int?
    /// Input that the pty has not taken yet.
    private var pending: [UInt8] = []
    /// When to look whether the end of the input is to be told again: of `Clock.milliseconds()`.
    private var nextEnd: Int?
    private var lookPause = Console.firstLookMilliseconds
    /// Ends in a row that a program has read which takes every key as it comes.
    private var ends = 0
    /// Where the jail's output is shown.
    private let screen: Int32
    /// Line by line, and spelled out.
    private let isSpelled: Bool
    private var line: [UInt8] = []
    /// Output that the screen has not taken yet: until it has, no more is read.
    private var unshown: [UInt8] = []
    /// Why output could not be shown; nil when nobody wants it any more.
    private(set) var failure: Errno?

    /// - Parameter terminals: which of descriptors 0, 1 and 2 are the jail's pty.
    init(terminals: [Int]) {
        source = terminals.contains(0) ? 0 : -1
        isTerminal = source >= 0 && isatty(source) == 1
        screen = terminals.contains(1) ? 1 : terminals.contains(2) ? 2 : 0
        isSpelled = false
    }

    /// A pipe of the jail's, whose lines are shown as `logs` shows them.
    init(showing pipe: Int32, on descriptor: Int32) {
        (source, isTerminal, screen, isSpelled, master) = (-1, false, descriptor, true, pipe)
    }

    deinit {
        makeCooked()
        if master >= 0 { close(master) }
    }

    var readable: Int32 { unshown.isEmpty || !pending.isEmpty ? master : -1 }
    /// A program that does not read its input makes nobody wait, nor does a reader of output that takes none.
    var events: Int16 { Int16((unshown.isEmpty ? POLLIN : 0) | (pending.isEmpty ? 0 : POLLOUT)) }
    /// To be watched until it can be written to; -1 when it need not.
    var blockedScreen: Int32 { unshown.isEmpty ? -1 : screen }
    var input: Int32 { isWanted && master >= 0 && isInputOpen && pending.isEmpty ? source : -1 }

    func attach(_ descriptor: Int32) {
        master = descriptor
        _ = cns_make_nonblocking(master)
        resize()
    }

    /// A command of the jail's is in the foreground: input is its own. Of a terminal the keys are, Ctrl-C among them.
    /// A job in the background has no terminal: whoever changes one gets SIGTTOU, which stops it. It goes on, and takes the
    /// terminal when it has come to the foreground, of which no signal tells when it was not stopped.
    func makeRaw() {
        guard source >= 0, master >= 0, !isWanted else { return }
        if isTerminal, cns_has_terminal(source) == 0 { return nextGrab = Clock.milliseconds() + Self.grabMilliseconds }
        nextGrab = nil
        var bytes = [UInt8](repeating: 0, count: 128)
        if isTerminal, unsafe cns_make_raw(source, &bytes, bytes.count) == 0 { saved = bytes }
        isWanted = saved != nil || !isTerminal
    }

    private static let grabMilliseconds = 250

    /// When there is something to look at.
    var nextLook: Int? { [nextEnd, nextGrab].compactMap { $0 }.min() }

    func look() {
        tellEnd()
        if let due = nextGrab, due <= Clock.milliseconds() { makeRaw() }
    }

    /// A program of the jail's has the caller's terminal for itself.
    var isRaw: Bool { saved != nil }

    func makeCooked() {
        (isWanted, nextGrab) = (false, nil)
        guard let bytes = saved else { return }
        saved = nil
        // The job that has it by now has it as it wants it.
        if cns_has_terminal(source) == 0 { return }
        _ = unsafe cns_restore_terminal(source, bytes)
    }

    func resize() {
        guard master >= 0, let screen = [source, 1, 2].first(where: { $0 >= 0 && isatty($0) == 1 }) else { return }
        cns_copy_window_size(screen, master)
    }

    func moveOutput() {
        if !unshown.isEmpty { return }
        var buffer = [UInt8](repeating: 0, count: 16384)
        let count = unsafe read(master, &buffer, buffer.count)
        if count < 0 && (errno == EINTR || errno == EAGAIN) { return }
        if count > 0 {
            take(buffer[..<count])
        } else {
            // EIO: the last process that had the pty open has closed it.
            hangUp()
            spellLine()
        }
        showOutput()
    }

    private func take(_ bytes: ArraySlice<UInt8>) {
        if !isSpelled {
            unshown += bytes
            return
        }
        for piece in ConsoleLog.lines(of: bytes) {
            line += piece
            if piece.last == UInt8(ascii: "\n") || line.count > 4096 { spellLine() }
        }
    }

    private func spellLine() {
        if line.isEmpty { return }
        if line.last == UInt8(ascii: "\n") { line.removeLast() }
        unshown += (ConsoleText.safe(String(decoding: line, as: UTF8.self)) + "\n").utf8
        line = []
    }

    /// As much as the screen takes now.
    func showOutput() {
        while !unshown.isEmpty, Delivery.takesSome(screen, waitingMilliseconds: 0) {
            do throws(Errno) {
                let count = try Delivery.writePiece(of: unshown[...], to: screen)
                if count == 0 { return }
                unshown.removeFirst(count)
            } catch { cannotShow(error) }
        }
    }

    /// Nobody reads any more: a program on a terminal that is gone gets SIGHUP, and EIO. What a stop says is not that important.
    private func cannotShow(_ error: Errno) {
        unshown = []
        // Descriptor 0 alone may be a terminal that cannot be written to.
        if isSpelled || screen == 0 { return }
        if error != .brokenPipe && error != .ioError { failure = failure ?? error }
        hangUp()
    }

    private func hangUp() {
        if master >= 0 { close(master) }
        master = -1
    }

    /// Leaves the pty to somebody else.
    /// - Returns: its master, or -1.
    func release() -> Int32 {
        drain(isHurried: false)
        makeCooked()
        let released = master
        master = -1
        return released
    }

    /// Who was told to end waits no longer for a reader.
    private static let hurriedMilliseconds = 1000

    /// What is still in the pty when the jail has ended. Who writes without pause, and goes on, is not read for ever.
    func drain(isHurried: Bool) {
        var rest = OutputPipe.mostBytes
        while rest > 0 {
            let bytes = unshown
            rest -= bytes.count
            unshown = []
            switch Delivery.write(bytes, to: screen, withinMilliseconds: isHurried ? Self.hurriedMilliseconds : nil) {
            case .whole: break
            case .dropped: return hangUp()
            case .closed: cannotShow(.brokenPipe)
            case .failed(let error): cannotShow(error)
            }
            var watched = pollfd(fd: master, events: Int16(POLLIN), revents: 0)
            guard master >= 0, unsafe poll(&watched, 1, 0) > 0 else { break }
            moveOutput()
        }
        spellLine()
        showOutput()
    }

    /// Ctrl-] three times within a second ends the jail, whatever its command does with keys: systemd-nspawn(1)'s custom.
    func moveInput() -> Int32? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe read(source, &buffer, buffer.count)
        if count < 0 && (errno == EINTR || errno == EAGAIN) { return nil }
        if count <= 0 {
            isInputOpen = false
            if !isTerminal { nextEnd = Clock.milliseconds() }
            return nil
        }
        for byte in buffer[..<count] where isTerminal {
            let now = Clock.milliseconds()
            escapes = byte == 0x1d ? (now - lastEscape < 1000 ? escapes + 1 : 1) : 0
            if byte == 0x1d { lastEscape = now }
            if escapes == 3 { return SIGTERM }
        }
        pending += buffer[..<count]
        deliverInput()
        return nil
    }

    private static let firstLookMilliseconds = 10
    private static let slowestLookMilliseconds = 250
    /// bash(1) with IGNOREEOF takes ten for a mistake.
    private static let mostEnds = 15

    /// The end of a pipe or a file is for a terminal the key VEOF: termios(3). In the middle of a line it ends the line, and a
    /// program that has just changed the terminal's mode loses it: so it is pressed whenever all that was typed before has been
    /// read. A program that takes keys as they come, and goes on after many, is hung up on.
    private func tellEnd() {
        guard let due = nextEnd, due <= Clock.milliseconds() else { return }
        let typed = master < 0 ? -1 : cns_typed(master)
        if typed < 0 { return nextEnd = nil }
        if pending.isEmpty && UInt32(typed) & CNS_TYPED_UNREAD.rawValue == 0 {
            ends = UInt32(typed) & CNS_TYPED_RAW.rawValue == 0 ? 0 : ends + 1
            if ends > Self.mostEnds { return hangUp() }
            pending = [UInt8(cns_end_of_file_key(master))]
            deliverInput()
        }
        lookPause = min(lookPause * 3 / 2, Self.slowestLookMilliseconds)
        nextEnd = Clock.milliseconds() + lookPause
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
