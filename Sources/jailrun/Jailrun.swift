import ArgumentParser
import JailCore

#if canImport(Glibc)
import Glibc
#endif

/// One binary: its name decides whose command line it takes.
@main
enum Main {
    static func main() {
        let arguments = arguments
        let path = arguments.first ?? "jailrun"
        let name = path.lastIndex(of: "/").map { String(path[path.index(after: $0)...]) } ?? path
        let operands = Array(arguments.dropFirst())
        switch name {
        case "jail": exit(JailLink.run(operands))
        case "jls": exit(JlsLink.run(operands))
        case "jexec": exit(JexecLink.run(operands))
        default: runJailrun(operands)
        }
    }

    /// `CommandLine.arguments` keeps them behind a lock, for whoever asks later: a hundredth of a start.
    private static var arguments: [String] {
        var arguments: [String] = []
        for index in 0..<Int(CommandLine.argc) {
            if let text = CommandLine.unsafeArgv[index] { arguments.append(String(cString: text)) }
        }
        return arguments
    }

    private static func runJailrun(_ given: [String]) {
        let arguments = Jailrun.commandFirst(given)
        if let (words, command) = ServicesRequest.split(arguments, commands: Jailrun.names) {
            runBeside(command, words)
        }
        guard let request = RunRequest(plain: arguments, commands: Jailrun.names) else {
            return Jailrun.main(Jailrun.withForm(arguments))
        }
        perform(request)
    }

    private static func runBeside(_ command: [String], _ words: [String]) {
        do {
            var request = try Run.parse(words).request
            if command.isEmpty { throw ValidationError("no command behind --") }
            request.services.command = command
            perform(request)
        } catch { Run.exit(withError: error) }
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
        discussion: "jailrun FILE runs the jails of a jail.conf(5) in the foreground; Ctrl-C stops and removes them.",
        version: Version.text,
        subcommands: [
            Run.self, Start.self, Stop.self, Restart.self, List.self, Exec.self, Ps.self, Logs.self, Stats.self,
            Top.self, Inspect.self, Wait.self, Check.self, Explain.self, Params.self, Prune.self,
        ], defaultSubcommand: Run.self)

    /// Global options may stand before the command's name; the parser wants them behind it.
    static func commandFirst(_ arguments: [String]) -> [String] {
        var index = 0
        while index < arguments.count, arguments[index].hasPrefix("-") {
            index += ["--root", "--cgroup-root"].contains(arguments[index]) ? 2 : 1
        }
        guard index > 0, index < arguments.count, names.contains(arguments[index]) else { return arguments }
        return [arguments[index]] + arguments[..<index] + arguments[(index + 1)...]
    }

    /// `--timings` alone means `--timings=text`; the parser knows no option whose value may be missing.
    static func withForm(_ arguments: [String]) -> [String] {
        guard let command = arguments.first, ["run", "start"].contains(command) || !names.contains(command) else {
            return arguments
        }
        return arguments.map { $0 == "--timings" ? "--timings=text" : $0 }
    }

    static let names = [
        "run", "start", "stop", "restart", "list", "exec", "ps", "logs", "stats", "top", "inspect", "wait", "check",
        "explain", "params", "prune",
    ]
}

enum Version {
    static let text = "0.1.0"
}
