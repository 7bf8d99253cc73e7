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
        guard cns_nft_has_lost(rulesWatch) else { return }
        for service in services where service.hasNetwork { service.rulesMilliseconds = 0 }
    }

    private func putBackRules() {
        let now = Clock.milliseconds()
        let due = services.filter { $0.rulesLookMilliseconds.map { $0 <= now } ?? false }
        if due.isEmpty { return }
        let repair = NetworkRepair(host: host)
        for service in due {
            let pause = putBackRules(of: service, repair)
            service.rulesMilliseconds = pause.map { Clock.milliseconds() + $0 }
        }
    }

    /// Whoever works on it meanwhile may have looked before the rules went.
    /// - Returns: when to look again; nil when all are there.
    private func putBackRules(of service: Service, _ repair: NetworkRepair) -> Int? {
        follow(service)
        guard service.pidfd >= 0 else { return nil }
        do throws(RuntimeError) {
            guard let lock = try JailLock(tryLocking: host.state.lockPath(service.name), writesHolder: false) else {
                return Self.busyMilliseconds
            }
            let pause = mend(service, repair)
            lock.release(of: service.name, in: host.state)
            return pause
        } catch {
            tellOnce(error.message)
            return Self.laterMilliseconds
        }
    }

    private func mend(_ service: Service, _ repair: NetworkRepair) -> Int? {
        do throws(RuntimeError) {
            guard let record = try host.state.record(of: service.name), try record.isAlive() else { return nil }
            do throws(RuntimeError) {
                if try !repair.mendIfFree(record) { return Self.busyMilliseconds }
            } catch {
                tellOnce(repair.message(of: error, record))
                return Self.laterMilliseconds
            }
            networkObjection = nil
            return nil
        } catch {
            tellOnce(error.message)
            return Self.laterMilliseconds
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
                throw .host("cannot let other programs forward: \(error)", hint: error.hint)
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
            throw .host("cannot find out who forwards: \(error)", hint: error.hint)
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
        putBackRules()
    }

    /// When something is due next.
    var networkMilliseconds: Int? {
        let moments = [guardsMilliseconds, ipv6Milliseconds] + services.map(\.rulesLookMilliseconds)
        return moments.compactMap { $0 }.min()
    }

    /// What fails is tried again and again.
    private func tellOnce(_ message: String) {
        if message != networkObjection { host.audience.warn(message) }
        networkObjection = message
    }
}

extension Service {
    fileprivate var hasNetwork: Bool { spec.network.isConnected && !spec.network.addresses.isEmpty }

    /// One that is being started or stopped is looked at when that is done.
    fileprivate var rulesLookMilliseconds: Int? { work == nil ? rulesMilliseconds : nil }
}
