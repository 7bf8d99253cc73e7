import ArgumentParser
import JailCore

struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List jails that are up, as jls(8) does.")

    @OptionGroup var global: GlobalOptions

    @Flag(help: "Print JSON, in the shape of FreeBSD's libxo.")
    var json = false

    func run() throws {
        try reporting {
            let jails = JailLookup(host: try global.host()).running()
            let listing = JailListing(among: jails)
            let output = StructuredOutput(style: .json, isPretty: false)
            print(json ? output.text(jails.map(listing.fields)) : listing.text(jails), terminator: "")
        }
    }
}
