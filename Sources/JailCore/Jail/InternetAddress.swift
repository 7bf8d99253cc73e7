/// An IPv4 or IPv6 address as a number, for the arithmetic of networks.
package struct InternetAddress: Hashable, Sendable {
    package typealias Family = AddressSpec.Family

    package let family: Family
    /// In host order; IPv4 uses the low 32 bits.
    package let value: UInt128

    package init(_ family: Family, _ value: UInt128) {
        self.family = family
        self.value = value
    }

    /// Nil if the text is not an address that inet_pton(3) accepts. Zone names (`%eth0`) are not accepted.
    package init?(_ text: some StringProtocol) {
        if text.utf8.contains(UInt8(ascii: ":")) {
            guard let value = Self.ipv6(text) else { return nil }
            self.init(.ipv6, value)
        } else {
            guard let value = Self.ipv4(text) else { return nil }
            self.init(.ipv4, UInt128(value))
        }
    }

    /// 32 or 128.
    package var bitWidth: Int { family == .ipv4 ? 32 : 128 }

    /// fe80::/10 or 169.254.0.0/16: an address that says nothing about the networks of a host.
    var isLinkLocal: Bool { family == .ipv4 ? value >> 16 == 0xa9fe : value >> 118 == 0x3fa }

    /// Neither unspecified, loopback, multicast, nor of IPv4's reserved last block.
    var isAssignable: Bool {
        switch family {
        case .ipv4: value >> 24 != 0 && value >> 24 != 127 && value >> 28 < 0xe
        case .ipv6: value > 1 && value >> 120 != 0xff
        }
    }

    /// Not the unspecified address, nor IPv4's broadcast address, nor a multicast group.
    var isNameable: Bool {
        switch family {
        case .ipv4: value != 0 && value != 0xffff_ffff && value >> 28 != 0xe
        case .ipv6: value != 0 && value >> 120 != 0xff
        }
    }

    private static func ipv4(_ text: some StringProtocol) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            // inet_pton(3) takes decimal digits only, and no leading zero: elsewhere that means octal.
            guard part.utf8.allSatisfy({ (0x30...0x39).contains($0) }), part == "0" || part.first != "0",
                let byte = UInt8(part)
            else { return nil }
            value = value << 8 | UInt32(byte)
        }
        return value
    }

    private static func ipv6(_ text: some StringProtocol) -> UInt128? {
        guard let gap = Substring(text).firstPlace(of: "::") else {
            return groups(text, mayEndInIPv4: true).flatMap { $0.count == 8 ? joined($0) : nil }
        }
        let text = Substring(text)
        guard !text[gap.upperBound...].holds("::"), let first = groups(text[..<gap.lowerBound], mayEndInIPv4: false),
            let last = groups(text[gap.upperBound...], mayEndInIPv4: true), first.count + last.count < 8
        else { return nil }
        return joined(first + Array(repeating: 0, count: 8 - first.count - last.count) + last)
    }

    private static func groups(_ text: some StringProtocol, mayEndInIPv4: Bool) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        var groups: [UInt16] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if mayEndInIPv4, index == parts.count - 1, let tail = ipv4(part) {
                groups += [UInt16(tail >> 16), UInt16(truncatingIfNeeded: tail)]
            } else {
                guard (1...4).contains(part.utf8.count), part.first != "+", let group = UInt16(part, radix: 16) else {
                    return nil
                }
                groups.append(group)
            }
        }
        return groups
    }

    private static func joined(_ groups: [UInt16]) -> UInt128 { groups.reduce(0) { $0 << 16 | UInt128($1) } }
}

extension InternetAddress: CustomStringConvertible {
    /// inet_ntop(3)'s form: RFC 5952, with the last 32 bits of an IPv4-mapped address dotted.
    package var description: String {
        if family == .ipv4 { return Self.dotted(UInt32(truncatingIfNeeded: value)) }
        if value >> 32 == 0xffff { return "::ffff:" + Self.dotted(UInt32(truncatingIfNeeded: value)) }
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: value >> (112 - 16 * $0)) }
        let texts = groups.map { String($0, radix: 16) }
        guard let zeros = Self.longestZeros(groups) else { return texts.joined(separator: ":") }
        return texts[..<zeros.lowerBound].joined(separator: ":") + "::"
            + texts[zeros.upperBound...].joined(separator: ":")
    }

    private static func dotted(_ value: UInt32) -> String {
        [24, 16, 8, 0].map { String(value >> UInt32($0) & 255) }.joined(separator: ".")
    }

    /// The first of the longest runs of two zero groups or more.
    private static func longestZeros(_ groups: [UInt16]) -> Range<Int>? {
        var best = 0..<0
        var start = 0
        for (index, group) in groups.enumerated() {
            if group != 0 {
                start = index + 1
            } else if index + 1 - start > best.count {
                best = start..<index + 1
            }
        }
        return best.count >= 2 ? best : nil
    }
}

/// An address and the length of its network's prefix, `10.77.0.10/24`.
package struct InternetPrefix: Hashable, Sendable {
    package let address: InternetAddress
    package let length: Int

    /// The length must be from 0 to the address's width.
    package init(_ address: InternetAddress, length: Int) {
        precondition((0...address.bitWidth).contains(length), "a prefix of \(length) bits")
        self.address = address
        self.length = length
    }

    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = InternetAddress(parts[0]), let length = Int(parts[1]),
            (0...address.bitWidth).contains(length)
        else { return nil }
        self.init(address, length: length)
    }

    /// Without a mask, the network that people mean by such an address: /24 and /64, the sizes of nearly all of them.
    /// FreeBSD's /32 says that the interface has the network already; here no interface has, so a written /32 says no
    /// more than nothing.
    init(onBridge address: InternetAddress, length: Int?) {
        let usual = address.family == .ipv4 ? 24 : 64
        self.init(address, length: length.map { $0 == address.bitWidth ? usual : $0 } ?? usual)
    }

    private var hostMask: UInt128 {
        let bits = address.bitWidth - length
        return bits == 128 ? .max : (1 << UInt128(bits)) - 1
    }

    /// The same prefix with the host's bits cleared.
    package var network: InternetPrefix {
        InternetPrefix(InternetAddress(address.family, address.value & ~hostMask), length: length)
    }

    package func contains(_ other: InternetAddress) -> Bool {
        other.family == address.family && other.value & ~hostMask == address.value & ~hostMask
    }

    package func overlaps(_ other: InternetPrefix) -> Bool { contains(other.address) || other.contains(address) }

    /// The first and last address that a host of the network can have. Point-to-point networks (RFC 3021, RFC 6164)
    /// use both of theirs; IPv6 has no broadcast address, but its lowest address is every router's (RFC 4291).
    var hosts: (first: InternetAddress, last: InternetAddress) {
        let low = address.value & ~hostMask
        let high = address.value | hostMask
        let isPointToPoint = address.bitWidth - length <= 1
        return (
            InternetAddress(address.family, isPointToPoint ? low : low + 1),
            InternetAddress(address.family, isPointToPoint || address.family == .ipv6 ? high : high - 1)
        )
    }
}

extension InternetPrefix: CustomStringConvertible {
    package var description: String { "\(address)/\(length)" }
}

/// Encoded as its text.
package protocol TextCodable: Codable, CustomStringConvertible {
    init?(_ text: some StringProtocol)
}

extension TextCodable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let value = Self(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "cannot read \(text)")
        }
        self = value
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

extension InternetAddress: TextCodable {}
extension InternetPrefix: TextCodable {}
