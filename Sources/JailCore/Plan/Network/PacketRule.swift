/// A rule of the table `inet jailrun` of nftables, in the words of nft(8): what it matches, and what it does with a
/// packet.
package struct PacketRule: Equatable, Sendable, Codable {
    /// The table's base chains: where on a packet's way a rule is applied.
    package enum Chain: String, Sendable, Codable, CaseIterable {
        /// What arrives, before it is known where it goes.
        case prerouting
        /// What the host itself sends.
        case output
        case postrouting
        /// What passes through the host.
        case forward
        /// What arrives, before anything is translated.
        case raw
    }

    package enum Condition: Equatable, Sendable, Codable {
        case family(AddressSpec.Family)
        /// `10.77.0.0/24`.
        case source(String)
        case destination(String)
        case notDestination(String)
        /// The destination is an address of the host's.
        case isLocal
        case ports(PortSpec.Transport, ClosedRange<Int>)
        /// A link by its name; one that ends in `*` stands for all that begin so.
        case input(String, isNot: Bool)
        case output(String, isNot: Bool)
        /// The destination of its connection is translated, by whomever.
        case translated(Bool)
        /// It neither belongs to a connection nor answers one.
        case isNew
    }

    package enum Verdict: Equatable, Sendable, Codable {
        /// The destination becomes this; nil keeps the port.
        case translate(to: String, port: Int?)
        case masquerade, accept, drop
    }

    package var chain: Chain
    package var conditions: [Condition]
    package var verdict: Verdict
    /// Begins with the jail's name, by which a rule is found again, whatever happened to the jail. A published port
    /// follows.
    package var comment: String

    /// What follows the name in rules of `nat`, and in those that keep the host from forwarding for anybody else, which are let
    /// go when others have turned forwarding on.
    static let masquerades = "nat"
    static let gate = "gate"
    static let guardsIPv6 = guards("ipv6")
    static func guards(_ link: String) -> String { "guard \(link)" }
}

/// The rules of one jail.
package struct PacketRules: Equatable, Sendable, Codable {
    package var jail: String
    package var rules: [PacketRule]
}

extension PacketRule {
    /// nft's `drop` ends a packet's way, its `accept` only the chain: what is to be let through stands in front.
    var isAtEnd: Bool { verdict == .drop }

    /// The rule as nft(8) writes it.
    package var text: String {
        (conditions.compactMap(\.text) + [verdict.text, "comment \"\(comment)\""]).joined(separator: " ")
    }
}

extension PacketRule.Chain {
    package var type: String { self == .forward || self == .raw ? "filter" : "nat" }

    /// The number of the kernel's hook, and its name in nft(8).
    package var hook: (number: Int, name: String) {
        switch self {
        case .prerouting, .raw: (0, "prerouting")
        case .forward: (2, "forward")
        case .output: (3, "output")
        case .postrouting: (4, "postrouting")
        }
    }

    package var priority: Int {
        switch self {
        case .raw: -300
        case .prerouting, .output: -100
        case .forward: 0
        case .postrouting: 100
        }
    }

    /// The chain as nft(8) writes it.
    package var text: String { "\(rawValue) { type \(type) hook \(hook.name) priority \(priority); }" }
}

extension PacketRule.Condition {
    var isDatagram: Bool { if case .ports(.udp, _) = self { true } else { false } }

    var text: String? {
        switch self {
        case .family(let family): "meta nfproto \(family.rawValue)"
        case .source(let prefix): "\(Self.word(prefix)) saddr \(prefix)"
        case .destination(let prefix): "\(Self.word(prefix)) daddr \(prefix)"
        case .notDestination(let prefix): "\(Self.word(prefix)) daddr != \(prefix)"
        case .isLocal: "fib daddr type local"
        case .ports(let transport, let ports): "\(transport.rawValue) dport \(PortSpec.text(of: ports))"
        case .input(let name, let isNot): "iifname \(isNot ? "!= " : "")\"\(name)\""
        case .output(let name, let isNot): "oifname \(isNot ? "!= " : "")\"\(name)\""
        case .translated(let isTranslated): "ct status & dnat \(isTranslated ? "!=" : "==") 0"
        case .isNew: "ct state & (established | related) == 0"
        }
    }

    private static func word(_ prefix: String) -> String { prefix.utf8.contains(UInt8(ascii: ":")) ? "ip6" : "ip" }
}

extension PacketRule.Verdict {
    var text: String {
        switch self {
        case .translate(let address, let port):
            address.utf8.contains(UInt8(ascii: ":"))
                ? "dnat ip6 to [\(address)]" + (port.map { ":\($0)" } ?? "")
                : "dnat ip to \(address)" + (port.map { ":\($0)" } ?? "")
        case .masquerade: "masquerade"
        case .accept: "accept"
        case .drop: "drop"
        }
    }
}

extension PacketRules {
    /// The chains that the rules need, in the order of `Chain`.
    package var chains: [PacketRule.Chain] {
        PacketRule.Chain.allCases.filter { chain in rules.contains { $0.chain == chain } }
    }

    /// Without those that are removed when others forward, or exist only because of another program's firewall.
    var lastingCount: Int {
        let passing = [PacketRule.guards(""), PacketRule.gate].map { "\(jail) \($0)" }
        return rules.count { rule in !passing.contains { rule.comment.hasPrefix($0) } }
    }

    /// Nil for none.
    var gateCount: Int? {
        let count = rules.count { $0.comment == "\(jail) \(PacketRule.gate)" }
        return count == 0 ? nil : count
    }

    /// Ports of UDP: whoever sends there has no connection that ends, and would go on where it went before.
    var datagramPorts: [String] {
        var ports: [String] = []
        for rule in rules where rule.conditions.contains(where: \.isDatagram) {
            if let port = rule.comment.split(separator: " ").last.map(String.init), !ports.contains(port) {
                ports.append(port)
            }
        }
        return ports
    }

    /// By conntrack(8), where that is installed: what has reached the host itself, and nobody's translated ports.
    var forgetting: String {
        var ports: [String] = []
        for case .ports(.udp, let range) in rules.flatMap(\.conditions) {
            for port in range where !ports.contains("\(port)") { ports.append("\(port)") }
        }
        if ports.isEmpty { return "" }
        return "\nif command -v conntrack >/dev/null; then\n"
            + "    for port in \(ports.joined(separator: " ")); do\n"
            + "        conntrack -D -p udp --orig-port-dst $port --reply-port-src $port >/dev/null 2>&1 || :\n    done\nfi"
    }

    /// What nft(8) is given, one line each.
    package var script: [String] {
        ["add table inet jailrun"] + chains.map { "add chain inet jailrun \($0.text)" }
            + rules.map { "\($0.isAtEnd ? "add" : "insert") rule inet jailrun \($0.chain.rawValue) \($0.text)" }
    }

    /// The commands that take a jail's rules away again: by their comment, and the table with the last.
    static func withdrawal(of jail: String) -> String {
        "nft -a list table inet jailrun | awk '$1 == \"chain\" { chain = $2 }"
            + " /comment \"\(jail.replacingDots)[\" ]/ { print \"delete rule inet jailrun\", chain, \"handle\", $NF }'"
            + " | nft -f - && { nft list table inet jailrun | grep -q comment || nft delete table inet jailrun; }"
    }
}

extension String {
    /// For a regular expression: of what a jail's name may hold, only dots mean something.
    var replacingDots: String {
        split(separator: ".", omittingEmptySubsequences: false).joined(separator: "[.]")
    }
}
