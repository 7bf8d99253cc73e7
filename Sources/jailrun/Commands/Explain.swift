import ArgumentParser
import JailCore

struct Explain: ParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable { case text, strace, sh, json, html }

    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Say what a start does, step by step, and why; touch nothing.",
        usage: "jailrun explain [<options>] <file> [<jail> ...]",
        discussion: HelpText.discussion(
            examples: "jailrun explain www.conf", "jailrun explain --format html www.conf >www.html"))

    @OptionGroup var global: GlobalOptions

    @Option(help: "How to say it: \(Format.allCases.map(\.rawValue).joined(separator: ", ")).")
    var format = Format.text

    @Argument(help: "A jail.conf(5) file, - for standard input.", completion: .file(extensions: ["conf"]))
    var file: String

    @Argument(help: "Jails of the file; all, if none is named.")
    var jails: [String] = []

    func run() throws {
        try reporting {
            let host = try global.host(needsRoot: false)
            let configuration = try global.load(file)
            let plans = try global.specs(configuration, jails).map { spec in
                (spec: spec, plan: try DryRun(jail: spec, host: host, terminals: Descriptors.terminals).plan())
            }
            show(plans, configuration)
        }
    }

    private func show(_ plans: [(spec: JailSpec, plan: Plan)], _ configuration: Configuration) {
        var explanations: [JailExplanation] {
            plans.map { spec, plan in
                JailExplanation(of: spec, plan: plan) { configuration.line(at: $0)?.printable() }
            }
        }
        let reader = Reader(isColourRefused: global.noColor)
        switch format {
        case .text:
            let jails = explanations
            reader.show { ExplanationText(jails, $0).lines }
        case .strace: reader.show { _ in plans.flatMap { Self.trace($0.spec, $0.plan, isOne: plans.count == 1) } }
        case .sh:
            for (explanation, planned) in zip(explanations, plans) {
                print(ShellScript(explanation, of: planned.spec, plan: planned.plan).text, terminator: "")
            }
        case .html:
            let jails = zip(explanations, plans).map { explanation, planned in
                ExplanationPage.Jail(spec: planned.spec, explanation: explanation, plan: planned.plan)
            }
            let sources = Self.sources(jails.map(\.explanation), configuration)
            print(ExplanationPage(jails, shared: nil, sources: sources).text, terminator: "")
        case .json: print(ExplanationDocument(explanations).json())
        }
    }

    /// The files that the jails' parts name, in their order.
    private static func sources(
        _ explanations: [JailExplanation], _ configuration: Configuration
    ) -> [ExplanationPage.Source] {
        var files: [String] = []
        for file in explanations.flatMap(\.parts).flatMap(\.origins).compactMap(\.file) where !files.contains(file) {
            files.append(file)
        }
        return files.map { file in
            // What follows the last newline is no line.
            let lines = configuration.lines(of: file)
            return (file, (lines.last == [] ? lines.dropLast() : lines[...]).map { $0.printable(keepingTabs: true) })
        }
    }

    /// What strace(1) would show, and the dry run does.
    static func trace(_ spec: JailSpec, _ plan: Plan, isOne: Bool) -> [String] {
        (isOne ? [] : ["# \(spec.label)"]) + plan.allSteps.map(\.operation.spelling)
    }
}
