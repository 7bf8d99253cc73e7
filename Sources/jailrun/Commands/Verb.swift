/// The verbs of jailrun. A command line without one is `run`'s.
enum Verb: String, CaseIterable {
    case run, start, stop, restart, list, exec, ps, logs, stats, top, inspect, wait, check, explain, params, prune
    /// The argument parser's own.
    case help

    static let names = allCases.filter { $0 != .help }.map(\.rawValue)

    /// What its operands are.
    enum Operand { case none, file, jail, jails, jailsOrFiles, parameter, verb }

    var operand: Operand {
        switch self {
        case .run, .start, .check, .explain: .file
        case .stop, .restart, .logs: .jailsOrFiles
        case .stats, .top, .wait: .jails
        case .exec, .ps, .inspect: .jail
        case .params: .parameter
        case .help: .verb
        case .list, .prune: .none
        }
    }
}
