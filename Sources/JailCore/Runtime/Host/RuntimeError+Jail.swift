internal import SystemPackage

extension RuntimeError {
    /// What jail(8) says after `jail: `. The name of a jail that has its parameters on a command line is left out.
    package func jailMessage(isNamed: Bool) -> String {
        func named(_ jail: String, _ text: String) -> String { isNamed ? "\(jail): \(text)" : text }
        switch self {
        case .cannotExecute(let jail, let text, let origin, let errno, _, _):
            let line = JailCommand.line(text, origin)
            return named(jail, "exec \(line.prefix { $0 != " " }): \(errno.description)") + "\njail: "
                + named(jail, "\(line): failed")
        case .command(let jail, let text, let origin, let outcome):
            return named(jail, "\(JailCommand.line(text, origin)): \(outcome.jailDescription)")
        case .unsuitable(let jail, _, let text, _): return named(jail, text)
        case .noSuchUser(let jail, _, _, let name, _): return named(jail, "\(Terminal.escaped(name)): no such user")
        case .step(let jail, let step, let errno, let number):
            if let directory = step.directory {
                return named(jail, "chdir \(Terminal.escaped(directory)): \(errno.description)")
            }
            return named(jail, "cannot \(step.words): \(errno.description)")
                + "\n    \(location(step.origin))step \(number + 1): \(step.operation.spelling)"
        case .alreadyExists(let jail, _): return "\"\(jail)\" already exists"
        default: return message
        }
    }

    /// What jexec(8) says after `jexec: `.
    package var jexecMessage: String {
        if case .step(_, let step, let errno, _) = self, let directory = step.directory {
            return "chdir: \(Terminal.escaped(directory)): \(errno.description)"
        }
        return jailMessage(isNamed: false)
    }
}

extension JailCommand {
    /// The words as they are executed: those of a command line, or those of a string, which may be a shell's.
    static func line(_ text: String, _ origin: Origin) -> String {
        guard case .configuration = origin else { return Terminal.escaped(text) }
        return Terminal.escaped(JailCommand(text).arguments.joined(separator: " "))
    }

    /// What jail(8) says with -v before a command runs.
    static func notice(_ text: String, _ origin: Origin, isInJail: Bool, user: Located<String>?) -> String {
        "run command\(isInJail ? " in jail" : "")\(user.map { " as \($0.value)" } ?? ""): \(line(text, origin))"
    }
}

extension Step {
    /// What chdir(2) was asked for, if this is that.
    fileprivate var directory: String? {
        guard case .directory(let path) = purpose else { return nil }
        return path
    }
}
