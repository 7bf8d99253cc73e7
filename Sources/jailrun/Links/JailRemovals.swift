import Glibc
import JailCore

/// jail -r, -R and -C: jails by name, number or wildcard, those that depend on them first, the others at once.
struct JailRemovals {
    private struct Target {
        /// The running jail's name.
        var name: String
        /// What messages call it: the block's name, or the jail's.
        var label: String
        /// Of the file as it is now; nil for a jail that the file does not know.
        var commands: CommandSpec?
    }

    let request: JailRequest
    let host: Host
    let output: LinkOutput
    /// Whether the end of each jail is told.
    var notesRemoval = true

    /// - Returns: the exit status.
    func run(_ operands: [String]) throws -> Int32 {
        let jails = try configuredJails()
        if request.cleansUp && !request.removes { return cleanUp(operands, jails) }
        let isTold = jails != nil || operands.count > 1 || operands.contains(where: Self.isWildcard)
        return try remove(operands, jails ?? [], isTold: isTold && notesRemoval)
    }

    /// The jails of the file, if there is one and it counts. Their commands are used, whatever they were at the start.
    private func configuredJails() throws(ConfigurationFailure) -> [CheckedJail]? {
        if request.ignoresFile || request.file != "-" && access(request.file, F_OK) != 0 && errno == ENOENT {
            return nil
        }
        return try Configuration(path: request.file).checkedJails()
    }

    private static func isWildcard(_ operand: String) -> Bool { JailWildcard(Array(operand.utf8)) != nil }

    // MARK: Which

    func remove(_ operands: [String], _ jails: [CheckedJail], isTold: Bool) throws -> Int32 {
        let lookup = JailLookup(host: host)
        let running = try lookup.runningEverywhere()
        let waiting = try lookup.services().filter { !$0.isEnded }.map(\.name).filter { name in
            !running.contains { $0.name == name }
        }
        var names: [String] = []
        var status: Int32 = 0
        for operand in operands {
            let found = Self.names(operand, jails, running) + Self.names(operand, jails, waiting: waiting)
            if found.isEmpty && !Self.isWildcard(operand) {
                // With -q a jail of the file that is not up is no news, though not a success.
                if !request.isQuiet || !jails.contains(where: { $0.spec.label == operand }) {
                    output.error("\"\(Terminal.escaped(operand))\" not found")
                }
                status = 1
            }
            names += found
        }
        let targets = try lookup.withDependents(names).map { target($0, jails, running) }
        return max(status, try stop(targets, running, isTold: isTold))
    }

    /// Names of running jails, the last of the file first.
    private static func names(_ operand: String, _ jails: [CheckedJail], _ running: [JailRecord]) -> [String] {
        let ordered = running.sorted { left, right in
            let places = [left, right].map { jail in jails.firstIndex { $0.spec.name.value == jail.name } ?? Int.max }
            return places[0] == places[1] ? left.identity.jid > right.identity.jid : places[0] > places[1]
        }
        guard let pattern = JailWildcard(Array(operand.utf8)) else {
            let label = jails.first { $0.spec.label == operand }?.spec.name.value
            let found =
                running.first { $0.name == label ?? operand } ?? running.first { String($0.identity.jid) == operand }
            return found.map { [$0.name] } ?? []
        }
        return ordered.filter { jail in
            let label = jails.first { $0.spec.name.value == jail.name }?.spec.label ?? jail.name
            return pattern.matches(Array(label.utf8))
        }.map(\.name)
    }

    /// Names of jails that are down, and that somebody would start again.
    private static func names(_ operand: String, _ jails: [CheckedJail], waiting: [String]) -> [String] {
        let pattern = JailWildcard(Array(operand.utf8))
        return waiting.filter { name in
            let label = jails.first { $0.spec.name.value == name }?.spec.label ?? name
            return pattern.map { $0.matches(Array(label.utf8)) } ?? [name, label].contains(operand)
        }
    }

    private func target(_ name: String, _ jails: [CheckedJail], _ running: [JailRecord]) -> Target {
        let jail = jails.first { $0.spec.name.value == name }
        let isUsable = jail?.errors.isEmpty == true
        return Target(
            name: name, label: jail?.spec.label ?? running.first { $0.name == name }?.spec.label ?? name,
            commands: isUsable ? jail?.spec.commands : nil)
    }

    // MARK: Stopping

    private func stop(_ targets: [Target], _ running: [JailRecord], isTold: Bool) throws -> Int32 {
        let jobs = targets.map { target in
            let after = running.filter { $0.needs(target.name) }.map(\.name)
            return JailWorkers.Job(jail: target.name, after: after) { stop(target, isTold: isTold) }
        }
        if jobs.isEmpty { return 0 }
        var workers = JailWorkers(jobs, limit: request.limit, host: host)
        let results = try workers.run()
        for (target, result) in zip(targets, results) where result == .skipped {
            if !request.isQuiet { output.error("\(target.label): skipped") }
        }
        return results.allSatisfy { $0 == .ended(0) } ? 0 : 1
    }

    private func stop(_ target: Target, isTold: Bool) -> Int32 {
        let stop = JailStop(
            host: host, terminals: Descriptors.terminals, scope: request.ignoresFile ? .none : .all,
            commands: target.commands, isBounded: false,
            onRemoval: { _ in if isTold || request.isVerbose { output.note("removed", of: target.label) } })
        do { return try stop.run(target.name) ? 0 : 1 } catch {
            output.error(error.jailMessage(isNamed: true))
            return 1
        }
    }

    // MARK: -C

    private func cleanUp(_ operands: [String], _ jails: [CheckedJail]?) -> Int32 {
        var status: Int32 = 0
        for operand in operands {
            let pattern = JailWildcard(Array(operand.utf8))
            let chosen = (jails ?? []).filter { jail in
                pattern.map { $0.matches(Array(jail.spec.label.utf8)) } ?? (jail.spec.label == operand)
            }
            if chosen.isEmpty && pattern == nil {
                output.error("\"\(Terminal.escaped(operand))\" not found")
                status = 1
            }
            for jail in chosen.reversed() { status = max(status, cleanUp(jail, isNamed: pattern == nil)) }
        }
        return status
    }

    /// A jail that runs has nothing to be cleaned up; to name it is an error.
    private func cleanUp(_ jail: CheckedJail, isNamed: Bool) -> Int32 {
        guard jail.errors.isEmpty else {
            output.errors(jail.errors)
            return 1
        }
        do {
            try JailCleanup(of: jail.spec, host: host).run()
            return 0
        } catch {
            if case .alreadyExists = error, !isNamed { return 0 }
            output.error(error.jailMessage(isNamed: true))
            return 1
        }
    }
}
