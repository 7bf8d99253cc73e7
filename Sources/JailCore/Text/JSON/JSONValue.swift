/// JSON as a tree (RFC 8259). Each node knows where it begins in the text that it was read from.
public struct JSONValue: Sendable {
    public enum Content: Equatable, Sendable {
        case null
        case bool(Bool)
        case number(JSONNumber)
        case string(String)
        case array([JSONValue])
        /// In the order of the text: a dictionary's would differ from run to run.
        case object([Member])
    }

    public struct Member: Equatable, Sendable {
        public var key: String
        public var value: JSONValue

        public init(_ key: String, _ value: JSONValue) { (self.key, self.value) = (key, value) }
    }

    /// Counted from 1, columns in bytes; 0 in what was not read. A node has no room for the name of a file.
    public struct Place: Equatable, Sendable {
        public var line: Int32
        public var column: Int32

        public static let none = Place(line: 0, column: 0)
    }

    public var content: Content
    public var place: Place

    public init(_ content: Content, at place: Place = .none) { (self.content, self.place) = (content, place) }
}

extension JSONValue: Equatable {
    /// What they say, wherever it stands.
    public static func == (left: Self, right: Self) -> Bool { left.content == right.content }
}

/// A number as it was written, as far as a machine's numbers go: 2^64 - 1 is no Double.
public enum JSONNumber: Equatable, Sendable {
    case integer(Int64)
    /// Above what an Int64 holds.
    case natural(UInt64)
    /// With a fraction or an exponent, or beyond 64 bits.
    case real(Double)
}

extension JSONValue {
    public var members: [Member]? { if case .object(let members) = content { members } else { nil } }

    public var elements: [JSONValue]? { if case .array(let elements) = content { elements } else { nil } }

    public subscript(key: String) -> JSONValue? { members?.first { $0.key == key }?.value }

    /// What it is, in a sentence.
    public var kind: String {
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
    public func exactly<Integer: FixedWidthInteger>(_ type: Integer.Type) -> Integer? {
        switch self {
        case .integer(let number): Integer(exactly: number)
        case .natural(let number): Integer(exactly: number)
        // Beyond, a Double may be another number than the text.
        case .real(let number): abs(number) < 0x1p53 ? Integer(exactly: number) : nil
        }
    }

    public var double: Double {
        switch self {
        case .integer(let number): Double(number)
        case .natural(let number): Double(number)
        case .real(let number): number
        }
    }
}

extension JSONNumber: CustomStringConvertible {
    /// As JSON has it; a Double that is whole looks whole.
    public var description: String {
        switch self {
        case .integer(let number): return number.description
        case .natural(let number): return number.description
        case .real(let number):
            let text = number.description
            return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
        }
    }
}
