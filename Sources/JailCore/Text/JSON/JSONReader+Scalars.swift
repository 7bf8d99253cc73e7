extension JSONReader {
    // MARK: Strings

    /// From its quote to behind the other one.
    mutating func string() throws(JSONFault) -> String {
        let quote = offset
        offset += 1
        var text = try run()
        while let byte {
            switch byte {
            case .doubleQuote:
                offset += 1
                return text
            case .backslash:
                text.unicodeScalars.append(try escape())
                text += try run()
            default:
                throw JSONFault(
                    offset, "control character \"\([byte].printable())\" in a string", hint: Self.controlHint(byte))
            }
        }
        throw JSONFault(quote, "a string without its closing quote")
    }

    private static func controlHint(_ byte: UInt8) -> String {
        switch byte {
        case .newline: "write \\n, or close the quotes"
        case UInt8(ascii: "\t"): "write \\t"
        default: "write it as \\u00NN, in hexadecimal"
        }
    }

    /// Up to the next byte that means something else than itself.
    private mutating func run() throws(JSONFault) -> String {
        var (end, all) = (offset, UInt8(0))
        while end < bytes.count {
            let byte = bytes[end]
            if byte == .doubleQuote || byte == .backslash || byte < 0x20 { break }
            all |= byte
            end += 1
        }
        let run = bytes[offset..<end]
        offset = end
        if all >= 0x80, let place = Self.firstWrong(run) { throw JSONFault(place, "not UTF-8") }
        return String(decoding: run, as: UTF8.self)
    }

    /// Where the first byte stands that is not UTF-8.
    private static func firstWrong(_ bytes: ArraySlice<UInt8>) -> Int? {
        var parser = Unicode.UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        var place = bytes.startIndex
        while case .valid(let scalar) = parser.parseScalar(from: &iterator) { place += scalar.count }
        return place == bytes.endIndex ? nil : place
    }

    private mutating func escape() throws(JSONFault) -> Unicode.Scalar {
        let start = offset
        offset += 2
        switch start + 1 < bytes.count ? bytes[start + 1] : 0 {
        case .doubleQuote: return "\""
        case .backslash: return "\\"
        case .slash: return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try scalar(from: start)
        default: throw JSONFault(start, "an unknown escape", hint: "JSON has \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uNNNN")
        }
    }

    /// `\uNNNN`, or two that are halves of one.
    private mutating func scalar(from start: Int) throws(JSONFault) -> Unicode.Scalar {
        let first = try unit(from: start)
        if let scalar = Unicode.Scalar(first) { return scalar }
        let half = JSONFault(
            start, "half of a surrogate pair", hint: "a character above \\uffff needs two escapes: \\ud83d\\ude00")
        let second = offset
        guard first < 0xdc00, bytes[offset...].starts(with: "\\u".utf8) else { throw half }
        offset += 2
        let low = try unit(from: second)
        guard (0xdc00...0xdfff).contains(low),
            let scalar = Unicode.Scalar(0x1_0000 + (UInt32(first - 0xd800) << 10 | UInt32(low - 0xdc00)))
        else { throw half }
        return scalar
    }

    private mutating func unit(from start: Int) throws(JSONFault) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = byte?.hexValue else {
                throw JSONFault(start, "not four hexadecimal digits after \\u")
            }
            unit = unit << 4 | UInt16(digit)
            offset += 1
        }
        return unit
    }

    // MARK: Numbers

    /// Whole ones exactly, as far as 64 bits go; others as the nearest Double.
    mutating func number() throws(JSONFault) -> JSONNumber {
        let start = offset
        let isNegative = byte == UInt8(ascii: "-")
        if isNegative { offset += 1 }
        let whole = try digits(of: "a digit")
        if whole.count > 1, whole.first == UInt8(ascii: "0") {
            throw JSONFault(start, "a number with leading zeros", hint: "JSON has no octal numbers")
        }
        let isWhole = try !skipFraction()
        if isWhole, let number = Self.exact(whole, isNegative: isNegative) { return number }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        guard let number = Double(text), number.isFinite else { throw JSONFault(start, "a number out of range") }
        return .real(number)
    }

    private mutating func digits(of wanted: String) throws(JSONFault) -> ArraySlice<UInt8> {
        let start = offset
        while let byte, byte.isDigit { offset += 1 }
        if offset == start { throw unexpected(wanted) }
        return bytes[start..<offset]
    }

    /// - Returns: whether there was a fraction or an exponent.
    private mutating func skipFraction() throws(JSONFault) -> Bool {
        let start = offset
        if byte == .dot {
            offset += 1
            _ = try digits(of: "a digit after the point")
        }
        if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
            offset += 1
            if byte == .plus || byte == UInt8(ascii: "-") { offset += 1 }
            _ = try digits(of: "a digit of the exponent")
        }
        return offset > start
    }

    /// Nil when it takes more than 64 bits; -0 is a Double, which has one.
    private static func exact(_ digits: ArraySlice<UInt8>, isNegative: Bool) -> JSONNumber? {
        var number: UInt64 = 0
        for digit in digits {
            let (product, isTooLarge) = number.multipliedReportingOverflow(by: 10)
            let (sum, isStillTooLarge) = product.addingReportingOverflow(UInt64(digit - UInt8(ascii: "0")))
            if isTooLarge || isStillTooLarge { return nil }
            number = sum
        }
        if !isNegative { return Int64(exactly: number).map { .integer($0) } ?? .natural(number) }
        if number == 0 || number > UInt64(Int64.max) + 1 { return nil }
        return .integer(Int64(truncatingIfNeeded: 0 &- number))
    }
}
