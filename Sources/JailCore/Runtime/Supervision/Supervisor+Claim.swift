internal import Glibc

/// A jail's name belongs to one supervisor at a time: what it starts, and what it leaves to another. docs/design/0040.
extension Supervisor {
    /// How a start takes the name of its jail.
    struct Claim {
        var record: ServiceRecord
        /// It has the name already, unless a stop has taken it away.
        var isAgain: Bool
        /// The process of the restart that has the name.
        var restart: Int32?
        /// The jail is left to another command that was a moment earlier.
        var yields: Bool
    }

    func make(_ claim: Claim) throws(RuntimeError) {
        let lock = try host.lock(claim.record.name)
        try registry.claim(claim.record, isAgain: claim.isAgain, after: claim.restart)
        _ = consume lock
    }

    /// Before anything starts, those that depend on others take their names, in one order for all commands: of two that want the
    /// same at once one has all of it, and the other starts nothing.
    func claimDependents() {
        let graph = DependencyGraph(services.map(\.spec))
        let dependents = services.filter { !graph.needs(of: $0.name).isEmpty }.sorted { $0.name < $1.name }
        if claim(dependents) || !options.isTransient { return }
        for service in services where service.life.state == .waiting { skip(service, Clock.milliseconds()) }
    }

    /// Jails that wait for others have their names from the beginning: they are listed, a stop finds them, and nobody else starts
    /// them. A name that somebody is at work on is taken when the start begins.
    func claimWaiting() { _ = claim(services) }

    /// - Returns: whether none is refused; the rest are not claimed then.
    private func claim(_ services: [Service]) -> Bool {
        for service in services where service.life.state == .waiting && !service.isClaimed {
            do throws(RuntimeError) { try claimEarly(service) } catch {
                // The start says what else is wrong.
                guard case .alreadyExists = error else { continue }
                refuse(service, error)
                if !service.isYielded { return false }
            }
        }
        return true
    }

    /// Nothing of it has been started.
    func refuse(_ service: Service, _ error: RuntimeError) {
        if case .alreadyExists = error, service.life.restarts == 0, yields(service) { return yield(service) }
        report(error)
        service.isReported = true
        service.detail = error.message
        service.exitStatus = error.exitStatus
        service.life.startFailed(Clock.milliseconds())
    }

    private func claimEarly(_ service: Service) throws(RuntimeError) {
        try host.state.prepare()
        guard let lock = try JailLock(tryLocking: host.state.lockPath(service.name)) else { return }
        do throws(RuntimeError) {
            try registry.claim(try newRecord(service), isAgain: false, after: restart(of: service))
            service.isClaimed = true
        } catch {
            lock.unlinkAndRelease()
            throw error
        }
        lock.unlinkAndRelease()
    }

    /// The process of the restart that has taken its jail down.
    func restart(of service: Service) -> Int32? {
        service.life.restarts == 0 && !service.isClaimed
            ? options.starts.restarted?.process(holding: service.firstName) : nil
    }

    func yields(_ service: Service) -> Bool { options.starts.yields.contains(service.firstName) }

    /// Who was a moment earlier starts it.
    func yield(_ service: Service) {
        service.isYielded = true
        let end = (try? NameHolder(state: host.state).endWords(of: service.name)) ?? ""
        service.detail = StartSelection.startedElsewhere + end
        service.life.yielded(Clock.milliseconds())
    }
}
