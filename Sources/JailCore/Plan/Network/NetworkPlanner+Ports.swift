// `port` and `nat`: rules of nftables in the table `inet jailrun`, and the settings without which they carry nothing.
//
// Whatever a jail's rules let pass that the host did not pass before, they alone let pass: where forwarding was off, all
// else that is to be forwarded is dropped; and nothing from outside is sent to 127.0.0.0/8.

extension NetworkPlanner {
    /// An address of the jail, and how the host reaches it.
    struct PortTarget {
        var address: InternetAddress
        /// The network whose members answer the jail without the host.
        var network: InternetPrefix
        /// The host's link on the way: a bridge, or the host's end of the pair.
        var link: String
        /// The host's end of the jail's pair.
        var port: String
        /// The link goes with this jail.
        var isOwnLink: Bool
        var isOnOwnBridge: Bool
    }

    mutating func addTarget(_ attachment: Attachment, _ entry: Entry, _ prefix: InternetPrefix) {
        let interface = attachment.interface ?? NetworkPlan.bridge
        let isBridged = attachment.interface == nil || facts.link(named: interface)?.isBridge == true
        targets.append(
            PortTarget(
                address: entry.address, network: prefix.network, link: isBridged ? interface : attachment.hostEnd,
                port: attachment.hostEnd,
                isOwnLink: !isBridged, isOnOwnBridge: interface == NetworkPlan.bridge))
    }

    mutating func publishPorts() throws(NetworkPlanError) {
        let door = self.door
        guard let origin = network.ports.first?.origin ?? network.masquerade?.origin ?? doorOrigin(door) else { return }
        try checkPorts()
        var rules = network.ports.flatMap(translations)
        rules += portTargets.flatMap(returns)
        rules += masquerades()
        for target in portTargets where !target.isOwnLink && facts.filtersBridges(target.address.family) {
            add(.reflect(port: target.port), origin)
        }
        reachByLoopback(origin)
        rules += forwardPackets(origin)
        rules += gates(door)
        if !network.ports.isEmpty || network.masquerade != nil {
            rules.append(rule(.raw, [.input("lo", isNot: true), .destination("127.0.0.0/8")], .drop))
        }
        if !rules.isEmpty { add(.publish(PacketRules(jail: jail, rules: rules)), origin) }
        if let door { add(.openDoor(door), origin) }
    }

    // MARK: Through another's firewall

    /// Nil where nothing is in the way that has one.
    private var door: FirewallDoor? {
        var entries: [FirewallDoor.Entry] = []
        for obstacle in network.obstacles(facts) where obstacle.hasDoor {
            guard let target = targets.first(where: { $0.address == obstacle.probe.address }) else { continue }
            for entry in passages(obstacle.probe.other, target) where !entries.contains(entry) { entries.append(entry) }
        }
        return entries.isEmpty ? nil : FirewallDoor(jail: jail, entries: entries)
    }

    /// Both ways, for what answers has to pass, too. A member of the jail's network comes and goes by the same link where it asks
    /// for a port of the host.
    private func passages(_ other: String, _ target: PortTarget) -> [FirewallDoor.Entry] {
        (other == target.link ? [other] : [other, target.link]).flatMap { other in
            [true, false].map {
                FirewallDoor.Entry(
                    link: target.link, other: other, address: target.address.description, isFromJail: $0)
            }
        }
    }

    private func doorOrigin(_ door: FirewallDoor?) -> Origin? {
        door == nil ? nil : network.obstacles(facts).first(where: \.hasDoor)?.origin
    }

    /// A door is open to whatever is for the jail or from it: what was not to pass before still does not. Those of a plain
    /// interface's network reach the jail by its own address.
    private func gates(_ door: FirewallDoor?) -> [PacketRule] {
        (door?.entries ?? []).compactMap { entry in
            guard let target = targets.first(where: { $0.address.description == entry.address }), !target.isOwnLink,
                entry.other != entry.link
            else { return nil }
            if entry.isFromJail, network.masquerade != nil, target.isOnOwnBridge { return nil }
            let address = "\(target.address)/\(target.address.bitWidth)"
            return rule(
                .forward,
                [
                    entry.isFromJail ? .source(address) : .destination(address), .input(entry.input, isNot: false),
                    .output(entry.output, isNot: false), .isNew, .translated(false),
                ], .drop, PacketRule.gate)
        }
    }

