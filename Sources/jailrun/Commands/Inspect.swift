import ArgumentParser
import JailCore

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Print everything known about a jail, as JSON.",
        usage: "jailrun inspect [<options>] <jail>",
        discussion: HelpText.discussion(examples: "jailrun inspect www"))

    @OptionGroup var global: GlobalOptions

    @Argument(help: "The jail, by name or jid.")
    var jail: String

    func run() throws {
        try reporting {
            let host = try global.host()
            let lookup = JailLookup(host: host)
            let record = try lookup.record(jail)
            guard let inspection = try JailInspection(record, lookup.service(record?.name ?? jail)) else {
                throw lookup.notFound(jail)
            }
            try Output.result(inspection.json())
        }
    }
}
