import ArgumentParser
import JailCore

struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say everything that is wrong or doubtful in a file; touch nothing.",
        discussion: "Ends with 65 when there is an error, with 0 when there are warnings and notes only.")

    @OptionGroup var global: GlobalOptions

    @Flag(help: "Print what is found to standard output, as JSON.")
    var json = false

    @Argument(help: "A jail.conf(5) file.", completion: .file(extensions: ["conf"]))
    var file: String

    func run() throws {
        let found = try diagnostics()
        if json {
            print(JSONText.of(found.map(DiagnosticObject.init)))
        } else {
            Output.diagnostics(global.quiet ? found.filter { $0.severity == .error } : found)
        }
        if found.contains(where: { $0.severity == .error }) { throw ExitCode(65) }
    }

    private func diagnostics() throws -> [Diagnostic] {
        if !json { return try global.load(file).checkOnHost() }
        do { return try Configuration(path: file).checkOnHost() } catch { return error.diagnostics }
    }
}

/// What was found, as `check --json` gives it; what there is not is left out.
private struct DiagnosticObject: Encodable {
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
        abstract: "Say what each parameter does here, and by which mechanism of the kernel.")

    @Argument(help: "A parameter; all, if none is named.")
    var name: String?

    func run() throws {
        guard let name else {
            for row in ParameterTable.rows { print(Self.line(row)) }
            return
        }
        guard let row = ParameterTable.row(Array(name.utf8)) else {
            let near = ParameterTable.suggestion(for: Array(name.utf8)).map { " (did you mean \"\($0)\"?)" } ?? ""
            Output.error("unknown parameter \"\(Terminal.escaped(name))\"\(near)")
            throw ExitCode(64)
        }
        print(Self.block(row))
    }

    private static func line(_ row: ParameterTable.Row) -> String {
        let fate = row.fate.name
        return row.name + String(repeating: " ", count: max(1, 32 - row.name.count)) + fate
            + String(repeating: " ", count: max(1, 9 - fate.count)) + row.meaning
    }

    private static func block(_ row: ParameterTable.Row) -> String {
        var lines = [row.name, "    \(row.meaning)", "    type: \(row.kind.rawValue)"]
        if !row.standard.isEmpty { lines.append("    default: \(row.standard)") }
        lines += ["    fate: \(row.fate.explanation)", "    on Linux: \(row.mechanism)"]
        if !row.example.isEmpty { lines.append("    example: \(row.example)") }
        return lines.joined(separator: "\n")
    }
}

extension ParameterTable.Fate {
    var explanation: String {
        switch self {
        case .done: "done"
        case .noted(let why, .any, _): "noted: accepted, \(why)"
        case .noted(let why, _, let otherwise): "noted: accepted, \(why); another value: \(otherwise)"
        case .refused(let reason): "refused: \(reason)"
        case .notYet: "refused: not supported by this version"
        }
    }
}
