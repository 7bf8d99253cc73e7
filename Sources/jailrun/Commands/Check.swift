import ArgumentParser
import Glibc
import JailCore

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Report every error and doubtful line in a file, and how exposed its jails are; change nothing.",
        usage: "jailrun check [<options>] <file>",
        discussion: HelpText.discussion(
            "Exits with 65 if there is an error or a jail is more exposed than --fail-over permits, otherwise with 0.",
            examples: "jailrun check www.conf", "jailrun check --posture --fail-over 2 www.conf"))

    @OptionGroup var global: GlobalOptions

    @Flag(help: "Print the findings to standard output as JSON, with this host's facts for explain --assume.")
    var json = false

    @Flag(help: "Print what a process inside each jail could reach, and how to restrict it; -v does the same.")
    var posture = false

    @Option(
        help: ArgumentHelp("Exit with 65 if a jail's exposure is higher than this.", valueName: "exposure"),
        transform: Self.exposure)
    var failOver: Exposure?

    @Argument(help: "A jail.conf(5) file.", completion: .file(extensions: ["conf"]))
    var file: String

    func run() throws {
        let checked = try read()
        let found = checked.diagnostics
        let hasErrors = found.contains { $0.severity == .error }
        let postures = try judge(checked.jails, hasErrors: hasErrors)
        if json {
            let facts = facts(of: checked.jails)
            Output.text(JSONText.of(CheckDocument(found, facts, posture ? postures : nil)))
        } else {
            Output.diagnostics(global.quiet ? found.filter { $0.severity == .error } : found)
            show(postures)
        }
        let tooOpen = postures.filter { posture in failOver.map { posture.exposure > $0 } ?? false }
        fflush(nil)  // what is wrong stands below what it is about
        if !json { tooOpen.forEach(complain) }
        if hasErrors || !tooOpen.isEmpty { throw ExitCode(65) }
    }

    private static func exposure(_ text: String) throws -> Exposure {
        guard let exposure = Exposure(text) else { throw ValidationError("0 to 10, with at most two decimals") }
        return exposure
    }

    /// A file that cannot be read as one is an error among those found.
    private func read() throws -> CheckedConfiguration {
        let request = global.request
        if !json { return try global.load(file).checkedOnHost(request.stateDirectory, request.cgroupRoot) }
        do {
            return try Configuration(path: file).checkedOnHost(request.stateDirectory, request.cgroupRoot)
        } catch { return CheckedConfiguration(diagnostics: error.diagnostics, jails: []) }
    }

    /// Of jails for which rules or profile are missing nothing can be said: both are errors already.
    private func judge(_ jails: [ConfiguredJail], hasErrors: Bool) throws -> [Posture] {
        let shared = SharedLooks()
        let host = try? Host.forLooks(
            stateDirectory: global.request.stateDirectory, cgroupRoot: global.request.cgroupRoot)
        var postures: [Posture] = []
        for jail in jails {
            do {
                postures.append(Posture(of: jail, try PostureFacts(of: jail, among: jails, host: host, shared)))
            } catch {
                if !hasErrors { try reporting { throw error } }
            }
        }
        return postures
    }

    private func show(_ postures: [Posture]) {
        if posture || global.verbose {
            if postures.isEmpty { return }
            Reader(isColourRefused: global.noColor).show { PostureText(postures, $0).lines }
        } else if !global.quiet {
            for posture in postures { Output.text(PostureText.line(posture)) }
        }
    }

    private func complain(_ posture: Posture) {
        let limit = failOver?.description ?? ""
        Output.error("\(Terminal.escaped(posture.jail)): exposure \(posture.exposure) is higher than \(limit)")
        if !self.posture && !global.verbose {
            Output.notice("    hint: jailrun check --posture shows what is open, and how to close it")
        }
    }

    /// What plans of these jails depend on here, for `--assume` elsewhere; nil where it cannot be looked up: that is among what
    /// was found.
    private func facts(of jails: [ConfiguredJail]) -> HostFacts? {
        let request = global.request
        guard !jails.isEmpty,
            let host = try? Host.forLooks(stateDirectory: request.stateDirectory, cgroupRoot: request.cgroupRoot)
        else { return nil }
        return try? HostFacts(of: jails, host: host)
    }
}

