/// A command line of jailrun, taken apart: the verb, its options with their values, its operands, and a command behind them.
/// This is the only reader of it; what the argument parser sees is made of what was found here.
struct CommandWords {
    struct Option {
        var form: OptionForm
        /// Nil for one that takes none.
        var value: String?
        /// As which it was given; nil for a name.
        var letter: Character?
    }

    /// Nil where none is written, which means `run`.
    private(set) var verb: Verb?
    private(set) var options: [Option] = []
    private(set) var operands: [String] = []
    /// Of `run` what stands behind `--`, of `exec` what stands behind the jail; nil when nothing does.
    private(set) var command: [String]?
    /// What looks like one, of a verb that takes none.
    private(set) var misplacedCommand: [String]?
    /// Each option has what it takes.
    private var isComplete = true
    /// The first option that is no verb's.
    private var foreign: String?
    /// The last word is an option whose value may follow.
    private(set) var awaited: OptionForm?
    /// The first option whose value is empty, as it was given: that means nothing to any, and is what an unset variable of a
    /// script becomes.
    private(set) var empty: String?
    /// All but the verb and the command, as they were given.
    private var given: [String] = []
    /// Help, say.
    private(set) var isAsked = false

    init(_ words: [String]) { self.init(words[...]) }

    init(_ words: ArraySlice<String>) {
        var rest = words
        while let word = rest.popFirst() {
            if word == "--" {
                take(behindDashes: rest)
                return
            }
            if word.utf8.first == UInt8(ascii: "-") && word.utf8.count > 1 {
                given.append(word)
                if word.hasPrefix("--") { readName(word.dropFirst(2), &rest) } else { readLetters(word, &rest) }
            } else if verb == nil, operands.isEmpty, let named = Verb(rawValue: word) {
                verb = named
                mean(named)
            } else {
                given.append(word)
                operands.append(word)
                if verb == .exec {
                    takeCommand(rest)
                    return
                }
            }
        }
    }

    /// A letter that stands before the verb is the verb's own.
    private mutating func mean(_ verb: Verb) {
        for index in options.indices {
            guard let letter = options[index].letter else { continue }
            options[index].form = OptionForm.find(for: verb) { $0.short == letter } ?? options[index].form
        }
    }

    private mutating func take(behindDashes rest: ArraySlice<String>) {
        switch verb {
        case nil, .run: command = Array(rest)
        case .exec:
            operands += rest.prefix(1)
            if !rest.isEmpty { takeCommand(rest.dropFirst()) }
        default:
            // An operand may begin with a dash; the name of a program hardly does.
            if !operands.isEmpty, let first = rest.first, !first.hasPrefix("-") { misplacedCommand = Array(rest) }
            operands += rest
        }
    }

    private mutating func takeCommand(_ rest: ArraySlice<String>) {
        let words = rest.first == "--" ? rest.dropFirst() : rest
        if !words.isEmpty { command = Array(words) }
    }

    /// `--name`, `--name=value`, `--name value`.
    private mutating func readName(_ text: Substring, _ rest: inout ArraySlice<String>) {
        let name = text.prefix { $0 != "=" }
        let joined = name.endIndex < text.endIndex ? String(text[text.index(after: name.endIndex)...]) : nil
        take(OptionForm.find(for: verb) { $0.long == name }, nil, joined, &rest)
    }

    /// `-x`, `-xy`, `-xVALUE`, `-x=VALUE`, `-x VALUE`.
    private mutating func readLetters(_ word: String, _ rest: inout ArraySlice<String>) {
        var letters = word.dropFirst()
        while let letter = letters.popFirst() {
            let form = OptionForm.find(for: verb) { $0.short == letter }
            guard let form, form.argument != .none else {
                take(form, letter, nil, &rest)
                continue
            }
            let joined = letters.first == "=" ? letters.dropFirst() : letters
            return take(form, letter, letters.isEmpty ? nil : String(joined), &rest)
        }
    }

    private mutating func take(
        _ form: OptionForm?, _ letter: Character?, _ joined: String?, _ rest: inout ArraySlice<String>
    ) {
        guard let form else {
            foreign = foreign ?? given.last
            return
        }
        if OptionForm.asked.contains(where: { $0.long == form.long }) { isAsked = true }
        let isLast = joined == nil && rest.isEmpty
        var value = joined
        switch form.argument {
        case .none: isComplete = isComplete && joined == nil
        case .optionalWord(let words):
            if isLast { awaited = form }
            if let next = rest.first, joined == nil, words.contains(next) { value = pop(&rest) }
            value = value ?? words.first
        case .value, .directory, .words:
            if isLast { awaited = form }
            if joined == nil, let next = rest.first, next != "--", !OptionForm.isOption(next) { value = pop(&rest) }
            isComplete = isComplete && value != nil
        }
        if value == "", form.argument != .none { empty = empty ?? Self.spelled(form, letter) }
        options.append(Option(form: form, value: value, letter: letter))
    }

    private static func spelled(_ form: OptionForm, _ letter: Character?) -> String {
        letter.map { "-\($0)" } ?? "--\(form.long)"
    }

    private mutating func pop(_ rest: inout ArraySlice<String>) -> String? {
        let word = rest.popFirst()
        if let word { given.append(word) }
        return word
    }

    /// Each option is the verb's, and has what it takes.
    var isRegular: Bool { isComplete && unknown == nil }

    /// The first option that the verb does not have, as it was given or by its name.
    var unknown: String? {
        if let foreign { return foreign }
        let verb = verb ?? .run
        let other = isAsked ? nil : options.first { !$0.form.belongs(to: verb) }
        return other.map { Self.spelled($0.form, $0.letter) }
    }

    func has(_ name: String) -> Bool { options.contains { $0.form.long == name } }
    func value(of name: String) -> String? { options.last { $0.form.long == name }?.value }

    /// Without the command, in the one form in which the argument parser can take nothing for something else: the verb first,
    /// each value joined to its option. If something is wrong, as it was given: then it is for the parser to say what.
    var canonical: [String] {
        let first = verb.map { [$0.rawValue] } ?? (isAsked ? [] : ["run"])
        if !isRegular { return first + given }
        let spelled = options.map { option in
            option.value.map { "--\(option.form.long)=\($0)" } ?? "--\(option.form.long)"
        }
        let needsEnd = operands.contains { $0.hasPrefix("-") && $0 != "-" }
        return first + spelled + (needsEnd ? ["--"] : []) + operands
    }
}
