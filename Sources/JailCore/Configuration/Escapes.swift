/// The escapes of jail.conf(5): one table for bare words, single and double quotes.
enum Escapes {
    /// Behind the escape that begins at `start` in the file.
    static func end(of start: Int, in bytes: Bytes) -> Int {
        let next = start + 1
        guard next < bytes.count else { return next }
        if bytes[next].isOctalDigit {
            return bytes[next..<min(next + 3, bytes.count)].firstIndex { !$0.isOctalDigit }
                ?? min(next + 3, bytes.count)
        }
        guard bytes[next] == UInt8(ascii: "x") else { return next + 1 }
        let digits = next + 1..<min(next + 3, bytes.count)
        return bytes[digits].firstIndex { $0.hexValue == nil } ?? digits.upperBound
    }

    /// The text that `slice` means. It ends at a NUL, as C strings do.
    static func resolve(_ slice: ArraySlice<UInt8>, in bytes: Bytes) -> Bytes {
        var text = Bytes()
        var index = slice.startIndex
        while index < slice.endIndex {
            guard slice[index] == .backslash else {
                text.append(slice[index])
                index += 1
                continue
            }
            let end = end(of: index, in: bytes)
            // A backslash before the closing brace of a variable takes the brace along.
            if let byte = value(of: bytes[index + 1..<max(end, index + 1)], within: slice.endIndex) {
                text.append(byte)
            }
            index = min(end, max(slice.endIndex, index + 2))
        }
        return Bytes(text.prefix { $0 != 0 })
    }

    /// The byte of one escape, `body` being what follows its backslash; nil for an escaped newline, which vanishes.
    private static func value(of body: ArraySlice<UInt8>, within limit: Int) -> UInt8? {
        guard let first = body.first else { return 0 }
        let digits = body.dropFirst().prefix(max(0, limit - body.startIndex - 1))
        if first.isOctalDigit { return ([first] + digits).reduce(0) { $0 &* 8 &+ ($1 - UInt8(ascii: "0")) } }
        switch first {
        case UInt8(ascii: "a"): return 0x07
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "f"): return 0x0c
        case UInt8(ascii: "n"): return 0x0a
        case UInt8(ascii: "r"): return 0x0d
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "v"): return 0x0b
        case UInt8(ascii: "x"): return digits.reduce(0) { $0 &* 16 &+ ($1.hexValue ?? 0) }
        case .newline: return nil
        default: return first
        }
    }
}
