package import SystemPackage

/// Why a jail could not be started, stopped or entered. Each names the object first, the cause last.
package enum RuntimeError: Error, Sendable {
    /// A step of the plan failed.
    case step(jail: String, step: Step, errno: Errno, number: Int)
    /// A command of the jail's configuration failed, as jail(8) says it.
    case command(jail: String, text: String, origin: Origin, outcome: CommandOutcome)
    /// A command could not be executed at all, and why.
    case cannotExecute(jail: String, text: String, origin: Origin, Errno, cause: String, hint: String?)
    /// - holder: who has the name, in words.
    case alreadyExists(jail: String, holder: String)
    case notFound(jail: String)
    /// Another jailrun works on the same name.
    case locked(jail: String, holder: String)
    /// Something of the host is not as it must be.
    case host(String, hint: String?)
    /// A value of the configuration does not fit this host.
    case unsuitable(jail: String, origin: Origin, String, hint: String?)
    /// What is wrong in a file that was written for this, and where; of a jail's, its label.
    case file(jail: String?, Diagnostic)
    /// A user that neither a passwd(5) file nor a number names; `near` is the user that may have been meant.
    case noSuchUser(jail: String, parameter: String, origin: Origin, name: String, near: String?)
    case system(String, Errno)
    case timedOut(jail: String, String)
    case interrupted(jail: String, signal: Int32)
}

/// How a command ended.
package enum CommandOutcome: Equatable, Sendable {
    case exited(Int32)
    case signalled(Int32)
    /// Ended by jailrun after `exec.timeout`.
    case timedOut(seconds: Int)
    /// It could not be executed.
    case notExecuted(Errno)

    init(waitStatus: Int32) {
        self = waitStatus & 0x7f == 0 ? .exited(waitStatus >> 8 & 0xff) : .signalled(waitStatus & 0x7f)
    }

    /// The shell's convention: 128 + n for signal n, 126 and 127 for what could not be executed.
    package var exitStatus: Int32 {
        switch self {
        case .exited(let status): status
        case .signalled(let signal): 128 + signal
        case .timedOut: 125
        case .notExecuted(.noSuchFileOrDirectory): 127
        case .notExecuted: 126
        }
    }
}

extension RuntimeError {
    /// The message, without the hint.
    package var message: String {
        switch self {
        case .step(let jail, let step, let errno, _) where step.typed != nil:
            "\(jail): \(Terminal.escaped(step.typed ?? "")): \(errno.description)"
        case .step(let jail, let step, let errno, let number):
            "\(location(step.origin))\(jail): cannot \(step.words): \(errno.description)\n"
                + "    step \(number + 1): \(step.operation.spelling)"
        case .command(let jail, let text, let origin, let outcome):
            "\(location(origin))\(jail): \(Terminal.escaped(text)): \(outcome.description)"
        case .cannotExecute(let jail, let text, let origin, _, let cause, _):
            "\(location(origin))\(jail): \(Terminal.escaped(text)): \(cause)"
        case .alreadyExists(let jail, let holder): "\"\(jail)\" already exists: \(holder)"
        case .notFound(let jail): "\"\(Terminal.escaped(jail))\" not found"
        case .locked(let jail, let holder):
            "\(jail): another jailrun is working on it\(holder.isEmpty ? "" : ": \(holder)")"
        case .host(let text, _): text
        case .unsuitable(let jail, let origin, let text, _): "\(location(origin))\(jail): \(text)"
        case .file(let jail, let diagnostic): diagnostic.withoutHint(of: jail)
        case .noSuchUser(let jail, _, .commandLine, let name, let near):
            "\(jail): -u \(Terminal.escaped(name)): no such user in the jail"
                + (near.map { " (did you mean \"\(Terminal.escaped($0))\"?)" } ?? "")
        case .noSuchUser(let jail, _, let origin, _, _): "\(location(origin))\(jail): \(finding.text)"
        case .system(let text, let errno): "\(text): \(errno.description)"
        case .timedOut(let jail, let text): "\(jail): timed out waiting for \(text)"
        case .interrupted(let jail, let signal): "\(jail): interrupted by \(CommandOutcome.signalName(signal))"
        }
    }

    /// What to do about it.
    package var hint: String? {
        switch self {
        case .step(_, let step, let errno, _): step.hint(for: errno)
        case .file(_, let diagnostic): diagnostic.hint
        case .host(_, let hint), .unsuitable(_, _, _, let hint), .cannotExecute(_, _, _, _, _, let hint): hint
        case .alreadyExists(let jail, _):
            "stop it with: jailrun stop \(jail); or run this one beside it with --instance NAME"
        case .noSuchUser(_, _, .commandLine, _, _):
            "name a user of the jail's /etc/passwd, or a number, which needs no entry there"
        case .noSuchUser, .command, .notFound, .locked, .system, .timedOut, .interrupted: nil
        }
    }

