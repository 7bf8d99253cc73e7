/// A line of sh(1), read as far as it can be read without being run.
struct ShellLine {
    private let bytes: [UInt8]

    init(_ text: Substring) { bytes = Array(text.utf8) }

    // MARK: One program

    /// The words of a line that is one program and its arguments, with quotes and nothing else that means something to a
    /// shell; nil for every other line.
    var words: [String]? {
        var words: [String] = []
        var word: [UInt8] = []
        var isWord = false
        var quote: UInt8?
        for byte in bytes {
            switch (byte, quote) {
            case (let byte, let open?) where byte == open: quote = nil
            case (let byte, UInt8(ascii: "\"")?) where "$`\\".utf8.contains(byte): return nil
            case (_, _?): word.append(byte)
            case (UInt8(ascii: "'"), nil), (UInt8(ascii: "\""), nil): (quote, isWord) = (byte, true)
            case (let byte, nil) where Self.isBlank(byte):
                if isWord { words.append(String(decoding: word, as: UTF8.self)) }
                (word, isWord) = ([], false)
            case (let byte, nil) where Self.isSpecial(byte): return nil
            case (UInt8(ascii: "#"), nil) where !isWord: return nil
            default:
                word.append(byte)
                isWord = true
            }
        }
        if quote != nil { return nil }
        if isWord { words.append(String(decoding: word, as: UTF8.self)) }
        guard let first = words.first, !first.utf8.contains(UInt8(ascii: "=")), !Self.isOwn(first) else { return nil }
        return words
    }

    // MARK: Quotes

    /// The quote that is open at the end. What has quotes of its own inside (expansions, here-documents) ends the look: nil.
    var unclosedQuote: Character? {
        var rest = bytes[...]
        var quote: UInt8?
        var isAtWordStart = true
        while let byte = rest.popFirst() {
            defer { isAtWordStart = quote == nil && (Self.isBlank(byte) || "\n;&|()".utf8.contains(byte)) }
            switch (byte, quote) {
            case (UInt8(ascii: "'"), UInt8(ascii: "'")?), (UInt8(ascii: "\""), UInt8(ascii: "\"")?): quote = nil
            case (_, UInt8(ascii: "'")?): continue
            case (UInt8(ascii: "\\"), nil) where rest.first == UInt8(ascii: "\n"): return nil
            case (UInt8(ascii: "\\"), _): _ = rest.popFirst()
            case (UInt8(ascii: "`"), _): return nil
            case (UInt8(ascii: "$"), _) where rest.first.map("({'\"".utf8.contains) ?? false: return nil
            case (_, _?): continue
            case (UInt8(ascii: "<"), nil) where rest.first == byte: return nil
            case (UInt8(ascii: "#"), nil) where isAtWordStart: rest = rest.drop { $0 != UInt8(ascii: "\n") }
            case (UInt8(ascii: "'"), nil), (UInt8(ascii: "\""), nil): quote = byte
            case (_, nil): continue
            }
        }
        return quote.map { Character(UnicodeScalar($0)) }
    }

    // MARK: The first program of any line

    /// The program that a line begins with; nil when that is the shell's own affair, or not to be told from the text.
    var firstProgram: String? {
        var rest = bytes[...]
        while true {
            while let byte = rest.first, Self.isBlank(byte) || byte == UInt8(ascii: "\n") { rest.removeFirst() }
            if rest.first == UInt8(ascii: "("), rest.dropFirst().first != UInt8(ascii: "(") {
                rest.removeFirst()
                continue
            }
            let word = rest.prefix { !Self.isBlank($0) && !"\n;&|<>()".utf8.contains($0) }
            rest.removeFirst(word.count)
            let text = String(decoding: word, as: UTF8.self)
            if ["{", "!", "if", "while", "until", "exec"].contains(text) { continue }
            if Self.isAssignment(text) { continue }
            let isFollowedByName = rest.drop(while: Self.isBlank).first != UInt8(ascii: "(")
            let isRedirected = rest.first.map("<>".utf8.contains) ?? false && word.allSatisfy(Self.isDigit)
            guard isFollowedByName, !isRedirected, !word.isEmpty, !word.contains(where: Self.isSpecial),
                word.first != UInt8(ascii: "#"), word.first != UInt8(ascii: "-"),
                !text.utf8.contains(UInt8(ascii: "=")), !Self.isOwn(text)
            else { return nil }
            return text
        }
    }

    /// Of a plain value, and not of PATH, with which the program would be looked for elsewhere.
    private static func isAssignment(_ word: String) -> Bool {
        let name = word.utf8.prefix { $0 != UInt8(ascii: "=") }
        guard name.count < word.utf8.count, let first = name.first, !isDigit(first) else { return false }
        return String(Substring(name)) != "PATH" && !word.utf8.contains(where: isSpecial)
            && name.allSatisfy { isDigit($0) || $0 == UInt8(ascii: "_") || (0x41...0x5a).contains($0 & 0xdf) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
    private static func isSpecial(_ byte: UInt8) -> Bool { "!\"$&'()*;<>?[\\]`{|}~\n\r".utf8.contains(byte) }

    /// Words that a shell does not look for along PATH, POSIX's and those of dash, bash and busybox.
    private static func isOwn(_ word: String) -> Bool { own.contains(word) }

    private static let own = [
        ".", ":", "[", "[[", "]]", "alias", "bg", "break", "builtin", "case", "cd", "chdir", "command", "continue",
        "declare",
        "dirs", "do", "done", "echo", "elif", "else", "esac", "eval", "exec", "exit", "export", "false", "fc", "fg",
        "fi",
        "for", "function", "getopts", "hash", "help", "if", "in", "jobs", "kill", "let", "local", "popd", "printf",
        "pushd",
        "pwd", "read", "readonly", "return", "select", "set", "shift", "shopt", "source", "test", "then", "time",
        "times",
        "trap", "true", "type", "typeset", "ulimit", "umask", "unalias", "unset", "until", "wait", "while", "{", "}",
        "!",
    ]
}
