/// RFC 4648, section 4: three bytes as four characters.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let padding = UInt8(ascii: "=")

    static func text(_ bytes: Bytes) -> String {
        var text: Bytes = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = (0..<3).reduce(0) { $0 << 8 | (start + $1 < group.endIndex ? Int(bytes[start + $1]) : 0) }
            for place in 0...3 {
                text.append(place <= group.count ? alphabet[bits >> (18 - 6 * place) & 63] : padding)
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Nil for what is none: with a character too many, or bits that no byte has.
    static func bytes(_ text: String) -> Bytes? {
        let characters = Bytes(text.utf8)
        let padded = characters.suffix(2).count { $0 == padding }
        guard characters.count.isMultiple(of: 4) else { return nil }
        var (bytes, bits, held): (Bytes, UInt32, Int) = ([], 0, 0)
        for character in characters.dropLast(padded) {
            guard let value = value(character) else { return nil }
            (bits, held) = (bits << 6 | value, held + 6)
            if held < 8 { continue }
            held -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(held)))
        }
        return held == 2 * padded && bits & (1 << UInt32(held) - 1) == 0 ? bytes : nil
    }

    private static func value(_ character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
        case .plus: 62
        case .slash: 63
        default: nil
        }
    }
}
