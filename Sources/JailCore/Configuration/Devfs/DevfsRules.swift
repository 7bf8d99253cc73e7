/// The rulesets of devfs.rules(5): which device nodes a jail sees, who owns them, and their modes.
package struct DevfsRules: Equatable, Sendable {
    /// The four kinds of device that a rule's `type` can name.
    package enum DeviceClass: String, Sendable, CaseIterable {
        case disk, mem, tape, tty
    }

    /// A user or group as written: names are resolved when a ruleset is evaluated.
    package enum Owner: Equatable, Sendable {
        case number(UInt32)
        case name(String)
    }

    /// One `add` line: what it applies to, and what it does to it.
    package struct Rule: Equatable, Sendable {
        /// Rules of a set apply in the order of their numbers.
        package var number: Int
        /// A glob(7) pattern on the name below `/dev`; nil matches every node.
        package var path: String?
        package var deviceClass: DeviceClass?
        /// `hide` and `unhide`; nil when the rule does not speak of it.
        package var isVisible: Bool?
        package var user: Owner?
        package var group: Owner?
        /// The permission bits, at most 0o7777.
        package var mode: UInt16?
        /// The number of another set whose rules apply to the node at this place.
        package var includes: Int?
        package var location: SourceLocation
    }

    /// `[name=number]` and the lines below it.
    package struct Ruleset: Equatable, Sendable {
        package var name: String
        /// 0 to 65535; set 0 is empty, and nobody can change it.
        package var number: Int
        package var rules: [Rule]
        package var location: SourceLocation
    }

    /// In the order in which their numbers first appear.
    package private(set) var rulesets: [Ruleset]

    init(rulesets: [Ruleset]) { self.rulesets = rulesets }

    /// The sets of `text`, over those that jailrun ships: a set replaces the earlier one of the same number.
    ///
    /// `file` is the name for messages. The first error is thrown; `errors(in:file:)` has them all.
    package init(reading text: [UInt8], file: String) throws(DevfsRulesError) {
        var parser = DevfsRulesParser(file: file, known: Self.standard.rulesets)
        parser.read(text)
        if let first = parser.errors.first { throw first }
        self = Self.standard.replaced(by: parser.rulesets)
    }

    /// Everything that is wrong in `text`, in the order of its lines.
    package static func errors(in text: [UInt8], file: String) -> [DevfsRulesError] {
        var parser = DevfsRulesParser(file: file, known: Self.standard.rulesets)
        parser.read(text)
        return parser.errors
    }

    private func replaced(by later: [Ruleset]) -> DevfsRules {
        var result = self
        for ruleset in later {
            if let index = result.rulesets.firstIndex(where: { $0.number == ruleset.number }) {
                result.rulesets[index] = ruleset
            } else {
                result.rulesets.append(ruleset)
            }
        }
        return result
    }
}

extension DevfsRules {
    /// The set that `devfs_ruleset` means: a number of digits, or a name. A number is never looked up as a name.
    package func ruleset(_ reference: String) throws(DevfsRulesError) -> Ruleset {
        if reference.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }), !reference.isEmpty {
            guard let number = Int(reference), let found = ruleset(number: number) else {
                throw .unknownRuleset(reference, suggestion: nil)
            }
            return found
        }
        // The last of a name wins, as the last assignment of a shell variable does.
        guard let found = rulesets.last(where: { $0.name == reference }) else {
            throw .unknownRuleset(
                reference, suggestion: Spelling(reference).closest(in: rulesets.map(\.name)))
        }
        return found
    }

    /// An `include` by which everything would be hidden, if devfs(8) followed what the included set includes itself. It does not:
    /// without another rule that hides, the jail sees all devices. Nil when all is well.
    func shallowInclude(in ruleset: Ruleset) -> Rule? {
        func rules(of include: Rule) -> [Rule] { include.includes.flatMap { self.ruleset(number: $0) }?.rules ?? [] }
        if ruleset.rules.contains(where: { $0.hidesAll || rules(of: $0).contains(where: \.hidesAll) }) { return nil }
        return ruleset.rules.first { outer in
            rules(of: outer).contains { rules(of: $0).contains(where: \.hidesAll) }
        }
    }

    func ruleset(number: Int) -> Ruleset? {
        if number == 0 {
            let nowhere = SourceLocation(file: "jailrun", line: 1, column: 1)
            return Ruleset(name: "", number: 0, rules: [], location: nowhere)
        }
        return rulesets.last { $0.number == number }
    }
}

extension DevfsRules.Rule {
    /// `add hide`, of every node.
    fileprivate var hidesAll: Bool { isVisible == false && path == nil && deviceClass == nil }
}

extension DevfsRules.Owner: CustomStringConvertible {
    package var description: String {
        switch self {
        case .number(let number): String(number)
        case .name(let name): name
        }
    }
}

/// What can be wrong with devfs rules.
package enum DevfsRulesError: Error, Equatable, Sendable {
    /// A line that is no rule; `line` is its text.
    case malformed(String, at: SourceLocation, line: String)
    /// The file cannot be read, or others could write it.
    case refused(file: String, String, hint: String?)
    case unknownRuleset(String, suggestion: String?)
    /// A rule includes a set that is not there.
    case unknownInclude(Int, at: SourceLocation)
    case unknownUser(String, at: SourceLocation)
    case unknownGroup(String, at: SourceLocation)
}

extension DevfsRulesError: CustomStringConvertible {
    /// `FILE:LINE:COLUMN: MESSAGE`, the line and a caret where a line is at fault.
    package var description: String {
        let text = (location.map { "\($0): " } ?? "") + message + (hint.map { "; \($0)" } ?? "")
        guard case .malformed(_, let location, let line) = self else { return text }
        return "\(text)\n\(line)\n\(String(repeating: " ", count: max(0, location.column - 1)))^"
    }

    /// The line at fault; nil when none is.
    var location: SourceLocation? {
        switch self {
        case .malformed(_, let location, _), .unknownInclude(_, let location), .unknownUser(_, let location),
            .unknownGroup(_, let location):
            location
        case .refused, .unknownRuleset: nil
        }
    }

    /// Object first, cause last.
    var message: String {
        switch self {
        case .malformed(let message, _, _): message
        case .refused(let file, let reason, _): "\(file): \(reason)"
        case .unknownRuleset(let name, let suggestion):
            "devfs ruleset \"\(name)\": neither in /etc/devfs.rules nor shipped with jailrun"
                + (suggestion.map { " (did you mean \"\($0)\"?)" } ?? "")
        case .unknownInclude(let number, _): "include \(number): no such ruleset"
        case .unknownUser(let name, _): "user \"\(name)\": not found"
        case .unknownGroup(let name, _): "group \"\(name)\": not found"
        }
    }

    var hint: String? { if case .refused(_, _, let hint) = self { hint } else { nil } }
}
