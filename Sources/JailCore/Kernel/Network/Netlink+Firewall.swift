internal import CNamespaces
internal import Glibc
internal import SystemPackage

// What of the host's own firewall is in the way of a jail.

extension Netlink {
    /// NF_INET_FORWARD and NF_BR_FORWARD.
    private static let forward = 2

    func obstacles(for network: NetworkSpec, _ facts: HostNetworkFacts) throws(NetlinkError) -> [FirewallObstacle] {
        let probes = network.firewallProbes(facts) { facts.filtersBridges($0) }
        if probes.isEmpty { return [] }
        guard let table = try packetTableIfAny() else { return [] }
        do throws(Errno) { return try obstacles(probes, table) + legacy(probes) } catch {
            // Inside of a jail, its rules may be nobody's there.
            if (try? OwnUserNamespace.ofThisProcess.seesEveryRule) == false, [EPERM, EACCES].contains(error.rawValue) {
                return []
            }
            throw .dump(what: "packet rules", error)
        }
    }

    /// Those of which the packet filter sees what bridges pass.
    func filteredFamilies() throws(NetlinkError) -> [AddressSpec.Family] {
        var filtered: [AddressSpec.Family] = []
        for (family, infix) in [(AddressSpec.Family.ipv4, ""), (.ipv6, "6")] {
            let value = try sysctl("net/bridge/bridge-nf-call-ip\(infix)tables")
            if value ?? "0" != "0" { filtered.append(family) }
        }
        return filtered
    }

    /// Whether there is a chain of Docker's for rules of others.
    func hasDoor() throws(NetlinkError) -> Bool {
        guard let table = try packetTableIfAny() else { return false }
        do throws(Errno) {
            return try table.chains().contains { $0.name == FirewallDoor.chain && $0.table == "filter" }
        } catch { throw .dump(what: "packet rules", error) }
    }

    private func obstacles(_ probes: [FirewallProbe], _ table: borrowing PacketTable) throws(Errno)
        -> [FirewallObstacle]
    {
        let all = try table.chains()
        var found: [FirewallObstacle] = []
        for chain in all where chain.isBase && chain.hook == Self.forward && chain.table != "jailrun" {
            let seen = probes.filter(chain.sees)
            for (probe, judgement) in zip(seen, try table.judgements(of: seen, in: chain))
            where judgement.fate == .dropped { found.append(chain.obstacle(probe, judgement, among: all)) }
        }
        return found
    }

    /// What iptables(8) says without nf_tables: proc(5) tells whether there is any of it.
    private func legacy(_ probes: [FirewallProbe]) throws(Errno) -> [FirewallObstacle] {
        let text: String
        do throws(Errno) { text = try Files.text("thread-self/net/ip_tables_names", at: proc) } catch {
            if error == .noSuchFileOrDirectory { return [] }
            throw error
        }
        if !text.split(separator: "\n").contains("filter") { return [] }
        var found: [FirewallObstacle] = []
        for probe in probes where probe.family == .ipv4 && probe.isNew {
            var packet = PacketTable.packet(probe)
            let answer = unsafe cns_iptables_forward_drops(&packet)
            if answer < 0 { throw Errno(rawValue: -answer) }
            if answer == 0 { continue }
            let sides = probe.bridge.map { ["-o \($0)", "-i \($0)"] } ?? ["-d \(probe.place)", "-s \(probe.place)"]
            found.append(
                FirewallObstacle(
                    chain: "chain FORWARD of iptables-legacy", probe: probe,
                    mend: sides.map { "iptables-legacy -I FORWARD \($0) -j ACCEPT" }.joined(separator: "; "),
                    hasDoor: false, isDoubtful: false))
        }
        return found
    }
}

extension FirewallProbe {
    /// The one that the jail is on.
    fileprivate var bridge: String? { side.isEmpty ? nil : side }

    fileprivate var place: String { address?.description ?? "" }

