@preconcurrency import Glibc
import JailCore

/// The OCI runtime: `jailrun oci VERB`, and the links jailrun-oci, crun and runc.
///
/// Engines read what it prints as JSON, and its standard output and error are often one pipe, or those of a container: a verb that
/// succeeds prints its answer, and nothing else.
struct ContainerRuntime {
    let name: String
    private(set) var log = ContainerLog()
    var root = "/run/jailrun-oci"
    var usesCgroups = true
    var systemdCgroup = false

    static func run(_ arguments: [String], as name: String) -> Int32 {
        Output.checkAtExit(status: 1)
        var runtime = ContainerRuntime(name: name)
        do { return try runtime.perform(arguments[...]) } catch let error as ContainerWords.Wrong {
            runtime.log.error("\(error.text); see \(name) --help")
            return 1
        } catch let error as RuntimeError {
            runtime.log.error(error.message + (error.containersHint.map { " (\($0))" } ?? ""))
            if case .interrupted = error { return error.exitStatus }
            return 1
        } catch { return 1 }
    }

    private init(name: String) { self.name = name }

    private mutating func perform(_ arguments: ArraySlice<String>) throws -> Int32 {
        let words = try ContainerWords(
            arguments, flags: ["systemd-cgroup", "debug", "version", "v", "help", "h"],
            valued: ["root", "log", "log-format", "cgroup-manager", "rootless", "criu"], endsAtOperand: true)
        let format = words.value("log-format") ?? "text"
        guard ["text", "json"].contains(format) else {
            throw ContainerWords.Wrong(text: "--log-format \(Terminal.escaped(format)): text or json")
        }
        log = try ContainerLog(opening: words.value("log"), isJSON: format == "json")
        if let root = words.value("root"), !root.isEmpty { self.root = root }
        systemdCgroup = words.has("systemd-cgroup") || words.value("cgroup-manager") == "systemd"
        usesCgroups = words.value("cgroup-manager") != "disabled"
        if words.has("version", "v") { return say(ContainerVersion.text(name)) }
        guard let verb = words.operands.first, !words.has("help", "h"), verb != "help" else {
            return say(ContainerHelp.text(name))
        }
        let rest = words.operands.dropFirst()
        // Behind an operand it may be a container's own.
        let isAsked = rest.prefix { $0.hasPrefix("-") && $0 != "--" }.contains { ["--help", "-h"].contains($0) }
        if isAsked, let known = ContainerVerb.named(verb) { return say(ContainerHelp.text(name, of: known)) }
        switch verb {
        case "create": return try create(rest)
        case "start": return try start(rest)
        case "run": return try runOne(rest)
        case "exec": return try exec(rest)
        case "state": return try state(rest)
        case "kill": return try kill(rest)
        case "delete": return try delete(rest)
        case "pause": return try freeze(rest, true)
        case "resume": return try freeze(rest, false)
        case "ps": return try processes(rest)
        case "list": return try list(rest)
        case "update": return try update(rest)
        case "spec": return try specify(rest)
        case "features": return say(ContainerFeatures.text)
        default: throw ContainerWords.Wrong(text: "unknown command \(Terminal.escaped(verb))")
        }
    }

    private func say(_ text: String) -> Int32 {
        Output.text(text)
        return 0
    }

    // MARK: What a verb needs

    private func directory(_ words: ContainerWords) throws -> ContainerDirectory {
        guard let id = words.operands.first else { throw ContainerWords.Wrong(text: "no container ID") }
        return try ContainerDirectory(root: root, id: id)
    }

    /// - Parameter showsWarnings: on standard error, where nobody takes them for an answer or for the container's words.
    private func host(passed: Int = 0, showsWarnings: Bool = false) throws -> Host {
        let log = log
        return try Host(
            containersOf: root, usesCgroups: usesCgroups, signals: try SignalSource.takeProcess(passed: passed),
            audience: Audience { log.warning($0, isShown: showsWarnings) })
    }

    /// LISTEN_FDS: sd_listen_fds(3).
    private var listening: Int { max(0, getenv("LISTEN_FDS").flatMap { Int(String(cString: $0)) } ?? 0) }

    /// `--preserve-fds`, behind those of LISTEN_FDS.
    private func passed(_ words: ContainerWords) throws -> Int {
        guard let text = words.value("preserve-fds") else { return listening }
        guard let number = Int(text), number >= 0, number < 1024 else {
            throw ContainerWords.Wrong(text: "--preserve-fds \(Terminal.escaped(text)): not a number of descriptors")
        }
        return number + listening
    }

    // MARK: Verbs

    private static let creationFlags = ["no-pivot", "no-new-keyring", "no-subreaper", "keep", "detach", "d"]
    private static let creationValues = ["bundle", "b", "config", "f", "pid-file", "console-socket", "preserve-fds"]

    private func create(_ rest: ArraySlice<String>) throws -> Int32 {
        let words = try ContainerWords(rest, flags: Self.creationFlags, valued: Self.creationValues)
        let directory = try directory(words)
        let host = try host(passed: try passed(words))
        try ContainerCreation(directory, try options(words), host: host).run()
        return 0
    }

    private func caller(_ words: ContainerWords) throws -> ContainerCaller {
        var caller = ContainerCaller()
        caller.pidFile = words.value("pid-file")
        caller.consoleSocket = words.value("console-socket")
        caller.passedDescriptors = try passed(words)
        caller.listeningDescriptors = listening
        return caller
    }

