extension JSONValue {
    package init(text: String) throws(Diagnostic) { self = try JSONDocument(Bytes(text.utf8), file: "").root }
}

/// JSON that a person may have written: errors are reported with their line, as those of jail.conf are.
package struct JSONDocument: Sendable {
    package let root: JSONValue
    private let file: String
    private let bytes: Bytes

    /// - Parameter file: its name in messages.
    package init(_ bytes: Bytes, file: String) throws(Diagnostic) {
        (self.file, self.bytes) = (file, bytes)
        do throws(JSONFault) { root = try JSONReader.read(bytes) } catch {
            let source = SourceText(file: file, bytes: bytes)
            throw Self.diagnostic(error.message, at: source.location(at: error.offset), hint: error.hint, source)
        }
    }

    /// - Parameter path: of the value in the document.
    package func decode<Value: Decodable>(
        _ type: Value.Type, at path: [any CodingKey] = []
    ) throws(Diagnostic) -> Value {
        do { return try JSONValueDecoder().decode(type, from: root.nearest(to: path)) } catch {
            throw diagnostic(error, below: path)
        }
    }

    /// Where a value of it begins.
    package func location(of value: JSONValue) -> SourceLocation {
        SourceLocation(file: file, line: Int(value.place.line), column: Int(value.place.column))
    }

    /// - Parameter path: of the value at fault; it stands before the message.
    package func diagnostic(_ message: String, at path: [any CodingKey], hint: String? = nil) -> Diagnostic {
        let place = root.nearest(to: path).place
        let location = SourceLocation(file: file, line: Int(place.line), column: Int(place.column))
        let name = Self.spelling(path)
        let source = SourceText(file: file, bytes: bytes)
        return Self.diagnostic(name.isEmpty ? message : "\(name): \(message)", at: location, hint: hint, source)
    }

    private static func diagnostic(
        _ message: String, at location: SourceLocation, hint: String?, _ source: SourceText
    ) -> Diagnostic {
        Diagnostic(message, at: location, hint: hint, sourceLine: source.line(at: location))
    }

    private func diagnostic(_ error: any Error, below path: [any CodingKey]) -> Diagnostic {
        switch error {
        case DecodingError.keyNotFound(let key, let context):
            let hint = hint(key.stringValue, in: root.nearest(to: path + context.codingPath))
            return diagnostic("missing", at: path + context.codingPath + [key], hint: hint)
        case DecodingError.valueNotFound(_, let context), DecodingError.typeMismatch(_, let context),
            DecodingError.dataCorrupted(let context):
            return diagnostic(Bytes(context.debugDescription.utf8).printable(), at: path + context.codingPath)
        default: return diagnostic("\(error)", at: path)
        }
    }

    /// A key that may have been meant.
    private func hint(_ key: String, in object: JSONValue) -> String? {
        let keys = (object.members ?? []).map(\.key)
        return Spelling(key).closest(in: keys).map { "it has \"\(Bytes($0.utf8).printable())\": a spelling mistake?" }
    }

    /// `syscalls[3].args[0].op`.
    static func spelling(_ path: [any CodingKey]) -> String {
        var text = ""
        for key in path {
            if let index = key.intValue {
                text += "[\(index)]"
            } else {
                text += (text.isEmpty ? "" : ".") + Bytes(key.stringValue.utf8).printable()
            }
        }
        return text
    }
}

/// A word of a closed list. The error for a mistyped one names the word that may have been meant.
protocol JSONWord: RawRepresentable, CaseIterable, Decodable where RawValue == String {}

extension JSONWord {
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let word = Self(rawValue: text) else {
            let near = Spelling(text).closest(in: Self.allCases.map(\.rawValue))
            let suggestion = near.map { " (did you mean \"\($0)\"?)" } ?? ""
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "unknown value \"\(Bytes(text.utf8).printable())\"\(suggestion)")
        }
        self = word
    }
}
