// What every attachment has in common: the veth pair, and the jail's side of it.

extension NetworkPlanner {
    static func setting(
        _ path: String, _ value: String, in namespace: NetworkOperation.Namespace = .host
    ) -> NetworkOperation {
        .setSysctl(NetworkSysctl(namespace: namespace, path: path, value: value))
    }

    /// A router advertisement of a neighbour would change the jail's routes; a link without IPv6 addresses of its own
    /// would still have a link-local one, and be reached by it.
    mutating func isolateJailFromNeighbours(_ attachments: [Attachment]) {
        guard facts.hasIPv6, !attachments.isEmpty else { return }
        let origin = network.mode.origin
        if attachments.contains(where: { $0.has(.ipv6) }) {
            add(Self.setting("net/ipv6/conf/default/accept_ra", "0", in: .jail), origin)
            add(Self.setting("net/ipv6/conf/default/accept_dad", "0", in: .jail), origin)  // no start waits for it
        } else {
            add(Self.setting("net/ipv6/conf/default/disable_ipv6", "1", in: .jail), origin)
        }
    }

    /// The host's end gets the highest possible octet: a bridge without an address of its own takes the lowest of its
    /// ports', and would change its address with each jail.
    func pair(_ attachment: Attachment) -> VethPair {
        VethPair(
            name: attachment.hostEnd, mac: mac(firstOctet: "fe", attachment), peer: attachment.jailEnd,
            peerMAC: mac(firstOctet: "02", attachment))
    }

    /// The jail's end has the address of the host's end, but for the first octet.
    static func peerMAC(ofHostEnd mac: String) -> String { "02" + mac.dropFirst(2) }

    /// The pair, the host's end up, the jail's end up.
    mutating func addPair(
        _ attachment: Attachment, master: String?, prefixes: [InternetPrefix], settings: [NetworkOperation]
    ) {
        let alias = JailLink.alias(
            jail: jail, interface: attachment.interface ?? NetworkPlan.bridge, addresses: prefixes)
        add(.createVeth(pair(attachment)), attachment.origin)
        for setting in settings { add(setting, attachment.origin) }  // before it is up, and speaks
        hold(attachment)
        add(.raiseLink(LinkState(name: attachment.jailEnd, namespace: .jail)), attachment.origin)
        add(
            .raiseLink(LinkState(name: attachment.hostEnd, namespace: .host, master: master, alias: alias)),
            attachment.origin)
        // Whichever came up first had no carrier then. Without this, one first connection in seventeen took a second
        // more (18 of 300, and 0 of 300 with it: IPv4 over jail0).
        add(.settleLink(name: attachment.jailEnd, namespace: .jail), attachment.origin)
        add(.settleLink(name: attachment.hostEnd, namespace: .host), attachment.origin)
        if let master { add(.settleLink(name: master, namespace: .host), attachment.origin) }
    }

    /// Nothing leaves the jail in anybody else's name, unless it is to.
    private mutating func hold(_ attachment: Attachment) {
        if network.allowsSpoofing != nil { return }
        add(
            .holdLink(
                LinkHold(
                    link: attachment.hostEnd, mac: pair(attachment).peerMAC,
                    addresses: network.addresses.map(\.address))), attachment.origin)
    }

    /// Whoever claims to be the jail, or its gateway, is not asked.
    /// - Parameter gateways: the host's addresses there, and the hardware address that they have.
    mutating func pinNeighbours(_ attachment: Attachment, on link: String, gateways: [InternetAddress], mac: String) {
        for entry in attachment.entries {
            let address = entry.address.description
            add(
                .addNeighbour(link: link, address: address, mac: pair(attachment).peerMAC, namespace: .host),
                entry.origin)
        }
        for gateway in gateways {
            add(
                .addNeighbour(
                    link: attachment.jailEnd, address: gateway.description, mac: mac, namespace: .jail),
                attachment.origin)
        }
    }

    /// A port has no business with IP: without this it has a link-local IPv6 address and hears what the jail sends to
    /// it.
    func portSettings(_ attachment: Attachment) -> [NetworkOperation] {
        facts.hasIPv6 ? [Self.setting("net/ipv6/conf/\(attachment.hostEnd)/disable_ipv6", "1")] : []
    }

    /// An IPv4 address answers at once. For an IPv6 one the kernel joins the solicited-node group in a work queue, up
    /// to some milliseconds later; who asks for it before then asks again after a second. Nothing here waits for that.
    mutating func addJailAddresses(_ attachment: Attachment, _ prefixes: [InternetPrefix]) {
        for (entry, prefix) in zip(attachment.entries, prefixes) {
            let address = LinkAddress(
                link: attachment.jailEnd, namespace: .jail, address: prefix.description, isGateway: false)
            add(.addAddress(address), entry.origin)
            addTarget(attachment, entry, prefix)
        }
    }

    /// The first gateway of each family wins: a jail has one default route.
    mutating func addDefaultRoute(_ attachment: Attachment, via gateway: InternetAddress, _ origin: Origin) {
        guard !routed.contains(gateway.family) else { return }
        routed.append(gateway.family)
        let route = NetworkRoute(
            namespace: .jail, destination: gateway.family == .ipv4 ? "0.0.0.0/0" : "::/0", link: attachment.jailEnd,
            gateway: gateway.description)
        add(.addRoute(route), origin)
    }
}
