import JailCore
import Testing

@Suite("a message with its line and caret")
struct DiagnosticTests {
    private struct Memory: ConfigurationSource {
        let bytes: Bytes
        func contents(of path: String, isInclude: Bool) throws(ConfigurationReadError) -> Bytes { bytes }
        func names(in directory: String) -> [String] { [] }
    }

    /// The lines of the first message about `text`.
    private static func lines(_ text: String) -> [String] { lines(Bytes(text.utf8)) }

    private static func lines(_ bytes: Bytes) -> [String] {
        let first = diagnostics(bytes).first?.description ?? ""
        return first.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    private static func diagnostics(_ bytes: Bytes) -> [Diagnostic] {
        do throws(ConfigurationFailure) {
            return try Configuration(path: "f", source: Memory(bytes: bytes)).check()
        } catch { return error.diagnostics }
    }

    @Test("an end that comes too early is shown at the last text, whatever blank lines and comments follow")
    func end() {
        let lines = Self.lines("a {\n    persist;\n    path = /x\n\n# comment\n\n")
        #expect(lines[0].hasPrefix("f:3:14: unexpected end of file"), "\(lines)")
        #expect(lines[1...2] == ["    path = /x", "             ^"])
    }

    @Test("tabs stay tabs below the line, wide characters take two columns, marks none")
    func width() {
        #expect(Self.lines("\ta {\tb\tc d; }")[1...2] == ["\ta {\tb\tc d; }", "\t   \t \t  ^"])
        #expect(Self.lines("\"日本\" x y; ")[1...2] == ["\"日本\" x y; ", "         ^"])
        #expect(Self.lines("\"e\u{301}\" x y;")[1...2] == ["\"e\u{301}\" x y;", "      ^"])
    }

    @Test("control bytes and bytes that are no UTF-8 are escaped, and counted as they are shown")
    func escapes() {
        let lines = Self.lines(Bytes("\"\u{1b}[31m".utf8) + [0xff] + Bytes("é\" x y;".utf8))
        #expect(lines[1...2] == ["\"\\033[31m\\377é\" x y;", "                  ^"], "\(lines)")
    }

    @Test(
        "of a long line the part around the caret is shown", arguments: [0, 100, 300, 1000, 1024, 5000, 100_000])
    func long(before: Int) {
        let (left, right) = (String(repeating: "é", count: before), String(repeating: "z ", count: 9000))
        let lines = Self.lines("a { \"\(left)\" x ?y? \(right); }")
        let column = Array(lines[2]).firstIndex(of: "^") ?? 0
        #expect(lines[1].count <= 202 && lines[2].count <= 202, "\(lines)")
        #expect(Array(lines[1]).dropFirst(column).prefix(3) == ["?", "y", "?"], "\(lines)")
    }

    @Test("many errors on a long line stay small")
    func manyOnOneLine() {
        let text = Bytes(String(repeating: "a { x y z; } ", count: 6000).utf8)
        let found = Self.diagnostics(text)
        #expect(found.count == 6000)
        #expect(found.allSatisfy { ($0.sourceLine?.count ?? 0) <= 1536 })
    }

    @Test("colour is around the place, the severity and the caret, and nowhere without being asked for")
    func color() {
        let error = Self.diagnostics(Bytes("x y z;".utf8))[0]
        #expect(!error.description.contains("\u{1b}"))
        let lines = error.text(isColored: true).split(separator: "\n")
        #expect(lines[0].hasPrefix("\u{1b}[1mf:1:5: \u{1b}[0msyntax error"), "\(lines)")
        #expect(lines[2] == "    \u{1b}[1;31m^\u{1b}[0m", "\(lines)")
        let warning = Diagnostic("m", at: SourceLocation(file: "f", line: 1, column: 1), severity: .warning)
        #expect(warning.text(isColored: true) == "\u{1b}[1mf:1:1: \u{1b}[0m\u{1b}[1;33mwarning: \u{1b}[0mm")
    }
}
