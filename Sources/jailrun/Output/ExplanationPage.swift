import JailCore

/// `jailrun explain --format html`: one page, which needs nothing but itself.
///
/// It is whole without a script: a jail is chosen, the lines of the file are links to their parts and the parts to their
/// lines, and the picture shows the jail as it is when it is up. The script adds the walk.
struct ExplanationPage {
    struct Jail {
        var spec: JailSpec
        var explanation: JailExplanation
        var plan: Plan
    }

    /// A file that the jails come from, and its lines.
    typealias Source = (file: String, lines: [String])

    let jails: [Jail]
    let sources: [Source]
    let merged: MergedParts
    /// For each line of each file the parts that it asks for, and for whom.
    let askers: [String: [Int: [(part: Int, jail: Int)]]]

    init(_ jails: [Jail], sources: [Source]) {
        self.jails = jails
        self.sources = sources
        merged = MergedParts(jails.map(\.explanation))
        askers = merged.askers
    }

    var isOfSeveral: Bool { jails.count > 1 }

    var text: String {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
        <meta name="color-scheme" content="light dark">
        <title>\(Markup.text(title)): what a start does</title>
        <style>
        \(Self.style)\(choices)
        </style>
        <style class="picture">
        \(Picture.style)
        </style>
        </head>
        <body>
        <a class="skip" href="#steps">to the steps</a>
        <main>
        \(header)
        <div class="left">
        <div class="sources">
        \(sources.indices.map(source).joined(separator: "\n"))
        </div>
        <figure aria-label="picture" tabindex="0">
        \(jails.indices.map(picture).joined(separator: "\n"))
        </figure>
        </div>
        <section class="right" id="steps" aria-label="steps">
        \(jails.indices.map(count).joined(separator: "\n"))
        <ol class="parts">
        \(merged.parts.indices.map(part).joined(separator: "\n"))
        </ol>
        \(walk)
        </section>
        </main>
        <script>
        \(Self.script)
        </script>
        </body>
        </html>

        """
    }

    private var title: String {
        isOfSeveral ? sources.first?.file ?? "\(jails.count) jails" : jails.first?.explanation.name ?? ""
    }

    // MARK: What is of some jails only

    /// The one that is chosen is all that is to be seen. What a link leads to is to be seen all the same.
    private var choices: String {
        if !isOfSeveral { return "" }
        return jails.indices.map { index in
            "\n:root:has(#j\(index):checked) .of:not(.j\(index)):not(:target) { display: none; }"
        }.joined()
    }

    /// A `class` attribute; none for what is of all jails.
    func membership(_ members: [Int]) -> String {
        members.count == jails.count ? "" : " class=\"of \(members.map { "j\($0)" }.joined(separator: " "))\""
    }

    // MARK: Around

    private var header: String {
        """
        <header>
        <h1>\(Markup.text(title))</h1>
        <p>\(isOfSeveral ? "\(jails.count) jails. Choose one; " : "")<span class="walk">walk through the steps with <kbd>←</kbd>
        <kbd>→</kbd>, or choose a line of the file.</span></p>
        </header>
        \(isOfSeveral ? JailMap(jails).html : "")
        """
    }

    private func count(_ index: Int) -> String {
        let explanation = jails[index].explanation
        return "<h2\(membership([index]))>\(Markup.text(explanation.name)): \(explanation.steps.count) steps in"
            + " \(explanation.parts.count) parts</h2>"
    }

    private var walk: String {
        """
        <nav class="steps" aria-label="walk" hidden>
        \(isOfSeveral ? "<a href=\"#jails\" aria-label=\"choose another jail\"></a>" : "")
        <button type="button" data-move="-1" aria-label="previous part">←</button>
        <output aria-live="polite"></output>
        <button type="button" data-move="1" aria-label="next part">→</button>
        </nav>
        """
    }

    private func picture(_ index: Int) -> String {
        let parts = zip(merged.places[index], jails[index].plan.parts)
        return "<div\(membership([index]))>\(Picture(jails[index].spec, parts.map { ($0, $1.purpose) }).svg)</div>"
    }
}
