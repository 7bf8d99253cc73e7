/// A place in a configuration file. Lines and columns count from 1; columns count bytes, as editors' "byte column" does.
package struct SourceLocation: Hashable, Sendable {
    package var file: String
    package var line: Int
    package var column: Int

    package init(file: String, line: Int, column: Int) {
        self.file = file
        self.line = line
        self.column = column
    }
}

extension SourceLocation: CustomStringConvertible {
    package var description: String { "\(file):\(line):\(column)" }
}

/// `jail.conf:3:5`.
extension SourceLocation: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let location = SourceLocation(description: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "no FILE:LINE:COLUMN")
        }
        self = location
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }

    init?(description: String) {
        let bytes = description.utf8
        guard let last = bytes.lastIndex(of: UInt8(ascii: ":")),
            let middle = bytes[..<last].lastIndex(of: UInt8(ascii: ":")),
            let line = Int(description[bytes.index(after: middle)..<last]),
            let column = Int(description[bytes.index(after: last)...])
        else { return nil }
        self.init(file: String(description[..<middle]), line: line, column: column)
    }
}