    private func checkPorts() throws(NetworkPlanError) {
        for port in network.ports {
            if let address = port.address.flatMap({ InternetAddress($0) }), !port.isOnAll, !port.isOnLoopback,
                !facts.addresses.contains(where: { $0.prefix.address == address })
            {
                throw .addressNotOnHost(port: port.published, address: address.description, port.origin)
            }
            let taken = facts.takenPorts.first { $0.jail != jail && $0.port.overlaps(port) }
            if let taken { throw taken.error(for: port) }
        }
    }

    private func rule(
        _ chain: PacketRule.Chain, _ conditions: [PacketRule.Condition], _ verdict: PacketRule.Verdict,
        _ purpose: String? = nil
    ) -> PacketRule {
        PacketRule(
            chain: chain, conditions: conditions, verdict: verdict, comment: jail + (purpose.map { " \($0)" } ?? ""))
    }

    // MARK: To the jail

    private func target(_ family: AddressSpec.Family) -> PortTarget? {
        targets.first { $0.address.family == family }
    }

    private func families(of port: PortSpec) -> [AddressSpec.Family] {
        port.family.map { [$0] } ?? [.ipv4, .ipv6]
    }

    /// Where some port leads.
    private var portTargets: [PortTarget] {
        [AddressSpec.Family.ipv4, .ipv6].filter { family in
            network.ports.contains { families(of: $0).contains(family) }
        }.compactMap(target)
    }

    /// For what others send, and for what the host itself does.
    private func translations(_ port: PortSpec) -> [PacketRule] {
        families(of: port).compactMap(target).flatMap { target in
            singles(port).flatMap { single in
                (port.isOnLoopback ? [.output] : [.prerouting, .output]).map { chain in
                    rule(
                        chain, place(port, target, chain) + [.ports(port.transport, single.hostPorts)],
                        .translate(
                            to: target.address.description,
                            port: single.hostPort == single.jailPort ? nil : single.jailPort),
                        single.published)
                }
            }
        }
    }

    /// The kernel's own translation of a range chooses any of its ports: one rule for each that changes.
    private func singles(_ port: PortSpec) -> [PortSpec] {
        if port.hostPort == port.jailPort || port.count == 1 { return [port] }
        return (0..<port.count).map { index in
            var single = port
            (single.hostPort, single.jailPort, single.count) = (port.hostPort + index, port.jailPort + index, 1)
            return single
        }
    }

    /// ::1 is left to the host: what is sent from there cannot leave it, and a refusal is better than silence.
    private func place(
        _ port: PortSpec, _ target: PortTarget, _ chain: PacketRule.Chain
    ) -> [PacketRule.Condition] {
        if let address = port.address, !port.isOnAll {
            return [.destination("\(address)/\(target.address.bitWidth)")]
        }
        let isHosts = target.address.family == .ipv6 && chain == .output
        return isHosts ? [.isLocal, .notDestination("::1/128")] : [.family(target.address.family), .isLocal]
    }

    /// Answers have to come back by the host: those to the host's 127.0.0.1, and those to neighbours of the jail, which
    /// it would answer directly, in the name of an address that they did not ask.
    private func returns(_ target: PortTarget) -> [PacketRule] {
        let jail = PacketRule.Condition.destination("\(target.address)/\(target.address.bitWidth)")
        let neighbours = rule(
            .postrouting, [.source(target.network.description), jail, .translated(true)], .masquerade)
        guard target.address.family == .ipv4, network.ports.contains(where: isForLoopback) else { return [neighbours] }
        return [neighbours, rule(.postrouting, [.source("127.0.0.0/8"), jail], .masquerade)]
    }

    private func isForLoopback(_ port: PortSpec) -> Bool {
        families(of: port).contains(.ipv4) && (port.isOnAll || port.isOnLoopback)
    }

