import Glibc
import JailCore

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

    static let width = 100

    let isColoured: Bool
    private(set) var lines: [String] = []

    init(isColoured: Bool) { self.isColoured = isColoured }

    mutating func add(_ text: String = "", _ style: Style = .plain) { lines.append(painted(text, style)) }

    /// A label and a text beside it that goes on below itself.
    mutating func add(_ text: String, after label: String, indent: Int, column: Int, _ style: Style = .plain) {
        let start = String(repeating: " ", count: indent)
        let pad = String(repeating: " ", count: max(1, column - indent - label.count))
        for (index, line) in Self.wrapped(text, width: Self.width - column).enumerated() {
            let head = index == 0 ? painted(label, .label) + pad : String(repeating: " ", count: column - indent)
            lines.append(start + head + painted(line, style))
        }
    }

    /// A command, its continued lines marked as sh(1) wants it.
    mutating func addCommand(_ text: String, after label: String, indent: Int, column: Int) {
        let wrapped = Self.wrapped(text, width: Self.width - column - 2, continuation: "  ")
        for (index, line) in wrapped.enumerated() {
            let tail = index < wrapped.count - 1 ? " \\" : ""
            let head = index == 0 ? label : ""
            let pad = String(repeating: " ", count: column - indent - head.count)
            lines.append(
                String(repeating: " ", count: indent) + painted(head, .label) + pad + painted(line + tail, .command))
        }
    }

    private func painted(_ text: String, _ style: Style) -> String {
        isColoured && style != .plain && !text.isEmpty ? "\u{1b}[\(style.rawValue)m\(text)\u{1b}[0m" : text
    }

    /// Broken at spaces; a longer word stands alone.
    static func wrapped(_ text: String, width: Int, continuation: String = "") -> [String] {
        var lines: [String] = []
        var line = ""
        var isEmpty = true
        for word in text.split(separator: " ", omittingEmptySubsequences: false) {
            if !isEmpty, line.count + 1 + word.count > width {
                lines.append(line)
                (line, isEmpty) = (continuation + word, false)
            } else {
                line += (isEmpty ? "" : " ") + word
                isEmpty = false
            }
        }
        return lines + [line]
    }
}

/// Standard output, when a person reads it there.
enum Reader {
    static func wantsColour(_ isForbidden: Bool) -> Bool {
        !isForbidden && isatty(1) == 1 && getenv("NO_COLOR") == nil && text("TERM") != "dumb"
    }

    /// Shows the lines: on a terminal that is too small for them, by $PAGER or less(1).
    static func show(_ lines: [String]) {
        let text = lines.joined(separator: "\n") + "\n"
        var size = winsize()
        let isLong = isatty(1) == 1 && ioctl(1, UInt(TIOCGWINSZ), &size) == 0 && lines.count >= Int(size.ws_row)
        if !isLong || !page(text) { print(text, terminator: "") }
    }

    /// - Returns: false when the pager could not be started.
    private static func page(_ text: String) -> Bool {
        // `Host` has blocked them to read them; a pager lives by them.
        var none = sigset_t()
        sigemptyset(&none)
        sigprocmask(SIG_SETMASK, &none, nil)
        signal(SIGINT, SIG_IGN)
        signal(SIGPIPE, SIG_IGN)
        let command = self.text("PAGER").flatMap { $0.isEmpty ? nil : $0 } ?? "less -R"
        guard let pager = popen(command, "w") else { return false }
        fputs(text, pager)
        // 127: the shell found no such program.
        return pclose(pager) >> 8 & 0xff != 127
    }

    private static func text(_ variable: String) -> String? { getenv(variable).map { String(cString: $0) } }
}
