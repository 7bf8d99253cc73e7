import ArgumentParser
import Glibc
import JailCore

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run jails in the foreground (the default command).",
        usage: "jailrun [run] [<options>] <file> [<jail> ...]\n          [-- <command> ...]",
        discussion: HelpText.discussion(
            "With a command after --, jailrun starts the jails, waits until all are healthy, runs the command on the "
                + "host, and stops the jails when it ends. The command gets JAILRUN_<JAIL>_IP, _PORT and _NAME in its "
                + "environment, and jailrun exits with its status.\n\nCtrl-C, SIGTERM or SIGHUP stops the jails and "
                + "removes everything. While a command of a jail has the terminal, pressing Ctrl-] three times does "
                + "the same.",
            examples: "jailrun www.conf", "jailrun --dry-run www.conf www",
            "jailrun --logs logs services.conf -- make test"))

    @OptionGroup var global: GlobalOptions
    @OptionGroup var instance: InstanceOption

    @Flag(name: .customLong("dry-run"), help: "Print the steps in the notation of strace, and perform none.")
    var isDryRun = false

    @Option(help: ArgumentHelp("With --dry-run: plan for the host that these facts describe.", valueName: "facts"))
    var assume: String?

    @Option(help: Timings.help) var timings: Timings.Form?

    @Option(
        name: .customLong("logs"),
        help: ArgumentHelp("Write each jail's console to a file in this directory.", valueName: "dir"))
    var logs: String?

    @Flag(help: "Leave the jails up when the command ends.")
    var keep = false

    @Option(
        help: ArgumentHelp(
            "How long to wait until all jails are healthy: 300 by default; 0 means no limit.", valueName: "seconds"))
    var timeout: Int?

    @Flag(name: .customLong("fail-fast"), help: "End the command if a jail dies.")
    var failFast = false

    @Argument(help: "A jail.conf(5) file, or - for standard input.", completion: .file(extensions: ["conf"]))
    var file: String

    @Argument(help: "Jails of the file; all if omitted.")
    var jails: [String] = []

    func validate() throws {
        try ServicesRequest.check(timeout: timeout ?? 0)
        if assume != nil && !isDryRun { throw ValidationError("--assume needs --dry-run: it describes another host") }
    }

    var request: RunRequest {
        var request = RunRequest(file: file)
        request.jails = jails
        request.instance = instance.name
        request.isDryRun = isDryRun
        request.assumedFacts = assume
        request.services.logDirectory = logs
        request.services.isKept = keep
        if let timeout { request.services.timeoutSeconds = timeout }
        request.services.failsFast = failFast
        if global.noColor { request.services.hasColour = false }
        request.isQuiet = global.quiet
        request.isVerbose = global.verbose
        request.timings = timings
        request.stateDirectory = global.stateDirectory
        request.cgroupRoot = global.cgroupRoot
        return request
    }

    /// Without a command: one that stands behind `--` is read by `ServicesRequest`.
    func run() throws {
        if logs != nil || keep || failFast || timeout != nil {
            throw ValidationError(
                "--logs, --keep, --timeout and --fail-fast need a command: FILE [JAIL ...] -- COMMAND ...")
        }
        try reporting {
            let status = try request.perform()
            if status != 0 { throw ExitCode(status) }
        }
    }
}

/// Descriptors 0, 1, 2 and the working directory.
enum Descriptors {
    static var terminals: [Int] { [0, 1, 2].filter { isatty(Int32($0)) == 1 } }

    /// The file's name as another process finds it.
    static func absolute(_ file: String) -> String {
        guard file != "-", let resolved = realpath(file, nil) else { return file }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}

/// What is said when jails come up.
enum Announcement {
    /// On a terminal only: a log has the commands' own output.
    static func up(_ record: JailRecord, isForeground: Bool) {
        guard isatty(2) == 1, !isForeground || record.spec.commands.command.isEmpty else { return }
        let addresses = record.spec.network.addresses.map(\.address)
        let place = addresses.isEmpty ? "" : " at \(addresses.joined(separator: ", "))"
        let end = isForeground ? "; Ctrl-C stops it" : ""
        Output.notice("\(record.spec.label): up\(place), jid \(record.identity.jid)\(end)")
    }

    /// Says what was skipped, or that the start was broken off.
    /// - Returns: 128 + n for signal n, else the status of the first that failed.
    static func status(of results: [JailKeepers.Result], interruption: Int32?) -> Int32 {
        for result in results where result.isSkipped {
            let why = result.detail.map { ": \(ConsoleText.safe($0))" } ?? ""
            Output.error("\(Terminal.escaped(result.jail)): skipped\(why)")
        }
        if let interruption {
            Output.error(broken(by: interruption))
            return 128 + interruption
        }
        let failed = results.first { $0.status != 0 && !$0.isSkipped } ?? results.first { $0.status != 0 }
        return failed?.status ?? 0
    }

    static func broken(by signal: Int32) -> String {
        "interrupted by \(CommandOutcome.signalName(signal)): what was started is stopped again"
    }

    /// Of several jails, which are up after a start that failed.
    static func parts(_ results: [JailKeepers.Result], before running: [ConfiguredJail], isKept: Bool) {
        let results = results.filter { !$0.isYielded }
        if results.count + running.count < 2 { return }
        func list(_ names: [String]) -> String { names.map(Terminal.escaped).joined(separator: ", ") }
        let down = results.filter { !$0.isUp }.map(\.jail)
        let up = results.filter(\.isUp).map(\.jail) + running.map(\.label)
        if !down.isEmpty { Output.error("not up: \(list(down))") }
        if !up.isEmpty { Output.error("up: \(list(up))") }
        if !isKept && results.contains(where: { $0.state == .ended }) {
            Output.notice("    hint: what was started is stopped again; --keep leaves it up")
        }
    }
}