    private mutating func reachByLoopback(_ origin: Origin) {
        guard let port = network.ports.first(where: isForLoopback), let target = target(.ipv4) else { return }
        let path = "net/ipv4/conf/\(target.link)/route_localnet"
        if target.isOwnLink {
            add(Self.setting(path, "1"), port.origin)
        } else {
            share(path, NetworkSysctl.mark, .init(interface: target.link, family: .ipv4), port.origin)
        }
    }

    // MARK: From the jail

    private var masquerading: [PortTarget] {
        network.masquerade == nil ? [] : targets.filter(\.isOnOwnBridge)
    }

    private func masquerades() -> [PacketRule] {
        masquerading.flatMap { target in
            let source = PacketRule.Condition.source("\(target.address)/\(target.address.bitWidth)")
            return [
                rule(.postrouting, [source, .output(target.link, isNot: true)], .masquerade, PacketRule.masquerades),
                rule(.forward, [source, .input(target.link, isNot: false)], .accept, PacketRule.masquerades),
            ]
        }
    }

    // MARK: Through the host

    /// The host has to forward between the jail and those who are no part of it. With br_netfilter, what a bridge passes
    /// from one of its ports to another is here, too, as if it came from the bridge and went there: that is not forwarded.
    /// - Returns: what keeps it from forwarding anything else.
    private mutating func forwardPackets(_ origin: Origin) -> [PacketRule] {
        let reached = portTargets.filter { target in
            network.ports.contains { !$0.isOnLoopback && families(of: $0).contains(target.address.family) }
        }
        let all = reached + masquerading
        return (all.contains { $0.address.family == .ipv4 } ? forwardIPv4(for: all, origin) : [])
            + (all.contains { $0.address.family == .ipv6 } ? forwardIPv6(origin) : [])
    }

    private mutating func forwardIPv4(for targets: [PortTarget], _ origin: Origin) -> [PacketRule] {
        var links: [String] = []
        for target in targets where target.address.family == .ipv4 && !target.isOwnLink && !links.contains(target.link)
        {
            links.append(target.link)
        }
        for address in facts.addresses where address.prefix.address.family == .ipv4 {
            guard let link = facts.link(named: address.link), !link.isLoopback, link.master == nil,
                !links.contains(link.name), !facts.jailLinks.contains(where: { $0.name == link.name })
            else { continue }
            links.append(link.name)
        }
        return links.compactMap { link in
            let path = "net/ipv4/conf/\(link)/forwarding"
            // A bridge that is not there yet gets the standard.
            let original = facts.original(path) ?? facts.value(of: "net/ipv4/conf/default/forwarding") ?? "0"
            if original != "0" { return nil }
            share(path, NetworkSysctl.mark, .init(interface: link, family: .ipv4), origin)
            return rule(
                .forward,
                [
                    .family(.ipv4), .input(link, isNot: false), .output(link, isNot: true),
                    .output("vj*", isNot: true), .isNew, .translated(false),
                ], .drop, PacketRule.guards(link))
        }
    }

    private mutating func forwardIPv6(_ origin: Origin) -> [PacketRule] {
        shareIPv6Forwarding(origin)
        if (facts.original(NetworkSysctl.ipv6Forwarding) ?? "0") != "0" { return [] }
        let bridges = facts.links.filter(\.isBridge).map(\.name)
        let known = bridges + (bridges.contains(NetworkPlan.bridge) ? [] : [NetworkPlan.bridge])
        return known.map { bridge in
            rule(
                .forward, [.family(.ipv6), .input(bridge, isNot: false), .output(bridge, isNot: false)], .accept,
                PacketRule.guardsIPv6)
        } + [
            rule(
                .forward,
                [
                    .family(.ipv6), .input("vj*", isNot: true), .output("vj*", isNot: true), .isNew,
                    .translated(false),
                ], .drop, PacketRule.guardsIPv6)
        ]
    }
}

extension HostNetworkFacts.TakenPort {
    func error(for wanted: PortSpec) -> NetworkPlanError {
        jail.map { .portOfJail(port: wanted.published, jail: $0, wanted.origin) }
            ?? .portOnHost(port: wanted.published, program: program, wanted.origin)
    }
}
