/// getopt(3): single letters behind a dash, in any grouping; options end at the first operand and at `--`.
struct OptionWords {
    private var rest: ArraySlice<String>
    private var letters: Substring = ""
    /// Letters that take an argument, the rest of their word or the next one.
    private let takingArgument: String
    /// Whole words, `--dry-run`, that getopt(3) has no meaning for: they come as the option `-`.
    private let long: [String]

    init(_ words: [String], takingArgument: String, long: [String] = []) {
        rest = words[...]
        self.long = long
        self.takingArgument = takingArgument
    }

    /// What is left: the operands, once `next` has returned nil.
    var operands: [String] { Array(rest) }

    /// The next option; nil behind the last. An option without its argument comes as `?`, which no command knows.
    mutating func next() -> (letter: Character, argument: String)? {
        if letters.isEmpty {
            guard let word = rest.first, word.hasPrefix("-"), word != "-" else { return nil }
            rest.removeFirst()
            if word == "--" { return nil }
            if long.contains(word) { return ("-", word) }
            letters = word.dropFirst()
        }
        let letter = letters.removeFirst()
        guard takingArgument.contains(letter) else { return (letter, "") }
        defer { letters = "" }
        if !letters.isEmpty { return (letter, String(letters)) }
        return rest.popFirst().map { (letter, $0) } ?? ("?", "")
    }
}
