import ArgumentParser
import JailCore

struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the jails that are up, restarting or ended.",
        usage: "jailrun list [<options>]",
        discussion: HelpText.discussion(examples: "jailrun list", "jailrun list --json"))

    @OptionGroup var global: GlobalOptions

    @Flag(help: "Print JSON in the format of FreeBSD's libxo.")
    var json = false

    func run() throws {
        try reporting {
            let lookup = JailLookup(host: try global.host())
            let table = try ServiceTable(try lookup.runningEverywhere(), try lookup.services())
            try Output.result(json ? table.json : table.text)
        }
    }
}
