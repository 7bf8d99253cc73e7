import ArgumentParser
import JailCore

struct Explain: ParsableCommand {
    enum Format: String, ExpressibleByArgument, CaseIterable { case text, strace, sh, json, html }

    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Explain what a start does, step by step, and why; change nothing.",
        usage: "jailrun explain [<options>] <file> [<jail> ...]",
        discussion: HelpText.discussion(
            examples: "jailrun explain www.conf", "jailrun explain --format html www.conf >www.html"))

    @OptionGroup var global: GlobalOptions

    @Option(help: "Output format: \(Format.allCases.map(\.rawValue).joined(separator: ", ")).")
    var format = Format.text

    @Option(
        help: ArgumentHelp("Plan for the host that these facts describe; ignore this one.", valueName: "facts"))
    var assume: String?

    @Flag(name: .customLong("facts"), help: "Print the facts of this host that the plan needs, as JSON, for --assume.")
    var printsFacts = false

    @Argument(help: "A jail.conf(5) file, or - for standard input.", completion: .file(extensions: ["conf"]))
    var file: String

    @Argument(help: "Jails of the file; all if omitted.")
    var jails: [String] = []

    func validate() throws {
        if printsFacts && assume != nil { throw ValidationError("--facts and --assume cannot be used together") }
    }

    func run() throws {
        try reporting {
            let host = try global.hostForLooks(assuming: assume)
            let configuration = try global.load(file)
            let specs = try global.specs(configuration, jails)
            if printsFacts { return Output.text(try HostFacts(of: specs, host: host).json) }
            let dryRun = DryRun(jails: specs, host: host, terminals: Descriptors.terminals)
            // A script is run at another time, when what others have made may be gone.
            show(try dryRun.plan(isComplete: format == .sh), configuration)
        }
    }

    private func show(_ plan: FilePlan, _ configuration: Configuration) {
        let document = ExplanationDocument(of: plan) { configuration.line(at: $0)?.printable() }
        let reader = Reader(isColourRefused: global.noColor)
        switch format {
        case .text: reader.show { ExplanationText(document, $0).lines }
        case .strace: reader.show { _ in Self.trace(plan) }
        case .sh: Output.text(FileScript(document, of: plan).text, terminator: "")
        case .html:
            let jails = zip(document.jails, plan.jails).map { explanation, planned in
                ExplanationPage.Jail(spec: planned.spec, explanation: explanation, plan: planned.plan)
            }
            let shared = document.shared.map { ExplanationPage.Shared(explanation: $0, plan: plan.shared) }
            let sources = Self.sources(document.all, configuration)
            Output.text(ExplanationPage(jails, shared: shared, sources: sources).text, terminator: "")
        case .json: Output.text(document.json())
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
    static func trace(_ plan: FilePlan) -> [String] {
        let isOne = plan.jails.count == 1
        return (isOne || plan.shared.steps.isEmpty ? [] : ["# shared"]) + trace(plan.shared)
            + plan.jails.flatMap { (isOne ? [] : ["# \($0.spec.label)"]) + trace($0.plan) }
    }

    private static func trace(_ plan: Plan) -> [String] { plan.allSteps.map(\.operation.spelling) }
}
