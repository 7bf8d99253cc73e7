/// A place in a configuration file. Lines and columns count from 1; columns count bytes, as editors' "byte column" does.
public struct SourceLocation: Hashable, Sendable {
    public var file: String
    public var line: Int
    public var column: Int

    public init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }
}

extension SourceLocation: CustomStringConvertible {
    public var description: String { "\(file):\(line):\(column)" }
}

/// Who asked for a value: a line of the configuration, the command line, or jailrun's own default.
public indirect enum Origin: Hashable, Sendable {
    case configuration(SourceLocation)
    case commandLine
    /// jailrun's default; the text says how to turn it off, in jail.conf's words.
    case standard(String)
}

extension Origin: CustomStringConvertible {
    public var description: String {
        switch self {
        case .configuration(let location): location.description
        case .commandLine: "command line"
        case .standard(let hint): hint.isEmpty ? "default" : "default; \(hint)"
        }
    }
}

/// A value and the line that asked for it.
public struct Located<Value> {
    public var value: Value
    public var origin: Origin

    public init(_ value: Value, _ origin: Origin) {
        self.value = value
        self.origin = origin
    }
}

extension Located: Equatable where Value: Equatable {}
extension Located: Sendable where Value: Sendable {}
/// By keys that all values share: made by the compiler, those of each would be types of their own, and a record is written at
/// every start.
extension Located: Codable where Value: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: LocatedKey.self)
        self.init(
            try container.decode(Value.self, forKey: .value), try container.decode(Origin.self, forKey: .origin))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: LocatedKey.self)
        try container.encode(value, forKey: .value)
        try container.encode(origin, forKey: .origin)
    }
}

private enum LocatedKey: String, CodingKey { case value, origin }

// MARK: In JSON

/// `jail.conf:3:5`.
extension SourceLocation: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let location = SourceLocation(description: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "no FILE:LINE:COLUMN")
        }
        self = location
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    fileprivate init?(description: String) {
        let bytes = description.utf8
        guard let last = bytes.lastIndex(of: UInt8(ascii: ":")),
            let middle = bytes[..<last].lastIndex(of: UInt8(ascii: ":")),
            let line = Int(description[bytes.index(after: middle)..<last]),
            let column = Int(description[bytes.index(after: last)...])
        else { return nil }
        self.init(file: String(description[..<middle]), line: line, column: column)
    }
}

/// As it is shown: `jail.conf:3:5`, `command line`, `default; persist`.
extension Origin: Codable {
    private static let defaultPrefix = "default; "

    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        if let location = SourceLocation(description: text) {
            self = .configuration(location)
        } else if text == Self.commandLine.description {
            self = .commandLine
        } else {
            self = .standard(
                text.hasPrefix(Self.defaultPrefix) ? String(text.dropFirst(Self.defaultPrefix.utf8.count)) : "")
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