/// What was found, as `check --json` gives it; what there is not is left out.
struct DiagnosticObject: Encodable {
    var severity: String
    var file: String?
    var line: Int?
    var column: Int?
    var message: String
    var hint: String?

    init(_ diagnostic: Diagnostic) {
        (severity, message, hint) = (diagnostic.severity.rawValue, diagnostic.message, diagnostic.hint)
        (file, line) = (diagnostic.location?.file, diagnostic.location?.line)
        column = diagnostic.location?.column
    }
}

struct Params: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "params",
        abstract: "Describe each parameter: what it does here, and which kernel mechanism it uses.",
        usage: "jailrun params [<name>]",
        discussion: HelpText.discussion(examples: "jailrun params", "jailrun params mount.devfs"))

    @Argument(help: "A parameter; all if omitted.")
    var name: String?

    func run() throws {
        guard let name else {
            for row in ParameterTable.rows { show(after: Self.head(row), row.meaning) }
            return
        }
        guard let row = ParameterTable.row(Array(name.utf8)) else {
            let near = ParameterTable.suggestion(for: Array(name.utf8)).map { " (did you mean \"\($0)\"?)" } ?? ""
            let below = ParameterTable.rows.map(\.name).filter { $0.hasPrefix("\(name).") }
            Output.error("unknown parameter \"\(Terminal.escaped(name))\"\(below.isEmpty ? near : "")")
            if !below.isEmpty { Output.notice("    hint: parameters below it: \(below.joined(separator: ", "))") }
            throw ExitCode(64)
        }
        Output.text(row.name)
        for text in Self.texts(row) { show(after: "    ", text) }
    }

    private static func head(_ row: ParameterTable.Row) -> String {
        let fate = row.fate.name
        return row.name + String(repeating: " ", count: max(1, 32 - row.name.count)) + fate
            + String(repeating: " ", count: max(1, 9 - fate.count))
    }

    private static func texts(_ row: ParameterTable.Row) -> [String] {
        let standard = row.standard.isEmpty ? [] : ["default: \(row.standard)"]
        let example = row.example.isEmpty ? [] : ["example: \(row.example)"]
        return [row.meaning, "type: \(row.kind.rawValue)"] + standard
            + ["fate: \(row.fate.explanation)", "on Linux: \(row.mechanism)"] + example
    }

    /// On a terminal, and where $COLUMNS says how wide it is, the text goes on below itself; elsewhere it is one line, for
    /// grep(1).
    private func show(after head: String, _ text: String) {
        guard let columns = isatty(1) == 1 ? Screen.size(of: 1)?.columns : Reader.askedWidth else {
            return Output.text(head + text)
        }
        let isBeside = columns - head.count >= Self.narrowest
        if !isBeside { Output.text(head) }
        let indent = String(repeating: " ", count: isBeside ? head.count : 4)
        for (index, line) in Page.wrapped(text, width: max(Self.narrowest, columns - indent.count)).enumerated() {
            Output.text((index == 0 && isBeside ? head : indent) + line)
        }
    }

    /// Text beside a name is not narrower than that.
    private static let narrowest = 20
}

extension ParameterTable.Fate {
    var explanation: String {
        switch self {
        case .done: "done"
        case .noted(let why, .any, _): "noted: accepted, \(why)"
        case .noted(let why, _, let otherwise): "noted: accepted, \(why); another value: \(otherwise)"
        case .withheld(let why): "noted: accepted, no jail has it; true is not granted: \(why)"
        case .refused(let reason): "refused: \(reason)"
        }
    }
}
