/// Text as it stands in XML and HTML.
enum Markup {
    /// Between tags.
    static func text(_ text: String) -> String { escaped(text, ["&": "&amp;", "<": "&lt;", ">": "&gt;"]) }

    /// In quotes, too.
    static func attribute(_ text: String) -> String {
        escaped(text, ["&": "&amp;", "<": "&lt;", ">": "&gt;", "\"": "&quot;", "'": "&#39;"])
    }

    private static func escaped(_ text: String, _ names: [Unicode.Scalar: String]) -> String {
        text.unicodeScalars.map { names[$0] ?? String($0) }.joined()
    }
}
