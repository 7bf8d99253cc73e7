internal import CNamespaces
internal import Glibc
internal import SystemPackage

// The table `netdev jailrun`: a chain for each link of a jail's, called as the link is.

extension PacketTable {
    private static let links = "jailrun"

    private func choose() { unsafe cns_nft_choose(socket, UInt8(CNS_NFT_NETDEV), Self.links) }

    /// In one batch, in the place of what was there: a chain may have outlived a link of that name.
    func hold(_ hold: LinkHold) throws(Errno) {
        put(hold, on: hold.link, drops: true)
        try commit()
    }

    /// Whether the kernel would do that. The link is not there yet: one that every network has stands for it, for a moment, and
    /// nothing is dropped there.
    func tryHold(_ hold: LinkHold) throws(Errno) {
        put(hold, on: "lo", drops: false)
        let code = unsafe cns_nft_try(socket)
        if code != 0 { throw Errno(rawValue: -code) }
    }

    private func put(_ hold: LinkHold, on link: String, drops: Bool) {
        choose()
        unsafe cns_nft_begin(socket)
        unsafe cns_nft_add_table(socket)
        unsafe cns_nft_add_link_chain(socket, link, link, drops)
        unsafe cns_nft_empty_chain(socket, link)
        for rule in hold.rules {
            unsafe cns_nft_begin_rule(socket, link, true)
            for condition in rule.conditions { add(condition, hold) }
            unsafe cns_nft_verdict(socket, rule.accepts ? 1 : 0)
            unsafe cns_nft_end_rule(socket, nil)  // whose it is says the link's alias
        }
    }

    /// Links of which something is looked at.
    func heldLinks() throws(Errno) -> Set<String> {
        choose()
        return Set(try rules().map(\.chain))
    }

    /// The table goes with the last; and one that is empty, for before 6.13 a kernel takes a chain away with its link.
    func release(_ isMeant: (String) -> Bool) throws(Errno) {
        try Self.again { () throws(Errno) in
            let all = try chains(UInt8(CNS_NFT_NETDEV)).filter { $0.table == Self.links }.map(\.name)
            let meant = all.filter(isMeant)
            if meant.count == all.count { return try deleteTable(isEmpty: all.isEmpty) }
            if meant.isEmpty { return }
            choose()
            unsafe cns_nft_begin(socket)
            for name in meant { unsafe cns_nft_delete_chain(socket, name) }
            try commit()
        }
    }

    private func deleteTable(isEmpty: Bool) throws(Errno) {
        choose()
        if isEmpty, try !isThere() { return }
        unsafe cns_nft_begin(socket)
        unsafe cns_nft_delete_table(socket)
        do throws(Errno) { try commit() } catch {
            // Nothing of jailrun's is in a table that a program of the host's owns.
            if error != .notPermitted || !isEmpty { throw error }
        }
    }

    /// The chosen table.
    private func isThere() throws(Errno) -> Bool {
        var isThere = false
        try Self.dump { unsafe cns_nft_has_table(socket, &isThere) }
        return isThere
    }

    struct Chain {
        var family: UInt8
        var table: String
        var name: String
        var isBase: Bool
        /// By its policy.
        var drops: Bool
        var hook: Int
    }

    /// Of all tables.
    /// - Parameter family: NFPROTO_*; 0 for all.
    func chains(_ family: UInt8 = 0) throws(Errno) -> [Chain] {
        var list = unsafe cns_nft_chains()
        defer { unsafe cns_nft_free_chains(&list) }
        try Self.dump {
            unsafe cns_nft_free_chains(&list)
            return unsafe cns_nft_list_chains(socket, family, &list)
        }
        return unsafe UnsafeBufferPointer(start: list.first, count: list.count).map { chain in
            Chain(
                family: chain.family, table: Self.text(of: chain.table), name: Self.text(of: chain.name),
                isBase: chain.is_base, drops: chain.drops, hook: Int(chain.hook))
        }
    }

    // MARK: Expressions

    private func add(_ condition: LinkHold.Condition, _ hold: LinkHold) {
        switch condition {
        case .protocolNumber(let number):
            load(CNS_NFT_META_PROTOCOL)
            compare(Self.native(number.bigEndian))
            // The kernel has taken the tag off by now, and puts it back for who reads the header.
            payload(CNS_NFT_LINK_HEADER, 12, Self.native(number.bigEndian))
        case .sender(let isNot):
            load(CNS_NFT_META_IIFTYPE)
            compare(Self.native(UInt16(1)))  // ARPHRD_ETHER
            payload(CNS_NFT_LINK_HEADER, 6, Self.octets(of: hold.mac), isNot)
        case .arpSender(let address):
            payload(CNS_NFT_NETWORK_HEADER, 8, Self.octets(of: hold.mac))
            payload(CNS_NFT_NETWORK_HEADER, 14, address.networkBytes)
        case .source(let address):
            payload(CNS_NFT_NETWORK_HEADER, address.family == .ipv4 ? 12 : 8, address.networkBytes)
        case .isICMPv6:
            load(CNS_NFT_META_L4PROTO)
            compare([58])
        case .icmpType(let type): payload(CNS_NFT_TRANSPORT_HEADER, 0, [type])
        case .isAbout(let address, let isNot): payload(CNS_NFT_TRANSPORT_HEADER, 8, address.networkBytes, isNot)
        }
    }

    private static func octets(of mac: String) -> [UInt8] {
        mac.split(separator: ":").map { UInt8($0, radix: 16) ?? 0 }
    }

    private func payload(_ base: Int, _ offset: UInt32, _ bytes: [UInt8], _ isNot: Bool = false) {
        unsafe cns_nft_load_payload(socket, UInt32(base), offset, UInt32(bytes.count))
        compare(bytes, isNot ? CNS_NFT_NOT_EQUAL : CNS_NFT_EQUAL)
    }
}
