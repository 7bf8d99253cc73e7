import ArgumentParser
import JailCore

struct Start: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Start jails and return when every one is up.",
        usage: "jailrun start [<options>] <file> [<jail> ...]",
        discussion: HelpText.discussion(examples: "jailrun start www.conf", "jailrun start services.conf db"))

    @OptionGroup var global: GlobalOptions
    @OptionGroup var instance: InstanceOption

    @Option(help: Timings.help) var timings: Timings.Form?

    @Flag(help: "Leave up what is up when another jail fails.")
    var keep = false

    @Option(
        help: ArgumentHelp("How long all may take to be up and healthy; 0 is no limit.", valueName: "seconds"))
    var timeout = 0

    @Argument(help: "A jail.conf(5) file.", completion: .file(extensions: ["conf"]))
    var file: String

    @Argument(help: "Jails of the file; all, if none is named.")
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
    let specs: [JailSpec]
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

    /// - Throws: an exit status, when why it is not 0 was said.
    func run() throws {
        let configuration = Descriptors.absolute(file)
        let selection = try StartSelection(
            specs, of: names, claim: .missing, configuration: configuration, host: host)
        try selection.awaitStarts(timeoutSeconds: timeoutSeconds)
        try GatewayCheck(selection.jails).check()
        var keepers = JailKeepers(
            specs: try PortReservation().resolved(selection.jails), host: host, mode: .detached,
            configuration: configuration, report: { Output.failure($0) },
            announce: { [isQuiet] in if !isQuiet { Announcement.up($0, isForeground: false) } })
        keepers.starts.started = { [timings] in timings?.report($0.label) }
        keepers.starts.spellsOutput = true
        keepers.starts.remembersEnds = true
        keepers.keepsStarted = isKept
        keepers.timeoutSeconds = timeoutSeconds
        if !isQuiet { keepers.awaiting = { WaitLine.show($0) } }
        let results = try keepers.run()
        let status = Announcement.status(of: results, interruption: keepers.interruption)
        if status == 0 { return }
        if keepers.interruption == nil {
            Announcement.parts(results, before: try selection.stillRunning(), isKept: isKept)
        }
        throw ExitCode(status)
    }
}
