/// A line of fstab(5), cut into fields and decoded.
struct MountLine: Equatable {
    var source: Bytes
    var target: Bytes
    var type: Bytes
    var options: [Bytes]

    enum Flaw: Error, Equatable {
        case missingInformation
        case badEscape(Bytes)
    }

    /// Nil for a blank line. Fields after the options are ignored, as by jail(8).
    init?(_ line: Bytes) throws(Flaw) {
        let fields = line.split {
            $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == .newline || $0 == .carriageReturn
        }
        if fields.isEmpty { return nil }
        guard fields.count >= 3 else { throw .missingInformation }
        source = try Self.decode(fields[0])
        target = try Self.decode(fields[1])
        type = Bytes(fields[2])
        options = fields.count > 3 ? fields[3].split(separator: .comma).map { Bytes($0) } : []
    }

    /// vis(3)'s octal form, `\040` for a blank, and `\\`.
    private static func decode(_ field: ArraySlice<UInt8>) throws(Flaw) -> Bytes {
        var text = Bytes()
        var rest = field
        while let byte = rest.popFirst() {
            guard byte == .backslash else {
                text.append(byte)
                continue
            }
            if rest.first == .backslash {
                text.append(rest.removeFirst())
                continue
            }
            let digits = rest.prefix(3)
            guard digits.count == 3, digits.allSatisfy(\.isOctalDigit),
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8), value != 0
            else { throw .badEscape([.backslash] + digits) }
            text.append(value)
            rest = rest.dropFirst(3)
        }
        return text
    }
}
