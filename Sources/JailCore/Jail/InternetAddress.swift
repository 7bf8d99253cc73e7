/// An IPv4 or IPv6 address: read as inet_pton(3) does, shown as inet_ntop(3) does.
public struct InternetAddress: Hashable, Sendable {
    /// 4 or 16 bytes, in network order.
    public let bytes: Bytes

    public var family: AddressSpec.Family { bytes.count == 4 ? .ipv4 : .ipv6 }

    /// Four decimal numbers, without leading zeros: some programs would read those as octal.
    public init?(ipv4 text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let values = parts.compactMap { part -> UInt8? in
            part.count > 1 && part.hasPrefix("0") ? nil : DigitsOnly.value(part.utf8, in: 0...255)
        }
        guard parts.count == 4, values.count == 4 else { return nil }
        bytes = values
    }

    /// RFC 4291 text, without a scope.
    public init?(ipv6 text: String) {
        let halves = text.components(around: "::")
        guard let head = Self.groups(halves[0], mayBeEmpty: halves.count == 2) else { return nil }
        guard halves.count == 2 else {
            guard head.count == 16 else { return nil }
            bytes = head
            return
        }
        guard let tail = Self.groups(halves[1], mayBeEmpty: true), head.count + tail.count <= 14 else { return nil }
        // An IPv4 tail ends the address; in front of :: it would not.
        if halves[0].contains(".") { return nil }
        bytes = head + Bytes(repeating: 0, count: 16 - head.count - tail.count) + tail
    }

    private static func groups(_ text: Substring, mayBeEmpty: Bool) -> Bytes? {
        if text.isEmpty { return mayBeEmpty ? [] : nil }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        var bytes = Bytes()
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, part.contains("."), let tail = InternetAddress(ipv4: String(part)) {
                return bytes + tail.bytes
            }
            guard (1...4).contains(part.utf8.count), part.utf8.allSatisfy({ $0.hexValue != nil }),
                let value = UInt16(part, radix: 16)
            else { return nil }
            bytes += [UInt8(value >> 8), UInt8(value & 0xff)]
        }
        return bytes
    }

    /// All zero: it means any address, and names none.
    public var isUnspecified: Bool { bytes.allSatisfy { $0 == 0 } }

    public var isBroadcast: Bool { bytes.count == 4 && bytes.allSatisfy { $0 == 255 } }

    public var isMulticast: Bool { bytes.count == 4 ? bytes[0] & 0xf0 == 0xe0 : bytes[0] == 0xff }
}

extension InternetAddress: CustomStringConvertible {
    public var description: String {
        bytes.count == 4 ? bytes.map(String.init).joined(separator: ".") : ipv6Description
    }

    /// The longest run of two or more zero groups, the first of equals, is shortened (RFC 5952).
    private var ipv6Description: String {
        let mapped = Bytes(repeating: 0, count: 10) + [255, 255]
        if bytes.starts(with: mapped) { return "::ffff:" + bytes[12...].map(String.init).joined(separator: ".") }
        let groups = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
        let run = Self.longestZeroRun(groups)
        let text = { (range: Range<Int>) in groups[range].map { String($0, radix: 16) }.joined(separator: ":") }
        guard run.count > 1 else { return text(0..<8) }
        return text(0..<run.lowerBound) + "::" + text(run.upperBound..<8)
    }

    private static func longestZeroRun(_ groups: [UInt16]) -> Range<Int> {
        var best = 0..<0
        var start = 0
        for index in groups.indices {
            if groups[index] != 0 { start = index + 1 }
            if index + 1 - start > best.count { best = start..<index + 1 }
        }
        return best
    }
}

extension String {
    /// The text before and behind the first occurrence, or the whole text.
    fileprivate func components(around separator: String) -> [Substring] {
        let bytes = Array(utf8)
        let mark = Array(separator.utf8)
        guard bytes.count >= mark.count,
            let start = (0...bytes.count - mark.count).first(where: { bytes[$0...].starts(with: mark) })
        else { return [self[...]] }
        let middle = utf8.index(startIndex, offsetBy: start)
        return [self[..<middle], self[utf8.index(middle, offsetBy: mark.count)...]]
    }
}
