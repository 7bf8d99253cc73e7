internal import SystemPackage

/// A filter in JSON: `linux.seccomp` of the OCI runtime specification, or the form of moby's profiles, which adds
/// `archMap`, `includes`, `excludes` and `minKernel`. Errors name the place: `syscalls[3].args[0].op`.
struct SeccompProfile: Decodable, Equatable {
    enum Action: String, JSONWord {
        case allow = "SCMP_ACT_ALLOW"
        case errno = "SCMP_ACT_ERRNO"
        case kill = "SCMP_ACT_KILL"
        case killThread = "SCMP_ACT_KILL_THREAD"
        case killProcess = "SCMP_ACT_KILL_PROCESS"
        case trap = "SCMP_ACT_TRAP"
        case trace = "SCMP_ACT_TRACE"
        case log = "SCMP_ACT_LOG"
        case notify = "SCMP_ACT_NOTIFY"
    }

    enum Operator: String, JSONWord {
        case notEqual = "SCMP_CMP_NE"
        case less = "SCMP_CMP_LT"
        case lessOrEqual = "SCMP_CMP_LE"
        case equal = "SCMP_CMP_EQ"
        case greaterOrEqual = "SCMP_CMP_GE"
        case greater = "SCMP_CMP_GT"
        case maskedEqual = "SCMP_CMP_MASKED_EQ"
    }

    enum Flag: String, JSONWord {
        case synchronizeThreads = "SECCOMP_FILTER_FLAG_TSYNC"
        case log = "SECCOMP_FILTER_FLAG_LOG"
        case allowSpeculation = "SECCOMP_FILTER_FLAG_SPEC_ALLOW"
        case killableWait = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"
    }

    struct Argument: Decodable, Equatable {
        var index: UInt32
        var value: UInt64
        var valueTwo: UInt64?
        var op: Operator
    }

    /// moby's conditions on a rule.
    struct Condition: Decodable, Equatable {
        var caps: [String]?
        var arches: [String]?
        var minKernel: String?
    }

    struct Rule: Decodable, Equatable {
        var names: [String]?
        /// moby's older form.
        var name: String?
        var action: Action
        var errnoRet: UInt32?
        var args: [Argument]?
        var includes: Condition?
        var excludes: Condition?

        var allNames: [String] { (names ?? []) + (name.map { [$0] } ?? []) }
    }

    struct ArchitectureMap: Decodable, Equatable {
        var architecture: String
        var subArchitectures: [String]?
    }

    var defaultAction: Action
    var defaultErrnoRet: UInt32?
    var architectures: [String]?
    var archMap: [ArchitectureMap]?
    var flags: [Flag]?
    var syscalls: [Rule]?
}

extension SeccompProfile {
    /// `name` is the profile's path, for messages.
    init(json: [UInt8], name: String) throws(SeccompError) {
        do throws(Diagnostic) {
            try self.init(of: try JSONDocument(json, file: name), at: [])
        } catch { throw .malformed(error) }
    }

    /// - Parameter path: of the profile in the document.
    init(of document: JSONDocument, at path: [JSONKey]) throws(Diagnostic) {
        self = try document.decode(Self.self, at: path)
        if let wrong = firstContradiction { throw document.diagnostic(wrong.cause, at: path + wrong.path) }
    }

    private typealias Contradiction = (path: [JSONKey], cause: String)

    /// What the JSON form allows and no filter means.
    private var firstContradiction: Contradiction? {
        if archMap != nil && architectures != nil {
            return (["archMap"], "architectures is given, too: use only one of them")
        }
        if defaultAction == .notify {
            return (["defaultAction"], "SCMP_ACT_NOTIFY would stop the program that starts the jail")
        }
        if let cause = Self.misplacedErrno(defaultErrnoRet, defaultAction) { return (["defaultErrnoRet"], cause) }
        for (index, rule) in (syscalls ?? []).enumerated() {
            if let (path, cause) = Self.contradiction(in: rule) {
                return (["syscalls", JSONKey(intValue: index)] + path, cause)
            }
        }
        return nil
    }

    private static func contradiction(in rule: Rule) -> Contradiction? {
        if rule.allNames.isEmpty { return (["names"], "empty") }
        if rule.allNames.contains(where: { $0.isEmpty || $0.utf8.contains(0) }) { return (["names"], "not a name") }
        if rule.action == .notify { return (["action"], "SCMP_ACT_NOTIFY needs a listener, and jails have none") }
        if let cause = misplacedErrno(rule.errnoRet, rule.action) { return (["errnoRet"], cause) }
        let wrong = (rule.args ?? []).enumerated().first { $0.element.index > 5 }
        return wrong.map { index, argument in
            (
                ["args", JSONKey(intValue: index), "index"],
                "\(argument.index): a system call has arguments 0 to 5"
            )
        }
    }

    private static func misplacedErrno(_ number: UInt32?, _ action: Action) -> String? {
        guard let number else { return nil }
        if action != .errno && action != .trace { return "\(action.rawValue) returns no errno" }
        // The kernel returns at most MAX_ERRNO; a tracer's message has 16 bits.
        let limit: UInt32 = action == .errno ? 4095 : 65535
        return number > limit ? "\(number): more than \(limit)" : nil
    }

    /// The bytes of the file. It decides what a jail may do, so it is read as a configuration is: as root, it and each folder on
    /// the way to it must be root's and writable by nobody else.
    static func read(_ path: FilePath, from source: some ConfigurationSource = FileConfigurationSource())
        throws(SeccompError) -> [UInt8]
    {
        do throws(ConfigurationReadError) {
            return try source.contents(of: "\(path)", isInclude: true)
        } catch {
            throw .refused("\(path)", error.reason + (error.hint.map { "; \($0)" } ?? ""))
        }
    }
}
