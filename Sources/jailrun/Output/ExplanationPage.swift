import JailCore

/// `jailrun explain --format html`: one page, which needs nothing but itself.
///
/// It is whole without a script: the lines of the file are links to their parts and the parts to their lines, and the
/// picture shows the jail as it is when it is up. The script adds the walk.
struct ExplanationPage {
    struct Jail {
        var explanation: JailExplanation
        var plan: Plan
        /// The files that it comes from, and their lines.
        var sources: [(file: String, lines: [String])]
    }

    private let jails: [Jail]

    init(_ jails: [Jail]) { self.jails = jails }

    var text: String {
        let names = jails.map(\.explanation.name)
        return """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
            <meta name="color-scheme" content="light dark">
            <title>\(Markup.attribute(names.joined(separator: ", "))): what a start does</title>
            <style>
            \(Self.style)
            </style>
            </head>
            <body>
            \(jails.count > 1 ? contents : "")\(jails.indices.map { section($0) }.joined(separator: "\n"))
            <script>
            \(Self.script)
            </script>
            </body>
            </html>

            """
    }

    private var contents: String {
        let links = jails.indices.map { "<a href=\"#j\($0)\">\(Markup.attribute(jails[$0].explanation.name))</a>" }
        return "<nav class=\"jails\" aria-label=\"jails\">\(links.joined(separator: " "))</nav>\n"
    }

    private func section(_ index: Int) -> String {
        let jail = jails[index]
        let id = "j\(index)"
        let explanation = jail.explanation
        let count = explanation.parts.count
        return """
            <main id="\(id)" class="jail" data-count="\(count)">
            <a class="skip" href="#\(id)p0">to the steps</a>
            <header>
            <h1>\(Markup.attribute(explanation.name))</h1>
            <p>\(explanation.steps.count) steps in \(count) parts make this jail. <span class="walk">Walk through them with
            <kbd>←</kbd> <kbd>→</kbd>, or choose a line of the file.</span></p>
            </header>
            <div class="left">
            \(sources(jail, id))
            <figure aria-label="picture">\(Picture(explanation.name, jail.plan.parts).svg(id: id))</figure>
            </div>
            <section class="right" aria-label="parts">
            <ol>
            \(explanation.parts.indices.map { part(jail, $0, id) }.joined(separator: "\n"))
            </ol>
            </section>
            <nav class="steps" aria-label="walk" hidden>
            <button type="button" data-move="-1" aria-label="previous part">←</button>
            <output aria-live="polite"></output>
            <button type="button" data-move="1" aria-label="next part">→</button>
            </nav>
            </main>
            """
    }

    // MARK: The files

    private func sources(_ jail: Jail, _ id: String) -> String {
        jail.sources.enumerated().map { number, source in
            let lines = source.lines.enumerated().map { index, text in
                line(text, jail, file: source.file, number: index + 1, id: "\(id)f\(number)l\(index + 1)", prefix: id)
            }
            return """
                <section class="source" aria-label="\(Markup.attribute(source.file))">
                <h2>\(Markup.attribute(source.file))</h2>
                <ol tabindex="0">
                \(lines.joined(separator: "\n"))
                </ol>
                </section>
                """
        }.joined(separator: "\n")
    }

    private func line(_ text: String, _ jail: Jail, file: String, number: Int, id: String, prefix: String) -> String {
        let parts = jail.explanation.parts.indices.filter { index in
            jail.explanation.parts[index].origins.contains { $0.file == file && $0.line == number }
        }
        let words = Markup.attribute(text)
        guard let first = parts.first else { return "<li id=\"\(id)\"><code>\(words)</code></li>" }
        let list = parts.map(String.init).joined(separator: " ")
        return "<li id=\"\(id)\" data-parts=\"\(list)\"><a href=\"#\(prefix)p\(first)\"><code>\(words)</code></a></li>"
    }

    // MARK: The parts

    private func part(_ jail: Jail, _ index: Int, _ id: String) -> String {
        let part = jail.explanation.parts[index]
        let numbers = jail.plan.parts[index].numbers
        let steps = part.steps.map { jail.explanation.steps[$0 - 1] }
        let shell = Markup.attribute(part.shell.joined(separator: "\n"))
        return """
            <li id="\(id)p\(index)" class="part" data-part="\(index)" tabindex="-1">
            <p class="subject">\(part.subject) <span>\(part.steps.count == 1 ? "step" : "steps") \(numbers)</span></p>
            <h3>\(Markup.attribute(part.does))</h3>
            <dl>
            <dt>without it</dt><dd>\(Markup.attribute(part.without))</dd>
            <dt>asked by</dt><dd>\(origins(part, jail, id))</dd>
            <dt>read</dt><dd>\(Markup.attribute(part.manual.joined(separator: ", ")))</dd>
            <dt>shell</dt><dd><pre tabindex="0">\(shell)</pre></dd>
            </dl>
            <details><summary>\(Markup.attribute(part.calls))</summary>
            <ol class="calls">
            \(steps.map { "<li value=\"\($0.number)\"><code>\(Markup.attribute($0.call))</code></li>" }.joined(separator: "\n"))
            </ol></details>
            </li>
            """
    }

    private func origins(_ part: JailExplanation.Part, _ jail: Jail, _ id: String) -> String {
        part.origins.map { origin in
            switch origin.kind {
            case .standard:
                "default"
                    + (part.turnedOff.map { "; turned off by <code>\(Markup.attribute($0))</code>" } ?? ", always")
            case .commandLine: "the command line"
            case .configuration:
                link(origin, jail, id)
            }
        }.joined(separator: "<br>")
    }

    private func link(_ origin: JailExplanation.Source, _ jail: Jail, _ id: String) -> String {
        let number = origin.line ?? 0
        let words = "<code>\(Markup.attribute(origin.statement ?? "line \(number)"))</code>"
        guard let file = jail.sources.firstIndex(where: { $0.file == origin.file }) else { return words }
        return "<a href=\"#\(id)f\(file)l\(number)\">line \(number)</a> \(words)"
    }
}
