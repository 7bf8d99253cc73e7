extension StartSelection {
    private static let pauseMilliseconds = 50

    /// A jail that is being stopped is down in a moment, and started then.
    /// - Throws: `.locked`; `.interrupted`.
    func awaitWork(on jail: JailSpec) throws(RuntimeError) {
        let name = jail.name.value
        guard let trace = host.state.trace(of: name), trace.isAlive, !trace.isTransient, !isStarting(jail) else {
            return
        }
        let lock = try host.lock(name)
        if host.state.hasTrace(of: name) { _ = consume lock } else { lock.unlinkAndRelease() }
    }

    /// Waits for those jails that another command is starting, or that are started again: what is asked for is that they
    /// are up.
    /// - Parameter timeoutSeconds: 0 is no limit.
    /// - Throws: when one is not up then; `.timedOut`; `.interrupted`.
    public func awaitStarts(timeoutSeconds: Int) throws(RuntimeError) {
        let deadline = timeoutSeconds > 0 ? Clock.milliseconds() + timeoutSeconds * 1000 : nil
        // One that others need alone is waited for by whoever starts these.
        let asked = running.filter { $0.isMeant(by: names) }
        for jail in asked where isStarting(jail) {
            let what = "its start by another command"
            host.waits.begin(jail.label, what)
            defer { host.waits.end() }
            while isStarting(jail) {
                if let deadline, deadline <= Clock.milliseconds() {
                    throw .timedOut(jail: jail.label, "\(what), after \(timeoutSeconds) s")
                }
                if let signal = host.waits.pause(milliseconds: Self.pauseMilliseconds, host.signals) {
                    throw .interrupted(jail: jail.label, signal: signal)
                }
            }
            if isUp(jail) { continue }
            throw .host("\(jail.label): another command was starting it, and it is not up", hint: nil)
        }
        if let jail = asked.first(where: isUnhealthy) {
            throw .host(
                "\(jail.label): up already, and unhealthy\(jail.health.map { ": \(Terminal.escaped($0.command.value))" } ?? "")",
                hint: "jailrun restart \(jail.label) starts it again")
        }
    }

    /// Of those that were up before.
    public var stillRunning: [JailSpec] { running.filter(isUp) }

    private func isUnhealthy(_ jail: JailSpec) -> Bool {
        ServiceRegistry(state: host.state).record(of: jail.name.value)?.state == .unhealthy
    }

    func isStarting(_ jail: JailSpec) -> Bool {
        guard let service = ServiceRegistry(state: host.state).record(of: jail.name.value) else { return false }
        guard service.isSupervisorAlive else { return false }
        switch service.state {
        case .waiting, .starting, .restarting, .stopping: return true
        // Nothing will change about one that is not started again.
        case .unhealthy: return service.spec.restart.policy != .no
        case .up, .healthy, .ended, .failed: return false
        }
    }

    /// Or did its work meanwhile.
    private func isUp(_ jail: JailSpec) -> Bool {
        host.state.trace(of: jail.name.value)?.isAlive == true
            || ServiceRegistry(state: host.state).record(of: jail.name.value)?.state == .ended
    }
}
