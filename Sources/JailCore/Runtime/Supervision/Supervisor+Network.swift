internal import CNamespaces
internal import SystemPackage

/// What somebody else does to the host's network while jails are up.
extension Supervisor {
    func watchNetwork() {
        if rulesWatch < 0, services.contains(where: \.hasNetwork) { rulesWatch = cns_nft_watch() }
        if forwardingWatch < 0, services.contains(where: \.spec.network.isForwarded) {
            forwardingWatch = cns_forwarding_watch()
        }
    }

    /// A reload of nftables begins with taking all rules away.
    func rulesChanged() {
        if cns_nft_has_lost(rulesWatch) { hasLostRules = true }
    }

    /// One that is being started or stopped is looked at when that is done.
    func putBackRules() {
        guard hasLostRules else { return }
        let repair = NetworkRepair(host: host)
        hasLostRules = false
        for service in services where service.hasNetwork {
            if service.work != nil {
                hasLostRules = true
                continue
            }
            if service.pidfd < 0 { continue }
            do throws(RuntimeError) {
                // Whoever works on it looks by itself, or takes the rules away.
                guard let lock = try JailLock(tryLocking: host.state.lockPath(service.name), writesHolder: false) else {
                    continue
                }
                if let record = try host.state.record(of: service.name), try record.isAlive() { repair.mend(record) }
                _ = consume lock
            } catch { host.warn(error.message) }
        }
    }

    // Where the host did not forward, it does so for jails alone; until somebody else turns that on.

    func forwardingChanged() {
        cns_forwarding_heard(forwardingWatch)
        releaseGuards()
    }

    /// Also after a start, whose rules were planned before somebody turned it on.
    func releaseGuards() {
        do throws(RuntimeError) {
            guardsMilliseconds = try tryReleasingGuards() ? nil : Clock.milliseconds() + Self.busyMilliseconds
        } catch {
            guardsMilliseconds = Clock.milliseconds() + Self.failedMilliseconds
            tellOnce(error.message)
        }
    }

    /// - Returns: false when another jailrun is at work on the network, for which no supervisor waits.
    private func tryReleasingGuards() throws(RuntimeError) -> Bool {
        guard let connection = try NetworkConnection.ifFree(host) else { return false }
        do throws(NetlinkError) { try connection.netlink.releaseGuards(under: connection.lock) } catch {
            throw .host("cannot look at who forwards: \(error)", hint: error.hint)
        }
        networkObjection = nil
        return true
    }

    // MARK: Later

    /// How long to wait for another jailrun, and after a failure.
    private static var busyMilliseconds: Int { 100 }
    private static var failedMilliseconds: Int { 1000 }

    /// What is due.
    func lookAtNetwork() {
        if let moment = guardsMilliseconds, moment <= Clock.milliseconds() { releaseGuards() }
    }

    /// When something is due next.
    var networkMilliseconds: Int? { guardsMilliseconds }

    /// What fails is tried again and again.
    private func tellOnce(_ message: String) {
        if message != networkObjection { host.warn(message) }
        networkObjection = message
    }
}

extension Service {
    fileprivate var hasNetwork: Bool { spec.network.isConnected && !spec.network.addresses.isEmpty }
}
