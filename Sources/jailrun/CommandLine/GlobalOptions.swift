import ArgumentParser
import Glibc
import JailCore

/// What every command takes.
struct GlobalOptions: ParsableArguments {
    @Option(name: .customLong("root"), help: ArgumentHelp("Keep state in this directory.", valueName: "dir"))
    var stateDirectory: String?

    @Option(
        name: .customLong("cgroup-root"),
        help: ArgumentHelp("Create the jails' cgroups below this cgroup.", valueName: "dir"))
    var cgroupRoot: String?

    @Flag(name: .shortAndLong, help: "Print each step as it is performed, with the microseconds it took.")
    var verbose = false

    @Flag(name: .shortAndLong, help: "Print errors only.")
    var quiet = false

    @Flag(name: .customLong("no-color"), help: "Do not use colour.")
    var noColor = false

    var request: GlobalRequest {
        GlobalRequest(stateDirectory: stateDirectory, cgroupRoot: cgroupRoot, isVerbose: verbose, isQuiet: quiet)
    }

    func host(timings: Timings? = nil) throws -> Host {
        var request = request
        request.timings = timings
        return try request.host()
    }

    /// For what starts nothing.
    /// - Parameter facts: a file of another host's, which is meant instead of this one.
    func hostForLooks(assuming facts: String?) throws -> Host { try request.hostForLooks(assuming: facts) }

    func load(_ file: String) throws -> Configuration { try request.load(file) }
    /// - Parameter starts: they are about to be started: whoever asked for what is not done hears of it.
    func specs(_ configuration: Configuration, _ names: [String], starts: Bool = false) throws -> [ConfiguredJail] {
        try request.specs(configuration, names, starts: starts)
    }
}

/// The values of the global options.
struct GlobalRequest {
    var stateDirectory: String?
    var cgroupRoot: String?
    var isVerbose: Bool
    var isQuiet: Bool
    /// Told of each step, for `--timings`.
    var timings: Timings?

    /// The machine, ready for work. Signals are blocked from here on.
    func host() throws -> Host {
        try Host.checkRoot()
        let signals = try SignalSource.takeProcess()
        let (isQuiet, isVerbose, timings) = (isQuiet, isVerbose, timings)
        let observe = { @Sendable (step: Step, microseconds: Int?) in
            if isVerbose { Output.step(step, microseconds) }
            timings?.add(step, microseconds)
        }
        let host = try Host(
            stateDirectory: stateDirectory, cgroupRoot: cgroupRoot, signals: signals,
            audience: Audience(
                observe: isVerbose || timings != nil ? observe : nil,
                warn: { Output.error($0) }, note: { if !isQuiet { Output.error($0) } }))
        if !isQuiet { WaitLine.attach(to: host.waits) }
        return host
    }

    func hostForLooks(assuming facts: String?) throws -> Host {
        let isQuiet = isQuiet
        let note = { @Sendable (text: String) in if !isQuiet { Output.error(text) } }
        if let facts { return Host(assuming: try HostFacts.read(from: facts), note: note) }
        if geteuid() != 0 {
            note(
                "without root, jailrun cannot see jails that are up, their ports and numbers, and assumes "
                    + "there are none\n    hint: on the host in question: sudo jailrun explain --facts FILE >FACTS; "
                    + "then anywhere: --assume FACTS")
        }
        return try Host.forLooks(stateDirectory: stateDirectory, cgroupRoot: cgroupRoot, note: note)
    }

    /// Reads the file; prints all that is wrong with it and ends with 65, EX_DATAERR.
    func load(_ file: String) throws -> Configuration {
        if !file.contains("/"), !file.contains("."), file != "-", access(file, F_OK) != 0, errno == ENOENT {
            sayNoFile(file)
            throw ExitCode(64)
        }
        do { return try Configuration(path: file) } catch {
            Output.diagnostics(error.diagnostics)
            throw ExitCode(65)
        }
    }

    /// A word of a command line that stands where a file should.
    private func sayNoFile(_ word: String) {
        if Verb(rawValue: word) != nil {
            Output.error("\"\(word)\" is not a file, and the command line already has a command")
            return Output.notice("    hint: jailrun \(word) --help shows what comes after it")
        }
        let near = Verb.meant(by: word).map { " (did you mean \"\($0)\"?)" } ?? ""
        Output.error("\"\(Terminal.escaped(word))\" is neither a command nor a file\(near)")
        Output.notice("    hint: commands are \(Verb.names.joined(separator: ", "))")
    }

    func specs(_ configuration: Configuration, _ names: [String], starts: Bool = false) throws -> [ConfiguredJail] {
        let warns = starts && !isQuiet
        do { return try configuration.specs(of: names, starts: starts) { if warns { Output.diagnostics($0) } } } catch {
            Output.diagnostics(error.diagnostics)
            throw ExitCode(65)
        }
    }
}

/// `--instance`.
struct InstanceOption: ParsableArguments {
    @Option(
        name: .customLong("instance"),
        help: ArgumentHelp(
            "Call the jails NAME-JAIL and give them addresses of their own, beside other runs of the file.",
            valueName: "name"))
    var name: String?

    func validate() throws { _ = try Self.instance(name) }

    static func instance(_ name: String?) throws -> Instance? {
        guard let name else { return nil }
        guard let instance = Instance(name) else {
            throw ValidationError("--instance: must be 1 to 20 letters, digits, _ and -, and not start with -")
        }
        return instance
    }

    /// The jails as they are in that instance; in none, as they are.
    static func jails(_ specs: [ConfiguredJail], of name: String?, host: Host) throws -> [ConfiguredJail] {
        guard let instance = try instance(name) else { return specs }
        return try InstanceNetworks(of: instance, host: host).jails(specs)
    }

    /// - Throws: why they cannot be in that instance.
    static func check(_ specs: [ConfiguredJail], of name: String?) throws {
        guard let instance = try instance(name) else { return }
        do { try instance.checkAll(specs) } catch {
            throw RuntimeError.unsuitable(
                jail: error.label, origin: error.origin, error.message, hint: error.hint)
        }
    }

    /// Their names.
    static func names(_ specs: [ConfiguredJail], of name: String?) throws -> [String] {
        let instance = try instance(name)
        return specs.map { instance?.name(of: $0.name.value) ?? $0.name.value }
    }
}

/// Runs a command's body; a failure is said once, with its hint, and becomes the exit status.
func reporting(_ body: () throws -> Void) throws {
    do { try body() } catch let error as RuntimeError {
        Output.failure(error)
        throw ExitCode(error.exitStatus)
    }
}
