internal import CNamespaces
internal import SystemPackage

/// What somebody else does to the host's network while jails are up.
extension Supervisor {
    func watchNetwork() {
        if rulesWatch < 0, services.contains(where: \.hasNetwork) { rulesWatch = cns_nft_watch() }
        if forwardingWatch < 0, services.contains(where: \.spec.network.isForwarded) {
            forwardingWatch = cns_forwarding_watch()
            ipv6Milliseconds = 0
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
        ipv6Milliseconds = 0
    }

    /// To the kernel another number than 0 in the place of jailrun's mark is no change, and for IPv6 it tells nobody
    /// (net/ipv6/addrconf.c). So it is looked at, as long as the mark is there.
    private func lookAtIPv6Forwarding() {
        guard let moment = ipv6Milliseconds, moment <= Clock.milliseconds() else { return }
        if forwardsIPv6ForJails { return ipv6Milliseconds = Clock.milliseconds() + Self.laterMilliseconds }
        ipv6Milliseconds = nil
        releaseGuards()
    }

    /// On a doubt, too: it is looked at again.
    private var forwardsIPv6ForJails: Bool {
        do throws(RuntimeError) {
            return try look { netlink throws(NetlinkError) in
                try netlink.sysctl(NetworkSysctl.ipv6Forwarding) == NetworkSysctl.mark
            }
        } catch {
            tellOnce(error.message)
            return true
        }
    }

    /// Also after a start, whose rules were planned before somebody turned it on.
    func releaseGuards() {
        do throws(RuntimeError) {
            guardsMilliseconds = try tryReleasingGuards() ? nil : Clock.milliseconds() + Self.busyMilliseconds
        } catch {
            guardsMilliseconds = Clock.milliseconds() + Self.laterMilliseconds
            tellOnce(error.message)
        }
    }

    /// - Returns: false when another jailrun is at work on the network, for which no supervisor waits.
    private func tryReleasingGuards() throws(RuntimeError) -> Bool {
        let isNeeded = try look { netlink throws(NetlinkError) in try !netlink.staleGuards().isEmpty }
        if isNeeded {
            guard let connection = try NetworkConnection.ifFree(host) else { return false }
            do throws(NetlinkError) { try connection.netlink.releaseGuards(under: connection.lock) } catch {
                throw .host("cannot let others forward: \(error)", hint: error.hint)
            }
        }
        networkObjection = nil
        return true
    }

    private func look<Result>(_ body: (borrowing Netlink) throws(NetlinkError) -> Result) throws(RuntimeError)
        -> Result
    {
        let proc = try NetworkConnection.openProc()
        do throws(NetlinkError) { return try body(Netlink(proc: FileDescriptor(rawValue: proc.number))) } catch {
            throw .host("cannot look at who forwards: \(error)", hint: error.hint)
        }
    }

    // MARK: Later

    /// How long to wait for another jailrun; and after a failure, or between two looks.
    private static var busyMilliseconds: Int { 100 }
    private static var laterMilliseconds: Int { 1000 }

    /// What is due.
    func lookAtNetwork() {
        if let moment = guardsMilliseconds, moment <= Clock.milliseconds() { releaseGuards() }
        lookAtIPv6Forwarding()
    }

    /// When something is due next.
    var networkMilliseconds: Int? { [guardsMilliseconds, ipv6Milliseconds].compactMap { $0 }.min() }

    /// What fails is tried again and again.
    private func tellOnce(_ message: String) {
        if message != networkObjection { host.warn(message) }
        networkObjection = message
    }
}

extension Service {
    fileprivate var hasNetwork: Bool { spec.network.isConnected && !spec.network.addresses.isEmpty }
}
