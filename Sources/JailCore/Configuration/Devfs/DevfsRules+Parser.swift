/// Reads devfs.rules(5) line by line. rc.subr(8) hands each line to a shell, so words are quoted and expanded as it
/// would.
struct DevfsRulesParser {
    let file: String
    private(set) var rulesets: [DevfsRules.Ruleset] = []
    private(set) var errors: [DevfsRulesError] = []
    /// What `$name` stands for: shipped sets, then those of the file, later ones first.
    private var numbers: [(name: String, number: Int)]
    private var line: [UInt8] = []
    private var lineNumber = 0

    init(file: String, known: [DevfsRules.Ruleset]) {
        self.file = file
        self.numbers = known.map { ($0.name, $0.number) }
    }

    mutating func read(_ text: [UInt8]) {
        for bytes in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            line = bytes.last == UInt8(ascii: "\r") ? Array(bytes.dropLast()) : Array(bytes)
            lineNumber += 1
            do throws(DevfsRulesError) { try readLine() } catch { errors.append(error) }
        }
    }

    private mutating func readLine() throws(DevfsRulesError) {
        let words = try splitLine()
        guard let first = words.first else { return }
        if first.text.hasPrefix("[") {
            try readHeader(first, isAlone: words.count == 1)
        } else {
            try readRule(words)
        }
    }

    // MARK: headers

    private mutating func readHeader(_ word: Word, isAlone: Bool) throws(DevfsRulesError) {
        guard isAlone, word.text.hasSuffix("]"), let (name, digits) = word.text.dropFirst().dropLast().halves(.equals)
        else {
            throw malformed("a ruleset starts with [name=number]", word.column)
        }
        guard name.isRulesetName else {
            throw malformed("ruleset name \"\(name)\": letters, digits and _ only", word.column + 1)
        }
        guard let number = number(String(digits), upTo: 65535), number > 0 else {
            throw malformed("ruleset number \"\(digits)\": not between 1 and 65535", word.column + 2 + name.utf8.count)
        }
        // The same number again: the later set replaces the earlier.
        rulesets.removeAll { $0.number == number }
        rulesets.append(.init(name: String(name), number: number, rules: [], location: location(word.column)))
        numbers.append((String(name), number))
    }

    // MARK: rules

    private mutating func readRule(_ words: [Word]) throws(DevfsRulesError) {
        guard !rulesets.isEmpty else { throw malformed("a rule before the first [name=number]", words[0].column) }
        guard words[0].text == "add" else {
            throw malformed("\"\(words[0].text)\": only \"add\" is a rule", words[0].column)
        }
        var rest = words.dropFirst()
        var rule = DevfsRules.Rule(number: try ruleNumber(&rest), location: location(words[0].column))
        guard !rest.isEmpty else { throw malformed("a rule without an action", words[0].column) }
        var hasAction = false
        while let word = rest.popFirst() {
            let isCondition = word.text == "path" || word.text == "type"
            if isCondition && hasAction { throw malformed("\"\(word.text)\" after an action", word.column) }
            hasAction = hasAction || !isCondition
            try readClause(word, &rest, into: &rule)
        }
        guard hasAction else { throw malformed("a rule without an action", words[0].column) }
        insert(rule)
    }

    /// `add 250 path …`: else 100 after the last, as devfs(8) numbers them.
    private func ruleNumber(_ rest: inout ArraySlice<Word>) throws(DevfsRulesError) -> Int {
        let rules = rulesets[rulesets.count - 1].rules
        guard let word = rest.first, word.text.utf8.first.map(isDigit) == true else {
            return (rules.last?.number ?? 0) + 100
        }
        rest.removeFirst()
        guard let number = number(word.text, upTo: 65535), number > 0 else {
            throw malformed("rule number \"\(word.text)\": not between 1 and 65535", word.column)
        }
        if rules.contains(where: { $0.number == number }) {
            throw malformed("rule number \(number): already in this ruleset", word.column)
        }
        return number
    }

    private mutating func insert(_ rule: DevfsRules.Rule) {
        let last = rulesets.count - 1
        var place = rulesets[last].rules.count
        while place > 0, rulesets[last].rules[place - 1].number > rule.number { place -= 1 }
        rulesets[last].rules.insert(rule, at: place)
    }

    private func readClause(
        _ word: Word, _ rest: inout ArraySlice<Word>, into rule: inout DevfsRules.Rule
    ) throws(DevfsRulesError) {
        switch word.text {
        case "hide": rule.isVisible = false
        case "unhide": rule.isVisible = true
        case "path", "type", "user", "group", "mode", "include":
            guard let value = rest.popFirst() else { throw malformed("\"\(word.text)\" without a value", word.column) }
            try readValue(of: word.text, value, into: &rule)
        default: throw malformed("\"\(word.text)\": not a condition or action of a rule", word.column)
        }
    }

    private func readValue(
        of key: String, _ value: Word, into rule: inout DevfsRules.Rule
    ) throws(DevfsRulesError) {
        switch key {
        case "path": rule.path = value.text
        case "type":
            guard let type = DevfsRules.DeviceClass(rawValue: value.text) else {
                throw malformed("type \"\(value.text)\": not disk, mem, tape or tty", value.column)
            }
            rule.deviceClass = type
        case "user": rule.user = try owner(value)
        case "group": rule.group = try owner(value)
        case "mode":
            guard value.text.utf8.allSatisfy(isDigit), let mode = UInt16(value.text, radix: 8), mode <= 0o7777 else {
                throw malformed("mode \"\(value.text)\": not an octal number up to 7777", value.column)
            }
            rule.mode = mode
        default:
            guard let number = number(value.text, upTo: 65535) else {
                throw malformed("include \"\(value.text)\": not a ruleset number or $name", value.column)
            }
            rule.includes = number
        }
    }

    /// Digits are a number, never a name; 4294967295 means "no change" to the kernel, so it is nobody's.
    private func owner(_ word: Word) throws(DevfsRulesError) -> DevfsRules.Owner {
        guard let first = word.text.utf8.first else { throw malformed("an empty name", word.column) }
        guard isDigit(first) || first == UInt8(ascii: "-") || first == UInt8(ascii: "+") else {
            return .name(word.text)
        }
        guard let number = number(word.text, upTo: Int(UInt32.max) - 1) else {
            throw malformed("id \"\(word.text)\": not between 0 and 4294967294", word.column)
        }
        return .number(UInt32(number))
    }

    private func number(_ text: String, upTo limit: Int) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy(isDigit), let number = Int(text), number <= limit else { return nil }
        return number
    }

    private func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }
}

