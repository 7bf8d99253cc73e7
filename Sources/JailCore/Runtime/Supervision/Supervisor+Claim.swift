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

    /// Before anything starts, several jails take their names together, under one lock for all commands: nobody gets some of them
    /// while another gets those that they depend on. Only records are looked at and written under it; whoever holds it for 20
    /// seconds has been stopped in the middle, and is not waited for.
    func takeNames() {
        let waiting = services.filter { $0.life.state == .waiting }.sorted { $0.name < $1.name }
        if namesDeadline == nil { namesDeadline = Clock.milliseconds() + Self.namesMilliseconds }
        hasNames = isStopping || waiting.count < 2 || takeTogether(waiting)
    }

    private static let namesMilliseconds = 20_000
    /// No jail has such a name.
    private var namesLock: String { host.state.lockPath("~names") }

    /// - Returns: whether it is done; false while another command has the lock, or is at work on one of the jails for a moment.
    private func takeTogether(_ waiting: [Service]) -> Bool {
        do throws(RuntimeError) {
            try host.state.prepare()
            if let lock = try JailLock(tryLocking: namesLock) {
                claim(waiting)
                lock.unlinkAndRelease()
                return hasTaken(waiting)
            }
            if let namesDeadline, Clock.milliseconds() < namesDeadline { return false }
        } catch {}  // The start says what is wrong.
        claim(waiting)
        return true
    }

    /// Who looks at a jail or repairs it has its name's lock for a moment, in which nobody can take the name; a stop has it for
    /// longer, and is waited for by the start.
    private func hasTaken(_ waiting: [Service]) -> Bool {
        if waiting.allSatisfy({ $0.isClaimed || $0.life.state != .waiting || yields($0) }) { return true }
        guard let namesDeadline else { return true }
        return namesDeadline - Clock.milliseconds() < Self.namesMilliseconds - Self.momentMilliseconds
    }

    private static let momentMilliseconds = 1000

    /// `the lock of all names, held by pid 4711 (jailrun run www.conf)`, once it has lasted; nil of a jail that may begin.
    func awaitedNames(since: Int) -> String? {
        if hasNames || Clock.milliseconds() - since < Waits.pauseMilliseconds { return nil }
        return "the lock of all names, held by \(LockHolder(of: namesLock)?.text ?? "another jailrun")"
    }

    /// Of two runs that want the same at once one has all of it, and the other starts nothing.
    private func claim(_ waiting: [Service]) {
        if options.isTransient, let (service, error) = firstTaken(of: waiting) {
            refuse(service, error)
            for other in waiting where other.life.state == .waiting { skip(other, Clock.milliseconds()) }
        }
        claimFree(waiting)
    }

    /// One that is not left to whoever has it.
    private func firstTaken(of waiting: [Service]) -> (Service, RuntimeError)? {
        for service in waiting where !yields(service) {
            do throws(RuntimeError) {
                try registry.checkFree(try newRecord(service), after: restart(of: service))
            } catch {
                if case .alreadyExists = error { return (service, error) }
            }
        }
        return nil
    }

    /// A jail that waits for others has its name from the beginning: it is listed, a stop finds it, and nobody else starts it. A name
    /// that somebody is at work on is taken when the start begins.
    func claimWaiting() { claimFree(services) }

    private func claimFree(_ services: [Service]) {
        for service in services where service.life.state == .waiting && !service.isClaimed {
            do throws(RuntimeError) { try claimEarly(service) } catch {
                // The start says what else is wrong.
                if case .alreadyExists = error { refuse(service, error) }
            }
        }
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
