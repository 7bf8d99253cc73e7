import JailCore

/// `jailrun explain` for people: subject by subject, part by part.
struct ExplanationText {
    private static let titles: [(Step.Subject, String)] = [
        (.namespaces, "Namespaces"), (.ids, "Ids"), (.files, "Files"), (.devices, "Devices"), (.network, "Network"),
        (.limits, "Limits"), (.privileges, "Privileges"), (.command, "Command"),
    ]

    private var page: Page

    init(_ document: ExplanationDocument, _ look: Page.Look) {
        page = Page(look)
        if let shared = document.shared {
            add(shared, title: "What jails share: made for the first that needs it, removed with the last")
            page.add()
        }
        for (index, jail) in document.jails.enumerated() {
            if index > 0 { page.add() }
            add(jail, title: jail.name)
        }
    }

    var lines: [String] { page.lines }

    private mutating func add(_ jail: JailExplanation, title: String) {
        page.add("\(title): \(jail.steps.count) steps in \(jail.parts.count) parts", indent: 0, .title)
        addLegend(jail)
        for (subject, title) in Self.titles {
            let parts = jail.parts.filter { $0.subject == subject.rawValue }
            guard !parts.isEmpty else { continue }
            page.add()
            page.add(title, .heading)
            for part in parts { add(part) }
        }
    }

    private mutating func addLegend(_ jail: JailExplanation) {
        let used = Shell.variables.filter { variable, _ in
            jail.parts.contains { $0.names(variable) }
        }
        let words = used.map { "\($0) is \($1)" } + ["COMMAND is what follows"]
        page.add("In the shell's lines " + words.joined(separator: ", ") + ".", indent: 0, .label)
    }

    private mutating func add(_ part: JailExplanation.Part) {
        let column = 15
        page.add()
        page.add(Terminal.escaped(part.does), indent: 2, .title)
        page.add(Terminal.escaped(part.without), after: "without it", indent: 4, column: column)
        for (index, source) in part.origins.enumerated() {
            page.add(
                Self.text(source, part), after: index == 0 ? "set by" : "", indent: 4, column: column, .source)
        }
        page.add(part.manual.joined(separator: ", "), after: "read", indent: 4, column: column)
        for (index, line) in part.shell.enumerated() {
            let lines = line.split(separator: "\n", omittingEmptySubsequences: false)
            let text = lines.map { Terminal.escaped(String($0)) }.joined(separator: "\n")
            page.addCommand(text, after: index == 0 ? "shell" : "", indent: 4, column: column)
        }
        page.add("\(part.calls)", after: Self.label(part.steps, width: column - 5), indent: 4, column: column)
    }

    private static func label(_ steps: [Int], width: Int) -> String {
        guard let first = steps.first, let last = steps.last else { return "" }
        let ranges = steps.ranges
        return ranges.utf8.count <= width ? ranges : "\(first)…\(last)"
    }

    /// `www.conf:4  path = "/usr/jail/www"`.
    private static func text(_ source: JailExplanation.Source, _ part: JailExplanation.Part) -> String {
        switch source.kind {
        case .configuration:
            let place = Terminal.escaped("\(source.file ?? ""):\(source.line ?? 0)")
            return source.statement.map { "\(place)  \(Terminal.escaped($0))" } ?? place
        case .commandLine: return "the command line"
        case .standard: return part.turnedOff.map { "default; turned off by: \($0)" } ?? "default, always"
        }
    }
}
