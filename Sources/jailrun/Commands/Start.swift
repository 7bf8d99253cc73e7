import ArgumentParser
import JailCore

struct Start: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Start jails and return when every one is up.")

    @OptionGroup var global: GlobalOptions
    @OptionGroup var instance: InstanceOption

    @Option(help: Timings.help) var timings: Timings.Form?

    @Argument(help: "A jail.conf(5) file.", completion: .file(extensions: ["conf"]))
    var file: String

    @Argument(help: "Jails of the file; all, if none is named.")
    var jails: [String] = []

    func run() throws {
        try reporting {
            let recorded = timings.map(Timings.init)
            let host = try global.host(timings: recorded)
            let specs = try InstanceOption.jails(
                try global.specs(try global.load(file), jails), of: instance.name, host: host)
            try Self.start(specs, file: file, host: host, isQuiet: global.quiet, timings: recorded)
        }
    }

    static func start(
        _ specs: [JailSpec], file: String, host: Host, isQuiet: Bool, timings: Timings? = nil
    ) throws {
        let specs = try PortReservation().resolved(specs)
        var keepers = JailKeepers(
            specs: specs, host: host, mode: .detached, configuration: Descriptors.absolute(file),
            report: { Output.failure($0) },
            announce: { if !isQuiet { Announcement.up($0, isForeground: false) } })
        keepers.starts.spellsOutput = true
        keepers.starts.started = { timings?.report($0.label) }
        try Announcement.finish(try keepers.run())
    }
}
