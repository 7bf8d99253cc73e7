/// Bytes of a configuration file. jail.conf(5) is a byte stream: `String` would compare canonically equivalent names as
/// equal.
package typealias Bytes = [UInt8]

/// One thing to say about a configuration: where, what, why, and what to do instead.
package struct Diagnostic: Error, Equatable, Sendable {
    package enum Severity: String, Sendable, Comparable {
        /// A value that is accepted, and why it has no effect.
        case note
        /// A value that is accepted, and does less here than on FreeBSD.
        case warning
        /// Nothing is started.
        case error

        package static func < (left: Severity, right: Severity) -> Bool { left.rank < right.rank }

        private var rank: Int {
            switch self {
            case .note: 0
            case .warning: 1
            case .error: 2
            }
        }
    }

    /// A code for diagnostics that code decides by; most have none.
    package enum Code: Equatable, Sendable {
        /// Nothing would keep the jail alive: one that runs has what does.
        case lifeless
    }

    package var severity: Severity
    package var code: Code?
    /// Nil when no line is at fault: a file that cannot be opened.
    package var location: SourceLocation?
    /// Object first, cause last, no full stop.
    package var message: String
    package var hint: String?
    /// The line at `location`, as it stands in the file, without its newline; of a long line the part around the column.
    package var sourceLine: Bytes?
    /// What jail(8) prints after `jail: `, byte for byte.
    package var jailMessage: Bytes

    package init(
        _ message: String, at location: SourceLocation?, severity: Severity = .error, hint: String? = nil,
        sourceLine: Bytes? = nil, jailMessage: Bytes? = nil, code: Code? = nil
    ) {
        self.severity = severity
        self.code = code
        self.location = location
        self.message = message
        self.hint = hint
        self.sourceLine = sourceLine
        self.jailMessage = jailMessage ?? Bytes(message.utf8)
    }
}

extension Diagnostic: CustomStringConvertible {
    /// jailrun's form: `www.conf:7:3: MESSAGE`, the source line, a caret under the column, and the hint; no final
    /// newline.
    package var description: String { text(isColored: false) }

    /// The same, and for a terminal with the place in bold, and severity and caret in its colour.
    package func text(isColored: Bool) -> String {
        let color = isColored ? severity.color : nil
        var lines = [heading(color)]
        if let location, let sourceLine {
            let excerpt = SourceExcerpt(sourceLine, column: location.column)
            lines += [excerpt.text, excerpt.indentation + Self.painted("^", color)]
        }
        if let hint { lines.append("hint: \(hint)") }
        return lines.joined(separator: "\n")
    }

    /// For whoever tells the hint in another way.
    /// - Parameter subject: stands before the message.
    func withoutHint(of subject: String?) -> String {
        var rest = self
        rest.hint = nil
        if let subject { rest.message = "\(subject): \(message)" }
        return rest.description
    }

    private func heading(_ color: String?) -> String {
        let place = location.map { "\(Bytes($0.file.utf8).printable()):\($0.line):\($0.column): " } ?? ""
        let kind = severity == .error ? "" : Self.painted("\(severity.rawValue): ", color)
        return Self.painted(place, color.map { _ in "1" }) + kind + message
    }

    /// Between the escape sequences of ECMA-48's "select graphic rendition".
    private static func painted(_ text: String, _ color: String?) -> String {
        guard let color, !text.isEmpty else { return text }
        return "\u{1b}[\(color)m\(text)\u{1b}[0m"
    }
}

extension Diagnostic.Severity {
    fileprivate var color: String {
        switch self {
        case .note: "1;36"
        case .warning: "1;33"
        case .error: "1;31"
        }
    }
}

extension Diagnostic {
    /// FreeBSD's form, `jail: FILE line N: TOKEN: syntax error`, with its newline. Control bytes of the file are
    /// escaped: they would reach the terminal.
    package var jailLine: Bytes {
        Bytes("jail: ".utf8) + jailMessage.flatMap(\.escapedUnlessHarmless) + Bytes("\n".utf8)
    }
}

extension UInt8 {
    fileprivate var escapedUnlessHarmless: Bytes {
        let isControl = self < 0x20 || self == 0x7f
        return isControl && self != 0x0a && self != 0x09 ? Bytes(octalEscape.utf8) : [self]
    }

    fileprivate var octalEscape: String {
        let digits = String(self, radix: 8)
        return "\\" + String(repeating: "0", count: 3 - digits.count) + digits
    }
}

extension [UInt8] {
    /// As text for a terminal: control bytes, C1 controls and whatever is not UTF-8 appear as `\ooo`.
    package func printable(keepingTabs: Bool = false) -> String {
        if allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) { return String(decoding: self, as: UTF8.self) }
        guard let text = String(validating: self, as: UTF8.self) else {
            return map { $0 < 0x80 ? Self.printable(.init($0), keepingTabs) : $0.octalEscape }.joined()
        }
        return text.unicodeScalars.map { Self.printable($0, keepingTabs) }.joined()
    }

    private static func printable(_ scalar: Unicode.Scalar, _ keepingTabs: Bool) -> String {
        if scalar == "\t" && keepingTabs { return "\t" }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator:
            return String(scalar).utf8.map(\.octalEscape).joined()
        default: return String(scalar)
        }
    }

    /// The bytes as text, or nil when they are not UTF-8.
    var text: String? {
        allSatisfy { $0 < 0x80 } ? String(decoding: self, as: UTF8.self) : String(validating: self, as: UTF8.self)
    }
}
