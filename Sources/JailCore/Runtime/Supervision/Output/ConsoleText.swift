/// A jail's output as a person may see it: a hostile jail cannot move the cursor, set a title, or type.
package enum ConsoleText {
    /// One line. Colours, which end with the line they are in elsewhere, are left out; tabs stay; a carriage return at the end is
    /// dropped; every other control character and direction mark is spelled out.
    package static func safe(_ line: String) -> String {
        var text = Substring(line)
        if text.unicodeScalars.last == "\r" { text.unicodeScalars.removeLast() }
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) { return String(text) }
        return withoutColours(text).split(separator: "\t", omittingEmptySubsequences: false)
            .map { Terminal.escaped(String($0)) }.joined(separator: "\t")
    }

    /// Without `ESC [ digits and semicolons m`, and nothing else left out.
    private static func withoutColours(_ text: Substring) -> String {
        var result = String.UnicodeScalarView()
        var rest = text.unicodeScalars[...]
        while let scalar = rest.first {
            if scalar == "\u{1b}", let end = endOfColour(rest) {
                rest = rest[end...]
            } else {
                result.append(scalar)
                rest = rest.dropFirst()
            }
        }
        return String(result)
    }

    private static func endOfColour(_ text: Substring.UnicodeScalarView) -> Substring.UnicodeScalarView.Index? {
        let body = text.dropFirst()
        guard body.first == "[" else { return nil }
        let end = body.dropFirst().firstIndex { !("0"..."9").contains($0) && $0 != ";" }
        guard let end, text[end] == "m" else { return nil }
        return text.index(after: end)
    }
}
