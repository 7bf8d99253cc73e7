import ArgumentParser
import JailCore

struct Prune: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune", abstract: "Remove what dead jails left behind; normally there is nothing.",
        usage: "jailrun prune [<options>]",
        discussion: HelpText.discussion(examples: "jailrun prune"))

    @OptionGroup var global: GlobalOptions

    func run() throws {
        try reporting {
            let (removed, left) = try JailPrune(host: try global.host()).run()
            for text in removed where !global.quiet { try Output.result(text) }
            if left.isEmpty { return }
            throw RuntimeError.host(
                "something is left of: \(left.map(Terminal.escaped).joined(separator: ", "))",
                hint: "see above for what could not be removed; jailrun prune tries again")
        }
    }
}

struct Wait: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait", abstract: "Wait until jails have ended.",
        usage: "jailrun wait [<options>] <jail> ...",
        discussion: HelpText.discussion(
            "Exits with the jail's exit status; for several jails, with the first status that is not 0.",
            examples: "jailrun wait db web"))

    @OptionGroup var global: GlobalOptions

    @Argument(help: "Jails by name or jid.")
    var jails: [String]

    func run() throws {
        try reporting {
            let host = try global.host()
            var status: Int32 = 0
            // A name that nobody knows is told before anything is waited for.
            for (jail, wait) in zip(jails, try jails.map { try JailWait(for: $0, host: host) }) {
                var wait = wait
                let ended = tell(try wait.run(), of: jail)
                if status == 0 { status = ended }
            }
            if status != 0 { throw ExitCode(status) }
        }
    }

    private func tell(_ end: JailWait.End, of jail: String) -> Int32 {
        switch end {
        case .untold: return 0
        case .ended(let status, let words):
            if !global.quiet, let words { Output.notice("\(Terminal.escaped(jail)): \(ConsoleText.safe(words))") }
            return status ?? 125
        case .replaced:
            Output.error("\(Terminal.escaped(jail)): has ended, and another jail of that name was started")
            return 125
        }
    }
}
