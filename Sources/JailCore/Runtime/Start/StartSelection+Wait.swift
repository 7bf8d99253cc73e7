extension ServiceRecord {
    var endWords: String { detail.map(ConsoleText.safe) ?? "unknown" }

    /// `restarting, in 28 s: exited with status 1`, of a jail in the pause before a restart.
    func pauseWords(isHastened: Bool) -> String? {
        pauseSeconds.map { "restarting, in \($0) s: \(endWords)\(isHastened ? "; it is started now" : "")" }
    }
}

/// Looked at once for all jails of a start, and again after each pause.
struct EndingRuns {
    private var stopped: [ServiceRecord]?

    /// Whether others of that supervisor's jails are being stopped, as at the end of its run: of one that another command stops
    /// the record is gone.
    fileprivate mutating func contains(
        supervisorOf service: ServiceRecord, _ registry: ServiceRegistry
    ) throws(RuntimeError) -> Bool {
        if stopped == nil { stopped = try registry.records().filter(\.life.isAskedToStop) }
        return stopped?.contains { $0.hasSupervisor(of: service) } ?? false
    }
}

extension StartSelection {
    private static let pauseMilliseconds = 50

    /// A jail that is being stopped is down in a moment, and started then.
    /// - Throws: `.locked`; `.interrupted`.
    func awaitWork(on jail: ConfiguredJail) throws(RuntimeError) {
        let name = jail.name.value
        guard let trace = try host.state.trace(of: name), try trace.isAlive(), !trace.isTransient,
            try !isStarting(jail)
        else { return }
        let lock = try host.lock(name)
        if try host.state.hasTrace(of: name) { _ = consume lock } else { lock.unlinkAndRelease() }
    }

    /// One that its supervisor is stopping, because somebody has asked for that, is down in a moment, too; so is one of a run
    /// that is ending, though what depends on it is stopped first.
    /// - Throws: `.timedOut`; `.interrupted`.
    func awaitEnd(of jail: ConfiguredJail, _ ending: inout EndingRuns) throws(RuntimeError) {
        if try !isEnding(jail, &ending) { return }
        host.waits.begin(jail.label, Self.endWords)
        defer { host.waits.end() }
        let deadline = Clock.milliseconds() + Self.endMilliseconds
        while try isEnding(jail, &ending) {
            ending = EndingRuns()
            if deadline <= Clock.milliseconds() {
                throw .timedOut(jail: jail.label, "\(Self.endWords), after \(Self.endMilliseconds / 1000) s")
            }
            if let signal = host.waits.pause(milliseconds: Self.pauseMilliseconds, host.signals) {
                throw .interrupted(jail: jail.label, signal: signal)
            }
        }
    }

    private static let endMilliseconds = 60_000
    private static let endWords = "its end: \(stoppedElsewhere)"

    private func isEnding(_ jail: ConfiguredJail, _ ending: inout EndingRuns) throws(RuntimeError) -> Bool {
        let registry = ServiceRegistry(state: host.state)
        guard let service = try registry.record(of: jail.name.value) else {
            // Nobody looks after it but the run itself.
            guard let trace = try host.state.trace(of: jail.name.value), try trace.isBeingStopped() else {
                return false
            }
            return try trace.isAlive()
        }
        guard !service.state.isOver, try service.isSupervisorAlive() else { return false }
        if service.state == .stopping { return true }
        return service.isTransient ? try ending.contains(supervisorOf: service, registry) : false
    }