// MARK: words

extension DevfsRulesParser {
    /// One word of a line, quotes removed and `$name` replaced, and the byte column at which it starts.
    struct Word {
        var text: String
        var column: Int
    }

    private func splitLine() throws(DevfsRulesError) -> [Word] {
        var words: [Word] = []
        var index = 0
        while index < line.count {
            if line[index] == UInt8(ascii: " ") || line[index] == UInt8(ascii: "\t") {
                index += 1
            } else if line[index] == UInt8(ascii: "#") {
                break
            } else {
                words.append(try readWord(&index))
            }
        }
        return words
    }

    private func readWord(_ index: inout Int) throws(DevfsRulesError) -> Word {
        let start = index
        index = line[start...].firstIndex(where: Self.endsPlainText) ?? line.count
        var text = Array(line[start..<index])
        while index < line.count, line[index] != UInt8(ascii: " "), line[index] != UInt8(ascii: "\t") {
            switch line[index] {
            case UInt8(ascii: "'"), UInt8(ascii: "\""): text += try readQuoted(&index)
            case UInt8(ascii: "$"): text += try readVariable(&index)
            case UInt8(ascii: "\\"):
                if index + 1 < line.count { text.append(line[index + 1]) }
                index += 2
            default:
                text.append(line[index])
                index += 1
            }
        }
        guard text.allSatisfy({ $0 < 0x80 }) || String(validating: text, as: UTF8.self) != nil else {
            throw malformed("not UTF-8", start + 1)
        }
        return Word(text: String(decoding: text, as: UTF8.self), column: start + 1)
    }

    private static func endsPlainText(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "'"), UInt8(ascii: "\""), UInt8(ascii: "$"),
            UInt8(ascii: "\\"):
            true
        default: false
        }
    }

    private func readQuoted(_ index: inout Int) throws(DevfsRulesError) -> [UInt8] {
        let start = index
        let quote = line[start]
        var text: [UInt8] = []
        index += 1
        while index < line.count, line[index] != quote {
            if quote == UInt8(ascii: "\""), line[index] == UInt8(ascii: "$") {
                text += try readVariable(&index)
            } else {
                text.append(line[index])
                index += 1
            }
        }
        guard index < line.count else { throw malformed("a quote is not closed", start + 1) }
        index += 1
        return text
    }

    private func readVariable(_ index: inout Int) throws(DevfsRulesError) -> [UInt8] {
        let start = index
        let rest = line[(start + 1)...]
        let isBraced = rest.first == .openBrace
        let bytes = (isBraced ? rest.dropFirst() : rest).prefix(while: \.isRulesetLetter)
        let name = String(decoding: bytes, as: UTF8.self)
        index += 1 + bytes.count + (isBraced ? 2 : 0)
        guard let found = numbers.last(where: { $0.name == name }) else {
            throw malformed("$\(name): no ruleset of this name above this line", start + 1)
        }
        return Array(String(found.number).utf8)
    }

    private func malformed(_ message: String, _ column: Int) -> DevfsRulesError {
        .malformed(message, at: location(column), line: String(decoding: line, as: UTF8.self))
    }

    private func location(_ column: Int) -> SourceLocation {
        SourceLocation(file: file, line: lineNumber, column: column)
    }
}

extension StringProtocol {
    /// A name that a shell variable can have: rc.subr(8) makes one of each ruleset.
    fileprivate var isRulesetName: Bool {
        !isEmpty && utf8.allSatisfy(\.isRulesetLetter)
    }

    fileprivate func halves(_ separator: UInt8) -> (SubSequence, SubSequence)? {
        guard let index = utf8.firstIndex(of: separator) else { return nil }
        return (self[..<index], self[utf8.index(after: index)...])
    }
}

extension UInt8 {
    fileprivate var isRulesetLetter: Bool { isLetter || isDigit || self == UInt8(ascii: "_") }
}
