/// Makes a tree of an `Encodable`, its keys in the order in which they are encoded.
package struct JSONValueEncoder {
    package init() {}

    package func encode(_ value: some Encodable) throws -> JSONValue {
        let sink = JSONSink(key: nil, in: nil)
        try value.encode(to: sink)
        return sink.value
    }
}

/// What a value is encoded into: a scalar, or the elements or members that it has so far.
final class JSONSink {
    private var scalar = JSONValue.Content.object([])
    private var elements: [JSONValue]?
    private var members: [JSONValue.Member]?
    /// What is still being encoded, and its place among the elements or members.
    private var open: [(index: Int, sink: JSONSink)] = []
    private let key: (any CodingKey)?
    private let parent: JSONSink?

    init(key: (any CodingKey)?, in parent: JSONSink?) { (self.key, self.parent) = (key, parent) }

    var codingPath: [any CodingKey] { (parent?.codingPath ?? []) + (key.map { [$0] } ?? []) }
    var userInfo: [CodingUserInfoKey: Any] { [:] }
    var count: Int { elements?.count ?? 0 }

    /// An object without members for what has encoded nothing.
    var value: JSONValue {
        for (index, sink) in open {
            if members != nil { members?[index].value = sink.value } else { elements?[index] = sink.value }
        }
        open = []
        return JSONValue(members.map { .object($0) } ?? elements.map { .array($0) } ?? scalar)
    }

    func becomeObject() { members = members ?? [] }
    func becomeArray() { elements = elements ?? [] }

    func put(_ content: JSONValue.Content) { scalar = content }
    func put(_ content: JSONValue.Content, _ key: some CodingKey) {
        members?.append(.init(key.stringValue, JSONValue(content)))
    }
    func append(_ content: JSONValue.Content) { elements?.append(JSONValue(content)) }

    // MARK: What is a tree of its own

    func put(_ value: some Encodable, _ key: some CodingKey) throws {
        let sink = JSONSink(key: key, in: self)
        try value.encode(to: sink)
        put(sink.value.content, key)
    }

    func append(_ value: some Encodable) throws {
        let sink = JSONSink(key: JSONKey(intValue: count), in: self)
        try value.encode(to: sink)
        append(sink.value.content)
    }

    func child(_ key: some CodingKey) -> JSONSink {
        let sink = JSONSink(key: key, in: self)
        open.append((members?.count ?? 0, sink))
        put(.null, key)
        return sink
    }

    func child() -> JSONSink {
        let sink = JSONSink(key: JSONKey(intValue: count), in: self)
        open.append((count, sink))
        append(.null)
        return sink
    }

    func content(_ number: Double) throws -> JSONValue.Content {
        if number.isFinite { return .number(.real(number)) }
        throw EncodingError.invalidValue(
            number, .init(codingPath: codingPath, debugDescription: "JSON has no \(number)"))
    }
}

extension JSONNumber {
    init(_ number: some FixedWidthInteger) {
        self = Int64(exactly: number).map { .integer($0) } ?? .natural(UInt64(truncatingIfNeeded: number))
    }
}

extension JSONSink: Encoder {
    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        becomeObject()
        return KeyedEncodingContainer(JSONKeyedSink<Key>(sink: self))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        becomeArray()
        return JSONListSink(sink: self)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }
}

extension JSONSink: SingleValueEncodingContainer {
    func encodeNil() { put(.null) }
    func encode(_ value: Bool) { put(.bool(value)) }
    func encode(_ value: String) { put(.string(value)) }
    func encode(_ value: Double) throws { put(try content(value)) }
    func encode(_ value: Float) throws { put(try content(Double(value))) }
    func encode(_ value: Int) { put(.number(JSONNumber(value))) }
    func encode(_ value: Int8) { put(.number(JSONNumber(value))) }
    func encode(_ value: Int16) { put(.number(JSONNumber(value))) }
    func encode(_ value: Int32) { put(.number(JSONNumber(value))) }
    func encode(_ value: Int64) { put(.number(JSONNumber(value))) }
    func encode(_ value: UInt) { put(.number(JSONNumber(value))) }
    func encode(_ value: UInt8) { put(.number(JSONNumber(value))) }
    func encode(_ value: UInt16) { put(.number(JSONNumber(value))) }
    func encode(_ value: UInt32) { put(.number(JSONNumber(value))) }
    func encode(_ value: UInt64) { put(.number(JSONNumber(value))) }
    func encode(_ value: some Encodable) throws { try value.encode(to: self) }
}

