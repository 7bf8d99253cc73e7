import ArgumentParser
import JailCore

/// What `jailrun run` is asked for.
struct RunRequest: Equatable {
    var file: String
    var jails: [String] = []
    var isDryRun = false
    var isQuiet = false
    var isVerbose = false
    var stateDirectory: String?
    var cgroupRoot: String?

    init(file: String) { self.file = file }

    /// Reads the plainest command lines: `[run] [-q] [-v] [--dry-run] FILE [JAIL…]`; nil for every other, which the argument
    /// parser reads. Building the parser takes longer than starting a jail: 2 ms of 5.
    init?(plain arguments: [String], commands: [String]) {
        var rest = arguments[...]
        if rest.first == "run" { rest.removeFirst() }
        var operands: [String] = []
        var request = RunRequest(file: "")
        for word in rest {
            switch word {
            case "-q", "--quiet": request.isQuiet = true
            case "-v", "--verbose": request.isVerbose = true
            case "--dry-run": request.isDryRun = true
            case _ where word.hasPrefix("-") && word != "-": return nil
            default: operands.append(word)
            }
        }
        guard let file = operands.first, arguments.first == "run" || !commands.contains(file), file != "help" else {
            return nil
        }
        request.file = file
        request.jails = Array(operands.dropFirst())
        self = request
    }

    private var global: GlobalRequest {
        GlobalRequest(
            stateDirectory: stateDirectory, cgroupRoot: cgroupRoot, isVerbose: isVerbose, isQuiet: isQuiet)
    }

    /// Performs the request.
    /// - Returns: the exit status.
    func perform() throws -> Int32 {
        let host = try global.host()
        let specs = try global.specs(try global.load(file), jails)
        if isDryRun {
            try dryRun(specs, host)
            return 0
        }
        return specs.count == 1 ? try runOne(specs[0], host) : try runAll(specs, host)
    }

    private func dryRun(_ specs: [JailSpec], _ host: Host) throws {
        for spec in specs {
            let plan = try DryRun(jail: spec, host: host, terminals: Descriptors.terminals).plan()
            if specs.count > 1 { print("# \(spec.label)") }
            for step in plan.allSteps { print(step.operation.spelling) }
        }
    }

    private func runOne(_ spec: JailSpec, _ host: Host) throws -> Int32 {
        let start = JailStart(
            jail: spec, host: host, isTransient: true, configuration: Descriptors.absolute(file),
            terminals: Descriptors.terminals)
        return try JailRun(start: start, host: host).run { record in
            ServiceManager.notify(.ready)
            if !isQuiet { Announcement.up(record, isForeground: true) }
        }.exitStatus
    }

    private func runAll(_ specs: [JailSpec], _ host: Host) throws -> Int32 {
        let isQuiet = isQuiet
        var keepers = JailKeepers(
            specs: specs, host: host, mode: .foreground, configuration: Descriptors.absolute(file),
            report: { Output.failure($0) }, announce: { if !isQuiet { Announcement.up($0, isForeground: true) } })
        return Announcement.status(of: try keepers.run())
    }
}
