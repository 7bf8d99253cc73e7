/// Text in lines of a width, with colour or without.
struct Page {
    enum Style: String {
        case title = "1"
        case heading = "1;36"
        case label = "2"
        case source = "33"
        case command = "32"
        case plain = ""
    }

    /// How it is to look where it is read.
    struct Look {
        var width = 80
        var isColoured = false
    }

    let look: Look
    private(set) var lines: [String] = []

    init(_ look: Look) { self.look = look }

    mutating func add(_ text: String = "", _ style: Style = .plain) { lines.append(painted(text, style)) }

    /// A text that goes on below itself.
    mutating func add(_ text: String, indent: Int, _ style: Style) {
        for line in Self.wrapped(text, width: look.width - indent) {
            lines.append(Self.blank(indent) + painted(line, style))
        }
    }

    /// A label and a text beside it that goes on below itself.
    mutating func add(_ text: String, after label: String, indent: Int, column: Int, _ style: Style = .plain) {
        for (index, line) in Self.wrapped(text, width: look.width - column).enumerated() {
            addRow(index == 0 ? label : "", painted(line, style), indent: indent, column: column)
        }
    }

    /// A command, its continued lines marked as sh(1) wants it. What has several lines has them.
    mutating func addCommand(_ text: String, after label: String, indent: Int, column: Int) {
        let lines = Self.filled(
            Self.shellWords(text), width: look.width - column - Self.continued.count, continuation: "  ")
        let marked = lines.enumerated().map { index, line in index < lines.count - 1 ? line + Self.continued : line }
        let rows = marked.flatMap { $0.split(separator: "\n", omittingEmptySubsequences: false) }
        let isScript = text.hasPrefix("nft ")
        let shown = isScript ? rows.flatMap { scriptRows($0, width: look.width - column) } : rows.map(String.init)
        for (index, line) in shown.enumerated() {
            addRow(index == 0 ? label : "", painted(line, .command), indent: indent, column: column)
        }
    }

    /// nft(8) itself joins the lines of its script that end so.
    private func scriptRows(_ row: Substring, width: Int) -> [String] {
        if row.count <= width { return [String(row)] }
        let indent = String(row.prefix { $0 == " " })
        let lines = Self.filled(
            Self.shellWords(String(row)), width: width - Self.continued.count, continuation: indent + "    ")
        return lines.enumerated().map { $0 < lines.count - 1 ? $1 + Self.continued : $1 }
    }

    private static let continued = " \\"

    private mutating func addRow(_ label: String, _ text: String, indent: Int, column: Int) {
        let gap = max(label.isEmpty ? 0 : 1, column - indent - label.count)
        lines.append(Self.blank(indent) + painted(label, .label) + Self.blank(gap) + text)
    }

    private static func blank(_ count: Int) -> String { String(repeating: " ", count: count) }

    private func painted(_ text: String, _ style: Style) -> String {
        look.isColoured && style != .plain && !text.isEmpty ? "\u{1b}[\(style.rawValue)m\(text)\u{1b}[0m" : text
    }
}

// MARK: - Lines of a width

extension Page {
    /// Broken at spaces, and a word that is longer than a line where it can be read on.
    static func wrapped(_ text: String, width: Int) -> [String] {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        return filled(words.flatMap { pieces(of: $0, width: width) }, width: width)
    }

    /// A word, and whether it follows the one before without a space.
    private typealias Word = (text: Substring, isJoined: Bool)

    private static func filled(_ words: [Word], width: Int, continuation: String = "") -> [String] {
        var lines: [String] = []
        var line = ""
        for (index, word) in words.enumerated() {
            let gap = index == 0 || word.isJoined ? "" : " "
            if index > 0, line.count + gap.count + word.text.count > width {
                lines.append(line)
                line = continuation + word.text
            } else {
                line += gap + word.text
            }
        }
        return lines + [line]
    }

    /// `/a/long/path` as `/a/`, `long/` and `path`, if it does not fit.
    private static func pieces(of word: Substring, width: Int) -> [Word] {
        var rest = word
        var pieces: [Word] = []
        while rest.count > width, width > 0 {
            let head = rest.prefix(width)
            let end = head.lastIndex { "/,|:=.-_".contains($0) }.map(head.index(after:)) ?? head.endIndex
            pieces.append((rest[..<end], !pieces.isEmpty))
            rest = rest[end...]
        }
        return pieces + [(rest, !pieces.isEmpty)]
    }

    /// Words of sh(1): a line that ended between quotes would say something else.
    private static func shellWords(_ text: String) -> [Word] {
        var words: [Word] = []
        var start = text.startIndex
        var quote: Character?
        var isEscaped = false
        for index in text.indices {
            let character = text[index]
            if isEscaped {
                isEscaped = false
            } else if character == "\\", quote != "'" {
                isEscaped = true
            } else if let open = quote {
                if character == open { quote = nil }
            } else if character == "'" || character == "\"" {
                quote = character
            } else if character == " " {
                words.append((text[start..<index], false))
                start = text.index(after: index)
            }
        }
        return words + [(text[start...], false)]
    }
}
