internal import SystemPackage

// What the host forwards is others' business, too: what jailrun has turned on is told from what they have.

extension Netlink {
    /// Whether a setting is as jailrun made it: nobody else has changed it since, or needs it as it is.
    func isOurs(_ entry: NetworkLedger.Entry) throws(NetlinkError) -> Bool {
        guard let written = entry.written else { return true }
        guard NetworkSysctl.followsIPv6Forwarding(entry.path) else { return try sysctl(entry.path) == written }
        // Restored after forwarding itself: where that is on still, the host would lose its router.
        return try sysctl(NetworkSysctl.ipv6Forwarding) == "0"
    }

    /// Rules that keep the host from forwarding, where somebody else has turned that on: Docker, a VPN, an administrator.
    func staleGuards() throws(NetlinkError) -> [PacketTable.Rule] {
        var stale: [PacketTable.Rule] = []
        for rule in try packetRules() {
            if let place = rule.guarded, try isForwardedByOthers(place) { stale.append(rule) }
        }
        return stale
    }

    /// Lets go of those. Under the lock, or a start or stop at the same moment would find them gone half way.
    func releaseGuards(under lock: borrowing NetworkLock) throws(NetlinkError) {
        let released = try staleGuards()
        if released.isEmpty { return }
        looks.rules = nil
        let table = try packetTable()
        do throws(Errno) { try table.delete(released.contains) } catch { throw .dump(what: "packet rules", error) }
    }

    /// - Parameter place: a link, for IPv4, or `ipv6`.
    private func isForwardedByOthers(_ place: Substring) throws(NetlinkError) -> Bool {
        let path = place == "ipv6" ? NetworkSysctl.ipv6Forwarding : "net/ipv4/conf/\(place)/forwarding"
        guard let value = try sysctl(path) else { return false }
        return value != "0" && value != NetworkSysctl.mark
    }
}

extension HostNetworkFacts {
    /// What settings were before jailrun changed them, but for those that are no longer as it made them.
    mutating func remember(_ ledger: NetworkLedger) {
        let forwardsIPv6 = [nil, NetworkSysctl.mark].contains(value(of: NetworkSysctl.ipv6Forwarding))
        originals = ledger.entries.filter { entry in
            guard let written = entry.written else { return true }
            if NetworkSysctl.followsIPv6Forwarding(entry.path) { return forwardsIPv6 }
            return [nil, written].contains(value(of: entry.path))
        }.map { Sysctl(path: $0.path, value: $0.value) }
    }
}
