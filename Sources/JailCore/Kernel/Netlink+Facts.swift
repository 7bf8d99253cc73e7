internal import CNamespaces
internal import Glibc

extension Netlink {
    /// What the host has, as far as a jail of that network depends on it. Some 0.2 ms.
    /// - Parameter seesRules: false without the right to read the rules of jails: ports that they have published look free then.
    public func facts(for network: NetworkSpec, seesRules: Bool = true) throws(NetlinkError) -> HostNetworkFacts {
        guard network.isConnected else { return HostNetworkFacts(links: []) }
        var facts = HostNetworkFacts(links: try links())
        facts.hasIPv6 = sysctl("net/ipv6/conf/all/forwarding") != nil
        facts.linksWithoutIPv6 = linksWithoutIPv6(for: network)
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
        facts.takenPorts = try takenPorts(for: network.ports, seesRules: seesRules)
        facts.sysctls = sysctls(for: network, facts)
        facts.obstacles = seesRules ? try obstacles(for: network, facts) : nil
        return facts
    }

    private func linksWithoutIPv6(for network: NetworkSpec) -> [String]? {
        if !network.addresses.contains(where: { $0.family == .ipv6 }) { return nil }
        let names = ["default", NetworkPlan.bridge] + network.addressInterfaces
        let disabled = names.filter { sysctl("net/ipv6/conf/\($0)/disable_ipv6") == "1" }
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
    private func sysctls(for network: NetworkSpec, _ facts: HostNetworkFacts) -> [HostNetworkFacts.Sysctl] {
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
        return paths.compactMap { path in sysctl(path).map { HostNetworkFacts.Sysctl(path: path, value: $0) } }
    }

    /// Nil when there is no such file.
    func sysctl(_ path: String) -> String? {
        var value = [CChar](repeating: 0, count: 64)
        guard unsafe cns_sysctl_read(proc, path, &value, value.count) == 0 else { return nil }
        return String(decoding: value.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func links() throws(NetlinkError) -> [HostNetworkFacts.Link] {
        let records = try records(.links)
        return records.map { record in
            HostNetworkFacts.Link(
                index: record.index, name: record.name, isBridge: record.kind == "bridge",
                isLoopback: record.flags & UInt32(IFF_LOOPBACK) != 0, isUp: record.flags & UInt32(IFF_UP) != 0,
                alias: record.alias,
                master: record.master == 0 ? nil : records.first { $0.index == record.master }?.name)
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
