internal import CNamespaces
internal import Glibc
internal import SystemPackage

extension Netlink {
    /// What the host has, as far as a jail of that network depends on it. Some 0.2 ms.
    /// - Parameters:
    ///   - seesRules: false without permission to read the rules of jails: then ports that they have published look free.
    ///   - takenPorts: known already; nil looks for them.
    package func facts(
        for network: NetworkSpec, seesRules: Bool = true, takenPorts known: [HostNetworkFacts.TakenPort]? = nil
    ) throws(NetlinkError) -> HostNetworkFacts {
        guard network.isConnected else { return HostNetworkFacts(links: []) }
        var facts = HostNetworkFacts(links: try links())
        facts.hasIPv6 = try sysctl(NetworkSysctl.ipv6Forwarding) != nil
        facts.linksWithoutIPv6 = try linksWithoutIPv6(for: network)
        facts.addresses = try records(.addresses).compactMap { record in
            guard let prefix = InternetPrefix(record.address), let link = facts.links.name(record.index) else {
                return nil
            }
            return HostNetworkFacts.Address(link: link, prefix: prefix)
        }
        facts.jailAddresses = facts.jailLinks.flatMap { link in
            link.addresses.map {
                HostNetworkFacts.JailAddress(jail: link.jail, address: $0.address, link: link.name)
            }
        }
        for interface in network.addressInterfaces {
            guard let link = facts.links.first(where: { $0.name == interface }) else { continue }
            if link.isBridge { facts.defaultGateways += try defaultGateways(link) }
        }
        facts.takenPorts = if let known { known } else { try takenPorts(for: network.ports, seesRules: seesRules) }
        facts.sysctls = try sysctls(for: network, facts)
        facts.filteredFamilies = try filteredFamilies()
        facts.obstacles = seesRules ? try obstacles(for: network, facts) : nil
        return facts
    }

    private func linksWithoutIPv6(for network: NetworkSpec) throws(NetlinkError) -> [String]? {
        if !network.addresses.contains(where: { $0.family == .ipv6 }) { return nil }
        var disabled: [String] = []
        for name in ["default", NetworkPlan.bridge] + network.addressInterfaces {
            if try sysctl("net/ipv6/conf/\(name)/disable_ipv6") == "1" { disabled.append(name) }
        }
        return disabled.isEmpty ? nil : disabled
    }

    private func defaultGateways(
        _ link: HostNetworkFacts.Link
    ) throws(NetlinkError) -> [HostNetworkFacts.DefaultGateway] {
        try records(.defaultRoutes(link.index)).compactMap { record in
            InternetAddress(record.gateway).map { HostNetworkFacts.DefaultGateway(link: link.name, address: $0) }
        }
    }

    /// The settings that an attachment to a plain interface changes.
    private func sysctls(for network: NetworkSpec, _ facts: HostNetworkFacts) throws(NetlinkError)
        -> [HostNetworkFacts.Sysctl]
    {
        let plain = network.addresses.filter { spec in
            facts.links.contains { $0.name == spec.interface && !$0.isBridge && !$0.isLoopback }
        }
        var paths: [String] = []
        for interface in network.addressInterfaces where plain.contains(where: { $0.interface == interface }) {
            paths.append("net/ipv4/conf/\(interface)/forwarding")
            paths.append("net/ipv6/conf/\(interface)/proxy_ndp")
            paths.append("net/ipv4/neigh/\(interface)/proxy_delay")
            paths.append("net/ipv6/neigh/\(interface)/proxy_delay")
        }
        if !network.ports.isEmpty || network.masquerade != nil {
            for name in facts.links.map(\.name) + [NetworkPlan.bridge] {
                paths += ["net/ipv4/conf/\(name)/forwarding", "net/ipv4/conf/\(name)/route_localnet"]
            }
            paths.append("net/ipv4/conf/default/forwarding")
        }
        if plain.contains(where: { $0.family == .ipv6 }) || !network.ports.isEmpty || network.masquerade != nil {
            paths.append("net/ipv6/conf/all/forwarding")
            for link in facts.links.map(\.name) {
                paths += ["net/ipv6/conf/\(link)/forwarding", "net/ipv6/conf/\(link)/accept_ra"]
            }
        }
        var found: [HostNetworkFacts.Sysctl] = []
        for path in paths {
            if let value = try sysctl(path) { found.append(HostNetworkFacts.Sysctl(path: path, value: value)) }
        }
        return found
    }

    /// Nil when there is no such file: no such link, or no IPv6.
    func sysctl(_ path: String) throws(NetlinkError) -> String? {
        var value = [CChar](repeating: 0, count: 64)
        let code = unsafe cns_sysctl_read(proc, path, &value, value.count)
        if code == -ENOENT { return nil }
        if code != 0 { throw .dump(what: "/proc/sys/\(path)", Errno(rawValue: -code)) }
        return String(decoding: value.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Empty where there is no such link, or it has none.
    func hardwareAddress(of link: String) throws(NetlinkError) -> String {
        try records(.links).first { $0.name == link }?.address ?? ""
    }

    func links() throws(NetlinkError) -> [HostNetworkFacts.Link] {
        if let known = looks.links { return known }
        let links = Self.links(try records(.links))
        looks.links = links
        return links
    }

    static func links(_ records: [NetlinkRecord]) -> [HostNetworkFacts.Link] {
        records.map { record in
            HostNetworkFacts.Link(
                index: record.index, name: record.name, isBridge: record.kind == "bridge",
                isLoopback: record.flags & UInt32(IFF_LOOPBACK) != 0, isUp: record.flags & UInt32(IFF_UP) != 0,
                alias: record.alias,
                master: record.master == 0 ? nil : records.first { $0.index == record.master }?.name,
                leadsInside: ["veth", "tun"].contains(record.kind) ? true : nil)
        }
    }
}

extension NetworkSpec {
    /// The interfaces of its addresses, each once, in order.
    fileprivate var addressInterfaces: [String] {
        var result: [String] = []
        for spec in addresses {
            if let interface = spec.interface, !result.contains(interface) { result.append(interface) }
        }
        return result
    }
}

extension [HostNetworkFacts.Link] {
    func name(_ index: Int) -> String? { first { $0.index == index }?.name }
}
