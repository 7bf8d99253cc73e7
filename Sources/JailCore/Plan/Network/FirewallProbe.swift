/// A packet that a jail needs to be let through, as far as it is known: what the chains of a firewall are asked about.
struct FirewallProbe: Equatable, Sendable, Codable {
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
    var packets: String
    var origin: Origin

    /// The jail's.
    var address: InternetAddress? { destination ?? source }
    /// The link on the jail's side: a bridge; empty where it is the jail's own.
    var side: String { destination == nil ? input : output }
    /// The link on the other one.
    var other: String { destination == nil ? output : input }

    /// Whichever line asks.
    func isSame(as probe: FirewallProbe) -> Bool {
        var copy = self
        copy.origin = probe.origin
        return copy == probe
    }
}

extension NetworkSpec {
    /// What has to pass for the jail to be reached, and to reach, as its parameters say.
    func firewallProbes(_ facts: HostNetworkFacts, bridgesAreFiltered: (AddressSpec.Family) -> Bool) -> [FirewallProbe]
    {
        if mode.value != .own || leavesFirewall != nil { return [] }
        return addresses.flatMap { spec -> [FirewallProbe] in
            guard let address = InternetAddress(spec.address) else { return [] }
            let place = FirewallPlace(address: address, spec: spec, facts: facts)
            var probes = reachablePorts(at: spec).flatMap(place.published)
            guard let bridge = place.bridge else { return probes + place.routed }
            if masquerade != nil, bridge == NetworkSpec.bridge { probes += place.masqueraded }
            if bridgesAreFiltered(spec.family) { probes += place.bridged }
            return probes
        }
    }

    /// By other machines. They lead to one address of each family, the first of the first link that has one.
    private func reachablePorts(at spec: AddressSpec) -> [PortSpec] {
        let bridge = NetworkSpec.bridge
        let links = addresses.map { $0.interface ?? bridge }
        let own = addresses.filter { $0.family == spec.family }
        let link = links.first { link in own.contains { ($0.interface ?? bridge) == link } }
        let target = own.first { ($0.interface ?? bridge) == link }
        if target?.address != spec.address { return [] }
        return ports.filter { !$0.isOnLoopback && ($0.family ?? spec.family) == spec.family }
    }
}

extension HostNetworkFacts {
    /// Whether other machines may be behind a link. Behind a bridge that has but ends of veth(4) pairs and taps for its ports
    /// are containers and virtual machines of this host: networks of others, which they alone open.
    func leadsOutside(_ name: String) -> Bool {
        link(named: name)?.isBridge != true || links.contains { $0.master == name && $0.leadsInside != true }
    }
}

/// An address of a jail, and the links around it.
private struct FirewallPlace {
    let address: InternetAddress
    let spec: AddressSpec
    let facts: HostNetworkFacts

    private static let mostUplinks = 8

    /// Nil: routed.
    var bridge: String? {
        guard let interface = spec.interface else { return NetworkSpec.bridge }
        return interface == NetworkSpec.bridge || facts.link(named: interface)?.isBridge == true ? interface : nil
    }

    /// By which other machines come; bridges of others only where there is nothing else.
    private var uplinks: [String] {
        let own = facts.jailLinks.map(\.name) + [bridge, NetworkSpec.bridge].compactMap { $0 }
        let links = facts.links.filter { link in
            !link.isLoopback && link.master == nil && !own.contains(link.name)
                && facts.addresses.contains {
                    $0.link == link.name && $0.prefix.address.family == address.family && !$0.prefix.address.isLinkLocal
                }
        }.map(\.name)
        let outside = links.filter(facts.leadsOutside)
        return Array((outside.isEmpty ? links : outside).prefix(Self.mostUplinks))
    }

    private func probe(
        from input: String, to output: String, isToJail: Bool, isNew: Bool = true, _ packets: String
    ) -> FirewallProbe {
        FirewallProbe(
            family: address.family, input: input, output: output, source: isToJail ? nil : address,
            destination: isToJail ? address : nil, isNew: isNew, packets: packets, origin: spec.origin)
    }

    func published(_ port: PortSpec) -> [FirewallProbe] {
        let link = bridge ?? ""
        return uplinks.flatMap { uplink in
            var asked = probe(
                from: uplink, to: link, isToJail: true, "what other machines send to port \(port.published)")
            (asked.transport, asked.port, asked.isTranslated) = (port.transport, port.jailPort, true)
            var answer = probe(
                from: link, to: uplink, isToJail: false, isNew: false, "what answers at port \(port.published)")
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
        return [probe(from: bridge, to: bridge, isToJail: true, "what other jails send to \(address)")]
    }
}