    /// What names the jail's side in a rule.
    fileprivate func condition(isOutput: Bool) -> String {
        if let bridge { return "\(isOutput ? "oifname" : "iifname") \"\(bridge)\"" }
        return "\(family == .ipv4 ? "ip" : "ip6") \(isOutput ? "daddr" : "saddr") \(place)"
    }
}

extension PacketTable.Chain {
    fileprivate func sees(_ probe: FirewallProbe) -> Bool {
        switch Int(family) {
        case CNS_NFT_INET: true
        case CNS_NFT_IPV4: probe.family == .ipv4
        case CNS_NFT_IPV6: probe.family == .ipv6
        default: false
        }
    }

    fileprivate var familyName: String {
        switch Int(family) {
        case CNS_NFT_INET: "inet"
        case CNS_NFT_IPV4: "ip"
        default: "ip6"  // no others are asked
        }
    }

    fileprivate func obstacle(
        _ probe: FirewallProbe, _ judgement: PacketTable.Judgement, among all: [Self]
    ) -> FirewallObstacle {
        var place = self
        if judgement.isInDoor { place.name = FirewallDoor.chain }
        return FirewallObstacle(
            chain: "chain \(place.name) of table \(familyName) \(table)", probe: probe,
            mend: place.mend(probe, keeper: FirewallKeeper(of: place, among: all)),
            hasDoor: hasDoor(among: all) && !judgement.isInDoor, isDoubtful: judgement.isUnsure)
    }

    private func hasDoor(among all: [Self]) -> Bool {
        table == "filter"
            && all.contains {
                $0.family == family && $0.table == table && $0.name == FirewallDoor.chain && !$0.isBase
            }
    }

    /// Both directions: what answers has to pass, too.
    private func mend(_ probe: FirewallProbe, keeper: FirewallKeeper) -> String {
        switch keeper {
        case .firewalld: return probe.bridge == NetworkPlan.bridge ? FirewallKeeper.trust : probe.policy
        case .ufw:
            if let bridge = probe.bridge { return "ufw route allow out on \(bridge); ufw route allow in on \(bridge)" }
        case .unknown: break
        }
        return [true, false].map { isOutput in
            "nft insert rule \(familyName) \(table) \(name) \(Shell.quoted(probe.condition(isOutput: isOutput))) accept"
        }.joined(separator: "; ")
    }
}

/// Whose a chain is, as its name or those beside it tell: rules that it did not write itself are gone with its next reload.
private enum FirewallKeeper {
    case firewalld, ufw, unknown

    init(of chain: PacketTable.Chain, among all: [PacketTable.Chain]) {
        func has(_ name: String) -> Bool {
            all.contains { $0.name == name && $0.table == chain.table && $0.family == chain.family }
        }
        self =
            chain.table == "firewalld" || has("FORWARD_direct")
            ? .firewalld
            : chain.name == "FORWARD" && (has("ufw-user-forward") || has("ufw6-user-forward")) ? .ufw : .unknown
    }

    /// Now, and after a reload. Only for the bridge that is nobody else's: it opens the host's ports, too.
    static let trust = ["", "--permanent "].map {
        "firewall-cmd \($0)--zone=trusted --add-interface=\(NetworkPlan.bridge)"
    }
    .joined(separator: "; ")
}

extension FirewallProbe {
    /// What firewall-cmd(1) is told about one address that is forwarded; rules of its zones are about the host's own ports.
    fileprivate var policy: String {
        let rules = ["source", "destination"].map {
            "--add-rich-rule='rule family=\(family.rawValue) \($0) address=\(place) accept'"
        }
        return "firewall-cmd --permanent --new-policy=jails; "
            + (["--add-ingress-zone=ANY", "--add-egress-zone=ANY"] + rules).map {
                "firewall-cmd --permanent --policy=jails \($0); "
            }.joined() + "firewall-cmd --reload"
    }
}
