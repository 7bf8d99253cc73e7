import ArgumentParser
import Glibc
import JailCore

struct Exec: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec", abstract: "Run a command in a jail that is up.",
        usage: "jailrun exec [<options>] <jail> [<command> ...]",
        discussion: HelpText.discussion(
            "Exits with the command's own status; 128 + n if signal n ended it, 127 if it was not found, 126 if it "
                + "could not be executed.",
            examples: "jailrun exec www ps", "jailrun exec -u nobody -w /tmp www ls -l"))

    @OptionGroup var global: GlobalOptions

    @Flag(name: [.customShort("t"), .customLong("terminal")], help: "Give the command a terminal of the jail's own.")
    var wantsTerminal = false

    @Option(name: [.customShort("u"), .customLong("user")], help: "Run as this user of the jail, by name or number.")
    var user: String?

    @Option(name: [.customShort("w"), .customLong("directory")], help: "Start in this directory of the jail.")
    var directory: String?

    @Option(
        name: [.customShort("e"), .customLong("env")],
        help: ArgumentHelp("Set an environment variable.", valueName: "name=value"))
    var environment: [String] = []

    @Argument(help: "The jail, by name or jid.")
    var jail: String

    @Argument(parsing: .captureForPassthrough, help: "The command and its arguments; a shell if omitted.")
    var command: [String] = []

    func validate() throws {
        if let bad = environment.first(where: { !$0.contains("=") || $0.hasPrefix("=") }) {
            throw ValidationError("-e \(bad): not of the form NAME=VALUE")
        }
    }

    func run() throws {
        try reporting {
            let host = try global.host()
            let record = try JailLookup(host: host).existing(jail)
            let arguments = command.first == "--" ? Array(command.dropFirst()) : command
            let line = JailCommand(
                text: arguments.joined(separator: " "), arguments: arguments.isEmpty ? ["/bin/sh", "-i"] : arguments,
                isBackground: false)
            let terminals =
                wantsTerminal || arguments.isEmpty && !Descriptors.terminals.isEmpty
                ? [0, 1, 2] : Descriptors.terminals
            let outcome = try JailEntry(record: record, host: host, terminals: terminals).run(
                line, parameter: "exec", origin: .commandLine, user: user,
                directory: directory.map { .path($0) } ?? .root, environment: environment)
            if case .notExecuted = outcome {
                Output.failure(
                    .command(
                        of: record, named: record.name, line: line, origin: .commandLine, outcome: outcome))
                if arguments[0].hasPrefix("-") { Output.notice("    hint: options go before the jail") }
            }
            if outcome != .exited(0) { throw ExitCode(outcome.exitStatus) }
        }
    }
}
