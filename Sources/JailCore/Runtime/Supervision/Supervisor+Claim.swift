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

    /// Jails that wait for others have their names from the beginning: they are listed, a stop finds them, and nobody else starts
    /// them. A name that somebody is at work on is taken when the start begins.
    func claimWaiting() {
        for service in services where service.life.state == .waiting {
            do throws(RuntimeError) { try claimEarly(service) } catch {
                // The start says it.
                if case .alreadyExists = error, yields(service) { yield(service) }
            }
        }
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
        service.life.yielded(Clock.milliseconds())
    }
}
