// Attachment to a plain interface: the jail's address is the host's alias there, as on FreeBSD. Other machines of that
// network ask for it by ARP or NDP, and the host answers, and forwards.

extension NetworkPlanner {
    /// Where the interface has no IPv4 address: link-local, as no machine is asked for it (the jail has a permanent
    /// neighbour).
    private static let unnumberedGateway = InternetAddress(.ipv4, 0xa9fe_0101)
    private static let linkLocalGateway = InternetPrefix(InternetAddress(.ipv6, 0xfe80 << 112 | 1), length: 64)

    mutating func attachToInterface(_ attachment: Attachment, _ interface: String) {
        // Before the pair: undone after it, when this jail is no longer one of the users.
        if attachment.has(.ipv4) { forwardIPv4(attachment, interface) }
        if attachment.has(.ipv6) { forwardIPv6(attachment, interface) }
        // The network is the interface's; to the jail it is behind the host.
        let prefixes = attachment.entries.map { InternetPrefix($0.address, length: $0.address.bitWidth) }
        addPair(attachment, master: nil, prefixes: prefixes, settings: hostEndSettings(attachment))
        if attachment.has(.ipv6) {
            let address = LinkAddress(
                link: attachment.hostEnd, namespace: .host, address: Self.linkLocalGateway.description,
                isGateway: false)
            add(.addAddress(address), attachment.origin)
        }
        addJailAddresses(attachment, prefixes)
        let gateways = attachment.has(.ipv6) ? [Self.linkLocalGateway.address] : []
        pinNeighbours(attachment, on: attachment.hostEnd, gateways: gateways, mac: pair(attachment).mac)
        addJailRoutes(attachment, interface)
        for (entry, prefix) in zip(attachment.entries, prefixes) {
            addHostRoute(attachment, interface, prefix, entry.origin)
        }
    }

    private func hostEndSettings(_ attachment: Attachment) -> [NetworkOperation] {
        var settings: [NetworkOperation] = []
        let name = attachment.hostEnd
        if attachment.has(.ipv4) {
            settings.append(Self.setting("net/ipv4/conf/\(name)/forwarding", "1"))
            // Or the jail speaks with any source address; its own is the only one routed there. A jail with more links
            // may send by one what is answered by another: loose.
            settings.append(Self.setting("net/ipv4/conf/\(name)/rp_filter", hasOneLink ? "1" : "2"))
        }
        if attachment.has(.ipv6) {
            settings.append(Self.setting("net/ipv6/conf/\(name)/accept_ra", "0"))
            settings.append(Self.setting("net/ipv6/conf/\(name)/accept_dad", "0"))
        } else if facts.hasIPv6 {
            settings.append(Self.setting("net/ipv6/conf/\(name)/disable_ipv6", "1"))
        }
        return settings
    }

    private var hasOneLink: Bool { network.addresses.allSatisfy { $0.interface == network.addresses[0].interface } }

    /// A value that is restored when the last of its users is gone.
    mutating func share(_ path: String, _ value: String, _ users: NetworkSysctl.Users, _ origin: Origin) {
        let sysctl = NetworkSysctl(
            namespace: .host, path: path, value: value, previous: facts.original(path) ?? "0", users: users)
        add(.setSysctl(sysctl), origin)
    }

    /// arp(7) answers for a proxy entry only on an interface that forwards.
    private mutating func forwardIPv4(_ attachment: Attachment, _ interface: String) {
        let users = NetworkSysctl.Users(interface: interface, family: .ipv4)
        share("net/ipv4/conf/\(interface)/forwarding", NetworkSysctl.mark, users, attachment.origin)
        // Or each neighbour's first packet waits for a random part of 0.8 s.
        share("net/ipv4/neigh/\(interface)/proxy_delay", "0", users, attachment.origin)
    }

