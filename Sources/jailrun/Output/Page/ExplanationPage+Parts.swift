import JailCore

extension ExplanationPage {
    // MARK: The files

    func source(_ number: Int) -> String {
        let source = sources[number]
        let lines = source.lines.enumerated().map { index, text in
            line(text, file: source.file, number: index + 1, id: "f\(number)l\(index + 1)")
        }
        return """
            <section class="source" aria-label="\(Markup.attribute(source.file))">
            <h2>\(Markup.text(source.file))</h2>
            <ol>
            \(lines.joined(separator: "\n"))
            </ol>
            </section>
            """
    }

    private func line(_ text: String, file: String, number: Int, id: String) -> String {
        var parts: [Int] = []
        var members: [Int] = []
        for (index, member) in askers[file]?[number] ?? [] {
            if parts.last != index { parts.append(index) }
            if !members.contains(member) { members.append(member) }
        }
        guard let first = parts.first else { return "<li id=\"\(id)\"><code>\(Markup.text(text))</code>" }
        let jails = members.count == jails.count ? "" : " data-j=\"\(members.list)\""
        let blank = text.prefix { $0 == " " || $0 == "\t" }
        let words = Markup.text(String(text.dropFirst(blank.count)))
        return "<li id=\"\(id)\" data-p=\"\(parts.list)\"\(jails)>"
            + "<code>\(blank)<a href=\"#p\(first)\">\(words)</a></code>"
    }

    // MARK: The parts

    func part(_ index: Int) -> String {
        let part = parts[index]
        let told = part.told
        return """
            <li id="p\(index)"\(membership(part.members.map(\.jail)))><p>\(told.subject) \(numbers(part))</p>
            <h3>\(Markup.text(told.does))</h3>
            <dl><dt>without it<dd>\(Markup.text(told.without))
            <dt>set by<dd>\(origins(part))
            <dt>read<dd>\(Markup.text(told.manual.joined(separator: ", ")))
            <dt>shell<dd><pre>\(Markup.text(told.shell.joined(separator: "\n")))</pre></dl>
            <details><summary>\(Markup.text(told.calls))</summary><ol\(hasOneNumbering(part) ? "" : " class=\"bare\"")>
            \(calls(part))</ol></details>
            """
    }

    /// Every jail that has it has it at the same place.
    private func hasOneNumbering(_ part: MergedParts.Part) -> Bool {
        part.members.allSatisfy { $0.steps == part.members[0].steps }
    }

    private func numbers(_ part: MergedParts.Part) -> String {
        let noun = part.calls.count == 1 ? "step" : "steps"
        if hasOneNumbering(part) { return "<span>\(noun) \(part.members[0].steps.ranges)</span>" }
        let each = part.members.map(\.steps.ranges).joined(separator: ";")
        return "<span data-n=\"\(each)\">\(part.calls.count) \(noun)</span>"
    }

    private func calls(_ part: MergedParts.Part) -> String {
        let numbers = hasOneNumbering(part) ? part.members[0].steps : []
        return part.calls.enumerated().map { index, call in
            // A list counts by itself, but for where it goes on elsewhere.
            let isNext = index > 0 && numbers.count > index && numbers[index] == numbers[index - 1] + 1
            let value = numbers.isEmpty || isNext ? "" : " value=\"\(numbers[index])\""
            return "<li\(value)>\(Markup.text(call))"
        }.joined(separator: "\n")
    }

    // MARK: Who asked for it

    private func origins(_ part: MergedParts.Part) -> String {
        var origins: [JailExplanation.Source] = []
        for origin in part.members.flatMap(\.origins) where !origins.contains(origin) { origins.append(origin) }
        return origins.map { origin in
            let members = part.members.filter { $0.origins.contains(origin) }.map(\.jail)
            let isOfAll = members.count == part.members.count
            return "<div\(isOfAll ? "" : membership(members))>\(text(of: origin, part.told))</div>"
        }.joined()
    }

    private func text(of origin: JailExplanation.Source, _ part: JailExplanation.Part) -> String {
        switch origin.kind {
        case .standard:
            "default" + (part.turnedOff.map { "; turned off by <code>\(Markup.text($0))</code>" } ?? ", always")
        case .commandLine: "the command line"
        case .configuration: link(origin)
        }
    }

    private func link(_ origin: JailExplanation.Source) -> String {
        let number = origin.line ?? 0
        let words = "<code>\(Markup.text(origin.statement ?? "line \(number)"))</code>"
        guard let file = sources.firstIndex(where: { $0.file == origin.file }) else { return words }
        return "<a href=\"#f\(file)l\(number)\">line \(number)</a> \(words)"
    }
}

extension MergedParts {
    /// Of what comes before all of these jails.
    static func parts(of shared: JailExplanation, for jails: Range<Int>) -> [Part] {
        shared.parts.map { part in
            Part(
                told: part, calls: part.steps.map { shared.steps[$0 - 1].call },
                members: jails.map { Member(jail: $0, steps: part.steps, origins: part.origins) })
        }
    }

    /// For each line of each file the parts that it asks for, and for whom, in their order.
    static func askers(of parts: [Part]) -> [String: [Int: [(part: Int, jail: Int)]]] {
        var askers: [String: [Int: [(part: Int, jail: Int)]]] = [:]
        for (index, part) in parts.enumerated() {
            for member in part.members {
                for origin in member.origins {
                    guard let file = origin.file, let line = origin.line else { continue }
                    askers[file, default: [:]][line, default: []].append((index, member.jail))
                }
            }
        }
        return askers
    }
}

extension [Int] {
    /// `1 2 3`, as an attribute has it.
    fileprivate var list: String { map(String.init).joined(separator: " ") }
}