    /// Waits for those jails that another command is starting, or that are being restarted, because the caller wants
    /// them up.
    /// - Parameter timeoutSeconds: 0 is no limit.
    /// - Throws: when one is not up then; `.timedOut`; `.interrupted`.
    package func awaitStarts(timeoutSeconds: Int) throws(RuntimeError) {
        let deadline = timeoutSeconds > 0 ? Clock.milliseconds() + timeoutSeconds * 1000 : nil
        // One that others need alone is waited for by whoever starts these.
        let asked = running.filter { $0.isMeant(by: names) }
        for jail in asked where try isStarting(jail) {
            let (what, restarts) = try beginWait(for: jail)
            host.waits.begin(jail.label, what)
            defer { host.waits.end() }
            while try isStarting(jail) {
                try checkRestart(of: jail, after: restarts)
                if let deadline, deadline <= Clock.milliseconds() {
                    throw .timedOut(jail: jail.label, "\(what), after \(timeoutSeconds) s")
                }
                if let signal = host.waits.pause(milliseconds: Self.pauseMilliseconds, host.signals) {
                    throw .interrupted(jail: jail.label, signal: signal)
                }
            }
            if try isUp(jail) { continue }
            try tellEnd(of: jail, after: restarts)
            throw .host("\(jail.label): another command was starting it, and it is not up", hint: nil)
        }
        for jail in asked where try isUnhealthy(jail) {
            throw .host(
                "\(jail.label): already up, and unhealthy\(jail.health.map { ": \(Terminal.escaped($0.command.value))" } ?? "")",
                hint: "jailrun restart \(jail.label) starts it again")
        }
    }

    /// One that waits to be started again is started now.
    /// - Returns: what is waited for, and how often it has been restarted; nil when another command starts it.
    private func beginWait(for jail: ConfiguredJail) throws(RuntimeError) -> (what: String, restarts: Int?) {
        let registry = ServiceRegistry(state: host.state)
        guard let service = try registry.record(of: jail.name.value), service.pauseSeconds != nil else {
            return ("its start by another command", nil)
        }
        try registry.hasten(jail.name.value)
        return ("its restart", service.restarts)
    }

    /// - Throws: when it has been started again, and has ended again.
    private func checkRestart(of jail: ConfiguredJail, after restarts: Int?) throws(RuntimeError) {
        guard let service = try ServiceRegistry(state: host.state).record(of: jail.name.value),
            service.pauseSeconds != nil, restarts.map({ service.restarts > $0 }) ?? true
        else { return }
        throw .host("\(jail.label): started again, and ended: \(service.endWords)", hint: nil)
    }

    /// Of one that was to be started again, and is not any more.
    private func tellEnd(of jail: ConfiguredJail, after restarts: Int?) throws(RuntimeError) {
        guard restarts != nil, let service = try ServiceRegistry(state: host.state).record(of: jail.name.value)
        else { return }
        throw .host("\(jail.label): started again, and ended: \(service.endWords)", hint: nil)
    }

    /// Of those that were up before.
    package func stillRunning() throws(RuntimeError) -> [ConfiguredJail] {
        var found: [ConfiguredJail] = []
        for jail in running where try isUp(jail) { found.append(jail) }
        return found
    }

    private func isUnhealthy(_ jail: ConfiguredJail) throws(RuntimeError) -> Bool {
        try ServiceRegistry(state: host.state).record(of: jail.name.value)?.state == .unhealthy
    }

    func isStarting(_ jail: ConfiguredJail) throws(RuntimeError) -> Bool {
        guard let service = try ServiceRegistry(state: host.state).record(of: jail.name.value) else { return false }
        guard try service.isSupervisorAlive() else { return false }
        switch service.state {
        case .waiting, .starting, .restarting, .stopping: return true
        // Nothing will change about one that is not started again.
        case .unhealthy: return service.spec.restart.policy != .no
        case .up: return service.life.unsteadyUntil.map { $0 > Clock.milliseconds() } ?? false
        case .healthy, .ended, .failed: return false
        }
    }

    /// Or did its work meanwhile.
    private func isUp(_ jail: ConfiguredJail) throws(RuntimeError) -> Bool {
        if let trace = try host.state.trace(of: jail.name.value), trace.phase == .up, try trace.isAlive() {
            return true
        }
        return try ServiceRegistry(state: host.state).record(of: jail.name.value)?.state == .ended
    }
}
