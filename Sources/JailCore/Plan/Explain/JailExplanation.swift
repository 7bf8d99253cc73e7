/// A jail's plan with everything known about it: what `jailrun explain` prints, in any format.
///
/// As JSON it is the document that jailrun(8) describes; a change of a key is a change of the interface.
package struct JailExplanation: Codable, Equatable, Sendable {
    /// Steps that serve one purpose.
    package struct Part: Codable, Equatable, Sendable {
        package var subject: String
        package var does: String
        package var without: String
        package var manual: [String]
        /// Who asked for it: lines of the configuration, or a default.
        package var origins: [Source]
        /// How jail.conf turns it off, if it is a default that can be turned off.
        package var turnedOff: String?
        package var shell: [String]
        /// `fsopen, fsconfig ×3, fsmount`.
        package var calls: String
        /// Numbers of its steps, from 1.
        package var steps: [Int]

        /// Whether the shell's lines have that variable.
        package func names(_ variable: String) -> Bool { shell.contains { $0.holds(variable) } }
    }

    package struct Source: Codable, Equatable, Sendable {
        package enum Kind: String, Codable, Sendable { case configuration, commandLine, standard }

        package var kind: Kind
        package var file: String?
        package var line: Int?
        /// The line as it stands in the file, without the white space around it.
        package var text: String?
    }

    package struct Step: Codable, Equatable, Sendable {
        /// From 1; messages name a step by it.
        package var number: Int
        package var side: String
        /// Index into `parts`.
        package var part: Int
        /// As a message says it after "cannot".
        package var purpose: String
        /// In the spelling of strace(1).
        package var call: String
        /// What takes it back.
        package var undo: String?
    }

    package var name: String
    package var parts: [Part]
    package var steps: [Step]

    /// - Parameter line: the text of a line of the configuration.
    package init(of jail: ConfiguredJail, plan: Plan, line: (SourceLocation) -> String?) {
        self.init(name: jail.label, plan: plan, line: line)
    }

    init(name: String, plan: Plan, line: (SourceLocation) -> String?) {
        let all = plan.allSteps
        let parts = plan.parts
        var partOf = [Int](repeating: 0, count: all.count)
        for (index, part) in parts.enumerated() { for step in part.steps { partOf[step] = index } }
        self.name = name
        self.parts = parts.map { Part($0, plan: plan, line: line) }
        steps = all.enumerated().map { index, step in
            Step(
                number: index + 1, side: step.side.rawValue, part: partOf[index], purpose: step.words.description,
                call: step.operation.spelling,
                undo: step.undo.isEmpty ? nil : step.undo.map(\.spelling).joined(separator: "; "))
        }
    }
}

extension JailExplanation.Part {
    init(_ part: Plan.Part, plan: Plan, line: (SourceLocation) -> String?) {
        let explanation = part.purpose.explanation
        self.init(
            subject: part.purpose.subject.rawValue, does: explanation.does, without: explanation.without,
            manual: explanation.manual, origins: JailExplanation.Source.all(part.origins, line: line),
            turnedOff: part.isDefault ? explanation.turnedOff : nil, shell: part.purpose.shell,
            calls: plan.calls(of: part), steps: part.steps.map { $0 + 1 })
    }
}

extension Plan.Part {
    /// No line asked for it.
    fileprivate var isDefault: Bool {
        origins.allSatisfy { if case .standard = $0 { true } else { false } }
    }
}

extension JailExplanation.Source {
    /// One for each line, and one for all defaults together: how each is turned off is the purpose's to say.
    static func all(_ origins: [Origin], line: (SourceLocation) -> String?) -> [Self] {
        var sources: [Self] = []
        for origin in origins {
            let source = Self(origin, line: line)
            if !sources.contains(source) { sources.append(source) }
        }
        return sources
    }

    private init(_ origin: Origin, line: (SourceLocation) -> String?) {
        switch origin {
        case .configuration(let location):
            let text = line(location)?.trimmingSpaces
            self.init(kind: .configuration, file: location.file, line: location.line, text: text)
        case .commandLine: self.init(kind: .commandLine)
        case .standard: self.init(kind: .standard)
        }
    }
}

extension JailExplanation.Source {
    /// The line without a comment at its end, which explains the parameter: here the sentence does that.
    package var statement: String? {
        guard let text else { return nil }
        for mark in text.indices where text[mark] == "#" {
            let statement = text[..<mark].reversed().drop { $0 == " " || $0 == "\t" }
            if statement.first == ";" { return String(statement.reversed()) }
        }
        return text
    }
}

extension String {
    fileprivate var trimmingSpaces: String {
        let text = drop { $0 == " " || $0 == "\t" }
        return String(text[..<(text.lastIndex { $0 != " " && $0 != "\t" }.map(text.index(after:)) ?? text.startIndex)])
    }
}

/// All that is said at once.
package struct ExplanationDocument: Codable, Equatable, Sendable {
    /// Of this form.
    package var version = 2
    /// What the jails share, which comes before all of them; nil when all of it is there.
    package var shared: JailExplanation?
    /// In the order in which they can be started.
    package var jails: [JailExplanation]

    /// - Parameter line: the text of a line of the configuration.
    package init(of plan: FilePlan, line: (SourceLocation) -> String?) {
        shared = plan.shared.steps.isEmpty ? nil : JailExplanation(name: "shared", plan: plan.shared, line: line)
        jails = plan.jails.map { JailExplanation(of: $0.spec, plan: $0.plan, line: line) }
    }

    /// What is shared and all jails, in the order of the plan.
    package var all: [JailExplanation] { (shared.map { [$0] } ?? []) + jails }

    /// Keys are sorted; parts and steps stand in the plan's order.
    package func json() -> String { JSONText.of(self) }
}
