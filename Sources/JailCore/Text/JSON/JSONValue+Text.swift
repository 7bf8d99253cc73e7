extension JSONValue {
    /// In one line, as it is read back.
    package var bytes: Bytes {
        var bytes: Bytes = []
        write(to: &bytes, level: nil)
        return bytes
    }

    /// - Parameter isPretty: one value a line.
    package func text(isPretty: Bool) -> String {
        var bytes: Bytes = []
        write(to: &bytes, level: isPretty ? 0 : nil)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// With the members of each object in the order of their keys.
    var sorted: JSONValue {
        switch content {
        case .array(let elements): return JSONValue(.array(elements.map(\.sorted)), at: place)
        case .object(let members):
            let sorted = members.map { Member($0.key, $0.value.sorted) }.sorted { $0.key < $1.key }
            return JSONValue(.object(sorted), at: place)
        case .null, .bool, .number, .string: return self
        }
    }

    /// - Parameter level: how far a line is indented; nil for no lines.
    private func write(to bytes: inout Bytes, level: Int?) {
        switch content {
        case .null: bytes += "null".utf8
        case .bool(let truth): bytes += (truth ? "true" : "false").utf8
        case .number(let number): bytes += number.description.utf8
        case .string(let text): bytes.appendQuoted(text)
        case .array(let elements):
            Self.write("[", elements, "]", to: &bytes, level) { $1.write(to: &$0, level: $2) }
        case .object(let members):
            Self.write("{", members, "}", to: &bytes, level) { bytes, member, level in
                bytes.appendQuoted(member.key)
                bytes += (level == nil ? ":" : " : ").utf8
                member.value.write(to: &bytes, level: level)
            }
        }
    }

    private static func write<Part>(
        _ begin: String, _ parts: [Part], _ end: String, to bytes: inout Bytes, _ level: Int?,
        _ write: (inout Bytes, Part, Int?) -> Void
    ) {
        bytes += begin.utf8
        for index in parts.indices {
            if index > 0 { bytes.append(.comma) }
            if let level { bytes.appendLine(level + 1) }
            write(&bytes, parts[index], level.map { $0 + 1 })
        }
        if let level {
            if parts.isEmpty { bytes.append(.newline) }
            bytes.appendLine(level)
        }
        bytes += end.utf8
    }
}

extension [UInt8] {
    fileprivate mutating func appendLine(_ level: Int) {
        append(.newline)
        append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * level))
    }

    /// RFC 8259, section 7, with the short escapes of the frequent ones.
    fileprivate mutating func appendQuoted(_ text: String) {
        append(.doubleQuote)
        for byte in text.utf8 {
            switch byte {
            case .doubleQuote, .backslash: self += [.backslash, byte]
            case 0x08: self += "\\b".utf8
            case 0x09: self += "\\t".utf8
            case .newline: self += "\\n".utf8
            case 0x0c: self += "\\f".utf8
            case .carriageReturn: self += "\\r".utf8
            case 0..<0x20: appendEscape(byte)
            default: append(byte)
            }
        }
        append(.doubleQuote)
    }

    /// `\u001f`.
    mutating func appendEscape(_ byte: UInt8) {
        self += "\\u00\(byte < 16 ? "0" : "")\(String(byte, radix: 16))".utf8
    }
}
