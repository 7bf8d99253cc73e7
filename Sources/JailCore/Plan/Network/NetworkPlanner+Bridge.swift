// Attachment to a bridge: jailrun's own, or one that the administrator made.
//
// Ports are not isolated from one another (IFLA_BRPORT_ISOLATED): jails of one file are services that speak to each
// other, and FreeBSD's share one stack. Frames that are not in the jail's own name do not get there (`LinkHold`).

extension NetworkPlanner {
    mutating func attachToOwnBridge(_ attachment: Attachment) throws(NetworkPlanError) {
        let bridge = NetworkPlan.bridge
        if let link = facts.link(named: bridge) {
            guard link.isBridge else { throw .bridgeNameTaken(bridge, attachment.origin) }
            if HostNetworkFacts.isForeign(link) { return try attachToBridge(attachment, bridge) }
        }
        let prefixes = attachment.entries.map(Self.ownPrefix)
        for (entry, prefix) in zip(attachment.entries, prefixes) { try check(prefix, entry.origin) }
        let gateways = try gateways(attachment, prefixes)
        shareBridge(attachment.origin)
        for gateway in gateways {
            let address = LinkAddress(
                link: bridge, namespace: .host, address: gateway.prefix.description, isGateway: true)
            let isThere = facts.addresses.contains { $0.link == bridge && $0.prefix == gateway.prefix }
            addShared(.addAddress(address), gateway.origin, isThere: isThere)
        }
        addPair(attachment, master: bridge, prefixes: prefixes, settings: portSettings(attachment))
        addJailAddresses(attachment, prefixes)
        pinNeighbours(attachment, on: bridge, gateways: gateways.map(\.prefix.address), mac: Self.bridgeMAC)
        for gateway in gateways { addDefaultRoute(attachment, via: gateway.prefix.address, gateway.origin) }
    }

    /// It is up at once, for a bridge without spanning tree does not wait for its forward delay. The alias comes last: one that
    /// has it has all of this.
    private mutating func shareBridge(_ origin: Origin) {
        let bridge = NetworkPlan.bridge
        let isThere = facts.link(named: bridge)?.alias == JailLink.bridgeAlias
        addShared(
            .createBridge(name: bridge, mac: Self.bridgeMAC), origin,
            isThere: isThere)
        if facts.hasIPv6 {
            // Or a jail that sends router advertisements gives the host a default route.
            addShared(Self.setting("net/ipv6/conf/\(bridge)/accept_ra", "0"), origin, isThere: isThere)
            addShared(Self.setting("net/ipv6/conf/\(bridge)/accept_dad", "0"), origin, isThere: isThere)
        }
        // Or a jail that forges its source speaks in the name of the host's other networks.
        addShared(Self.setting("net/ipv4/conf/\(bridge)/rp_filter", "1"), origin, isThere: isThere)
        addShared(
            .raiseLink(LinkState(name: bridge, namespace: .host, alias: JailLink.bridgeAlias)), origin,
            isThere: isThere)
    }

    private static let bridgeMAC = mac(firstOctet: "02", seed: "bridge \(NetworkPlan.bridge)")

    private static func ownPrefix(_ entry: Entry) -> InternetPrefix {
        InternetPrefix(onBridge: entry.address, length: entry.prefixLength)
    }

    private func check(_ prefix: InternetPrefix, _ origin: Origin) throws(NetworkPlanError) {
        let hosts = prefix.hosts
        guard (hosts.first.value...hosts.last.value).contains(prefix.address.value) else {
            throw .addressOfNetwork(
                address: prefix.address.description, network: prefix.network.description, origin)
        }
        let clash = facts.addresses.first { other in
            other.link != NetworkPlan.bridge && !other.prefix.address.isLinkLocal && other.prefix.overlaps(prefix)
        }
        if let clash {
            throw .networkOnHost(network: prefix.network.description, interface: clash.link, origin)
        }
    }

    /// One for each network of the jail, in the order of its addresses.
    private func gateways(
        _ attachment: Attachment, _ prefixes: [InternetPrefix]
    ) throws(NetworkPlanError) -> [(prefix: InternetPrefix, origin: Origin)] {
        var result: [(prefix: InternetPrefix, origin: Origin)] = []
        for (entry, prefix) in zip(attachment.entries, prefixes) {
            if result.contains(where: { $0.prefix.network == prefix.network }) { continue }
            result.append((try gateway(of: prefix, entry.origin), entry.origin))
        }
        return result
    }

    /// The one that the bridge has; else the one that was chosen for the jail's file; else what is free beside this jail and
    /// those that are up.
    private func gateway(of prefix: InternetPrefix, _ origin: Origin) throws(NetworkPlanError) -> InternetPrefix {
        let present = facts.addresses.first {
            $0.link == NetworkPlan.bridge && $0.prefix.network == prefix.network
        }
        if let present { return present.prefix }
        let own = network.addresses.compactMap { InternetAddress($0.address) }
        let taken = own + facts.jailAddresses.map(\.address)
        if let chosen = network.gateway(of: prefix), !taken.contains(chosen.address) { return chosen }
        guard let free = prefix.gateway(isTaken: taken.contains) else {
            throw .noGatewayLeft(network: prefix.network.description, origin)
        }
        return InternetPrefix(free, length: prefix.length)
    }

    // MARK: A bridge of the administrator's

    mutating func attachToBridge(_ attachment: Attachment, _ bridge: String) throws(NetworkPlanError) {
        var prefixes: [InternetPrefix] = []
        for entry in attachment.entries { prefixes.append(try prefix(of: entry, on: bridge)) }
        addPair(attachment, master: bridge, prefixes: prefixes, settings: portSettings(attachment))
        addJailAddresses(attachment, prefixes)
        for (entry, prefix) in zip(attachment.entries, prefixes) {
            if let gateway = gateway(of: prefix, on: bridge) { addDefaultRoute(attachment, via: gateway, entry.origin) }
        }
    }

    /// The written one, else that of the bridge's network. An address of no network would reach nobody, silently.
    private func prefix(of entry: Entry, on bridge: String) throws(NetworkPlanError) -> InternetPrefix {
        let network = facts.addresses.first { $0.link == bridge && $0.prefix.contains(entry.address) }
        guard let length = entry.prefixLength ?? network?.prefix.length else {
            throw .noNetworkOnBridge(address: entry.address.description, bridge: bridge, entry.origin)
        }
        return InternetPrefix(entry.address, length: length)
    }

    /// The jail is one more machine of that network: its router is the host's own, when the host has one there; else
    /// the host.
    private func gateway(of prefix: InternetPrefix, on bridge: String) -> InternetAddress? {
        let router = facts.defaultGateways.first { gateway in
            gateway.link == bridge && (prefix.contains(gateway.address) || isLinkLocalRouter(gateway, prefix))
        }
        return router?.address
            ?? facts.addresses.first { $0.link == bridge && prefix.contains($0.prefix.address) }?.prefix.address
    }

    /// IPv6 routers are known by their link-local addresses.
    private func isLinkLocalRouter(_ gateway: HostNetworkFacts.DefaultGateway, _ prefix: InternetPrefix) -> Bool {
        prefix.address.family == .ipv6 && gateway.address.family == .ipv6 && gateway.address.isLinkLocal
    }
}
