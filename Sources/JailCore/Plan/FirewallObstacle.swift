/// A chain of the host's own firewall that drops packets of a jail. What one table accepts, another may still drop: no rule of
/// jailrun's own table changes that.
public struct FirewallObstacle: Equatable, Sendable, Codable {
    /// `chain forward of table inet host`.
    public var chain: String
    /// Which packets: `what other machines send to 10.77.0.10`.
    public var packets: String
    /// The command that lets them pass.
    public var mend: String
    /// Docker leaves a chain to others, which is asked before its own rules.
    public var hasDoor: Bool
    public var origin: Origin

    var message: String { "the host's firewall drops \(packets): \(chain)" }
    var hint: String { "let it pass: \(mend)" }
}

/// A packet that a jail needs to be let through, as far as it is known: what the chains of a firewall are asked about.
struct FirewallProbe: Equatable {
    var family: AddressSpec.Family
    /// Links; empty where that is not known yet.
    var input: String
    var output: String
    var source: InternetAddress?
    var destination: InternetAddress?
    var transport: PortSpec.Transport?
    /// Of the destination.
    var port: Int?
    /// It begins a connection.
    var isNew = true
    /// Its connection is to a published port.
    var isTranslated = false
    /// A bridge passes it from one of its ports to another.
    var isBridged = false
    var packets: String
    var origin: Origin
}

extension NetworkSpec {
    /// What has to pass for the jail to be reached, and to reach, as its parameters say.
    func firewallProbes(_ facts: HostNetworkFacts, bridgesAreFiltered: (AddressSpec.Family) -> Bool) -> [FirewallProbe]
    {
        if mode.value != .own || leavesFirewall != nil { return [] }
        return AddressSpec.Family.allCases.flatMap { family -> [FirewallProbe] in
            guard let spec = addresses.first(where: { $0.family == family }),
                let address = InternetAddress(spec.address)
            else { return [] }
            let place = FirewallPlace(address: address, spec: spec, facts: facts)
            guard let bridge = place.bridge else { return place.routed }
            let port = ports.first { !$0.isOnLoopback && ($0.family ?? family) == family }
            var probes = place.published(port)
            if masquerade != nil, bridge == NetworkSpec.bridge { probes += place.masqueraded }
            if bridgesAreFiltered(family) { probes += place.bridged }
            return probes
        }
    }
}

/// An address of a jail, and the links around it.
private struct FirewallPlace {
    let address: InternetAddress
    let spec: AddressSpec
    let facts: HostNetworkFacts

    private static let mostUplinks = 4

    /// Nil: routed.
    var bridge: String? {
        guard let interface = spec.interface else { return NetworkSpec.bridge }
        return interface == NetworkSpec.bridge || facts.link(named: interface)?.isBridge == true ? interface : nil
    }

    /// By which other machines come; other bridges only where there is nothing else.
    private var uplinks: [String] {
        let own = facts.jailLinks.map(\.name) + [bridge, NetworkSpec.bridge].compactMap { $0 }
        let links = facts.links.filter { link in
            !link.isLoopback && link.master == nil && !own.contains(link.name)
                && facts.addresses.contains {
                    $0.link == link.name && $0.prefix.address.family == address.family && !$0.prefix.address.isLinkLocal
                }
        }
        let plain = links.filter { !$0.isBridge }
        return (plain.isEmpty ? links : plain).prefix(Self.mostUplinks).map(\.name)
    }

    private func probe(
        from input: String, to output: String, isToJail: Bool, isNew: Bool = true, _ packets: String
    ) -> FirewallProbe {
        FirewallProbe(
            family: address.family, input: input, output: output, source: isToJail ? nil : address,
            destination: isToJail ? address : nil, isNew: isNew, packets: packets, origin: spec.origin)
    }

    func published(_ port: PortSpec?) -> [FirewallProbe] {
        guard let port, let bridge else { return [] }
        return uplinks.flatMap { link in
            var asked = probe(
                from: link, to: bridge, isToJail: true, "what other machines send to port \(port.published)")
            (asked.transport, asked.port, asked.isTranslated) = (port.transport, port.jailPort, true)
            var answer = probe(
                from: bridge, to: link, isToJail: false, isNew: false, "what answers at port \(port.published)")
            (answer.transport, answer.isTranslated) = (port.transport, true)
            (asked.origin, answer.origin) = (port.origin, port.origin)
            return [asked, answer]
        }
    }

    var masqueraded: [FirewallProbe] {
        guard let bridge else { return [] }
        return uplinks.flatMap { link in
            [
                probe(from: bridge, to: link, isToJail: false, "what the jail sends to other machines"),
                probe(from: link, to: bridge, isToJail: true, isNew: false, "what other machines answer the jail"),
            ]
        }
    }

    var routed: [FirewallProbe] {
        let link = spec.interface ?? ""
        return [
            probe(from: link, to: "", isToJail: true, "what other machines send to \(address)"),
            probe(from: "", to: link, isToJail: false, "what \(address) sends to other machines"),
        ]
    }

    var bridged: [FirewallProbe] {
        guard let bridge else { return [] }
        var packets = probe(from: bridge, to: bridge, isToJail: true, "what other jails send to \(address)")
        packets.isBridged = true
        return [packets]
    }
}

/// Rules of a jail in a chain that somebody else's firewall leaves to others. They let pass whatever the jail's own rules let
/// pass, which stand in jailrun's table.
public struct FirewallDoor: Equatable, Sendable, Codable {
    struct Entry: Equatable, Sendable, Codable {
        /// The link on the host's side.
        var link: String
        var address: String
        var isFromJail: Bool

        var family: AddressSpec.Family { address.utf8.contains(UInt8(ascii: ":")) ? .ipv6 : .ipv4 }

        var text: String {
            let (table, word) = family == .ipv4 ? ("ip", "ip") : ("ip6", "ip6")
            return "insert rule \(table) filter \(FirewallDoor.chain) \(isFromJail ? "iifname" : "oifname") \"\(link)\""
                + " \(word) \(isFromJail ? "saddr" : "daddr") \(address)"
        }
    }

    static let chain = "DOCKER-USER"
    public var jail: String
    var entries: [Entry]

    /// How a rule is found again.
    static func comment(of jail: String) -> String { "jailrun:\(jail)" }

    var script: [String] { entries.map { "\($0.text) accept comment \"\(Self.comment(of: jail))\"" } }

    /// The commands that take them away again.
    static func closing(of jail: String) -> String {
        "for table in ip ip6; do nft -a list chain $table filter \(chain) 2>/dev/null"
            + " | awk -v table=$table '/comment \"\(comment(of: jail))\"/"
            + " { print \"delete rule\", table, \"filter \(chain) handle\", $NF }' | nft -f -; done"
    }
}