    /// The same for a container, which has no jail.conf.
    package var containersHint: String? {
        if case .step(_, let step, let errno, _) = self { return step.kernelHint(for: errno) }
        return hint
    }

    /// jailrun(8), EXIT STATUS: 125 if jailrun itself failed, otherwise the command's.
    package var exitStatus: Int32 {
        switch self {
        case .command(_, _, _, let outcome): outcome.exitStatus
        case .cannotExecute(_, _, _, let errno, _, _): CommandOutcome.notExecuted(errno).exitStatus
        case .interrupted(_, let signal): 128 + signal
        case .step, .alreadyExists, .notFound, .locked, .host, .unsuitable, .file, .noSuchUser, .system, .timedOut: 125
        }
    }

    /// The label of the jail that could not be started, where a value of its does not fit this host.
    var jail: String? {
        switch self {
        case .unsuitable(let jail, _, _, _), .noSuchUser(let jail, _, _, _, _): jail
        case .file(let jail, _): jail
        default: nil
        }
    }

    /// What `check` says of it, which has jail and place in other words; no origin when no line is at fault.
    var finding: (origin: Origin?, text: String) {
        switch self {
        case .unsuitable(_, let origin, let text, _): return (origin, text)
        case .file(_, let diagnostic): return (diagnostic.location.map { .configuration($0) }, diagnostic.message)
        case .noSuchUser(_, let parameter, let origin, let name, let near):
            let suggestion = near.map { " (did you mean \"\(Terminal.escaped($0))\"?)" } ?? ""
            return (origin, "\(parameter): \(Terminal.escaped(name)): no such user\(suggestion)")
        default: return (nil, message)
        }
    }

    /// Where a line of a file asked for it.
    func location(_ origin: Origin) -> String {
        if case .configuration(let location) = origin { "\(location): " } else { "" }
    }
}

extension RuntimeError {
    /// A filter that a jail asked for cannot be made.
    static func noFilter(_ jail: ConfiguredJail, _ error: SeccompError) -> RuntimeError {
        if case .malformed(let diagnostic) = error { return .file(jail: jail.label, diagnostic) }
        return .unsuitable(jail: jail.label, origin: jail.privileges.seccomp.origin, "\(error)", hint: nil)
    }
}

extension Step {
    /// The option of `jailrun exec` that asked for it: whoever typed that reads of it, not of system calls.
    fileprivate var typed: String? {
        guard case .commandLine = origin else { return nil }
        switch purpose {
        case .directory(let path): return "-w \(path)"
        case .becomeUser(let user): return "-u \(user.name)"
        default: return nil
        }
    }
}

extension CommandOutcome: CustomStringConvertible {
    package var description: String {
        switch self {
        case .exited(126): "exited with status 126 (a command that cannot be executed)"
        case .exited(127): "exited with status 127 (a command that was not found)"
        case .exited(let status): "exited with status \(status)"
        case .signalled(let signal): "killed by \(Self.signalName(signal))"
        case .timedOut(let seconds): "timed out after \(seconds) s"
        case .notExecuted(let errno): errno.description
        }
    }

    /// jail(8)'s words, which do not tell the status.
    var jailDescription: String {
        switch self {
        case .exited: "failed"
        case .signalled(let signal): "exited on signal \(signal)"
        case .timedOut: "timed out"
        case .notExecuted(let errno): errno.description
        }
    }

    /// signal(7), x86 and ARM; the C library's sigabbrev_np(3) is not visible from Swift.
    package static func signalName(_ signal: Int32) -> String {
        let names = [
            "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
            "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
            "WINCH", "IO", "PWR", "SYS",
        ]
        return names.indices.contains(Int(signal) - 1) ? "SIG\(names[Int(signal) - 1])" : "signal \(signal)"
    }
}

/// Bytes that others wrote are never printed raw to a terminal.
package enum Terminal {
    /// Control characters as `\xNN`, newline and tab as `\n` and `\t`, direction marks of Unicode as `\u{NNNN}`.
    package static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x0a: result += "\\n"
            case 0x09: result += "\\t"
            case 0..<0x20, 0x7f..<0xa0:
                result += "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            case 0x200b...0x200f, 0x2028...0x202e, 0x2066...0x2069: result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

/// What `body` returns; its errno becomes a message that begins with `text`.
func attempt<Value: ~Copyable>(_ text: @autoclosure () -> String, _ body: () throws(Errno) -> Value)
    throws(RuntimeError)
    -> Value
{
    do { return try body() } catch { throw .system(text(), error) }
}
