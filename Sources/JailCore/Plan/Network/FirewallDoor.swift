/// Rules of a jail in a chain that another program's firewall leaves to others. They accept whatever the jail's own
/// rules accept, which stand in jailrun's table, between the jail and one link of the host's: networks of others stay
/// closed.
package struct FirewallDoor: Equatable, Sendable, Codable {
    struct Entry: Equatable, Sendable, Codable {
        /// The link on the host's side.
        var link: String
        /// The one that leads to those whom the jail speaks with.
        var other: String
        var address: String
        var isFromJail: Bool

        var family: AddressSpec.Family { address.utf8.contains(UInt8(ascii: ":")) ? .ipv6 : .ipv4 }
        var input: String { isFromJail ? link : other }
        var output: String { isFromJail ? other : link }

        fileprivate var table: String { family == .ipv4 ? "ip" : "ip6" }

        fileprivate func text(_ jail: String) -> String {
            "iifname \"\(input)\" oifname \"\(output)\" \(table) \(isFromJail ? "saddr" : "daddr") \(address)"
                + " accept comment \"\(FirewallDoor.comment(of: jail))\""
        }
    }

    static let chain = "DOCKER-USER"
    package var jail: String
    var entries: [Entry]

    /// How a rule is found again.
    static func comment(of jail: String) -> String { "jailrun:\(jail)" }

    /// At the end: rules of the administrator's with another opinion win. Behind a bare `return` nothing is looked at, so they
    /// stand before that.
    var script: [String] {
        entries.map { "add rule \($0.table) filter \(Self.chain) \($0.text(jail))" }
    }

    /// By nft(8), which is told the handle of that `return`.
    var shell: String {
        var tables: [String] = []
        for entry in entries where !tables.contains(entry.table) { tables.append(entry.table) }
        let rules = entries.map { "\"$\($0.table)\"' \($0.text(jail))" }.joined(separator: ";\n     '")
        return tables.map { "\($0)=$(\(Self.place(in: $0)))\n" }.joined() + "nft \(rules)'"
    }

    private static func place(in table: String) -> String {
        let chain = "\(table) filter \(Self.chain)"
        return "nft -a list chain \(chain) | awk '/^[ \\t]*(counter packets [0-9]+ bytes [0-9]+ )?return # handle/"
            + " { handle = $NF; exit } END { print handle ? \"insert rule \(chain) handle \" handle : \"add rule \(chain)\" }'"
    }

    /// The commands that take them away again.
    static func closing(of jail: String) -> String {
        "for table in ip ip6; do nft -a list chain $table filter \(chain) 2>/dev/null"
            + " | awk -v table=$table '/comment \"\(comment(of: jail.replacingDots))\"/"
            + " { print \"delete rule\", table, \"filter \(chain) handle\", $NF }' | nft -f -; done"
    }
}
