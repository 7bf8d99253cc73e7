/// The operations that give a jail its network, in order. Pure: the same facts give the same plan.
///
///     lo, and nothing else                          no address
///     veth on jailrun's own bridge                  an address without interface
///     veth on a bridge                              the interface is a bridge
///     veth, host route, proxy ARP and NDP           the interface is any other
///
/// The jail's first link is `eth0`; another interface's is `eth1`. `ip4 = inherit` has no operation at all.
package struct NetworkPlan: Equatable, Sendable {
    /// The bridge of jails whose addresses name no interface.
    package static let bridge = NetworkSpec.bridge

    /// What jails share, jailrun's bridge with the host's addresses on it, as made when nothing of it exists.
    package private(set) var shared: [Located<NetworkOperation>] = []
    /// The part of it that does not exist.
    package private(set) var lacking: [Located<NetworkOperation>] = []
    /// What belongs to the jail alone: the same whichever jails already exist.
    package private(set) var own: [Located<NetworkOperation>] = []
    /// All of it, in its order.
    package var operations: [Located<NetworkOperation>] { shared + own }

    /// - Parameters:
    ///   - jail: the jail's name, and the number that names its links: its jid, as a rule.
    ///   - facts: read while the network lock is held, as long as the operations are not all performed.
    ///   - namespaceFile: where the network namespace is kept while links of the host's are in it.
    package init(
        for network: NetworkSpec, jail: (name: String, jid: Int), facts: HostNetworkFacts, namespaceFile: String = ""
    ) throws(NetworkPlanError) {
        guard network.mode.value == .own else { return }
        var planner = NetworkPlanner(network: network, jail: jail.name, jid: jail.jid, facts: facts)
        try planner.plan()
        try planner.moveInterfaces(namespaceFile: namespaceFile)
        (shared, lacking, own) = (planner.shared, planner.lacking, planner.operations)
    }

    /// Only what the jail shares with others.
    init(sharedBy network: NetworkSpec, jail: (name: String, jid: Int), facts: HostNetworkFacts)
        throws(NetworkPlanError)
    {
        var planner = NetworkPlanner(network: network, jail: jail.name, jid: jail.jid, facts: facts)
        for attachment in try planner.attachments() where attachment.interface == nil {
            try planner.attach(attachment)
        }
        (shared, lacking) = (planner.shared, planner.lacking)
    }

    /// Only what publishes the ports of a jail that is connected already.
    init(publishing network: NetworkSpec, jail: (name: String, jid: Int), facts: HostNetworkFacts)
        throws(NetworkPlanError)
    {
        var planner = NetworkPlanner(network: network, jail: jail.name, jid: jail.jid, facts: facts)
        for attachment in try planner.attachments() { try planner.attach(attachment) }
        planner.operations = []
        try planner.publishPorts()
        own = planner.operations
    }

    /// Only what a jail needs of its own in a network that others made, where its address is already.
    /// - Parameter opensReservedPorts: its root has no capability over that network, but may use ports below 1024.
    init(
        joining network: NetworkSpec, jail: (name: String, jid: Int), facts: HostNetworkFacts, opensReservedPorts: Bool
    ) throws(NetworkPlanError) {
        let setting = NetworkPlanner.setting("net/ipv4/ip_unprivileged_port_start", "0", in: .jail)
        own =
            (opensReservedPorts ? [Located(setting, network.addresses.first?.origin ?? network.mode.origin)] : [])
            + (try Self(publishing: network, jail: jail, facts: facts).own)
    }
}

struct NetworkPlanner {
    /// An entry of `ip4.addr` or `ip6.addr`, understood.
    struct Entry {
        var address: InternetAddress
        var prefixLength: Int?
        var origin: Origin
    }

    /// The addresses of one interface, and the veth pair that carries them.
    struct Attachment {
        /// Nil: jailrun's own bridge.
        var interface: String?
        var entries: [Entry]
        var hostEnd: String
        var jailEnd: String

        func has(_ family: InternetAddress.Family) -> Bool { entries.contains { $0.address.family == family } }
        var origin: Origin { entries[0].origin }
    }

    let network: NetworkSpec
    let jail: String
    let jid: Int
    let facts: HostNetworkFacts
    var operations: [Located<NetworkOperation>] = []
    var shared: [Located<NetworkOperation>] = []
    /// What of it is not there.
    var lacking: [Located<NetworkOperation>] = []
    /// The first address of each family: where published ports lead.
    var targets: [PortTarget] = []
    /// Families that have their default route.
    var routed: [InternetAddress.Family] = []

    init(network: NetworkSpec, jail: String, jid: Int, facts: HostNetworkFacts) {
        self.network = network
        self.jail = jail
        self.jid = jid
        self.facts = facts
    }

    mutating func add(_ operation: NetworkOperation, _ origin: Origin) {
        operations.append(Located(operation, origin))
    }

    /// - Parameter isThere: another jail's start has made it.
    mutating func addShared(_ operation: NetworkOperation, _ origin: Origin, isThere: Bool) {
        shared.append(Located(operation, origin))
        if !isThere { lacking.append(Located(operation, origin)) }
    }

