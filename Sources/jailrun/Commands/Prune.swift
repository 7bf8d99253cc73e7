import ArgumentParser
import JailCore

struct Prune: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Remove what dead jails left; there should be nothing.")

    @OptionGroup var global: GlobalOptions

    func run() throws {
        try reporting {
            for text in try JailPrune(host: try global.host()).run() where !global.quiet { print(text) }
        }
    }
}

struct Wait: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Wait until jails have ended.")

    @OptionGroup var global: GlobalOptions

    @Argument(help: "Jails by name or jid.")
    var jails: [String]

    func run() throws {
        try reporting {
            let host = try global.host()
            for jail in jails {
                let record = try JailLookup(host: host).existing(jail)
                try JailWait(record: record, host: host).run()
            }
        }
    }
}
