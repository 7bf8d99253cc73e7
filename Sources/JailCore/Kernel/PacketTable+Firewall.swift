internal import CNamespaces
internal import Glibc
internal import SystemPackage

// Chains of others, and the door that Docker leaves open for rules of others.

extension PacketTable {
    private static let door = "filter"
    private static let families = [UInt8(CNS_NFT_IPV4), UInt8(CNS_NFT_IPV6)]

    /// In the place of one that the jail has.
    func open(_ door: FirewallDoor) throws(Errno) {
        let comment = FirewallDoor.comment(of: door.jail)
        let old = try doorRules().filter { $0.rule.comment == comment }
        for (family, number) in zip(AddressSpec.Family.allCases, Self.families) {
            let entries = door.entries.filter { $0.family == family }
            let isThere = try chains(number).contains { $0.table == Self.door && $0.name == FirewallDoor.chain }
            if entries.isEmpty || !isThere { continue }
            unsafe cns_nft_choose(socket, number, Self.door)
            unsafe cns_nft_begin(socket)
            for (_, rule) in old.filter({ $0.family == number }) {
                unsafe cns_nft_delete_rule(socket, rule.chain, rule.handle)
            }
            for entry in entries { add(entry, comment) }
            try commit()
        }
    }

    private func add(_ entry: FirewallDoor.Entry, _ comment: String) {
        guard let address = InternetAddress(entry.address) else { return }
        let offset: UInt32 = address.family == .ipv4 ? (entry.isFromJail ? 12 : 16) : (entry.isFromJail ? 8 : 24)
        unsafe cns_nft_begin_rule(socket, FirewallDoor.chain, false)
        load(entry.isFromJail ? CNS_NFT_META_IIFNAME : CNS_NFT_META_OIFNAME)
        let name = Array(entry.link.utf8.prefix(15))
        compare(name + [UInt8](repeating: 0, count: 16 - name.count))
        unsafe cns_nft_load_payload(socket, UInt32(CNS_NFT_NETWORK_HEADER), offset, UInt32(address.bitWidth / 8))
        compare(address.networkBytes)
        unsafe cns_nft_verdict(socket, 1)
        unsafe cns_nft_end_rule(socket, comment)
    }

    /// Of jails that have one open.
    func doorRules() throws(Errno) -> [(family: UInt8, rule: Rule)] {
        var found: [(family: UInt8, rule: Rule)] = []
        for family in Self.families {
            unsafe cns_nft_choose(socket, family, Self.door)
            for rule in try rules()
            where rule.chain == FirewallDoor.chain && rule.comment.hasPrefix(FirewallDoor.comment(of: "")) {
                found.append((family, rule))
            }
        }
        return found
    }

    func closeDoor(of jail: String) throws(Errno) {
        let comment = FirewallDoor.comment(of: jail)
        for family in Self.families {
            unsafe cns_nft_choose(socket, family, Self.door)
            try delete { $0.chain == FirewallDoor.chain && $0.comment == comment }
        }
    }

    // MARK: What becomes of a packet

    enum Fate { case passes, dropped, unknown }

    /// What a base chain does with that packet.
    func fate(of probe: FirewallProbe, in chain: Chain) throws(Errno) -> Fate {
        var packet = Self.packet(probe)
        unsafe cns_nft_choose(socket, chain.family, chain.table)
        let rules = try judgedRules(&packet)
        var isUnsure = false
        let fate = Self.fate(of: chain.name, rules, depth: 0, &isUnsure)
        // Of an answer nobody can say more than that it is one, and most lets those pass by a set or a map.
        if fate == .dropped || fate == .unknown && chain.drops { return !probe.isNew && isUnsure ? .unknown : .dropped }
        return fate
    }

    private struct Judged {
        var chain: String
        var target: String
        var verdict: Int
        var matches: Bool
        var mayMatch: Bool
    }

    private func judgedRules(_ packet: inout cns_nft_packet) throws(Errno) -> [Judged] {
        var list = unsafe cns_nft_rules()
        defer { unsafe cns_nft_free(&list) }
        try Self.dump {
            unsafe cns_nft_free(&list)
            return unsafe cns_nft_list(socket, &packet, &list)
        }
        // What jailrun has let through is asked about as if it had not: whether a jail needs that.
        let others = unsafe UnsafeBufferPointer(start: list.first, count: list.count).filter { rule in
            !Self.text(of: rule.comment).hasPrefix(FirewallDoor.comment(of: ""))
        }
        return others.map { rule in
            Judged(
                chain: Self.text(of: rule.chain), target: Self.text(of: rule.target), verdict: Int(rule.verdict),
                matches: rule.matches, mayMatch: rule.may_match)
        }
    }

    private static let mostJumps = 8

    private static func fate(of chain: String, _ rules: [Judged], depth: Int, _ isUnsure: inout Bool) -> Fate {
        if depth > mostJumps { return .unknown }
        for rule in rules where rule.chain == chain {
            if !rule.matches {
                isUnsure = isUnsure || rule.mayMatch
                continue
            }
            switch rule.verdict {
            case CNS_NFT_DROP: return .dropped
            case CNS_NFT_ACCEPT: return .passes
            case CNS_NFT_RETURN: return .unknown
            case CNS_NFT_GO: return fate(of: rule.target, rules, depth: depth + 1, &isUnsure)
            case CNS_NFT_JUMP:
                let inner = fate(of: rule.target, rules, depth: depth + 1, &isUnsure)
                if inner != .unknown { return inner }
            default: continue
            }
        }
        return .unknown
    }

    private static func packet(_ probe: FirewallProbe) -> cns_nft_packet {
        var packet = cns_nft_packet()
        packet.family = UInt8(probe.family == .ipv4 ? AF_INET : AF_INET6)
        copy(Array(probe.input.utf8.prefix(15)), to: &packet.input)
        copy(Array(probe.output.utf8.prefix(15)), to: &packet.output)
        if let source = probe.source { copy(source.networkBytes, to: &packet.source) }
        if let destination = probe.destination { copy(destination.networkBytes, to: &packet.destination) }
        (packet.has_source, packet.has_destination) = (probe.source != nil, probe.destination != nil)
        packet.protocol = probe.transport.map { $0 == .tcp ? 6 : 17 } ?? 0
        packet.port = UInt16(probe.port ?? 0).bigEndian
        packet.state = probe.isNew ? 1 << 3 : 1 << 1  // NF_CT_STATE_BIT of IP_CT_NEW and IP_CT_ESTABLISHED
        packet.status = probe.isTranslated ? 1 << 5 : 0  // IPS_DST_NAT
        return packet
    }

    private static func copy<Tuple>(_ bytes: [UInt8], to tuple: inout Tuple) {
        unsafe withUnsafeMutableBytes(of: &tuple) { unsafe $0.copyBytes(from: bytes.prefix($0.count)) }
    }
}
