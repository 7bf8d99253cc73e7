import ArgumentParser
import JailCore

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Print all that is known of a jail, as JSON.")

    @OptionGroup var global: GlobalOptions

    @Argument(help: "The jail, by name or jid.")
    var jail: String

    func run() throws {
        try reporting {
            let host = try global.host()
            let record = try JailLookup(host: host).existing(jail)
            print(JailInspection(record).json())
        }
    }
}
