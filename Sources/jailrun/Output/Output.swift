import ArgumentParser
@preconcurrency import Glibc
import JailCore

/// What a person reads: results on stdout, everything else on stderr. Bytes that a jail wrote are escaped first.
enum Output {
    /// Colour is for a terminal that has it, and for whoever did not ask for none: <https://no-color.org>.
    static let isColored: Bool = {
        if isatty(2) == 0 || CommandWords(Main.arguments.dropFirst()).has("no-color") { return false }
        let terminal = getenv("TERM").map { String(cString: $0) } ?? "dumb"
        return !refusesColour && terminal != "dumb"
    }()

    /// $NO_COLOR, set to anything but nothing.
    static var refusesColour: Bool { getenv("NO_COLOR").map { $0.pointee != 0 } ?? false }

    static func error(_ text: String) { write("jailrun: \(text)\n") }

    static func notice(_ text: String) { write("\(text)\n") }

    static func failure(_ error: RuntimeError) {
        write("\(isColored ? "\u{1b}[1;31mjailrun:\u{1b}[0m" : "jailrun:") \(error.message)\n")
        if let hint = error.hint { write("    hint: \(hint)\n") }
    }

    static func diagnostics(_ diagnostics: [Diagnostic]) {
        for diagnostic in diagnostics { write("\(diagnostic.text(isColored: isColored))\n") }
    }

    static func step(_ step: Step, _ microseconds: Int?) {
        let time = microseconds.map(String.init) ?? "-"
        write("\(String(repeating: " ", count: max(0, 7 - time.count)))\(time) us  \(step.operation.spelling)\n")
    }

    /// On standard error, as it is.
    static func raw(_ text: String) { write(text) }

    private static func write(_ text: String) { raw(Array(text.utf8)) }

    static func raw(_ bytes: [UInt8]) {
        // Who reads both at one place reads what was told before first. What is forked has only a copy of it.
        if !unwritten.isEmpty, owner == getpid() { flush() }
        WaitLine.erase()
        _ = Delivery.write(bytes, to: 2)
    }

    /// For poll(2): it has something to tell once nobody reads standard output any more, as `jailrun top | head -1` does.
    static var watchedReader: pollfd { pollfd(fd: 1, events: 0, revents: 0) }

    // MARK: At the end

    /// From now on what `text` was given and nobody could take makes the process fail at its end, with that status; a reader
    /// that has gone does not.
    static func checkAtExit(status: Int32) {
        (failedStatus, owner) = (status, getpid())
        atexit {
            Output.flush()
            errno = 0
            let isWritten = fflush(stdout) == 0 && ferror(stdout) == 0
            let reason = errno
            var reader = Output.watchedReader
            if isWritten || reason == EPIPE || poll(&reader, 1, 0) > 0 { return }
            Output.fail("cannot write standard output\(reason == 0 ? "" : ": " + String(cString: strerror(reason)))")
        }
    }

    private static func fail(_ text: String) -> Never {
        error(text)
        _exit(failedStatus)
    }

    private nonisolated(unsafe) static var failedStatus: Int32 = 125
    private nonisolated(unsafe) static var owner: Int32 = 0
    /// What is not written yet.
    private nonisolated(unsafe) static var unwritten: [UInt8] = []
    private static let mostUnwritten = 65536
    private static let isTerminal = isatty(1) == 1

    /// What was asked for, on standard output, together with what follows. Not by stdio(3), which loses what does not fit into
    /// a pipe that somebody has made nonblocking.
    static func text(_ text: String, terminator: String = "\n") {
        unwritten += text.utf8
        unwritten += terminator.utf8
        if isTerminal || unwritten.count > mostUnwritten { flush() }
    }

    private static func flush() {
        let bytes = unwritten
        unwritten = []
        switch Delivery.write(bytes, to: 1) {
        case .whole, .closed, .dropped(nil): return
        case .dropped(let signal?): _exit(128 + signal)
        case .failed(let errno): fail(RuntimeError.system("cannot write standard output", errno).message)
        }
    }

    /// What was asked for, on standard output.
    /// - Throws: 128 + n, when signal n came while its reader took nothing; why it cannot be written.
    static func result(_ text: String) throws { try result(Array("\(text)\n".utf8)) }

    /// - Returns: whether anybody reads it.
    @discardableResult
    static func result(_ bytes: [UInt8]) throws -> Bool {
        switch StandardOutput.deliver(bytes) {
        case .whole, .dropped(nil): return true
        case .closed: return false
        case .dropped(let signal?): throw ExitCode(128 + signal)
        case .failed(let errno): throw RuntimeError.system("cannot write standard output", errno)
        }
    }
}
