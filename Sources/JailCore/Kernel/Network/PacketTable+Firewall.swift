internal import CNamespaces
internal import Glibc
internal import SystemPackage

// Chains of others, and the door that Docker leaves open for rules of others.

extension PacketTable {
    private static let door = "filter"
    private static let families = [UInt8(CNS_NFT_IPV4), UInt8(CNS_NFT_IPV6)]

    /// In the place of one that the jail has: all of it in one batch. Whose chain it is may be at work on it.
    func open(_ door: FirewallDoor) throws(Errno) {
        try Self.again { () throws(Errno) in try tryOpening(door) }
    }

    private func tryOpening(_ door: FirewallDoor) throws(Errno) {
        let comment = FirewallDoor.comment(of: door.jail)
        let old = try doorRules().filter { $0.rule.comment == comment }
        var places: [UInt64] = []
        for (family, number) in zip(AddressSpec.Family.allCases, Self.families) {
            places.append(try handleOfReturn(number, family))
        }
        unsafe cns_nft_begin(socket)
        for (index, number) in Self.families.enumerated() {
            unsafe cns_nft_choose(socket, number, Self.door)
            for (_, rule) in old.filter({ $0.family == number }) {
                unsafe cns_nft_delete_rule(socket, rule.chain, rule.handle)
            }
            for entry in door.entries where entry.family == AddressSpec.Family.allCases[index] {
                add(entry, comment, before: places[index])
            }
        }
        try commit()
    }

    /// Of the rule without conditions that ends the chain; 0 where there is none.
    private func handleOfReturn(_ number: UInt8, _ family: AddressSpec.Family) throws(Errno) -> UInt64 {
        var nothing = cns_nft_packet()
        nothing.family = UInt8(family == .ipv4 ? AF_INET : AF_INET6)
        unsafe cns_nft_choose(socket, number, Self.door)
        let rules = try judgedRules([nothing])
        return rules.first {
            $0.chain == FirewallDoor.chain && $0.verdict == CNS_NFT_RETURN && $0.matches == 1
        }?.handle ?? 0
    }

    private func add(_ entry: FirewallDoor.Entry, _ comment: String, before handle: UInt64) {
        guard let address = InternetAddress(entry.address) else { return }
        let offset: UInt32 = address.family == .ipv4 ? (entry.isFromJail ? 12 : 16) : (entry.isFromJail ? 8 : 24)
        unsafe cns_nft_begin_rule_before(socket, FirewallDoor.chain, handle)
        compare(entry.input, CNS_NFT_META_IIFNAME)
        compare(entry.output, CNS_NFT_META_OIFNAME)
        unsafe cns_nft_load_payload(socket, UInt32(CNS_NFT_NETWORK_HEADER), offset, UInt32(address.bitWidth / 8))
        compare(address.networkBytes)
        unsafe cns_nft_verdict(socket, 1)
        unsafe cns_nft_end_rule(socket, comment)
    }

    private func compare(_ link: String, _ key: Int) {
        load(key)
        let name = Array(link.utf8.prefix(15))
        compare(name + [UInt8](repeating: 0, count: 16 - name.count))
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

    struct Judgement {
        var fate = Fate.unknown
        /// A rule of the chain that Docker leaves to others has said so, or of one that it leads to.
        var isInDoor = false
        /// Rules come before, of which nobody can say whether they let the packet pass.
        var isUnsure = false
    }

    /// What a base chain does with each of these packets.
    func judgements(of probes: [FirewallProbe], in chain: Chain) throws(Errno) -> [Judgement] {
        unsafe cns_nft_choose(socket, chain.family, chain.table)
        var found: [Judgement] = []
        for start in stride(from: 0, to: probes.count, by: CNS_NFT_MOST_PACKETS) {
            let asked = probes[start..<min(start + CNS_NFT_MOST_PACKETS, probes.count)]
            // What jailrun has let through is asked about as if it had not: whether a jail needs that.
            let rules = try judgedRules(asked.map(Self.packet)).filter { !$0.isOfDoor }
            for (index, probe) in asked.enumerated() {
                var walk = Walk(rules: rules, bit: 1 << UInt64(index))
                found.append(walk.judgement(of: chain, probe))
            }
        }
        return found
    }

    private struct Judged {
        var chain: String
        var target: String
        var handle: UInt64
        var verdict: Int
        var isOfDoor: Bool
        /// A bit for each packet.
        var matches: UInt64
        var mayMatch: UInt64
    }

    private func judgedRules(_ packets: [cns_nft_packet]) throws(Errno) -> [Judged] {
        var list = unsafe cns_nft_rules()
        defer { unsafe cns_nft_free(&list) }
        try Self.dump {
            unsafe cns_nft_free(&list)
            return unsafe cns_nft_list(socket, packets, packets.count, &list)
        }
        return unsafe UnsafeBufferPointer(start: list.first, count: list.count).map { rule in
            Judged(
                chain: Self.text(of: rule.chain), target: Self.text(of: rule.target), handle: rule.handle,
                verdict: Int(rule.verdict),
                isOfDoor: Self.text(of: rule.comment).hasPrefix(FirewallDoor.comment(of: "")),
                matches: rule.matches, mayMatch: rule.may_match)
        }
    }

    /// One packet's way through a table.
    private struct Walk {
        let rules: [Judged]
        let bit: UInt64
        var isUnsure = false

        private static let mostJumps = 8
        private static let passing = [CNS_NFT_ACCEPT, CNS_NFT_JUMP, CNS_NFT_GO, CNS_NFT_RETURN]

        mutating func judgement(of chain: Chain, _ probe: FirewallProbe) -> Judgement {
            var found = judgement(of: chain.name, depth: 0, isInDoor: false)
            if found.fate == .unknown && chain.drops { found.fate = .dropped }
            found.isUnsure = isUnsure
            // Of an answer nobody can say more than that it is one, and most lets those pass by a set or a map.
            if found.fate == .dropped && !probe.isNew && isUnsure { found.fate = .unknown }
            return found
        }

        private mutating func judgement(of chain: String, depth: Int, isInDoor: Bool) -> Judgement {
            if depth > Self.mostJumps { return Judgement() }
            let isInDoor = isInDoor || chain == FirewallDoor.chain
            for rule in rules where rule.chain == chain {
                if rule.matches & bit == 0 {
                    isUnsure = isUnsure || rule.mayMatch & bit != 0 && Self.passing.contains(rule.verdict)
                    continue
                }
                switch rule.verdict {
                case CNS_NFT_DROP: return Judgement(fate: .dropped, isInDoor: isInDoor)
                case CNS_NFT_ACCEPT: return Judgement(fate: .passes, isInDoor: isInDoor)
                case CNS_NFT_RETURN: return Judgement()
                case CNS_NFT_GO: return judgement(of: rule.target, depth: depth + 1, isInDoor: isInDoor)
                case CNS_NFT_JUMP:
                    let inner = judgement(of: rule.target, depth: depth + 1, isInDoor: isInDoor)
                    if inner.fate != .unknown { return inner }
                default: continue
                }
            }
            return Judgement()
        }
    }

    static func packet(_ probe: FirewallProbe) -> cns_nft_packet {
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
