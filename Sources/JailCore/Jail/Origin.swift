/// A place in a configuration file. Lines and columns count from 1; columns count bytes, as editors' "byte column" does.
public struct SourceLocation: Hashable, Sendable, Codable {
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
public enum Origin: Hashable, Sendable, Codable {
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
extension Located: Codable where Value: Codable {}
