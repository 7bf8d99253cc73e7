internal import SystemPackage

// What dead jails left on the host.

extension Netlink {
    /// Removes what a jail that died left on the host, and what no jail needs any more. Finds it all in the kernel:
    /// links by their alias, proxy neighbours and routes by their originator.
    /// - Parameter jid: the number that named the jail's links, if known: a start that died before it could name its link left only
    ///   that.
    /// - Returns: one sentence for each thing that was removed.
    func removeLeftovers(
        jail: String, jid: Int?, under lock: borrowing NetworkLock
    ) throws(NetlinkError) -> [String] {
        var removed: [String] = []
        for link in try links() where isLeftover(link, jail: jail, jid: jid) {
            try perform(.removeLink(name: link.name), under: lock)
            removed.append("link \(link.name)")
        }
        if try packetRules().contains(where: { $0.jail == jail }) {
            try perform(.withdraw(jail: jail), under: lock)
            removed.append("published ports of \(jail)")
        }
        if try doorOwners().contains(jail) {
            try perform(.closeDoor(jail: jail), under: lock)
            removed.append("rules of \(jail) in \(FirewallDoor.chain)")
        }
        return try removed + removeUnused(under: lock)
    }

    /// Names of the jails that have rules in the chain that Docker leaves to others.
    func doorOwners() throws(NetlinkError) -> [String] {
        if let known = looks.doorOwners { return known }
        guard let table = try packetTableIfAny() else { return [] }
        do throws(Errno) {
            let prefix = FirewallDoor.comment(of: "")
            let owners = try table.doorRules().map { String($0.rule.comment.dropFirst(prefix.count)) }
            looks.doorOwners = owners
            return owners
        } catch { throw .dump(what: "packet rules", error) }
    }

    private func isLeftover(_ link: HostNetworkFacts.Link, jail: String, jid: Int?) -> Bool {
        if let owned = JailLink(name: link.name, alias: link.alias, master: link.master) { return owned.jail == jail }
        guard let jid, link.alias.isEmpty else { return false }
        return NetworkPlanner.isHostEnd(link.name, jid: jid)
    }

    /// Removes proxy neighbours without a jail's link behind them, gateways without a jail, the bridge without ports;
    /// restores settings without users.
    func removeUnused(under lock: borrowing NetworkLock) throws(NetlinkError) -> [String] {
        // As they are now: see isUnusedNow().
        looks.links = nil
        let links = try links()
        let jails = HostNetworkFacts(links: links).jailLinks
        var removed: [String] = []
        try releaseGoneLinks(links)
        for operation in try unusedProxies(links, jails) + unusedNeighbours(links, jails) + unusedGateways(links) + [
            .removeBridge(name: NetworkPlan.bridge)
        ] {
            if case .removeBridge(let name) = operation {
                guard links.contains(where: { $0.name == name }) else { continue }
                try perform(operation, under: lock)
                if try self.links().contains(where: { $0.name == name }) { continue }
            } else {
                try perform(operation, under: lock)
            }
            removed.append("\(operation)")
        }
        try restoreSettings(under: lock, of: try unusedSettings())
        try releaseGuards(under: lock)
        return removed
    }

    /// A jail's address is routed to its link; an entry whose address is not has lost its jail.
    private func unusedProxies(
        _ links: [HostNetworkFacts.Link], _ jails: [JailLink]
    ) throws(NetlinkError) -> [NetworkOperation] {
        let routes = try records(.ownRoutes)
        let proxies = try records(.ownProxies)
        return proxies.compactMap { proxy in
            let isUsed = routes.contains { route in
                route.address == proxy.address && jails.contains { $0.name == links.name(route.index) }
            }
            guard !isUsed, let link = links.name(proxy.index) else { return nil }
            return .removeProxy(link: link, address: proxy.address)
        }
    }

    /// Of jails that were on the bridge.
    private func unusedNeighbours(
        _ links: [HostNetworkFacts.Link], _ jails: [JailLink]
    ) throws(NetlinkError) -> [NetworkOperation] {
        guard let bridge = links.first(where: { $0.name == NetworkPlan.bridge }) else { return [] }
        let used = jails.filter { $0.interface == bridge.name }
        if used.contains(where: \.isPartial) { return [] }
        let addresses = used.flatMap(\.addresses).map(\.address.description)
        return try records(.ownNeighbours(bridge.index)).compactMap { neighbour in
            addresses.contains(neighbour.address)
                ? nil : .unpinNeighbour(link: bridge.name, address: neighbour.address)
        }
    }

    private func unusedGateways(_ links: [HostNetworkFacts.Link]) throws(NetlinkError) -> [NetworkOperation] {
        guard let bridge = links.first(where: { $0.name == NetworkPlan.bridge && $0.alias == JailLink.bridgeAlias })
        else {
            return []
        }
        let addresses = try records(.addresses)
        let users = HostNetworkFacts(links: links).jailLinks.filter { $0.interface == bridge.name }
        return addresses.compactMap { record in
            guard record.index == bridge.index, let prefix = InternetPrefix(record.address),
                !prefix.address.isLinkLocal,
                !users.contains(where: { $0.uses(prefix) })
            else { return nil }
            return .removeAddress(
                LinkAddress(link: bridge.name, namespace: .host, address: record.address, isGateway: true))
        }
    }
}
