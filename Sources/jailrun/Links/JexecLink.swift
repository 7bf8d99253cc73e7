import Glibc
import JailCore
import SystemPackage

/// Called as `jexec`: FreeBSD's jexec(8), its flags, messages and statuses.
enum JexecLink {
    private struct Request {
        /// -l
        var isLogin = false
        var directory: String?
        var environment: [String] = []
        var hostUser: String?
        var jailUser: String?
        var jail = ""
        var command: [String] = []

        init?(_ arguments: [String]) {
            var options = OptionWords(arguments, takingArgument: "deuU")
            while let (letter, argument) = options.next() {
                switch letter {
                case "l": isLogin = true
                case "n": break  // said once that the jail is given by its name
                case "d": directory = argument
                case "e":
                    guard argument.contains("="), !argument.hasPrefix("=") else { return nil }
                    environment.append(argument)
                case "u": hostUser = argument
                case "U": jailUser = argument
                default: return nil
                }
            }
            guard let jail = options.operands.first, hostUser == nil || jailUser == nil else { return nil }
            self.jail = jail
            command = Array(options.operands.dropFirst())
        }

        var start: JailEntry.Directory { directory.map { .path($0) } ?? (isLogin ? .home : .root) }
        var line: JailCommand? {
            if command.isEmpty { return nil }
            return JailCommand(text: command.joined(separator: " "), arguments: command, isBackground: false)
        }
    }

    private static let usage = """
        usage: jexec [-l] [-d working-directory] [-e name=value] [-u username | -U username]
                     jail [command ...]

        """

    static func run(_ arguments: [String]) -> Int32 {
        guard let request = Request(arguments) else { return LinkOutput.usage(usage) }
        let output = LinkOutput(program: "jexec")
        do {
            let host = try output.host()
            guard let record = try JailLookup(host: host).recordEverywhere(request.jail) else {
                output.error(JailLookup(host: host).objection(to: request.jail))
                return 1
            }
            return try enter(record, request, host, output)
        } catch {
            output.error(error.jexecMessage)
            return 1
        }
    }

    private static func enter(_ record: JailRecord, _ request: Request, _ host: Host, _ output: LinkOutput)
        throws(RuntimeError) -> Int32
    {
        let outcome = try JailEntry(record: record, host: host, terminals: Descriptors.terminals).run(
            request.line, parameter: "jexec", origin: .commandLine, user: request.hostUser ?? request.jailUser,
            isHostUser: request.hostUser != nil, directory: request.start, environment: request.environment)
        guard case .notExecuted(let errno) = outcome else { return outcome.exitStatus }
        output.error("execvp: \(Terminal.escaped(request.command[0])): \(errno.description)")
        return 1
    }
}
