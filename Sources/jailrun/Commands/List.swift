import ArgumentParser
import JailCore

struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List jails that are up, and those that are kept up.")

    @OptionGroup var global: GlobalOptions

    @Flag(help: "Print JSON, in the shape of FreeBSD's libxo.")
    var json = false

    func run() throws {
        try reporting {
            let lookup = JailLookup(host: try global.host())
            let table = ServiceTable(lookup.running(), lookup.services())
            print(json ? table.json : table.text)
        }
    }
}

/// The listing of jls(8).
enum JailTable {
    static func text(_ jails: [JailRecord], byName: Bool) -> String {
        let header =
            byName
            ? " JID             IP Address      Hostname                      Path"
            : "   JID  IP Address      Hostname                      Path"
        return ([header] + jails.map { row($0, byName: byName) }).joined(separator: "\n")
    }

    private static func row(_ jail: JailRecord, byName: Bool) -> String {
        let first = jail.spec.network.addresses.first { $0.family == .ipv4 }?.address ?? ""
        let jid = String(jail.identity.jid)
        let identity =
            byName ? " \(pad(jail.name, 15)) " : String(repeating: " ", count: max(0, 6 - jid.count)) + jid + "  "
        return identity + pad(cut(first, 15), 15) + " " + pad(cut(jail.spec.hostname.value, 29), 29) + " "
            + cut(jail.spec.path.value, 74)
    }

    private static func cut(_ text: String, _ width: Int) -> String { String(Terminal.escaped(text).prefix(width)) }

    private static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            default:
                if scalar.value < 0x20 {
                    let digits = String(scalar.value, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }
}
