/// What the host's network looks like before a jail joins it: all that planning depends on.
package struct HostNetworkFacts: Equatable, Sendable, Codable {
    package struct Link: Equatable, Sendable, Codable {
        package var index: Int
        package var name: String
        package var isBridge: Bool
        package var isLoopback: Bool
        package var isUp: Bool
        /// ifalias, `ip link show`; empty without one.
        package var alias: String
        /// The name of the bridge (or bond) of which it is a port.
        package var master: String?
        /// True of an end of a veth(4) pair, and of a tap: behind a port of these kinds is a part of this host.
        package var leadsInside: Bool?

        package init(
            index: Int, name: String, isBridge: Bool = false, isLoopback: Bool = false, isUp: Bool = true,
            alias: String = "", master: String? = nil, leadsInside: Bool? = nil
        ) {
            self.index = index
            self.name = name
            self.isBridge = isBridge
            self.isLoopback = isLoopback
            self.isUp = isUp
            self.alias = alias
            self.master = master
            self.leadsInside = leadsInside
        }
    }

    package struct Address: Equatable, Sendable, Codable {
        package var link: String
        package var prefix: InternetPrefix

        package init(link: String, prefix: InternetPrefix) {
            self.link = link
            self.prefix = prefix
        }
    }

    /// An address of a jail, up or about to be.
    package struct JailAddress: Equatable, Sendable, Codable {
        package var jail: String
        package var address: InternetAddress
        /// The host's end of its link; empty when it is not made yet.
        package var link: String

        package init(jail: String, address: InternetAddress, link: String = "") {
            self.jail = jail
            self.address = address
            self.link = link
        }
    }

    /// The next hop of a default route.
    package struct DefaultGateway: Equatable, Sendable, Codable {
        package var link: String
        package var address: InternetAddress

        package init(link: String, address: InternetAddress) {
            self.link = link
            self.address = address
        }
    }

    package struct TakenPort: Equatable, Sendable, Codable {
        package var port: PortSpec
        /// Nil: a program of the host's.
        package var jail: String?
        /// That program, if it is known: `nginx (pid 812)`.
        package var program: String?

        package init(port: PortSpec, jail: String? = nil, program: String? = nil) {
            self.port = port
            self.jail = jail
            self.program = program
        }
    }

    package struct Sysctl: Equatable, Sendable, Codable {
        /// Below `/proc/sys`.
        package var path: String
        package var value: String

        package init(path: String, value: String) {
            self.path = path
            self.value = value
        }
    }

    /// In the kernel's order.
    package var links: [Link]
    package var addresses: [Address]
    package var defaultGateways: [DefaultGateway]
    /// Addresses of jails that run. Whoever starts several jails at once adds those of all of them, so that none takes
    /// another's for its gateway.
    package var jailAddresses: [JailAddress]
    /// The values that a plan may change.
    package var sysctls: [Sysctl]
    /// False when the kernel has none, or `ipv6.disable=1`.
    package var hasIPv6: Bool
    /// Those of the links that a jail's IPv6 address needs on which IPv6 is disabled; `default` stands for new ones.
    /// Nil: none.
    package var linksWithoutIPv6: [String]?
    /// Ports of the host that are taken: by jails, by programs of the host.
    package var takenPorts: [TakenPort] = []
    /// What settings were before jailrun changed them.
    package var originals: [Sysctl] = []
    /// Chains that drop what the jail sends or should get. Nil if nobody looked.
    package var obstacles: [FirewallObstacle]?
    /// The families of which the packet filter sees what bridges pass (br_netfilter). Nil where nobody looked: it may.
    package var filteredFamilies: [AddressSpec.Family]?
    /// Names of the jails that have rules in another program's firewall to let them through. Nil if nobody looked.
    package var doors: [String]?

    package init(
        links: [Link], addresses: [Address] = [], defaultGateways: [DefaultGateway] = [],
        jailAddresses: [JailAddress] = [], sysctls: [Sysctl] = [], hasIPv6: Bool = true
    ) {
        self.links = links
        self.addresses = addresses
        self.defaultGateways = defaultGateways
        self.jailAddresses = jailAddresses
        self.sysctls = sysctls
        self.hasIPv6 = hasIPv6
    }

    func link(named name: String) -> Link? { links.first { $0.name == name } }

    /// Those on which the host would need an IPv6 address of its own, or an entry for the jail's, and can have none.
    func linkWithoutIPv6(for interface: String?) -> String? {
        let name = interface ?? NetworkPlan.bridge
        let link = link(named: name)
        let isOwn = name == NetworkPlan.bridge && !(link.map(Self.isForeign) ?? false)
        if !isOwn && link?.isBridge != false { return nil }
        let needed = isOwn ? [link == nil ? "default" : name] : [name, "default"]
        return needed.first { linksWithoutIPv6?.contains($0) ?? false }
    }

    /// What it was before the first jail came.
    func original(_ path: String) -> String? {
        let value = originals.first { $0.path == path }?.value ?? value(of: path)
        return value == NetworkSysctl.mark ? "0" : value
    }

    /// Of a link, before IPv6 forwarded: where jailrun has changed that, only what it wrote down is the link's own.
    func linkSetting(_ path: String) -> String? {
        let isChanged = originals.contains { $0.path == NetworkSysctl.ipv6Forwarding }
        return isChanged ? originals.first { $0.path == path }?.value : value(of: path)
    }

    func filtersBridges(_ family: InternetAddress.Family) -> Bool { filteredFamilies?.contains(family) ?? true }

    func value(of path: String) -> String? { sysctls.first { $0.path == path }?.value }

    /// A bridge called `jail0` that is the administrator's. One without alias that is down was left by a start that
    /// died between making it and naming it.
    static func isForeign(_ bridge: Link) -> Bool { bridge.alias != JailLink.bridgeAlias && bridge.isUp }

    /// For an address that the host has on jailrun's bridge, because of jails that are up.
    func gatewayError(for spec: AddressSpec) -> NetworkPlanError? {
        guard let address = InternetAddress(spec.address), let bridge = link(named: NetworkPlan.bridge),
            !Self.isForeign(bridge),
            let gateway = addresses.first(where: { $0.link == bridge.name && $0.prefix.address == address })
        else { return nil }
        let users = jailLinks.filter { $0.interface == bridge.name && $0.uses(gateway.prefix) }
        return .addressOfGateway(address: spec.address, jails: users.map { "\"\($0.jail)\"" }, spec.origin)
    }

    /// The host's ends of running jails' links, as their aliases tell.
    package var jailLinks: [JailLink] {
        links.compactMap { JailLink(name: $0.name, alias: $0.alias, master: $0.master) }
    }
}

