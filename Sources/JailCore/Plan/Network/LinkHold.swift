/// What a jail may send through one of its links: packets with its own addresses, and no others. On FreeBSD a jail's
/// raw sockets are held to its addresses; here root inside may write whole frames with `allow.raw_sockets`, in
/// anybody's name, and change what neighbours know of each other. So the host looks at each, where it comes out of the
/// jail.
package struct LinkHold: Equatable, Sendable, Codable {
    /// The host's end of the pair.
    package var link: String
    /// Of the jail's end.
    package var mac: String
    /// All addresses of the jail: a jail with several links may answer on a different one than the question came in on.
    package var addresses: [String]

    /// A rule of the link's chain: all that it asks, and whether it lets pass what has all of that.
    struct Rule: Equatable {
        var conditions: [Condition]
        var accepts = true
    }

    enum Condition: Equatable {
        /// The frame's own: one with a tag of another network says so in its header, whatever it holds.
        case protocolNumber(UInt16)
        case sender(isNot: Bool)
        case arpSender(InternetAddress)
        case source(InternetAddress)
        case isICMPv6
        case icmpType(UInt8)
        /// Of a neighbour solicitation or advertisement.
        case isAbout(InternetAddress, isNot: Bool)
    }

    private static let (ipv4, arp, ipv6): (UInt16, UInt16, UInt16) = (0x0800, 0x0806, 0x86dd)
    /// Of ICMPv6.
    private static let (solicitation, advertisement): (UInt8, UInt8) = (135, 136)
    private static let (routerAdvertisement, redirect): (UInt8, UInt8) = (134, 137)
    private static let unspecified = InternetAddress(.ipv6, 0)

    private func own(_ family: AddressSpec.Family) -> [InternetAddress] {
        addresses.compactMap { InternetAddress($0) }.filter { $0.family == family }
    }

    /// What no rule accepts is dropped: other protocols, tags of networks, a spanning tree.
    var rules: [Rule] {
        [Rule(conditions: [.sender(isNot: true)], accepts: false)] + rulesIPv4 + rulesIPv6
    }

    private var rulesIPv4: [Rule] {
        own(.ipv4).flatMap { address in
            [
                Rule(conditions: [.protocolNumber(Self.arp), .arpSender(address)]),
                Rule(conditions: [.protocolNumber(Self.ipv4), .source(address)]),
            ]
        }
    }

    private var rulesIPv6: [Rule] {
        if own(.ipv6).isEmpty { return [] }
        let all = own(.ipv6) + [linkLocal].compactMap { $0 }
        func icmp(_ type: UInt8) -> [Condition] { [.protocolNumber(Self.ipv6), .isICMPv6, .icmpType(type)] }
        let forbidden = [
            icmp(Self.routerAdvertisement), icmp(Self.redirect),
            icmp(Self.advertisement) + all.map { .isAbout($0, isNot: true) },
            // "I am about to have it": whoever has that address gives it up, RFC 4862.
            icmp(Self.solicitation) + [.source(Self.unspecified)] + all.map { .isAbout($0, isNot: true) },
        ]
        return forbidden.map { Rule(conditions: $0, accepts: false) }
            + all.map { Rule(conditions: [.protocolNumber(Self.ipv6), .source($0)]) }
            // Who has no address yet asks with none, and says so to nobody else.
            + [Rule(conditions: [.protocolNumber(Self.ipv6), .source(Self.unspecified), .isICMPv6])]
    }

    /// The one that the kernel makes of the link's own address, RFC 4291.
    var linkLocal: InternetAddress? {
        let octets = mac.split(separator: ":").compactMap { UInt8($0, radix: 16) }
        guard octets.count == 6 else { return nil }
        let identifier = [octets[0] ^ 2, octets[1], octets[2], 0xff, 0xfe, octets[3], octets[4], octets[5]]
        return InternetAddress(.ipv6, 0xfe80 << 112 | identifier.reduce(UInt128(0)) { $0 << 8 | UInt128($1) })
    }
}

// MARK: As nft(8) has it

extension LinkHold {
    var script: [String] {
        [
            "add table netdev jailrun",
            "add chain netdev jailrun \(link) { type filter hook ingress device \"\(link)\" priority 0; policy drop; }",
            "flush chain netdev jailrun \(link)",
        ] + rules.map { "add rule netdev jailrun \(link) \(text(of: $0))" }
    }

    private func text(of rule: Rule) -> String {
        (rule.conditions.map(text) + [rule.accepts ? "accept" : "drop"]).joined(separator: " ")
    }

    private func text(of condition: Condition) -> String {
        switch condition {
        case .protocolNumber(let number):
            ["meta protocol", "@ll,96,16"].map { "\($0) 0x\(String(number, radix: 16))" }.joined(separator: " ")
        case .sender(let isNot): "ether saddr \(isNot ? "!= " : "")\(mac)"
        case .arpSender(let address): "arp saddr ether \(mac) arp saddr ip \(address)"
        case .source(let address): "\(address.family == .ipv4 ? "ip" : "ip6") saddr \(address)"
        case .isICMPv6: "meta l4proto 58"
        case .icmpType(let type): "@th,0,8 \(type)"
        case .isAbout(let address, let isNot):
            "@th,64,128 \(isNot ? "!= " : "")0x\(String(address.value, radix: 16))"
        }
    }

    /// The commands that take it away again, and the table with the last.
    static func release(of link: String) -> String {
        "if nft delete chain netdev jailrun \(link) 2>/dev/null; then\n"
            + "    nft list table netdev jailrun | grep -q chain || nft delete table netdev jailrun\nfi"
    }
}