    /// IPv6 forwards only when `all` does, and setting that has two effects on every link: its own `forwarding` is
    /// overwritten, and router advertisements are no longer heard, with the host's default route lost at once, unless
    /// accept_ra is 2.
    mutating func shareIPv6Forwarding(_ origin: Origin) {
        let users = NetworkSysctl.Users(interface: nil, family: .ipv6)
        if (facts.original(NetworkSysctl.ipv6Forwarding) ?? "0") == "0" {
            // Those of jails come and go, and hear no router.
            let jails = facts.jailLinks.map(\.name) + [NetworkPlan.bridge]
            for link in facts.links.map(\.name) where !jails.contains(link) {
                if let own = facts.linkSetting("net/ipv6/conf/\(link)/forwarding"), own != "0" {
                    share("net/ipv6/conf/\(link)/forwarding", "1", users, origin)
                } else if facts.linkSetting("net/ipv6/conf/\(link)/accept_ra") == "1" {
                    share("net/ipv6/conf/\(link)/accept_ra", "2", users, origin)
                }
            }
        }
        share(NetworkSysctl.ipv6Forwarding, NetworkSysctl.mark, users, origin)
    }

    private mutating func forwardIPv6(_ attachment: Attachment, _ interface: String) {
        shareIPv6Forwarding(attachment.origin)
        let neighbours = NetworkSysctl.Users(interface: interface, family: .ipv6)
        share("net/ipv6/conf/\(interface)/proxy_ndp", NetworkSysctl.mark, neighbours, attachment.origin)
        share("net/ipv6/neigh/\(interface)/proxy_delay", "0", neighbours, attachment.origin)
    }

    private mutating func addJailRoutes(_ attachment: Attachment, _ interface: String) {
        if let entry = attachment.entries.first(where: { $0.address.family == .ipv4 }) {
            let gateway = hostAddress(on: interface, near: entry.address) ?? Self.unnumberedGateway
            let route = NetworkRoute(
                namespace: .jail, destination: "\(gateway)/32", link: attachment.jailEnd, gateway: nil)
            add(.addRoute(route), entry.origin)
            // A host that is careful with ARP (arp_ignore) would not answer here for an address of another interface.
            let neighbour = NetworkOperation.addNeighbour(
                link: attachment.jailEnd, address: gateway.description, mac: pair(attachment).mac,
                namespace: .jail)
            add(neighbour, entry.origin)
            addRoute(attachment, interface, via: gateway, entry.origin)
        }
        if let entry = attachment.entries.first(where: { $0.address.family == .ipv6 }) {
            addRoute(attachment, interface, via: Self.linkLocalGateway.address, entry.origin)
        }
    }

    /// The default route; or, when an earlier interface has it, the routes to this interface's own networks.
    private mutating func addRoute(
        _ attachment: Attachment, _ interface: String, via gateway: InternetAddress, _ origin: Origin
    ) {
        guard routed.contains(gateway.family) else { return addDefaultRoute(attachment, via: gateway, origin) }
        for network in networks(of: interface, gateway.family) {
            let route = NetworkRoute(
                namespace: .jail, destination: network.description, link: attachment.jailEnd,
                gateway: gateway.description)
            add(.addRoute(route), origin)
        }
    }

    private func networks(of interface: String, _ family: InternetAddress.Family) -> [InternetPrefix] {
        var result: [InternetPrefix] = []
        for address in addresses(of: interface, family) where !result.contains(address.network) {
            if address.length < address.address.bitWidth { result.append(address.network) }
        }
        return result
    }

    private mutating func addHostRoute(
        _ attachment: Attachment, _ interface: String, _ prefix: InternetPrefix, _ origin: Origin
    ) {
        let route = NetworkRoute(
            namespace: .host, destination: prefix.description, link: attachment.hostEnd, gateway: nil,
            source: hostAddress(on: interface, near: prefix.address)?.description)
        add(.addRoute(route), origin)
        add(.addProxy(link: interface, address: prefix.address.description), origin)
    }

    /// The interface's address in the network of that one, else its first.
    private func hostAddress(on interface: String, near address: InternetAddress) -> InternetAddress? {
        let candidates = addresses(of: interface, address.family)
        return (candidates.first { $0.contains(address) } ?? candidates.first)?.address
    }

    private func addresses(of interface: String, _ family: InternetAddress.Family) -> [InternetPrefix] {
        facts.addresses.filter { $0.link == interface }.map(\.prefix)
            .filter { $0.address.family == family && !$0.address.isLinkLocal }
    }
}
