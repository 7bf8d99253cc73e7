internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// The table `inet jailrun` of nftables, in the network namespace of the thread that opened it.
///
/// The kernel holds it alone: each rule carries its jail's name, and a published port, as its comment.
@safe struct PacketTable: ~Copyable {
    /// Valid until `deinit`, which alone closes it.
    let socket: OpaquePointer

    struct Rule: Equatable {
        var chain: String
        var handle: UInt64
        var comment: String
        var translation: Translation?

        /// Of the destination.
        struct Translation: Equatable {
            var address: InternetAddress
            /// Nil: it stays as it is.
            var port: Int?
        }

        var jail: String { String(comment.prefix { $0 != " " }) }
        /// The port of the host that it publishes.
        var port: PortSpec? { Self.port(in: comment) }

        static func port(in comment: String) -> PortSpec? {
            let words = comment.split(separator: " ")
            return words.count == 2 ? PortSpec(published: words[1]) : nil
        }

        /// The link, or `ipv6`, for which nobody but jails is forwarded.
        var guarded: Substring? {
            let words = comment.split(separator: " ")
            return words.count == 3 && chain == "forward" ? words[2] : nil
        }
        /// Behind another's firewall, beside the jail's door.
        var isGate: Bool { comment.hasSuffix(" \(PacketRule.gate)") }
        /// It is there as long as its jail is up, whatever others do.
        var lasts: Bool { guarded == nil && !isGate }
        /// The jail is reached, or reaches, through the host. Gates only keep from that: forwarding that is left on for these alone
        /// has no guard.
        var needsForwarding: Bool {
            chain == "forward" && !isGate || chain == "prerouting"
                || comment.hasSuffix(" \(PacketRule.masquerades)")
        }
    }

    init() throws(Errno) {
        var opened: OpaquePointer?
        let code = unsafe cns_nft_open(&opened)
        guard code == 0, let socket = unsafe opened else { throw Errno(rawValue: -code) }
        unsafe self.socket = socket
    }

    deinit { unsafe cns_nft_close(socket) }

    /// What the kernel said of a batch that failed.
    var message: String { unsafe String(cString: cns_nft_message(socket)) }

    func rules() throws(Errno) -> [Rule] {
        var list = unsafe cns_nft_rules()
        defer { unsafe cns_nft_free(&list) }
        try Self.dump {
            unsafe cns_nft_free(&list)
            return unsafe cns_nft_list(socket, nil, 0, &list)
        }
        return unsafe UnsafeBufferPointer(start: list.first, count: list.count).map { rule in
            Rule(
                chain: Self.text(of: rule.chain), handle: rule.handle, comment: Self.text(of: rule.comment),
                translation: Self.translation(rule))
        }
    }

    private static func translation(_ rule: cns_nft_rule) -> Rule.Translation? {
        guard [4, 16].contains(rule.to_width) else { return nil }
        let value = unsafe withUnsafeBytes(of: rule.to) { bytes in
            unsafe bytes.prefix(Int(rule.to_width)).reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
        }
        let address = InternetAddress(rule.to_width == 4 ? .ipv4 : .ipv6, value)
        return Rule.Translation(address: address, port: rule.to_port == 0 ? nil : Int(rule.to_port))
    }

    /// Made again when any table was changed meanwhile, NLM_F_DUMP_INTR of netlink(7).
    static func dump(_ make: () -> CInt) throws(Errno) {
        var code: CInt
        var attempts = 0
        repeat {
            code = make()
            attempts += 1
        } while code == -EINTR && attempts < 100
        if code != 0 { throw Errno(rawValue: -code) }
    }

