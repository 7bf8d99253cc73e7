/// Reads RFC 8259 to the letter: no comments, no comma too many, no other quotes, one value and nothing behind it.
///
/// A key that stands twice in an object is refused. RFC 8259 leaves open which one counts, and programs differ: what a filter says
/// must not depend on who reads it.
struct JSONReader {
    /// How deep arrays and objects may stand in each other: each level takes a part of the stack.
    static let mostLevels = 128

    let bytes: Bytes
    var offset = 0
    private var line = 1
    private var lineStart = 0
    /// Where the arrays and objects begin that are not closed yet.
    private var open: [Bracket] = []

    private struct Bracket {
        var byte: UInt8
        var place: JSONValue.Place
    }

    private init(_ bytes: Bytes) { self.bytes = bytes }

    /// The one value of a text.
    static func read(_ bytes: Bytes) throws(JSONFault) -> JSONValue {
        var reader = JSONReader(bytes)
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) {
            throw JSONFault(0, "a byte order mark", hint: "save the file as UTF-8 without one")
        }
        let value = try reader.value()
        reader.skipSpace()
        if reader.byte != nil { throw reader.unexpected("the end") }
        return value
    }

    /// Nil at the end.
    var byte: UInt8? { offset < bytes.count ? bytes[offset] : nil }

    private var place: JSONValue.Place {
        JSONValue.Place(line: Int32(clamping: line), column: Int32(clamping: offset - lineStart + 1))
    }

    private mutating func skipSpace() {
        while offset < bytes.count {
            switch bytes[offset] {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), .carriageReturn: break
            case .newline: (line, lineStart) = (line + 1, offset + 1)
            default: return
            }
            offset += 1
        }
    }

    // MARK: Values

    private mutating func value() throws(JSONFault) -> JSONValue {
        skipSpace()
        let place = self.place
        return JSONValue(try content(), at: place)
    }

    private mutating func content() throws(JSONFault) -> JSONValue.Content {
        switch byte {
        case .openBrace?: return .object(try object())
        case UInt8(ascii: "[")?: return .array(try array())
        case .doubleQuote?: return .string(try string())
        case let byte? where byte.isDigit || byte == UInt8(ascii: "-"): return .number(try number())
        case let byte? where byte.isLetter: return try word()
        default: throw unexpected("a value")
        }
    }

    private mutating func word() throws(JSONFault) -> JSONValue.Content {
        let start = offset
        while let byte, byte.isLetter || byte.isDigit { offset += 1 }
        switch String(decoding: bytes[start..<offset], as: UTF8.self) {
        case "null": return .null
        case "true": return .bool(true)
        case "false": return .bool(false)
        case let text:
            let near = Spelling(text).closest(in: ["null", "true", "false"])
            let suggestion = near.map { " (did you mean \"\($0)\"?)" } ?? ""
            throw JSONFault(
                start, "\"\(text.prefix(40))\": not a value\(suggestion)", hint: near == nil ? Self.quotes : nil)
        }
    }

    private static let quotes = "a string needs double quotes"

    private mutating func array() throws(JSONFault) -> [JSONValue] {
        var elements: [JSONValue] = []
        try enter()
        if try ends(with: UInt8(ascii: "]"), isFirst: true) { return elements }
        repeat { elements.append(try value()) } while try !ends(with: UInt8(ascii: "]"), isFirst: false)
        return elements
    }

    private mutating func object() throws(JSONFault) -> [JSONValue.Member] {
        var members = JSONMembers()
        try enter()
        if try ends(with: .closeBrace, isFirst: true) { return [] }
        repeat {
            skipSpace()
            let start = offset
            guard byte == .doubleQuote else { throw unexpected("a key in double quotes") }
            let key = try string()
            if members.contains(key) {
                throw JSONFault(start, "\"\(Bytes(key.utf8).printable())\": the object already has this key")
            }
            skipSpace()
            guard byte == UInt8(ascii: ":") else { throw unexpected("\":\"") }
            offset += 1
            members.append(JSONValue.Member(key, try value()))
        } while try !ends(with: .closeBrace, isFirst: false)
        return members.all
    }

    private mutating func enter() throws(JSONFault) {
        if open.count == Self.mostLevels {
            throw JSONFault(offset, "more than \(Self.mostLevels) nested arrays and objects")
        }
        open.append(Bracket(byte: bytes[offset], place: place))
        offset += 1
    }

    /// Goes past the bracket, or past a comma if one has to be there.
    private mutating func ends(with bracket: UInt8, isFirst: Bool) throws(JSONFault) -> Bool {
        skipSpace()
        if byte == bracket {
            offset += 1
            open.removeLast()
            return true
        }
        if isFirst { return false }
        let comma = offset
        guard byte == .comma else { throw unexpected("\",\" or \"\(Unicode.Scalar(bracket))\"") }
        offset += 1
        skipSpace()
        if byte == bracket {
            throw JSONFault(comma, "a comma after the last", hint: "JSON has commas only between values")
        }
        return false
    }

    // MARK: Errors

    func unexpected(_ wanted: String) -> JSONFault {
        guard let byte else {
            let place = open.last.map { "the \"\(Unicode.Scalar($0.byte))\" at \($0.place.line):\($0.place.column)" }
            return JSONFault(offset, "expected \(wanted), found the end", hint: place.map { "\($0) is not closed" })
        }
        return JSONFault(offset, "expected \(wanted), found \"\([byte].printable())\"", hint: Self.hint(byte))
    }

    private static func hint(_ byte: UInt8) -> String? {
        switch byte {
        case .singleQuote: quotes
        case .slash, .hash: "JSON has no comments"
        case .plus, .dot: "a number begins with a digit or \"-\""
        default: nil
        }
    }
}

/// What is wrong with a text, and at which byte.
struct JSONFault: Error, Equatable {
    var offset: Int
    var message: String
    var hint: String?

    init(_ offset: Int, _ message: String, hint: String? = nil) {
        (self.offset, self.message, self.hint) = (offset, message, hint)
    }
}

/// An object's members as they are read. A few are looked through faster than hashed; with many, that would take the square of them.
private struct JSONMembers {
    private(set) var all: [JSONValue.Member] = []
    private var keys: Set<String> = []
    private static let few = 24

    func contains(_ key: String) -> Bool {
        all.count <= Self.few ? all.contains { $0.key == key } : keys.contains(key)
    }

    mutating func append(_ member: JSONValue.Member) {
        if all.isEmpty { all.reserveCapacity(4) }
        all.append(member)
        if all.count == Self.few + 1 { for earlier in all { keys.insert(earlier.key) } }
        if all.count > Self.few + 1 { keys.insert(member.key) }
    }
}
