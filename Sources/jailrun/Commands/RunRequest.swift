import ArgumentParser
import JailCore

/// What `jailrun run` is asked for.
struct RunRequest: Equatable {
    var file: String
    var jails: [String] = []
    var isDryRun = false
    /// Facts of another host, for which a dry run plans.
    var assumedFacts: String?
    var isQuiet = false
    var isVerbose = false
    var timings: Timings.Form?
    var stateDirectory: String?
    var cgroupRoot: String?
    var instance: String?
    /// A command to be run beside the jails.
    var services = ServicesRequest()

    init(file: String) { self.file = file }

    /// Of the plainest command lines, which are those of most starts; nil for every other, which the argument parser reads.
    /// Building the parser takes longer than starting a jail: 2 ms of 5.
    init?(_ words: CommandWords) {
        guard words.verb ?? .run == .run, words.isRegular, words.command == nil, let file = words.operands.first else {
            return nil
        }
        self.file = file
        jails = Array(words.operands.dropFirst())
        for option in words.options {
            switch option.form.long {
            case "quiet": isQuiet = true
            case "verbose": isVerbose = true
            case "dry-run": isDryRun = true
            case "root": stateDirectory = option.value
            case "cgroup-root": cgroupRoot = option.value
            case "timings":
                guard let form = option.value.flatMap(Timings.Form.init(rawValue:)) else { return nil }
                timings = form
            default: return nil
            }
        }
    }

    private func global(_ recorded: Timings?) -> GlobalRequest {
        GlobalRequest(
            stateDirectory: stateDirectory, cgroupRoot: cgroupRoot, isVerbose: isVerbose, isQuiet: isQuiet,
            timings: recorded)
    }

    /// Performs the request.
    /// - Returns: the exit status.
    func perform() throws -> Int32 {
        let recorded = timings.map(Timings.init)
        let global = global(recorded)
        let host = isDryRun ? try global.hostForLooks(assuming: assumedFacts) : try global.host()
        var specs = try InstanceOption.jails(
            try global.specs(try global.load(file), jails, starts: true), of: instance, host: host)
        if isDryRun {
            try dryRun(specs, host)
            return 0
        }
        let isPlain = specs.count == 1 && !specs[0].isSupervised && services.command.isEmpty
        // The start of a single jail looks itself.
        let selection =
            isPlain
            ? nil
            : try StartSelection(
                specs, of: jails, claim: .all, configuration: Descriptors.absolute(file), host: host)
        specs = try StartSelection.checked(selection?.jails ?? specs, host: host)
        if !services.command.isEmpty {
            var run = try ServicesRun(
                services, specs: specs, beside: selection, host: host,
                configuration: Descriptors.absolute(file), isQuiet: isQuiet, timings: recorded)
            return try run.perform()
        }
        return isPlain
            ? try runOne(specs[0], host, recorded)
            : try runAll(specs, host, recorded, yields: selection?.shared ?? [])
    }

    private func dryRun(_ specs: [ConfiguredJail], _ host: Host) throws {
        var dryRun = DryRun(jails: specs, host: host, terminals: Descriptors.terminals)
        dryRun.handsDescriptors = true
        for line in Explain.trace(try dryRun.plan()) { Output.text(line) }
    }

    private func runOne(_ spec: ConfiguredJail, _ host: Host, _ recorded: Timings?) throws -> Int32 {
        let start = JailStart(
            jail: spec, host: host, isTransient: true, configuration: Descriptors.absolute(file),
            terminals: Descriptors.terminals)
        return try JailRun(start: start, host: host).run { record in
            ServiceManager.notify(.ready)
            recorded?.report(record.spec.label)
            if !isQuiet { Announcement.up(record, isForeground: true) }
        }.exitStatus
    }

    private func runAll(
        _ specs: [ConfiguredJail], _ host: Host, _ recorded: Timings?, yields: Set<String>
    ) throws -> Int32 {
        let isQuiet = isQuiet
        var keepers = JailKeepers(
            specs: specs, host: host, mode: .foreground, configuration: Descriptors.absolute(file),
            report: { Output.failure($0) },
            announce: { if !isQuiet { Announcement.up($0, isForeground: true) } })
        keepers.starts.started = { recorded?.report($0.label) }
        keepers.starts.yields = yields
        if !isQuiet { keepers.awaiting = { WaitLine.show($0) } }
        let results = try keepers.run()
        return Announcement.status(of: results, interruption: keepers.interruption)
    }
}
