import JailCore

/// `jailrun explain --format html`: one page, which needs nothing but itself.
///
/// It is whole without a script: a jail is chosen, the lines of the file are links to their parts and the parts to their
/// lines, and the picture shows the jail as it is when it is up. The script adds the walk.
struct ExplanationPage {
    struct Jail {
        var spec: ConfiguredJail
        var explanation: JailExplanation
        var plan: Plan
    }

    /// A file that the jails come from, and its lines.
    typealias Source = (file: String, lines: [String])

    /// What the jails share, which comes before all of them.
    struct Shared {
        var explanation: JailExplanation
        var plan: Plan
    }

    let jails: [Jail]
    let shared: Shared?
    let sources: [Source]
    /// Those that the jails share, and then theirs.
    let parts: [MergedParts.Part]
    /// Where each jail's parts are in it, in their order.
    private let places: [[Int]]
    /// For each line of each file the parts that it asks for, and for whom.
    let askers: [String: [Int: [(part: Int, jail: Int)]]]

    init(_ jails: [Jail], shared: Shared?, sources: [Source]) {
        self.jails = jails
        self.shared = shared
        self.sources = sources
        let merged = MergedParts(jails.map(\.explanation))
        let first = shared.map { MergedParts.parts(of: $0.explanation, for: jails.indices) } ?? []
        parts = first + merged.parts
        places = merged.places.map { $0.map { $0 + first.count } }
        askers = MergedParts.askers(of: parts)
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
        \(sharedParts)\(jails.indices.map(count).joined(separator: "\n"))
        <ol class="parts">
        \(parts.indices.dropFirst(sharedCount).map(part).joined(separator: "\n"))
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
        <p>\(isOfSeveral ? "\(jails.count) jails: choose one. " : "")<span class="walk">Walk through the steps with <kbd>←</kbd>
        <kbd>→</kbd>, or choose a line of the file.</span></p>
        </header>
        \(isOfSeveral ? JailMap(jails, shared: shared?.plan).html : "")
        """
    }

    private var sharedCount: Int { shared?.explanation.parts.count ?? 0 }

    private var sharedParts: String {
        guard let shared else { return "" }
        return """
            \(count(shared.explanation, title: "What jails share, made once", Array(jails.indices)))
            <ol class="parts">
            \(parts.indices.prefix(sharedCount).map(part).joined(separator: "\n"))
            </ol>

            """
    }

    private func count(_ index: Int) -> String {
        count(jails[index].explanation, title: jails[index].explanation.name, [index])
    }

    private func count(_ explanation: JailExplanation, title: String, _ members: [Int]) -> String {
        "<h2\(membership(members))>\(Markup.text(title)): \(explanation.steps.count) steps in"
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
        let own = zip(places[index], jails[index].plan.parts.map(\.purpose))
        let all = (shared?.plan.parts.map(\.purpose) ?? []).enumerated().map { ($0, $1) } + own
        return "<div\(membership([index]))>\(Picture(jails[index].spec, all).svg)</div>"
    }
}