struct JSONKeyedSink<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let sink: JSONSink

    var codingPath: [any CodingKey] { sink.codingPath }

    func encodeNil(forKey key: Key) { sink.put(.null, key) }
    func encode(_ value: Bool, forKey key: Key) { sink.put(.bool(value), key) }
    func encode(_ value: String, forKey key: Key) { sink.put(.string(value), key) }
    func encode(_ value: Double, forKey key: Key) throws { sink.put(try sink.content(value), key) }
    func encode(_ value: Float, forKey key: Key) throws { sink.put(try sink.content(Double(value)), key) }
    func encode(_ value: Int, forKey key: Key) { sink.put(.number(JSONNumber(value)), key) }
    func encode(_ value: Int8, forKey key: Key) { sink.put(.number(JSONNumber(value)), key) }
    func encode(_ value: Int16, forKey key: Key) { sink.put(.number(JSONNumber(value)), key) }
    func encode(_ value: Int32, forKey key: Key) { sink.put(.number(JSONNumber(value)), key) }
    func encode(_ value: Int64, forKey key: Key) { sink.put(.number(JSONNumber(value)), key) }
    func encode(_ value: UInt, forKey key: Key) { sink.put(.number(JSONNumber(value)), key) }
    func encode(_ value: UInt8, forKey key: Key) { sink.put(.number(JSONNumber(value)), key) }
    func encode(_ value: UInt16, forKey key: Key) { sink.put(.number(JSONNumber(value)), key) }
    func encode(_ value: UInt32, forKey key: Key) { sink.put(.number(JSONNumber(value)), key) }
    func encode(_ value: UInt64, forKey key: Key) { sink.put(.number(JSONNumber(value)), key) }
    func encode(_ value: some Encodable, forKey key: Key) throws { try sink.put(value, key) }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) -> KeyedEncodingContainer<Nested> { sink.child(key).container(keyedBy: type) }
    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer { sink.child(key).unkeyedContainer() }
    func superEncoder() -> any Encoder { sink.child(JSONKey.parent) }
    func superEncoder(forKey key: Key) -> any Encoder { sink.child(key) }
}

struct JSONListSink: UnkeyedEncodingContainer {
    let sink: JSONSink

    var codingPath: [any CodingKey] { sink.codingPath }
    var count: Int { sink.count }

    func encodeNil() { sink.append(.null) }
    func encode(_ value: Bool) { sink.append(.bool(value)) }
    func encode(_ value: String) { sink.append(.string(value)) }
    func encode(_ value: Double) throws { sink.append(try sink.content(value)) }
    func encode(_ value: Float) throws { sink.append(try sink.content(Double(value))) }
    func encode(_ value: Int) { sink.append(.number(JSONNumber(value))) }
    func encode(_ value: Int8) { sink.append(.number(JSONNumber(value))) }
    func encode(_ value: Int16) { sink.append(.number(JSONNumber(value))) }
    func encode(_ value: Int32) { sink.append(.number(JSONNumber(value))) }
    func encode(_ value: Int64) { sink.append(.number(JSONNumber(value))) }
    func encode(_ value: UInt) { sink.append(.number(JSONNumber(value))) }
    func encode(_ value: UInt8) { sink.append(.number(JSONNumber(value))) }
    func encode(_ value: UInt16) { sink.append(.number(JSONNumber(value))) }
    func encode(_ value: UInt32) { sink.append(.number(JSONNumber(value))) }
    func encode(_ value: UInt64) { sink.append(.number(JSONNumber(value))) }
    func encode(_ value: some Encodable) throws { try sink.append(value) }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type) -> KeyedEncodingContainer<Nested> {
        sink.child().container(keyedBy: type)
    }
    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { sink.child().unkeyedContainer() }
    func superEncoder() -> any Encoder { sink.child() }
}