    private func options(_ words: ContainerWords) throws -> ContainerCreation.Options {
        var options = ContainerCreation.Options()
        options.bundle = words.value("bundle", "b") ?? "."
        options.configuration = words.value("config", "f") ?? options.configuration
        options.caller = try caller(words)
        (options.usesCgroups, options.systemdCgroup) = (usesCgroups, systemdCgroup)
        return options
    }

    private func start(_ rest: ArraySlice<String>) throws -> Int32 {
        let words = try ContainerWords(rest, flags: [], valued: [])
        let directory = try directory(words)
        try ContainerStart(directory, host: try host()).run()
        return 0
    }

    /// create, start, and unless `--detach` the wait for its end.
    private func runOne(_ rest: ArraySlice<String>) throws -> Int32 {
        let words = try ContainerWords(rest, flags: Self.creationFlags, valued: Self.creationValues)
        let directory = try directory(words)
        let host = try host(passed: try passed(words))
        return try ContainerRun(directory, try options(words), host: host)
            .run(isDetached: words.has("detach", "d"), keeps: words.has("keep"))
    }

    private func exec(_ rest: ArraySlice<String>) throws -> Int32 {
        let words = try ContainerWords(
            rest, flags: ["detach", "d", "tty", "t", "no-new-privs", "no-subreaper"],
            valued: [
                "process", "p", "pid-file", "console-socket", "preserve-fds", "cwd", "env", "e", "user", "u", "cap",
                "c", "additional-gids", "g",
            ], endsAtOperand: true)
        let directory = try directory(words)
        let caller = try caller(words)
        let host = try host(passed: caller.passedDescriptors)
        let process = try directory.process(ContainerExecRequest(words))
        return try ContainerEntry(directory, caller, isDetached: words.has("detach", "d"), host: host).run(process)
            .exitStatus
    }

    private func state(_ rest: ArraySlice<String>) throws -> Int32 {
        let directory = try directory(try ContainerWords(rest, flags: [], valued: []))
        let record = try directory.read()
        return say(record.state(try directory.status(of: record)).text(isPretty: true))
    }

    private func kill(_ rest: ArraySlice<String>) throws -> Int32 {
        let words = try ContainerWords(rest, flags: ["all", "a"], valued: [])
        let directory = try directory(words)
        let signal = words.operands.dropFirst().first ?? "TERM"
        guard let number = CommandOutcome.signalNumber(signal) else {
            throw ContainerWords.Wrong(text: "unknown signal \"\(Terminal.escaped(signal))\"")
        }
        try ContainerRemoval(directory, host: try host()).kill(number, toAll: words.has("all", "a"))
        return 0
    }

    private func delete(_ rest: ArraySlice<String>) throws -> Int32 {
        let words = try ContainerWords(rest, flags: ["force", "f", "regex", "r"], valued: [])
        let isForced = words.has("force", "f")
        let host = try host(showsWarnings: true)
        guard words.has("regex", "r") else {
            try ContainerRemoval(try directory(words), host: host).delete(isForced: isForced)
            return 0
        }
        for directory in try ContainerDirectory.all(root: root, matching: try pattern(words)) {
            try ContainerRemoval(directory, host: host).delete(isForced: isForced)
        }
        return 0
    }

    private func pattern(_ words: ContainerWords) throws -> String {
        guard let pattern = words.operands.first else { throw ContainerWords.Wrong(text: "no pattern") }
        return pattern
    }

    private func freeze(_ rest: ArraySlice<String>, _ isFrozen: Bool) throws -> Int32 {
        let directory = try directory(try ContainerWords(rest, flags: [], valued: []))
        try ContainerRemoval(directory, host: try host()).freeze(isFrozen)
        return 0
    }

    private func processes(_ rest: ArraySlice<String>) throws -> Int32 {
        let words = try ContainerWords(rest, flags: [], valued: ["format", "f"])
        let pids = try ContainerRemoval(try directory(words), host: try host()).processes()
        if words.value("format", "f") == "json" {
            return say("[\(pids.map(String.init).joined(separator: ","))]")
        }
        return say((["PID"] + pids.map(String.init)).joined(separator: "\n"))
    }

    /// With limits in a file, on standard input (`-`), or in options of their own.
    private func update(_ rest: ArraySlice<String>) throws -> Int32 {
        let words = try ContainerWords(rest, flags: [], valued: ["resources", "r"] + ContainerLimits.options)
        let directory = try directory(words)
        let file = words.value("resources", "r")
        let name = file == "-" ? "standard input" : file ?? "command line"
        let bytes = try file.map { try ContainerFile.bytes($0) } ?? ContainerLimits(words).json.bytes
        try ContainerUpdate(directory, host: try host()).run(bytes, file: name)
        return 0
    }

    private func specify(_ rest: ArraySlice<String>) throws -> Int32 {
        let words = try ContainerWords(rest, flags: ["rootless"], valued: ["bundle", "b"])
        try ContainerFile.make(
            "\(words.value("bundle", "b") ?? ".")/config.json",
            Array((ContainerExample.configuration(isRootless: words.has("rootless")) + "\n").utf8))
        return 0
    }

    private func list(_ rest: ArraySlice<String>) throws -> Int32 {
        let words = try ContainerWords(rest, flags: ["quiet", "q"], valued: ["format", "f"])
        return say(
            try ContainerList(root: root).text(format: words.value("format", "f"), isQuiet: words.has("quiet", "q")))
    }
}
