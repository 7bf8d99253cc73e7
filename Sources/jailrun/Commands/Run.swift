import ArgumentParser
import Glibc
import JailCore

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run jails in the foreground (the default command).",
        discussion:
            "Ctrl-C, SIGTERM or SIGHUP stops the jails and removes everything. Ctrl-] three times does the same while a "
            + "command of a jail has the terminal.")

    @OptionGroup var global: GlobalOptions

    @Flag(name: .customLong("dry-run"), help: "Print the steps in strace's spelling, and perform none.")
    var isDryRun = false

    @Option(help: Timings.help) var timings: Timings.Form?

    @Argument(help: "A jail.conf(5) file, - for standard input.", completion: .file(extensions: ["conf"]))
    var file: String

    @Argument(help: "Jails of the file; all, if none is named.")
    var jails: [String] = []

    var request: RunRequest {
        var request = RunRequest(file: file)
        request.jails = jails
        request.isDryRun = isDryRun
        request.isQuiet = global.quiet
        request.isVerbose = global.verbose
        request.timings = timings
        request.stateDirectory = global.stateDirectory
        request.cgroupRoot = global.cgroupRoot
        return request
    }

    func run() throws {
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

    /// Says what was skipped; the status is that of the first that failed.
    static func status(of results: [JailKeepers.Result]) -> Int32 {
        for result in results where result.isSkipped { Output.error("\(result.jail): skipped") }
        let failed = results.first { $0.status != 0 && !$0.isSkipped } ?? results.first { $0.status != 0 }
        return failed?.status ?? 0
    }

    static func finish(_ results: [JailKeepers.Result]) throws {
        let status = status(of: results)
        if status != 0 { throw ExitCode(status) }
    }
}
