/// Who asked for a value: a line of the configuration, the command line, or jailrun's own default.
package indirect enum Origin: Hashable, Sendable {
    case configuration(SourceLocation)
    case commandLine
    /// jailrun's default; the text says how to turn it off, in jail.conf's words.
    case standard(String)
}

extension Origin: CustomStringConvertible {
    package var description: String {
        switch self {
        case .configuration(let location): location.description
        case .commandLine: "command line"
        case .standard(let hint): hint.isEmpty ? "default" : "default; \(hint)"
        }
    }
}

/// As it is shown: `jail.conf:3:5`, `command line`, `default; persist`.
extension Origin: Codable {
    private static let defaultPrefix = "default; "

    package init(from decoder: any Decoder) throws {
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

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
