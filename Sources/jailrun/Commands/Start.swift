import ArgumentParser
import JailCore

struct Start: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Start jails and return when all are up.",
        usage: "jailrun start [<options>] <file> [<jail> ...]",
        discussion: HelpText.discussion(examples: "jailrun start www.conf", "jailrun start services.conf db"))

    @OptionGroup var global: GlobalOptions
    @OptionGroup var instance: InstanceOption

    @Option(help: Timings.help) var timings: Timings.Form?

    @Flag(help: "If a jail fails, leave the others up.")
    var keep = false

    @Option(
        help: ArgumentHelp(
            "How long to wait until all jails are up and healthy; 0 means no limit.", valueName: "seconds"))
    var timeout = 0

    @Argument(help: "A jail.conf(5) file.", completion: .file(extensions: ["conf"]))
    var file: String

    @Argument(help: "Jails of the file; all if omitted.")
    var jails: [String] = []

    func validate() throws { try ServicesRequest.check(timeout: timeout) }

    func run() throws {
        try reporting {
            let recorded = timings.map(Timings.init)
            let host = try global.host(timings: recorded)
            let specs = try InstanceOption.jails(
                try global.specs(try global.load(file), jails, starts: true), of: instance.name, host: host)
            var start = DetachedStart(specs: specs, file: file, host: host, isQuiet: global.quiet)
            (start.names, start.isKept, start.timings) = (jails, keep, recorded)
            start.timeoutSeconds = timeout
            try start.run()
        }
    }
}

/// Starts jails that go on without this process.
struct DetachedStart {
    private(set) var specs: [ConfiguredJail]
    let file: String
    let host: Host
    let isQuiet: Bool
    /// Which of them were asked for; the others are needed. Empty for all.
    var names: [String] = []
    /// What was started stays up when another one fails.
    var isKept = false
    var timings: Timings?
    /// 0 is no limit.
    var timeoutSeconds = 0
    /// The jails are started for the second time.
    var restart: RestartMemory?
    /// Labels of those that another command has stopped before they were up.
    private(set) var withdrawn: [String] = []
    /// How often jails were left to another start.
    private var rounds = 0
    private static let maximumRounds = 3

    init(specs: [ConfiguredJail], file: String, host: Host, isQuiet: Bool) {
        (self.specs, self.file, self.host, self.isQuiet) = (specs, file, host, isQuiet)
    }

    /// - Throws: an exit status, when why it is not 0 was said.
    mutating func run() throws {
        let configuration = Descriptors.absolute(file)
        let selection = try StartSelection(
            specs, of: names, claim: .missing, configuration: configuration, host: host)
        try selection.awaitStarts(timeoutSeconds: timeoutSeconds)
        var keepers = JailKeepers(
            specs: try StartSelection.checked(selection.jails, host: host), host: host, mode: .detached,
            configuration: configuration, report: { Output.failure($0) },
            announce: { [isQuiet] in if !isQuiet { Announcement.up($0, isForeground: false) } })
        keepers.starts.started = { [timings] in timings?.report($0.label) }
        keepers.starts.spellsOutput = true
        keepers.starts.remembersEnds = true
        keepers.starts.restarted = restart
        // One is left to whoever begins to start it at the same moment, as one is that was up before.
        if rounds < Self.maximumRounds { keepers.starts.yields = selection.shared }
        keepers.keepsStarted = isKept
        keepers.timeoutSeconds = timeoutSeconds
        if !isQuiet { keepers.awaiting = { WaitLine.show($0) } }
        let results = try keepers.run()
        withdrawn = results.filter(\.isWithdrawn).map(\.jail)
        let status = Announcement.status(of: results, interruption: keepers.interruption)
        if status == 0 { return try awaitYielded(results) }
        if keepers.interruption == nil {
            Announcement.parts(results, before: try selection.stillRunning(), isKept: isKept)
        }
        throw ExitCode(status)
    }

    /// Those that another command has begun to start at the same moment are waited for, or started if it did not.
    private func awaitYielded(_ results: [JailKeepers.Result]) throws {
        let yielded = results.filter(\.isYielded).map(\.jail)
        if yielded.isEmpty { return }
        var rest = self
        rest.specs = specs.filter { yielded.contains($0.label) }
        rest.rounds += 1
        do { try rest.run() } catch {
            // Those that were up before are nobody's to stop.
            let started = results.filter { !$0.isYielded && $0.isUp }.map(\.jail)
            if !isKept { specs.filter { started.contains($0.label) }.reversed().forEach(takeBack) }
            throw error
        }
    }

    private func takeBack(_ jail: ConfiguredJail) {
        do throws(RuntimeError) { try JailStop(host: host, terminals: []).run(jail.name.value) } catch {
            if case .notFound = error { return }
            Output.failure(error)
        }
    }
}
