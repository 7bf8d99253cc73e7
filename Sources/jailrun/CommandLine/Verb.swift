import JailCore

/// The verbs of jailrun. A command line without one is `run`'s.
enum Verb: String, CaseIterable {
    case run, start, stop, restart, list, exec, ps, logs, stats, top, inspect, wait, check, explain, params, prune, oci
    /// The argument parser's own.
    case help

    static let names = allCases.filter { $0 != .help }.map(\.rawValue)

    /// What those who come from docker, podman, systemd or a shell call them.
    private static let others = [
        "up": "start", "create": "start", "launch": "start", "down": "stop", "rm": "stop", "remove": "stop",
        "kill": "stop -f", "delete": "stop", "destroy": "stop", "reload": "restart", "ls": "list", "status": "list",
        "images": "list", "shell": "exec", "sh": "exec", "enter": "exec", "attach": "exec", "console": "exec",
        "login": "exec", "log": "logs", "journal": "logs", "show": "inspect", "info": "inspect", "validate": "check",
        "config": "check", "lint": "check", "test": "check", "verify": "check", "plan": "explain", "dry-run": "explain",
        "parameters": "params", "options": "params", "clean": "prune", "cleanup": "prune", "gc": "prune",
        "container": "oci", "runc": "oci", "crun": "oci",
        "version": "--version", "usage": "--help",
    ]

    /// The command that was meant by a word that is none.
    static func meant(by word: String) -> String? { others[word.lowercased()] ?? Spelling(word).closest(in: names) }

    /// What its operands are.
    enum Operand { case none, file, jail, jails, jailsOrFiles, parameter, verb, containerVerb }

    var operand: Operand {
        switch self {
        case .run, .start, .check, .explain: .file
        case .stop, .restart, .logs: .jailsOrFiles
        case .stats, .top, .wait: .jails
        case .exec, .ps, .inspect: .jail
        case .params: .parameter
        case .help: .verb
        case .oci: .containerVerb
        case .list, .prune: .none
        }
    }
}
