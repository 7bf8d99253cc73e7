internal import SystemPackage

extension RuntimeError {
    /// How a command of the jail failed; if it could not be executed, with what was missing.
    /// - Parameter name: what the jail is called in messages.
    package static func command(
        of jail: JailRecord, named name: String, line: JailCommand, origin: Origin, outcome: CommandOutcome
    ) -> RuntimeError {
        command(jail: name, line: line, origin: origin, outcome: outcome) { CommandLookup(inside: jail) }
    }

    /// - Parameter lookup: called when the command could not be executed.
    static func command(
        jail: String, line: JailCommand, origin: Origin, outcome: CommandOutcome, lookup: () -> CommandLookup
    ) -> RuntimeError {
        guard case .notExecuted(let errno) = outcome else {
            return .command(jail: jail, text: line.text, origin: origin, outcome: outcome)
        }
        let lookup = lookup()
        // It may have come meanwhile; the kernel's own answer stands in any case.
        let lack = line.arguments.first.flatMap { lookup.lack(of: $0) }.flatMap { $0.errno == errno ? $0 : nil }
        return .cannotExecute(
            jail: jail, text: line.text, origin: origin, errno, cause: lack?.cause(in: line) ?? errno.description,
            hint: lack?.hint(path: lookup.path))
    }
}