    /// C's array of bytes is a tuple here.
    static func text<Tuple>(of tuple: Tuple) -> String {
        unsafe withUnsafeBytes(of: tuple) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    // MARK: Batches

    /// In one batch: there is no moment at which neither the old nor the new rules are there.
    /// - Parameter rules: nil for none.
    /// - Returns: the old ones.
    func replaceRules(of jail: String, by rules: PacketRules?) throws(Errno) -> [Rule] {
        try Self.again { () throws(Errno) in try replaceOnce(jail, rules) }
    }

    private func replaceOnce(_ jail: String, _ rules: PacketRules?) throws(Errno) -> [Rule] {
        let all = try self.rules()
        let old = all.filter { $0.jail == jail }
        if old.isEmpty && rules == nil { return [] }
        unsafe cns_nft_begin(socket)
        if rules == nil && old.count == all.count {
            unsafe cns_nft_delete_table(socket)
        } else {
            for rule in old { unsafe cns_nft_delete_rule(socket, rule.chain, rule.handle) }
            if let rules { put(rules) }
        }
        try commit()
        return old
    }

    private func put(_ rules: PacketRules) {
        unsafe cns_nft_add_table(socket)
        for chain in rules.chains {
            unsafe cns_nft_add_chain(
                socket, chain.rawValue, chain.type, UInt32(chain.hook.number), Int32(chain.priority))
        }
        for rule in rules.rules { add(rule) }
    }

    /// Those that are there.
    func delete(_ isMeant: (Rule) -> Bool) throws(Errno) {
        try Self.again { () throws(Errno) in
            let meant = try rules().filter(isMeant)
            if meant.isEmpty { return }
            unsafe cns_nft_begin(socket)
            for rule in meant { unsafe cns_nft_delete_rule(socket, rule.chain, rule.handle) }
            try commit()
        }
    }

    /// A batch deletes by handle what a look has found. Whoever else changes that chain (another jailrun, iptables-restore(8),
    /// Docker) may have deleted one meanwhile, and the kernel takes none of the batch then: ENOENT.
    static func again<Result>(_ lookAndChange: () throws(Errno) -> Result) throws(Errno) -> Result {
        for _ in 1..<5 {
            do throws(Errno) { return try lookAndChange() } catch {
                if error != .noSuchFileOrDirectory { throw error }
            }
        }
        return try lookAndChange()
    }

    func commit() throws(Errno) {
        let code = unsafe cns_nft_commit(socket)
        if code != 0 { throw Errno(rawValue: -code) }
    }

    private func add(_ rule: PacketRule) {
        unsafe cns_nft_begin_rule(socket, rule.chain.rawValue, rule.isAtEnd)
        for condition in rule.conditions { add(condition) }
        switch rule.verdict {
        case .translate(let address, let port): translate(address, port)
        case .masquerade: unsafe cns_nft_masquerade(socket)
        case .accept: unsafe cns_nft_verdict(socket, 1)
        case .drop: unsafe cns_nft_verdict(socket, 0)
        }
        unsafe cns_nft_end_rule(socket, rule.comment)
    }

    // MARK: Expressions

    private func add(_ condition: PacketRule.Condition) {
        switch condition {
        case .family(let family): require(family)
        case .source(let prefix): compare(prefix, isSource: true, CNS_NFT_EQUAL)
        case .destination(let prefix): compare(prefix, isSource: false, CNS_NFT_EQUAL)
        case .notDestination(let prefix): compare(prefix, isSource: false, CNS_NFT_NOT_EQUAL)
        case .isLocal:
            unsafe cns_nft_load_destination_type(socket)
            compare(Self.native(UInt32(2)))  // RTN_LOCAL
        case .ports(let transport, let ports): compare(transport, ports)
        case .input(let name, let isNot): compare(name, CNS_NFT_META_IIFNAME, isNot)
        case .output(let name, let isNot): compare(name, CNS_NFT_META_OIFNAME, isNot)
        case .translated(let isTranslated):  // IPS_DST_NAT
            compare(bits: 1 << 5, of: CNS_NFT_CT_STATUS, isTranslated ? CNS_NFT_NOT_EQUAL : CNS_NFT_EQUAL)
        case .isNew: compare(bits: 1 << 1 | 1 << 2, of: CNS_NFT_CT_STATE, CNS_NFT_EQUAL)
        }
    }

    static func native(_ value: some FixedWidthInteger) -> [UInt8] {
        unsafe withUnsafeBytes(of: value) { unsafe Array($0) }
    }

    func load(_ key: Int) { unsafe cns_nft_load_meta(socket, UInt32(key)) }

    func compare(_ bytes: [UInt8], _ operation: Int = CNS_NFT_EQUAL) {
        unsafe cns_nft_compare(socket, UInt32(operation), bytes, bytes.count)
    }

    private func require(_ family: AddressSpec.Family) {
        load(CNS_NFT_META_NFPROTO)
        compare([UInt8(family == .ipv4 ? AF_INET : AF_INET6)])
    }

    /// In a table of both families an address means something only once the family is known.
    private func compare(_ text: String, isSource: Bool, _ operation: Int) {
        guard let prefix = InternetPrefix(text) else { return }
        let family = prefix.address.family
        let width = prefix.address.bitWidth / 8
        require(family)
        let offset: UInt32 = family == .ipv4 ? (isSource ? 12 : 16) : (isSource ? 8 : 24)
        unsafe cns_nft_load_payload(socket, UInt32(CNS_NFT_NETWORK_HEADER), offset, UInt32(width))
        if prefix.length < prefix.address.bitWidth {
            let mask = (0..<width).map { UInt8(truncatingIfNeeded: 0xff00 >> min(8, max(0, prefix.length - 8 * $0))) }
            unsafe cns_nft_mask(socket, mask, width)
        }
        compare(prefix.network.address.networkBytes, operation)
    }

    private func compare(_ transport: PortSpec.Transport, _ ports: ClosedRange<Int>) {
        load(CNS_NFT_META_L4PROTO)
        compare([UInt8(transport == .tcp ? IPPROTO_TCP : 17)])
        unsafe cns_nft_load_payload(socket, UInt32(CNS_NFT_TRANSPORT_HEADER), 2, 2)
        let (first, last) = (UInt16(ports.lowerBound).bigEndian, UInt16(ports.upperBound).bigEndian)
        if first == last { return compare(Self.native(first)) }
        compare(Self.native(first), CNS_NFT_AT_LEAST)
        compare(Self.native(last), CNS_NFT_AT_MOST)
    }

    /// A name that ends in `*` is compared as far as that; another with the zeroes that follow it, IFNAMSIZ.
    private func compare(_ name: String, _ key: Int, _ isNot: Bool) {
        load(key)
        let isPrefix = name.utf8.last == UInt8(ascii: "*")
        let bytes = Array(isPrefix ? name.utf8.dropLast() : name.utf8.prefix(15))
        let padded = isPrefix ? bytes : bytes + [UInt8](repeating: 0, count: 16 - bytes.count)
        compare(padded, isNot ? CNS_NFT_NOT_EQUAL : CNS_NFT_EQUAL)
    }

    private func compare(
        bits: UInt32, of key: Int, _ operation: Int
    ) {
        unsafe cns_nft_load_ct(socket, UInt32(key))
        unsafe cns_nft_mask(socket, Self.native(bits), 4)
        compare(Self.native(UInt32(0)), operation)
    }

    private func translate(_ text: String, _ port: Int?) {
        guard let address = InternetAddress(text) else { return }
        let family = address.family == .ipv4 ? AF_INET : AF_INET6
        guard let port else { return unsafe cns_nft_translate(socket, family, address.networkBytes, nil) }
        unsafe cns_nft_translate(socket, family, address.networkBytes, Self.native(UInt16(port).bigEndian))
    }
}

extension InternetAddress {
    /// 4 or 16 bytes, as in a packet.
    var networkBytes: [UInt8] {
        (0..<bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> UInt128(bitWidth - 8 - 8 * $0)) }
    }
}
