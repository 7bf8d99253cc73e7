/// The bytes of one file and where its lines begin.
struct SourceText: Sendable {
    /// The name that messages use: as written, or `STDIN`.
    let file: String
    let bytes: Bytes
    private let lineStarts: [Int]

    init(file: String, bytes: Bytes) {
        self.file = file
        self.bytes = bytes
        self.lineStarts = [0] + bytes.indices.filter { bytes[$0] == .newline }.map { $0 + 1 }
    }

    var lineCount: Int { lineStarts.count }

    /// One more than the number of newlines before `offset`.
    func lineNumber(at offset: Int) -> Int {
        var low = 0
        var high = lineStarts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if lineStarts[middle] <= offset { low = middle } else { high = middle }
        }
        return low + 1
    }

    func location(at offset: Int) -> SourceLocation {
        let line = lineNumber(at: offset)
        return SourceLocation(file: file, line: line, column: offset - lineStarts[line - 1] + 1)
    }

    /// Of a long line, where the part that `line(at:)` gives begins: the column alone decides, so that the caret's place
    /// in it needs no second number.
    static func excerptStart(column: Int) -> Int { max(0, (column - 1) / 512 - 1) * 512 }

    /// The line, or the part around the column when it is long: a megabyte for each of many errors would exhaust the
    /// memory.
    func line(at location: SourceLocation) -> Bytes {
        let start = lineStarts[location.line - 1]
        var end = location.line < lineStarts.count ? lineStarts[location.line] - 1 : bytes.count
        if end > start && bytes[end - 1] == .carriageReturn { end -= 1 }
        let first = min(end, start + Self.excerptStart(column: location.column))
        return Bytes(bytes[first..<min(end, first + 1536)])
    }

    /// The line without its newline, or its carriage return.
    func line(_ number: Int) -> Bytes {
        let start = lineStarts[number - 1]
        let end = number < lineStarts.count ? lineStarts[number] - 1 : bytes.count
        let line = Bytes(bytes[start..<end])
        return line.last == .carriageReturn ? line.dropLast() : line
    }
}

extension UInt8 {
    static let newline = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
    static let backslash = UInt8(ascii: "\\")
    static let dollar = UInt8(ascii: "$")
    static let doubleQuote = UInt8(ascii: "\"")
    static let singleQuote = UInt8(ascii: "'")
    static let slash = UInt8(ascii: "/")
    static let star = UInt8(ascii: "*")
    static let dot = UInt8(ascii: ".")
    static let openBrace = UInt8(ascii: "{")
    static let closeBrace = UInt8(ascii: "}")
    static let semicolon = UInt8(ascii: ";")
    static let comma = UInt8(ascii: ",")
    static let equals = UInt8(ascii: "=")
    static let plus = UInt8(ascii: "+")
    static let hash = UInt8(ascii: "#")

    var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }
    var isOctalDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "7") }
    var isLetter: Bool { (self | 0x20) >= UInt8(ascii: "a") && (self | 0x20) <= UInt8(ascii: "z") }
    var lowercased: UInt8 { self >= UInt8(ascii: "A") && self <= UInt8(ascii: "Z") ? self | 0x20 : self }

    /// The value of a hexadecimal digit.
    var hexValue: UInt8? {
        if isDigit { return self - UInt8(ascii: "0") }
        let letter = self | 0x20
        return letter >= UInt8(ascii: "a") && letter <= UInt8(ascii: "f") ? letter - UInt8(ascii: "a") + 10 : nil
    }
}
