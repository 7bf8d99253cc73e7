import Glibc
import JailCore

/// What FreeBSD's commands print: warnx(3) on stderr, notes on stdout.
struct LinkOutput: Sendable {
    var program: String
    var isQuiet = false
    var isVerbose = false

    func error(_ text: String) { Self.write(2, Array("\(program): \(text)\n".utf8)) }

    /// What jail(8) says of one jail's parameters.
    func errors(_ diagnostics: [Diagnostic]) {
        var told: [[UInt8]] = []
        for line in diagnostics.map(\.jailLine) where !told.contains(line) {
            Self.write(2, line)
            told.append(line)
        }
    }

    /// FreeBSD's text, which lacks a space.
    func warnOfDying() {
        error("the 'allow.dying' parameter and '-d' flagare deprecated and have no effect.")
    }

    /// `www: created`; a jail of the command line has no name to tell, and says so only with -v.
    func note(_ text: String, of jail: String?) {
        guard !isQuiet, jail != nil || isVerbose else { return }
        Self.write(1, Array("\(jail.map { "\(Terminal.escaped($0)): " } ?? "")\(text)\n".utf8))
    }

    /// What would be done, in strace's spelling.
    func steps(_ steps: [Step], of jail: String?) {
        let lines = (jail.map { ["# \(Terminal.escaped($0))"] } ?? []) + steps.map(\.operation.spelling)
        Self.write(1, Array(lines.map { "\($0)\n" }.joined().utf8))
    }

    /// What was asked for, on standard output.
    /// - Returns: the command's status.
    func result(_ bytes: [UInt8]) -> Int32 {
        WaitLine.erase()
        switch StandardOutput.deliver(bytes) {
        case .whole, .closed, .dropped(nil): return 0
        case .dropped(let signal?): return 128 + signal
        case .failed(let errno):
            error(RuntimeError.system("cannot write standard output", errno).message)
            return 1
        }
    }

    @discardableResult
    static func write(_ descriptor: Int32, _ bytes: [UInt8]) -> Delivery {
        WaitLine.erase()
        return Delivery.write(bytes, to: descriptor)
    }

    static func usage(_ text: String) -> Int32 {
        write(2, Array(text.utf8))
        return 1
    }

    /// The machine, for this command.
    func host() throws(RuntimeError) -> Host {
        try Host.checkRoot()
        let output = self
        var host = try Host(
            stateDirectory: nil, cgroupRoot: nil, signals: try SignalSource.takeProcess(),
            audience: Audience(warn: { output.error($0) }))
        host.audience.complain = { output.error($0.jailMessage(isNamed: true)) }
        if !isQuiet { WaitLine.attach(to: host.waits, as: program) }
        if isVerbose {
            host.audience.observe = { step, microseconds in Output.step(step, microseconds) }
            host.audience.tell = { jail, text in output.note(text, of: jail) }
        }
        return host
    }
}
