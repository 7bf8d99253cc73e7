import ArgumentParser
import JailCore

#if canImport(Glibc)
import Glibc
#endif

/// One binary: its name decides whose command line it takes.
@main
enum Main {
    static func main() {
        StandardOutput.keep()
        let arguments = arguments
        let path = arguments.first ?? "jailrun"
        let name = path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
        let operands = Array(arguments.dropFirst())
        switch name {
        case "jail": exit(JailLink.run(operands))
        case "jls": exit(JlsLink.run(operands))
        case "jexec": exit(JexecLink.run(operands))
        case "jailrun-oci", "crun", "runc": exit(ContainerRuntime.run(operands, as: name))
        case _ where operands.first == "oci": exit(ContainerRuntime.run(Array(operands.dropFirst()), as: "jailrun oci"))
        default: runJailrun(operands)
        }
    }

    /// `CommandLine.arguments` keeps them behind a lock, for whoever asks later: a hundredth of a start.
    static var arguments: [String] {
        var arguments: [String] = []
        for index in 0..<Int(CommandLine.argc) {
            if let text = CommandLine.unsafeArgv[index] { arguments.append(String(cString: text)) }
        }
        return arguments
    }

    private static func runJailrun(_ arguments: [String]) {
        Output.checkAtExit(status: 125)
        if arguments.first == Completion.verb { return Completion.answer(arguments.dropFirst()) }
        let words = CommandWords(arguments)
        if let option = words.empty, words.unknown == nil { sayEmpty(option, of: words.verb ?? .run) }
        if let request = RunRequest(words) { perform(request) }
        if arguments.isEmpty { HelpText.explainItself() }
        if arguments.count > 1, arguments[0] == "help" { checkHelp(of: arguments[1]) }
        if let shell = words.value(of: "generate-completion-script"), let script = CompletionScript(shell) {
            return Output.text(script.text, terminator: "")
        }
        parse(words)
    }

    /// All but the plainest command lines: `RunRequest` says which those are.
    private static func parse(_ words: CommandWords) {
        if let verb = words.verb, let command = words.misplacedCommand, !words.isAsked, words.unknown == nil {
            sayMisplaced(command, verb, behind: words.operands[0])
        }
        do {
            var command = try Jailrun.parseAsRoot(words.canonical)
            if let run = command as? Run, let beside = words.command { return runBeside(beside, run.request) }
            if var exec = command as? Exec {
                exec.command = words.command ?? []
                return try exec.run()
            }
            try command.run()
        } catch {
            // The parser would rather say what is missing.
            if let odd = words.unknown, Jailrun.exitCode(for: error) != .success { sayUnknown(odd, of: words) }
            if Jailrun.exitCode(for: error) != .success { Jailrun.exit(withError: error) }
            let text = Jailrun.fullMessage(for: error)
            if !text.isEmpty { Output.text(text) }
            exit(0)
        }
    }

    /// The parser would show its overview, and end with 0.
    private static func checkHelp(of word: String) {
        if word == Verb.oci.rawValue { exit(ContainerRuntime.run(["--help"], as: "jailrun oci")) }
        if word.hasPrefix("-") || Verb(rawValue: word) != nil { return }
        let near = Verb.meant(by: word).map { " (did you mean \"\($0)\"?)" } ?? ""
        Output.error("\"\(Terminal.escaped(word))\" is not a command\(near)")
        Output.notice("    hint: commands are \(Verb.names.joined(separator: ", "))")
        exit(64)
    }

    /// The parser would take the next word for the value, whatever it was meant for.
    private static func sayEmpty(_ option: String, of verb: Verb) -> Never {
        Output.error("\(option): empty")
        Output.notice("    hint: leave the option out, or give it a value; see jailrun \(verb.rawValue) --help")
        exit(64)
    }

    private static func sayUnknown(_ option: String, of words: CommandWords) -> Never {
        let verb = words.verb ?? .run
        Output.error("unknown option \"\(Terminal.escaped(option))\" of \(verb.rawValue)\(guess(at: option, verb))")
        Output.notice("    hint: see jailrun \(verb.rawValue) --help")
        exit(64)
    }

    private static func sayMisplaced(_ command: [String], _ verb: Verb, behind operand: String) -> Never {
        let line = Terminal.escaped(command.joined(separator: " "))
        let operand = Terminal.escaped(operand)
        let (beside, inside) =
            switch verb.operand {
            case .file: (operand, "JAIL")
            case .jail, .jails: ("FILE", operand)
            case .jailsOrFiles, .none, .parameter, .verb, .containerVerb: ("FILE", "JAIL")
            }
        Output.error("\(verb.rawValue) takes no command after --")
        Output.notice(
            "    hint: beside the jails of a file: jailrun \(beside) -- \(line); "
                + "inside a jail: jailrun exec \(inside) \(line)")
        exit(64)
    }

    /// A verb may have been meant for the value of the option before it, so those of others are named, too.
    private static func guess(at option: String, _ verb: Verb) -> String {
        let name = String(option.drop { $0 == "-" }.prefix { $0 != "=" })
        let isLong = option.hasPrefix("--")
        func others(_ forms: [OptionForm]) -> String {
            forms.flatMap { $0.verbs ?? [] }.map(\.rawValue).joined(separator: ", ")
        }
        let same = OptionForm.all.filter { isLong ? $0.long == name : $0.short.map { String($0) } == name }
        // One that all have is of no use to the verb, as -q to params.
        if same.contains(where: { $0.verbs == nil }) { return ", which prints only what it is asked for" }
        if !same.isEmpty { return "; it belongs to \(others(same))" }
        guard isLong, let near = Spelling(name).closest(in: OptionForm.all.map(\.long)) else { return "" }
        let form = OptionForm.all.filter { $0.long == near }
        let owner = form.contains { $0.belongs(to: verb) } ? "" : ", of \(others(form))"
        return " (did you mean \"--\(near)\"\(owner)?)"
    }

    private static func runBeside(_ command: [String], _ request: RunRequest) {
        if command.isEmpty {
            Output.error("no command after --")
            Output.notice("    hint: jailrun FILE [JAIL ...] -- COMMAND ...; see jailrun run --help")
            exit(64)
        }
        var request = request
        request.services.command = command
        perform(request)
    }

    private static func perform(_ request: RunRequest) {
        do { exit(try request.perform()) } catch let error as RuntimeError {
            Output.failure(error)
            exit(error.exitStatus)
        } catch { exit((error as? ExitCode)?.rawValue ?? 125) }
    }
}

struct Jailrun: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "jailrun", abstract: "FreeBSD-style jails on Linux.",
        usage: "jailrun <file> [<jail> ...] [-- <command> ...]\njailrun <subcommand> ...",
        discussion: HelpText.discussion(
            "jailrun FILE runs the jails of a jail.conf(5) file in the foreground; Ctrl-C stops and removes them.",
            examples: "jailrun www.conf", "jailrun start www.conf", "jailrun services.conf -- make test"),
        version: Version.text,
        subcommands: [
            Run.self, Start.self, Stop.self, Restart.self, List.self, Exec.self, Ps.self, Logs.self, Stats.self,
            Top.self, Inspect.self, Wait.self, Check.self, Explain.self, Params.self, Prune.self,
            Oci.self,
        ], defaultSubcommand: Run.self)
}

enum Version {
    static let text = "0.1.0"
}
