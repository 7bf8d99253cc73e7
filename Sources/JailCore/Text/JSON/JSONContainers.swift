/// The members of an object, mostly asked for in their order: a look begins where the last one ended.
final class JSONObject {
    let members: [JSONValue.Member]
    let node: JSONNode
    private var last = 0

    init(_ members: [JSONValue.Member], _ node: JSONNode) { (self.members, self.node) = (members, node) }

    func value(_ key: String) -> JSONValue? {
        for step in members.indices {
            let index = (last + step) % members.count
            if members[index].key == key {
                last = index
                return members[index].value
            }
        }
        return nil
    }

    func child(_ key: some CodingKey) throws -> JSONNode {
        guard let value = value(key.stringValue) else {
            throw DecodingError.keyNotFound(
                key, .init(codingPath: node.codingPath, debugDescription: "\(key.stringValue) is missing"))
        }
        return JSONNode(value, key: key, in: node)
    }
}

struct JSONKeyedNode<Key: CodingKey>: KeyedDecodingContainerProtocol {
    private let object: JSONObject

    init(_ object: JSONObject) { self.object = object }

    var codingPath: [any CodingKey] { object.node.codingPath }
    var allKeys: [Key] { object.members.compactMap { Key(stringValue: $0.key) } }

    func contains(_ key: Key) -> Bool { object.value(key.stringValue) != nil }
    func decodeNil(forKey key: Key) throws -> Bool { try object.child(key).isNull }
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try object.child(key).bool() }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try object.child(key).string() }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try object.child(key).double() }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { Float(try object.child(key).double()) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try object.child(key).integer(type) }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try object.child(key).integer(type) }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try object.child(key).integer(type) }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try object.child(key).integer(type) }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try object.child(key).integer(type) }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try object.child(key).integer(type) }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try object.child(key).integer(type) }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try object.child(key).integer(type) }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try object.child(key).integer(type) }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try object.child(key).integer(type) }
    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        try type.init(from: try object.child(key))
    }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> { try object.child(key).container(keyedBy: type) }
    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try object.child(key).unkeyedContainer()
    }
    func superDecoder() throws -> any Decoder { try object.child(JSONKey.parent) }
    func superDecoder(forKey key: Key) throws -> any Decoder { try object.child(key) }
}

struct JSONListNode: UnkeyedDecodingContainer {
    private let elements: [JSONValue]
    private let node: JSONNode
    private(set) var currentIndex = 0

    init(_ elements: [JSONValue], _ node: JSONNode) { (self.elements, self.node) = (elements, node) }

    var codingPath: [any CodingKey] { node.codingPath }
    var count: Int? { elements.count }
    var isAtEnd: Bool { currentIndex == elements.count }

    private func child() throws -> JSONNode {
        guard !isAtEnd else {
            let context = DecodingError.Context(
                codingPath: codingPath, debugDescription: "expected more than \(elements.count) elements")
            throw DecodingError.valueNotFound(Any.self, context)
        }
        return JSONNode(elements[currentIndex], key: JSONKey(intValue: currentIndex), in: node)
    }

    /// What could not be decoded may be asked for as something else.
    private mutating func next<Value>(_ read: (JSONNode) throws -> Value) throws -> Value {
        let value = try read(try child())
        currentIndex += 1
        return value
    }

    mutating func decodeNil() throws -> Bool {
        let isNull = try child().isNull
        if isNull { currentIndex += 1 }
        return isNull
    }
    mutating func decode(_ type: Bool.Type) throws -> Bool { try next { try $0.bool() } }
    mutating func decode(_ type: String.Type) throws -> String { try next { try $0.string() } }
    mutating func decode(_ type: Double.Type) throws -> Double { try next { try $0.double() } }
    mutating func decode(_ type: Float.Type) throws -> Float { try next { Float(try $0.double()) } }
    mutating func decode(_ type: Int.Type) throws -> Int { try next { try $0.integer(type) } }
    mutating func decode(_ type: Int8.Type) throws -> Int8 { try next { try $0.integer(type) } }
    mutating func decode(_ type: Int16.Type) throws -> Int16 { try next { try $0.integer(type) } }
    mutating func decode(_ type: Int32.Type) throws -> Int32 { try next { try $0.integer(type) } }
    mutating func decode(_ type: Int64.Type) throws -> Int64 { try next { try $0.integer(type) } }
    mutating func decode(_ type: UInt.Type) throws -> UInt { try next { try $0.integer(type) } }
    mutating func decode(_ type: UInt8.Type) throws -> UInt8 { try next { try $0.integer(type) } }
    mutating func decode(_ type: UInt16.Type) throws -> UInt16 { try next { try $0.integer(type) } }
    mutating func decode(_ type: UInt32.Type) throws -> UInt32 { try next { try $0.integer(type) } }
    mutating func decode(_ type: UInt64.Type) throws -> UInt64 { try next { try $0.integer(type) } }
    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try next { try type.init(from: $0) } }

    mutating func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type
    ) throws -> KeyedDecodingContainer<Nested> { try next { try $0.container(keyedBy: type) } }
    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try next { try $0.unkeyedContainer() }
    }
    mutating func superDecoder() throws -> any Decoder { try next { $0 } }
}
