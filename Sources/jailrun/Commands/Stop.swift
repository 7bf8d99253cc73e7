import ArgumentParser
import Glibc
import JailCore

struct Stop: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Stop jails and remove everything that was made for them.",
        usage: "jailrun stop [<options>] <jail> | <file> ...",
        discussion: HelpText.discussion(
            "A jail on which others depend is stopped after them; all others are stopped at the same time.",
            examples: "jailrun stop www", "jailrun stop services.conf"))

    @OptionGroup var global: GlobalOptions
    @OptionGroup var instance: InstanceOption

    @Flag(name: .shortAndLong, help: "Skip exec.prestop and exec.stop.")
    var force = false

    @Argument(help: "Jails by name or jid, or jail.conf(5) files.")
    var targets: [String]

    func run() throws {
        try reporting {
            do {
                try Self.stop(targets, global, try global.host(), isForced: force, instance: instance.name)
            } catch let error as Interrupted { throw ExitCode(128 + error.signal) }
        }
    }

    /// All that was to be stopped is down, and a signal has ended a command that follows.
    struct Interrupted: Error { let signal: Int32 }

    static func stop(
        _ targets: [String], _ global: GlobalOptions, _ host: Host, isForced: Bool = false, instance: String? = nil,
        restart: RestartMemory? = nil
    ) throws {
        let names = try names(targets, global, host, instance)
        let records = try JailLookup(host: host).running(isRepaired: false)
        var interruption: Int32?
        let jobs = names.map { name in
            let dependents = records.filter { $0.name != name && $0.needs(name) }.map(\.name)
            return JailWorkers.Job(jail: name, after: dependents) {
                let result = stop(name, host, isForced: isForced, restart)
                interruption = interruption ?? result.interruption
                return result.status
            }
        }
        if jobs.isEmpty { return }
        var workers = JailWorkers(jobs, limit: Int.max, host: host)
        let results = try workers.run()
        for (name, result) in zip(names, results) where result == .skipped { Output.error("\(name): skipped") }
        let statuses = results.compactMap { result -> Int32? in
            guard case .ended(let status) = result else { return nil }
            return status
        }
        guard let failed = statuses.first(where: { $0 != 0 }) else { return }
        if let signal = interruption ?? workers.interruption,
            try !names.contains(where: { try host.isHeld($0) })
        {
            throw Interrupted(signal: signal)
        }
        throw ExitCode(failed)
    }

    private static func stop(
        _ name: String, _ host: Host, isForced: Bool, _ restart: RestartMemory?
    ) -> (status: Int32, interruption: Int32?) {
        let stop = JailStop(
            host: host, terminals: Descriptors.terminals, scope: isForced ? .afterwards : .all, restart: restart)
        do {
            if try stop.run(name) { return (0, nil) }
            Output.error("\(Terminal.escaped(name)): it is stopped, but something failed on the way")
            return (stop.interruption.map { 128 + $0 } ?? 125, stop.interruption)
        } catch {
            if case .notFound = error {
                Output.failure(JailLookup(host: host).notFound(name))
            } else {
                Output.failure(error)
            }
            return (error.exitStatus, nil)
        }
    }

    /// The jails meant, dependents first, the last started before the first.
    private static func names(
        _ targets: [String], _ global: GlobalOptions, _ host: Host, _ instance: String?
    ) throws -> [String] {
        var names: [String] = []
        for target in targets {
            if isFile(target) {
                let jails = try InstanceOption.names(
                    try global.specs(try global.load(target), []), of: instance)
                names += try jails.filter { try JailLookup(host: host).isKnown($0) }.reversed()
            } else {
                names.append(try JailLookup(host: host).name(target) ?? target)
            }
        }
        return try JailLookup(host: host).withDependents(names)
    }

    static func isFile(_ target: String) -> Bool { target.contains("/") || target.hasSuffix(".conf") }
}

struct Restart: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restart", abstract: "Stop jails and start them again.",
        usage: "jailrun restart [<options>] <jail> | <file> ...",
        discussion: HelpText.discussion(
            "Jails that depend on them are stopped first and started again afterwards. Nothing is stopped if the "
                + "configuration or the host would not let the jails start.", examples: "jailrun restart www"))

    @OptionGroup var global: GlobalOptions
    @OptionGroup var instance: InstanceOption

    @Argument(help: "Jails by name or jid, or jail.conf(5) files.")
    var targets: [String]

    func run() throws {
        try reporting { try RestartRun.run(targets, instance: instance.name, global) }
    }
}
