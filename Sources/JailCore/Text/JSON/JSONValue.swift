/// JSON as a tree (RFC 8259). Each node knows where it begins in the text that it was read from.
package struct JSONValue: Sendable {
    package enum Content: Equatable, Sendable {
        case null
        case bool(Bool)
        case number(JSONNumber)
        case string(String)
        case array([JSONValue])
        /// In the order of the text: a dictionary's would differ from run to run.
        case object([Member])
    }

    package struct Member: Equatable, Sendable {
        package var key: String
        package var value: JSONValue

        package init(_ key: String, _ value: JSONValue) { (self.key, self.value) = (key, value) }
    }

    /// Counted from 1, columns in bytes; 0 in what was not read. A node has no room for the name of a file.
    package struct Place: Equatable, Sendable {
        package var line: Int32
        package var column: Int32

        package static let none = Place(line: 0, column: 0)
    }

    package var content: Content
    package var place: Place

    package init(_ content: Content, at place: Place = .none) { (self.content, self.place) = (content, place) }
}

extension JSONValue: Equatable {
    /// What they say, wherever it stands.
    package static func == (left: Self, right: Self) -> Bool { left.content == right.content }
}

/// A number as it was written, as far as a machine's numbers go: 2^64 - 1 is no Double.
package enum JSONNumber: Equatable, Sendable {
    case integer(Int64)
    /// Above what an Int64 holds.
    case natural(UInt64)
    /// With a fraction or an exponent, or beyond 64 bits.
    case real(Double)
}

extension JSONValue {
    package var members: [Member]? { if case .object(let members) = content { members } else { nil } }

    package var elements: [JSONValue]? { if case .array(let elements) = content { elements } else { nil } }

    package subscript(key: String) -> JSONValue? { members?.first { $0.key == key }?.value }

    /// What it is, in a sentence.
    package var kind: String {
        switch content {
        case .null: "null"
        case .bool: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }

    /// The node that a decoder came to by these keys, or the last one on the way that is there.
    func nearest(to path: [any CodingKey]) -> JSONValue {
        var node = self
        for key in path {
            if let index = key.intValue, let elements = node.elements {
                guard elements.indices.contains(index) else { return node }
                node = elements[index]
            } else {
                guard let next = node[key.stringValue] else { return node }
                node = next
            }
        }
        return node
    }
}

extension JSONNumber {
    /// Nil when that type has no such number.
    package func exactly<Integer: FixedWidthInteger>(_ type: Integer.Type) -> Integer? {
        switch self {
        case .integer(let number): Integer(exactly: number)
        case .natural(let number): Integer(exactly: number)
        // Beyond, a Double may be another number than the text.
        case .real(let number): abs(number) < 0x1p53 ? Integer(exactly: number) : nil
        }
    }

    package var double: Double {
        switch self {
        case .integer(let number): Double(number)
        case .natural(let number): Double(number)
        case .real(let number): number
        }
    }
}

extension JSONNumber: CustomStringConvertible {
    /// As JSON has it; a Double that is whole looks whole.
    package var description: String {
        switch self {
        case .integer(let number): return number.description
        case .natural(let number): return number.description
        case .real(let number):
            let text = number.description
            return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
        }
    }
}
