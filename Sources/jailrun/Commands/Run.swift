import ArgumentParser
import Glibc
import JailCore

struct Run: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run jails in the foreground (the default command).",
        discussion: "Ctrl-C, SIGTERM or SIGHUP stops the jails and removes everything. Ctrl-] three times does the same while a "
            + "command of a jail has the terminal.")

    @OptionGroup var global: GlobalOptions

    @Flag(name: .customLong("dry-run"), help: "Print the steps in strace's spelling, and perform none.")
    var isDryRun = false

    @Argument(help: "A jail.conf(5) file, - for standard input.", completion: .file(extensions: ["conf"]))
    var file: String

    @Argument(help: "Jails of the file; all, if none is named.")
    var jails: [String] = []

    func run() throws {
        try reporting {
            let host = try global.host()
            let specs = try global.specs(try global.load(file), jails)
            if isDryRun { return try dryRun(specs, host) }
            if specs.count == 1 { return try runOne(specs[0], host) }
            try runAll(specs, host)
        }
    }

    private func dryRun(_ specs: [JailSpec], _ host: Host) throws {
        for spec in specs {
            let plan = try DryRun(jail: spec, host: host, terminals: Descriptors.terminals).plan()
            if specs.count > 1 { print("# \(spec.label)") }
            for step in plan.allSteps { print(step.operation.spelling) }
        }
    }

    private func runOne(_ spec: JailSpec, _ host: Host) throws {
        let start = JailStart(
            jail: spec, host: host, isTransient: true, configuration: Descriptors.absolute(file),
            terminals: Descriptors.terminals)
        let isQuiet = global.quiet
        let outcome = try JailRun(start: start, host: host).run { record in
            if !isQuiet { Announcement.up(record, isForeground: true) }
        }
        if outcome != .exited(0) { throw ExitCode(outcome.exitStatus) }
    }

    private func runAll(_ specs: [JailSpec], _ host: Host) throws {
        let isQuiet = global.quiet
        var keepers = JailKeepers(
            specs: specs, host: host, mode: .foreground, configuration: Descriptors.absolute(file),
            report: { Output.failure($0) }, announce: { if !isQuiet { Announcement.up($0, isForeground: true) } })
        try Announcement.finish(try keepers.run())
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
        Output.notice("\(record.spec.label): up\(place), jid \(record.identity.jid)\(end)\r")
    }

    static func finish(_ results: [JailKeepers.Result]) throws {
        for result in results where result.isSkipped { Output.error("\(result.jail): skipped") }
        if let failed = results.first(where: { $0.status != 0 && !$0.isSkipped }) ?? results.first(where: { $0.status != 0 }) {
            throw ExitCode(failed.status)
        }
    }
}
