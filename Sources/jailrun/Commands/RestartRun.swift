import ArgumentParser
import JailCore

/// Stops jails, and those that depend on them, and starts all of them again. Nothing is stopped before it is known that what a
/// start needs is there.
struct RestartRun {
    /// What is to be started again of one file.
    private struct Part {
        var file: String
        var instance: String?
        /// Labels of the file; empty for all.
        var names: [String]
    }

    private let host: Host
    private let global: GlobalOptions
    private let lookup: JailLookup
    private var parts: [Part] = []
    /// Jails that are to be stopped, those that depend on others first.
    private var stopped: [String] = []
    /// Those of files that were named: they are started from there, wherever they came from.
    private var ofFiles: [String] = []
    /// Labels of those that another command has stopped before they were up again.
    private var withdrawn: [String] = []

    /// Of two restarts of a jail at once the second restarts what the first has started.
    /// - Throws: an exit status, when why it is not 0 was said.
    static func run(_ targets: [String], instance: String?, _ global: GlobalOptions) throws {
        let host = try global.host()
        while true {
            var restart = try RestartRun(targets, instance: instance, global, host)
            let locks = try RestartLocks(of: restart.stopped, host: host)
            // Much may have become of them meanwhile.
            if locks.wereAwaited { continue }
            return try withExtendedLifetime(locks) { try restart.run() }
        }
    }

    private init(_ targets: [String], instance: String?, _ global: GlobalOptions, _ host: Host) throws {
        (self.host, self.global) = (host, global)
        lookup = JailLookup(host: host)
        _ = try lookup.running()
        var names: [String] = []
        for target in targets { names += try take(target, instance) }
        for name in try lookup.withDependents(names) where try host.isHeld(name) || lookup.isKnown(name) {
            stopped.append(name)
        }
        for name in stopped.reversed() { try add(name, isDependent: !names.contains(name)) }
    }

    // MARK: What is meant

    /// - Returns: names of jails that are known.
    private mutating func take(_ target: String, _ instance: String?) throws -> [String] {
        guard Stop.isFile(target) else {
            if let name = try lookup.name(target) ?? lookup.service(target)?.name { return [name] }
            throw lookup.notFound(target)
        }
        parts.append(Part(file: Descriptors.absolute(target), instance: instance, names: []))
        let names = try InstanceOption.names(try global.specs(try global.load(target), []), of: instance)
        ofFiles += names
        return try names.filter { try lookup.isKnown($0) }
    }

    private mutating func add(_ name: String, isDependent: Bool) throws {
        guard let origin = try lookup.origin(of: name) else { throw lookup.notFound(name) }
        let (file, instance, label) = (origin.configuration, origin.spec.instance, origin.spec.label)
        let why = isDependent ? "\(name), which depends on it: " : ""
        if origin.isTransient {
            throw RuntimeError.host(
                "\(why)cannot restart \"\(name)\", which another jailrun runs in the foreground",
                hint: "restart that jailrun instead, pid \(origin.keeper)")
        }
        if ofFiles.contains(name) { return }
        if file == "-" || file == ParameterWords.place {
            throw RuntimeError.host(
                "\(why)cannot restart what came from \(file == "-" ? "standard input" : "a command line")",
                hint: "stop it, and start it again from the same text")
        }
        if let index = parts.firstIndex(where: { $0.file == file && $0.instance == instance }) {
            if !parts[index].names.isEmpty { parts[index].names.append(label) }
        } else {
            parts.append(Part(file: file, instance: instance, names: [label]))
        }
    }

    // MARK: -

    private mutating func run() throws {
        // What was checked is what is started: a file may be changed in the meantime.
        let specs: [[ConfiguredJail]]
        do { specs = try parts.map(check) } catch {
            Output.error("nothing was stopped")
            throw error
        }
        var failure: (any Error)?
        let memory = try RestartMemory(of: stopped, host: host)
        do { try Stop.stop(stopped, global, host, restart: memory) } catch let error as Stop.Interrupted {
            try tellLeft(memory)
            throw ExitCode(128 + error.signal)
        } catch { failure = error }
        // What depends on one that could not be stopped is down already.
        let down = try stopped.filter { try !host.isHeld($0) }
        for (part, specs) in zip(parts, specs) {
            do { try start(part, specs, failure == nil ? nil : down, memory) } catch { failure = failure ?? error }
        }
        if let failure {
            try tellLeft(memory)
            throw failure
        }
        // Their file does not have them any more.
        let unclaimed = try stopped.filter { try memory.isUnclaimed($0) }
        if unclaimed.isEmpty { return }
        tell(unclaimed, memory)
        throw ExitCode(125)
    }

    private func tellLeft(_ memory: RestartMemory) throws {
        tell(try stopped.filter { try !withdrawn.contains($0) && !host.isHeld($0) }, memory)
    }

    private func tell(_ left: [String], _ memory: RestartMemory) {
        if left.isEmpty { return }
        memory.remember(left)
        Output.error("down after the restart: \(left.map(Terminal.escaped).joined(separator: ", "))")
    }

    /// Its jails, if they could be started, as far as can be seen while they are up.
    private func check(_ part: Part) throws -> [ConfiguredJail] {
        let configuration = try global.load(part.file)
        let specs = try global.specs(configuration, part.names, starts: true)
        let errors = configuration.missingOnHost(for: part.names, of: part.instance, host: host).filter {
            $0.severity == .error
        }
        if !errors.isEmpty {
            Output.diagnostics(errors)
            throw ExitCode(65)
        }
        try InstanceOption.check(specs, of: part.instance)
        return specs
    }

    /// - Parameter names: the only jails that are to be started; nil for all of the part.
    private mutating func start(
        _ part: Part, _ checked: [ConfiguredJail], _ names: [String]?, _ memory: RestartMemory
    ) throws {
        var specs = try InstanceOption.jails(checked, of: part.instance, host: host)
        if let names { specs = specs.filter { names.contains($0.name.value) } }
        if specs.isEmpty { return }
        var start = DetachedStart(specs: specs, file: part.file, host: host, isQuiet: global.quiet)
        (start.names, start.isKept, start.restart) = (part.names, true, memory)
        defer { withdrawn += specs.filter { start.withdrawn.contains($0.label) }.map(\.name.value) }
        do { try start.run() } catch let error as RuntimeError {
            Output.failure(error)
            throw ExitCode(error.exitStatus)
        }
    }
}