    mutating func plan() throws(NetworkPlanError) {
        let attachments = try attachments()
        isolateJailFromNeighbours(attachments)  // before its links exist, which copy these values
        add(.raiseLink(LinkState(name: "lo", namespace: .jail)), network.mode.origin)
        for attachment in attachments { try attach(attachment) }
        try publishPorts()  // last: what others can reach is there
    }

    mutating func attach(_ attachment: Attachment) throws(NetworkPlanError) {
        guard let name = attachment.interface else { return try attachToOwnBridge(attachment) }
        guard let link = facts.link(named: name) else {
            let near = Spelling(name).closest(in: facts.links.map(\.name))
            throw .unknownInterface(name, near: near, attachment.origin)
        }
        if let other = facts.jailLinks.first(where: { $0.name == name }) {
            throw .interfaceOfJail(interface: name, jail: other.jail, attachment.origin)
        }
        if link.isLoopback { throw .loopbackInterface(name, attachment.origin) }
        if link.isBridge { return try attachToBridge(attachment, name) }
        // ARP and NDP arrive at the bridge, never at its port, so proxy entries there would not be asked.
        if let master = link.master { throw .portOfBridge(interface: name, bridge: master, attachment.origin) }
        attachToInterface(attachment, name)
    }

    // MARK: What the configuration asks for

    func attachments() throws(NetworkPlanError) -> [Attachment] {
        var result: [Attachment] = []
        var seen: [InternetAddress] = []
        for spec in network.addresses {
            let entry = try entry(spec)
            if seen.contains(entry.address) { throw .duplicateAddress(spec.address, spec.origin) }
            seen.append(entry.address)
            let interface = spec.interface == NetworkPlan.bridge ? nil : spec.interface
            if let index = result.firstIndex(where: { $0.interface == interface }) {
                result[index].entries.append(entry)
            } else {
                result.append(
                    Attachment(
                        interface: interface, entries: [entry], hostEnd: Self.hostEnd(jid: jid, index: result.count),
                        jailEnd: "eth\(result.count)"))
            }
        }
        return result
    }

    /// At most 15 bytes for any jid, IFNAMSIZ.
    static func hostEnd(jid: Int, index: Int) -> String { index == 0 ? "vjail\(jid)" : "vj\(jid)e\(index)" }

    static func isHostEnd(_ name: String, jid: Int) -> Bool {
        name == hostEnd(jid: jid, index: 0) || name.hasPrefix("vj\(jid)e")
    }

    /// Nil for a link of any other name.
    static func number(ofHostEnd name: String) -> Int? {
        guard name.hasPrefix("vj") else { return nil }
        let rest = name.hasPrefix("vjail") ? name.dropFirst(5) : name.dropFirst(2).prefix { $0 != "e" }
        return Int(rest).flatMap { isHostEnd(name, jid: $0) ? $0 : nil }
    }

    private func entry(_ spec: AddressSpec) throws(NetworkPlanError) -> Entry {
        guard let address = InternetAddress(spec.address), address.isAssignable,
            (0...address.bitWidth).contains(spec.prefixLength ?? 0)
        else { throw .notAnAddress(spec.address, spec.origin) }
        if address.family == .ipv6 {
            if !facts.hasIPv6 { throw .noIPv6(address: spec.address, spec.origin) }
            if let link = facts.linkWithoutIPv6(for: spec.interface) {
                throw .disabledIPv6(address: spec.address, link: link, spec.origin)
            }
        }
        if let other = facts.jailAddresses.first(where: { $0.address == address && isOthers($0) }) {
            throw .addressOfJail(address: spec.address, jail: other.jail, spec.origin)
        }
        if let error = facts.gatewayError(for: spec) { throw error }
        if let other = facts.addresses.first(where: { $0.prefix.address == address }) {
            throw .addressOnHost(
                address: spec.address, prefix: "\(other.prefix)", interface: other.link, spec.origin)
        }
        return Entry(address: address, prefixLength: spec.prefixLength, origin: spec.origin)
    }

    /// Its own link may have the name of a jail that shares its address.
    private func isOthers(_ address: HostNetworkFacts.JailAddress) -> Bool {
        address.jail != jail && !Self.isHostEnd(address.link, jid: jid)
    }

    /// FNV-1a of the jail's name and its first address: the same at each start, so that neighbours' caches stay right.
    /// The name alone would give the `www` of two machines on one bridged network the same.
    func mac(firstOctet: String, _ attachment: Attachment) -> String {
        Self.mac(firstOctet: firstOctet, seed: "\(jail) \(attachment.entries[0].address)")
    }

    static func mac(firstOctet: String, seed: String) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in seed.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        var octets = [firstOctet]
        for shift: UInt64 in [16, 24, 32, 40, 48] {
            let octet = UInt8(truncatingIfNeeded: hash >> shift)
            octets.append((octet < 16 ? "0" : "") + String(octet, radix: 16))
        }
        return octets.joined(separator: ":")
    }
}