/// The host's end of a jail's link. Its ifalias says whose it is and what it carries, so that nothing else is needed
/// to remove what a dead jail left: `jailrun:www jail0 10.77.0.10/24`.
package struct JailLink: Equatable, Sendable {
    /// The kernel keeps IFALIASZ bytes, one of them for the end.
    static let aliasCapacity = 255
    /// Stands for addresses that did not fit.
    static let ellipsis = "..."
    /// The alias of the bridge `jail0`, which belongs to no jail. A space cannot be part of a jail's name.
    package static let bridgeAlias = "jailrun: bridge"

    package var name: String
    package var jail: String
    /// The interface or bridge by which the jail is reached.
    package var interface: String
    package var addresses: [InternetPrefix]
    /// More addresses than the alias could hold.
    package var isPartial: Bool
    package var isBridged: Bool

    package init?(name: String, alias: String, master: String?) {
        let words = alias.split(separator: " ")
        guard words.count >= 2, words[0].hasPrefix("jailrun:"), words[0] != "jailrun:" else { return nil }
        self.name = name
        jail = String(words[0].dropFirst("jailrun:".count))
        interface = String(words[1])
        addresses = words[2...].compactMap { InternetPrefix($0) }
        isPartial = words.last.map { $0 == Self.ellipsis } ?? false
        isBridged = master != nil
    }

    /// Needs an address of that family, as far as can be known.
    func uses(_ family: InternetAddress.Family) -> Bool {
        isPartial || addresses.contains { $0.address.family == family }
    }

    /// Needs the gateway of that network, as far as can be known.
    func uses(_ network: InternetPrefix) -> Bool {
        isPartial || addresses.contains { $0.network == network.network }
    }

    static func alias(jail: String, interface: String, addresses: [InternetPrefix]) -> String {
        var alias = "jailrun:\(jail) \(interface)"
        for (index, prefix) in addresses.enumerated() {
            let isLast = index == addresses.count - 1
            let reserved = isLast ? 0 : ellipsis.utf8.count + 1
            let next = alias + " \(prefix)"
            guard next.utf8.count + reserved <= aliasCapacity else { return alias + " " + ellipsis }
            alias = next
        }
        return alias
    }
}
