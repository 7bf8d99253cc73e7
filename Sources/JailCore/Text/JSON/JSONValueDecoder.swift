/// Makes a `Decodable` of a tree. What it throws is a `DecodingError`, whose path leads to the node at fault.
package struct JSONValueDecoder {
    package init() {}

    package func decode<Value: Decodable>(_ type: Value.Type, from value: JSONValue) throws -> Value {
        try type.init(from: JSONNode(value, key: nil, in: nil))
    }

    package func decode<Value: Decodable>(_ type: Value.Type, from bytes: Bytes) throws -> Value {
        let value: JSONValue
        do throws(JSONFault) { value = try JSONReader.read(bytes) } catch {
            throw DecodingError.dataCorrupted(.init(codingPath: [], debugDescription: "not JSON: \(error.message)"))
        }
        return try decode(type, from: value)
    }
}

/// A node, and the way to it.
final class JSONNode {
    let value: JSONValue
    private let key: (any CodingKey)?
    private let parent: JSONNode?

    init(_ value: JSONValue, key: (any CodingKey)?, in parent: JSONNode?) {
        (self.value, self.key, self.parent) = (value, key, parent)
    }

    /// Put together for an error: each node's own would take an array a value.
    var codingPath: [any CodingKey] { (parent?.codingPath ?? []) + (key.map { [$0] } ?? []) }

    var userInfo: [CodingUserInfoKey: Any] { [:] }

    // MARK: Scalars

    func mismatch(_ type: Any.Type, _ wanted: String) -> DecodingError {
        let context = DecodingError.Context(
            codingPath: codingPath, debugDescription: "expected \(wanted), found \(value.kind)")
        if case .null = value.content { return .valueNotFound(type, context) }
        return .typeMismatch(type, context)
    }

    func string() throws -> String {
        guard case .string(let text) = value.content else { throw mismatch(String.self, "a string") }
        return text
    }

    func bool() throws -> Bool {
        guard case .bool(let truth) = value.content else { throw mismatch(Bool.self, "true or false") }
        return truth
    }

    func double() throws -> Double {
        guard case .number(let number) = value.content else { throw mismatch(Double.self, "a number") }
        return number.double
    }

    func integer<Integer: FixedWidthInteger>(_ type: Integer.Type) throws -> Integer {
        guard case .number(let number) = value.content else { throw mismatch(type, "a number") }
        if let integer = number.exactly(type) { return integer }
        throw DecodingError.dataCorrupted(
            .init(
                codingPath: codingPath,
                debugDescription: "\(number): not a whole number between \(Integer.min) and \(Integer.max)"))
    }

    var isNull: Bool { if case .null = value.content { true } else { false } }

    func elements() throws -> [JSONValue] {
        guard let elements = value.elements else { throw mismatch([Any].self, "an array") }
        return elements
    }

    func members() throws -> [JSONValue.Member] {
        guard let members = value.members else { throw mismatch([String: Any].self, "an object") }
        return members
    }
}

extension JSONNode: Decoder {
    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(JSONKeyedNode<Key>(JSONObject(try members(), self)))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { JSONListNode(try elements(), self) }

    func singleValueContainer() -> any SingleValueDecodingContainer { self }
}

extension JSONNode: SingleValueDecodingContainer {
    func decodeNil() -> Bool { isNull }
    func decode(_ type: Bool.Type) throws -> Bool { try bool() }
    func decode(_ type: String.Type) throws -> String { try string() }
    func decode(_ type: Double.Type) throws -> Double { try double() }
    func decode(_ type: Float.Type) throws -> Float { Float(try double()) }
    func decode(_ type: Int.Type) throws -> Int { try integer(type) }
    func decode(_ type: Int8.Type) throws -> Int8 { try integer(type) }
    func decode(_ type: Int16.Type) throws -> Int16 { try integer(type) }
    func decode(_ type: Int32.Type) throws -> Int32 { try integer(type) }
    func decode(_ type: Int64.Type) throws -> Int64 { try integer(type) }
    func decode(_ type: UInt.Type) throws -> UInt { try integer(type) }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try integer(type) }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try integer(type) }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try integer(type) }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try integer(type) }
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try type.init(from: self) }
}
