/// The parameters of one jail as words of a command line: jail(8)'s `name=value ... command=command ...`.
///
/// Values are literal: no variable, quote or escape is known there. A parameter that appears again gets the new value.
package struct ParameterWords: Sendable {
    /// What messages call the place.
    package static let place = "command line"

    private(set) var settings: [Setting] = []
    /// The words behind `command=`: one argument vector. Nil without a command.
    package private(set) var command: [String]?
    private(set) var text: Bytes = []

    package init() {}

    package var isEmpty: Bool { settings.isEmpty && command == nil }

    /// Adds a parameter. Nil means without a value, which differs from an empty value.
    package mutating func add(_ name: String, _ value: String?) {
        add(Bytes(name.utf8), value.map { Bytes($0.utf8) })
    }

    /// Adds `name` or `name=value`. The values of a list stand between commas.
    package mutating func add(_ word: String) {
        let bytes = Bytes(word.utf8)
        let end = bytes.firstIndex(of: .equals)
        add(Bytes(bytes[..<(end ?? bytes.count)]), end.map { Bytes(bytes[($0 + 1)...]) })
    }

    /// Adds operands; `command` and `command=WORD` take all that follow.
    package mutating func add(operands: [String]) {
        for (index, operand) in operands.enumerated() {
            guard operand == "command" || operand.hasPrefix("command=") else {
                add(operand)
                continue
            }
            let first = operand.utf8.count > "command=".utf8.count ? [String(operand.dropFirst("command=".count))] : []
            return add(command: first + operands[(index + 1)...])
        }
    }

    package mutating func add(command words: [String]) {
        command = (command ?? []) + words
        for word in words { add(Bytes("command".utf8), Bytes(word.utf8)) }
    }

    private mutating func add(_ name: Bytes, _ value: Bytes?) {
        let location = SourceLocation(file: Self.place, line: 1, column: text.count + 1)
        text += name + (value.map { [.equals] + $0 } ?? []) + [UInt8(ascii: " ")]
        let values = value.map { Self.isSplit(name) ? Self.parts($0) : [$0] } ?? []
        settings.append(
            Setting(
                name: name, isVariable: false, form: .append,
                values: values.map { ValueTemplate(text: $0, location: location) }, location: location))
    }

    /// Lists of words, not of lines: an fstab line has commas of its own.
    private static func isSplit(_ name: Bytes) -> Bool {
        guard let row = ParameterTable.row(name) else { return false }
        return row.kind == .list && row.name != "mount"
    }

    private static func parts(_ value: Bytes) -> [Bytes] {
        value.split(separator: .comma, omittingEmptySubsequences: false).map { Bytes($0) }
    }
}

extension Configuration {
    /// The configuration that consists of the one jail of a command line. Its block has no name: messages do not begin with one.
    package init(_ words: ParameterWords) {
        var tree = ConfigurationTree()
        tree.sources.append(SourceText(file: ParameterWords.place, bytes: words.text))
        let location = SourceLocation(file: ParameterWords.place, line: 1, column: 1)
        var merge = ParameterMerge(label: [], location: location, tree: tree)
        merge.apply(words.settings)
        var expansion = VariableExpansion(merge)
        var jail = expansion.expanded()
        let separator = Bytes(": ".utf8)
        for index in jail.errors.indices where jail.errors[index].jailMessage.starts(with: separator) {
            jail.errors[index].jailMessage.removeFirst(separator.count)
        }
        self.init(tree: tree, source: FileConfigurationSource(), jails: [jail])
    }
}
