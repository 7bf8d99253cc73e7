internal import SystemPackage

extension RuntimeError {
    /// What jail(8) says after `jail: `. The name of a jail that has its parameters on a command line is not told.
    public func jailMessage(isNamed: Bool) -> String {
        func named(_ jail: String, _ text: String) -> String { isNamed ? "\(jail): \(text)" : text }
        switch self {
        case .command(let jail, let text, _, .notExecuted(let errno)):
            let name = JailCommand(text).arguments.first ?? text
            return "execvp: \(Terminal.escaped(name)): \(errno.description)\njail: "
                + named(jail, "\(Terminal.escaped(text)): failed")
        case .command(let jail, let text, _, let outcome):
            return named(jail, "\(Terminal.escaped(text)): \(outcome.jailDescription)")
        case .unsuitable(let jail, _, let text, _): return named(jail, text)
        case .noSuchUser(_, _, _, let name): return "\(Terminal.escaped(name)): no such user"
        case .step(_, let step, let errno, _):
            guard let directory = step.directory else { return message }
            return "chdir: \(Terminal.escaped(directory)): \(errno.description)"
        default: return message
        }
    }
}

extension Step {
    /// What chdir(2) was asked for, if this is that.
    fileprivate var directory: String? {
        guard case .call(let call) = operation, call.name == "chdir", case .text(let path)? = call.arguments.first
        else {
            return nil
        }
        return path
    }
}
