/// A value and the line that asked for it.
package struct Located<Value> {
    package var value: Value
    package var origin: Origin

    package init(_ value: Value, _ origin: Origin) {
        self.value = value
        self.origin = origin
    }
}

extension Located: Equatable where Value: Equatable {}
extension Located: Sendable where Value: Sendable {}
/// By keys that all values share: made by the compiler, those of each would be types of their own, and a record is written at
/// every start.
extension Located: Codable where Value: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: LocatedKey.self)
        self.init(
            try container.decode(Value.self, forKey: .value), try container.decode(Origin.self, forKey: .origin))
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: LocatedKey.self)
        try container.encode(value, forKey: .value)
        try container.encode(origin, forKey: .origin)
    }
}

private enum LocatedKey: String, CodingKey { case value, origin }
