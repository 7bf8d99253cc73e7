import Foundation

/// The command lines of jailrun that a document shows.
///
/// In Markdown they stand in blocks, fenced or indented, and between backquotes in prose; in mdoc(7) below EXAMPLES. A block
/// in which some line has a prompt, `$ ` or `# `, has commands behind prompts only, and output. What a document says of other
/// programs is not looked at, nor what follows a line `<!-- not jailrun -->` up to the next empty one.
struct DocumentCommand: CustomStringConvertible, Sendable {
    enum Kind {
        /// To be typed as it is.
        case example
        /// Named in a sentence, perhaps without its operands.
        case prose
    }

    var document: String
    var line: Int
    var text: String
    var kind: Kind

    var description: String { "\(document):\(line): \(text)" }

    static let programs = ["jailrun", "jail", "jls", "jexec", "jailrun-oci"]

    static func all(of document: String, _ text: String) -> [DocumentCommand] {
        let isManual = document.last?.isNumber == true
        let lines = text.components(separatedBy: "\n")
        return isManual ? manual(lines, document) : markdown(lines, document)
    }

    // MARK: mdoc(7)

    private static func manual(_ lines: [String], _ document: String) -> [DocumentCommand] {
        var found: [DocumentCommand] = []
        var isExample = false
        var isLiteral = false
        for (index, line) in lines.enumerated() {
            if line.hasPrefix(".Sh ") { isExample = line == ".Sh EXAMPLES" }
            if line.hasPrefix(".Bd ") || line == ".Ed" { isLiteral = line != ".Ed" }
            let shown = line.hasPrefix(".Dl ") ? String(line.dropFirst(4)) : isLiteral ? line : nil
            guard isExample, let shown else { continue }
            let plain = [("\\(dq", "\""), ("\\&", ""), ("\\-", "-"), ("\\e", "\\")].reduce(shown) {
                $0.replacingOccurrences(of: $1.0, with: $1.1)
            }
            if let text = command(in: plain) {
                found.append(.init(document: document, line: index + 1, text: text, kind: .example))
            }
        }
        return found
    }

    // MARK: Markdown

    private static func markdown(_ lines: [String], _ document: String) -> [DocumentCommand] {
        var found: [DocumentCommand] = []
        var index = 0
        while index < lines.count {
            let start = index
            let line = lines[index]
            if line.hasPrefix("<!-- not jailrun -->") {
                index = lines[index...].firstIndex(of: "") ?? lines.count
            } else if let fence = fence(line) {
                let end =
                    lines[(index + 1)...].firstIndex { $0.trimmingCharacters(in: .whitespaces) == fence } ?? lines.count
                found += block(lines[(start + 1)..<min(end, lines.count)], document)
                index = end + 1
            } else if line.hasPrefix("    ") && (start == 0 || lines[start - 1].isEmpty) {
                index = lines[index...].firstIndex { !$0.isEmpty && !$0.hasPrefix("    ") } ?? lines.count
                found += block(lines[start..<index], document)
            } else {
                index = lines[index...].firstIndex { $0.isEmpty || fence($0) != nil } ?? lines.count
                found += prose(lines[start..<index], document)
                if index == start { index += 1 }
            }
        }
        return found
    }

    private static func fence(_ line: String) -> String? {
        let text = line.drop { $0 == " " }
        return text.hasPrefix("```") ? "```" : nil
    }

    private static func block(_ lines: ArraySlice<String>, _ document: String) -> [DocumentCommand] {
        let isPrompted = lines.contains { $0.hasPrefix("$ ") || $0.hasPrefix("# jail") || $0.hasPrefix("jail$ ") }
        return lines.indices.compactMap { index in
            let line = lines[index]
            if isPrompted && !["$ ", "# ", "jail$ "].contains(where: line.hasPrefix) { return nil }
            return command(in: line).map { .init(document: document, line: index + 1, text: $0, kind: .example) }
        }
    }

    /// A span may go on in the next line.
    private static func prose(_ lines: ArraySlice<String>, _ document: String) -> [DocumentCommand] {
        var found: [DocumentCommand] = []
        let parts = lines.joined(separator: "\n").components(separatedBy: "`")
        for (number, part) in parts.enumerated() where !number.isMultiple(of: 2) {
            let before = parts[..<number].joined().filter { $0 == "\n" }.count
            let text = part.replacingOccurrences(of: "\n", with: " ")
            guard text.hasPrefix("jailrun ") else { continue }
            found.append(.init(document: document, line: lines.startIndex + before + 1, text: text, kind: .prose))
        }
        return found
    }

    /// A line of a shell, of a list, or of a CI's file.
    private static func command(in line: String) -> String? {
        var text = line.trimmingCharacters(in: .whitespaces)
        var isStripped = true
        while isStripped {
            isStripped = false
            for prefix in ["- ", "run: ", "$ ", "# ", "jail$ ", "sudo "] where text.hasPrefix(prefix) {
                text = String(text.dropFirst(prefix.count))
                isStripped = true
            }
        }
        let words = text.components(separatedBy: " ")
        let program = words.first { $0.range(of: "^[A-Za-z_]+=", options: .regularExpression) == nil }
        return program.map(programs.contains) == true ? text : nil
    }
}
