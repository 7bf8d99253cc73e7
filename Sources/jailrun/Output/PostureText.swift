import JailCore

/// What `jailrun check` says of how open jails are, for people: a line a jail, or a report.
struct PostureText {
    private static let column = 29

    private var page: Page

    init(_ postures: [Posture], _ look: Page.Look) {
        page = Page(look)
        for (index, posture) in postures.enumerated() {
            if index > 0 { page.add() }
            add(posture)
        }
    }

    var lines: [String] { page.lines }

    /// `www: exposure 1.12 of 10, well confined`.
    static func line(_ posture: Posture) -> String {
        "\(Terminal.escaped(posture.jail)): exposure \(posture.exposure) of 10, \(posture.verdict)"
    }

    private mutating func add(_ posture: Posture) {
        page.add(Self.line(posture), indent: 0, .title)
        page.add()
        for part in posture.parts { add(part) }
        if posture.givesMachine {
            page.add(
                "a finding marked ! gives root on the host by itself: 8, plus a fifth of \(posture.sum)", after: "",
                indent: 2, column: Self.column)
        }
        addFindings(posture)
        addTable("Capabilities", posture.capabilities.map { ($0.name, "can \($0.allows)") })
        addTable("System calls", posture.calls.map { ($0.risk, Self.text($0)) })
    }

    private mutating func add(_ part: Posture.Part) {
        let name = part.subject.rawValue
        let pad = String(repeating: " ", count: 13 - name.count)
        page.add(
            Terminal.escaped(part.summary), after: "\(name)\(pad)\(part.exposure) of \(part.subject.most)", indent: 2,
            column: Self.column
        )
    }

    // MARK: Findings

    private mutating func addFindings(_ posture: Posture) {
        let findings = posture.parts.flatMap(\.findings).enumerated().sorted { left, right in
            // What is as large stays in the order of the parts.
            let (first, second) = (left.element, right.element)
            if first.givesMachine != second.givesMachine { return first.givesMachine }
            return first.exposure == second.exposure ? left.offset < right.offset : first.exposure > second.exposure
        }.map(\.element)
        if findings.isEmpty { return }
        page.add()
        page.add("What a process inside could do", .heading)
        for finding in findings { add(finding) }
    }

    private mutating func add(_ finding: Posture.Finding) {
        let mark = finding.givesMachine ? "!" : " "
        page.add(Terminal.escaped(finding.text), after: "\(mark) \(finding.exposure)", indent: 0, column: 8)
        let mend = "\(Self.place(finding.origin))  \(Terminal.escaped(finding.mend))"
        page.add(mend, after: "", indent: 0, column: 10, .source)
    }

    private static func place(_ origin: Origin) -> String {
        switch origin {
        case .configuration(let location): "\(Terminal.escaped(location.file)):\(location.line)"
        case .commandLine: "the command line"
        case .standard: "default"
        }
    }

    // MARK: What there is

    private mutating func addTable(_ title: String, _ rows: [(name: String, text: String)]) {
        if rows.isEmpty { return }
        page.add()
        page.add(title, .heading)
        let column = min(38, 4 + (rows.map(\.name.count).max() ?? 0))
        for row in rows { page.add(row.text, after: row.name, indent: 2, column: column) }
    }

    private static func text(_ calls: Posture.Calls) -> String {
        let shown = calls.names.count > 12 ? "\(calls.names.count) calls" : calls.names.joined(separator: " ")
        if calls.checked.isEmpty { return shown }
        return calls.checked == calls.names ? "\(shown), with harmless arguments only" : shown
    }
}
