internal import Glibc
internal import SystemPackage

/// The network of a start: planned and connected under one lock, which is held from the look at the host to `close()`.
final class NetworkStart {
    /// What the jail has of its own.
    private(set) var operations: [Located<NetworkOperation>] = []
    /// The links that were moved into the jail, and the indices that they have there.
    private(set) var moved: [(name: String, index: Int)] = []
    /// What is not there of what it shares with others.
    private(set) var lacking: [Located<NetworkOperation>] = []
    /// All that it shares with others.
    private(set) var shared: [Located<NetworkOperation>] = []
    /// What is in the way, and has no door.
    private(set) var obstacles: [FirewallObstacle] = []
    /// Who has the address already, and shares its network.
    private(set) var holder: JoinedNetwork?
    /// A jail that is planned together with this one, before it.
    struct Companion {
        var spec: ConfiguredJail
        var number: Int
    }

    private let jail: ConfiguredJail
    private let host: Host
    private var companions: [Companion] = []
    /// Names the links that are planned.
    private let number: Int
    private var companion: Companion?
    private var connection: NetworkConnection?

    private static let timeoutMilliseconds = 30000
    private static let pauseMilliseconds = 2

    /// - Parameters:
    ///   - number: of the jail's links, as its trace has it.
    ///   - mayJoin: a network that others are in; what runs already stays in its own.
    init(jail: ConfiguredJail, number: Int, host: Host, mayJoin: Bool) throws(RuntimeError) {
        (self.jail, self.number, self.host) = (jail, number, host)
        // The child itself raises lo; see Planner.raiseLoopback().
        guard jail.network.isConnected else { return }
        let deadline = Clock.milliseconds() + Self.timeoutMilliseconds
        host.waits.begin(jail.label, "the jail that has its address to be up, or gone")
        defer { host.waits.end() }
        while try !connect(mayJoin: mayJoin) {
            if Clock.milliseconds() > deadline { throw .timedOut(jail: jail.label, "the jail that has its address") }
            if let signal = host.waits.pause(milliseconds: Self.pauseMilliseconds, host.signals) {
                throw .interrupted(jail: jail.label, signal: signal)
            }
        }
    }

    /// The plan alone, as the host is now: takes no lock, so writes nothing, and cannot be performed.
    /// - Parameters:
    ///   - companions: jails that will be up by then, and the numbers of their links.
    ///   - trial: of what a start finds out as it does it.
    ///   - ports: of all jails that are planned together.
    init(
        preview jail: ConfiguredJail, number: Int, host: Host, companions: [Companion], trial: HoldTrial,
        ports: PortLook
    ) throws(RuntimeError) {
        (self.jail, self.number, self.host) = (jail, number, host)
        self.companions = companions
        guard jail.network.isConnected else { return }
        if let assumed = host.assumed {
            if try plan(assumed.network, mayJoin: true) { return }
            throw busy
        }
        let proc = try NetworkConnection.openProc()
        let netlink: Netlink
        do throws(NetlinkError) { netlink = try Netlink(proc: FileDescriptor(rawValue: proc.number)) } catch {
            throw failure(error, origin: jail.network.mode.origin)
        }
        let ledger = try host.state.networkLedger()
        if try !plan(netlink, ledger, ports, mayJoin: true) { throw busy }
        guard Host.seesRules else { return }
        for step in operations {
            guard case .holdLink(let hold) = step.value else { continue }
            do throws(NetlinkError) { try trial.check(hold, netlink) } catch {
                throw failure(error, origin: step.origin)
            }
        }
    }

    private var busy: RuntimeError {
        .unsuitable(
            jail: jail.label, origin: jail.network.mode.origin,
            "the jail that has its address is about to be up, or gone", hint: nil)
    }

    /// Only what the jail shares, before its commands of the host are run. What is wrong with the rest is reported
    /// after these, which may make what it needs.
    init(sharedBy jail: ConfiguredJail, number: Int, host: Host) throws(RuntimeError) {
        (self.jail, self.number, self.host) = (jail, number, host)
        guard jail.network.isConnected else { return }
        let opened = try NetworkConnection(host: host)
        do throws(NetlinkError) {
            let facts = try opened.netlink.facts(for: jail.network)
            if let plan = try? NetworkPlan(sharedBy: jail.network, jail: (jail.name.value, number), facts: facts) {
                (shared, lacking) = (plan.shared, plan.lacking)
            }
        } catch { throw failure(error, origin: jail.network.mode.origin) }
        connection = opened
    }

    /// For operations that were planned for a jail that runs: takes the lock alone.
    init(changing jail: ConfiguredJail, host: Host) throws(RuntimeError) {
        (self.jail, self.host, number) = (jail, host, 0)
        connection = try NetworkConnection(host: host)
    }

    /// - Returns: false, without the lock, when another jail has to be waited for.
    private func connect(mayJoin: Bool) throws(RuntimeError) -> Bool {
        let opened = try NetworkConnection(host: host)
        let ledger: NetworkLedger
        do throws(NetlinkError) { ledger = try opened.lock.ledger() } catch {
            throw failure(error, origin: jail.network.mode.origin)
        }
        guard try plan(opened.netlink, ledger, mayJoin: mayJoin) else { return false }
        connection = opened
        return true
    }

    private func plan(
        _ netlink: borrowing Netlink, _ ledger: NetworkLedger, _ ports: PortLook? = nil, mayJoin: Bool
    ) throws(RuntimeError) -> Bool {
        var facts: HostNetworkFacts
        do throws(NetlinkError) {
            let taken = try ports?.taken(for: jail.network.ports, netlink)
            facts = try netlink.facts(for: jail.network, seesRules: Host.seesRules, takenPorts: taken)
        } catch { throw failure(error, origin: jail.network.mode.origin) }
        facts.remember(ledger)
        return try plan(facts, mayJoin: mayJoin)
    }

    private func plan(_ facts: HostNetworkFacts, mayJoin: Bool) throws(RuntimeError) -> Bool {
        if mayJoin, let (link, address) = linkOfOthers(facts) {
            switch try NetworkGroup.search(for: jail, link: link, host: host) {
            case .busy: return false
            case .refused(let objection):
                let error = NetworkPlanError.addressOfJail(address: address.address, jail: link.jail, address.origin)
                throw .unsuitable(jail: jail.label, origin: error.origin, "\(error)", hint: objection)
            case .holder(let found): holder = found
            }
        }
        companion = try companionWithAddress()
        do throws(NetworkPlanError) {
            let plan = try plan(facts)
            (operations, lacking, shared) = (plan.own, plan.lacking, plan.shared)
            obstacles = jail.network.obstaclesWithoutDoor(facts)
        } catch {
            throw .unsuitable(jail: jail.label, origin: error.origin, "\(error)", hint: error.hint)
        }
        return true
    }

    private func plan(_ facts: HostNetworkFacts) throws(NetworkPlanError) -> NetworkPlan {
        guard let number = holder?.trace.network ?? companion?.number else {
            return try NetworkPlan(
                for: jail.network, jail: (jail.name.value, self.number), facts: facts,
                namespaceFile: host.state.namespacePath(jail.name.value))
        }
        let isMapped = jail.privileges.userNamespace.value != .host
        return try NetworkPlan(
            joining: jail.network, jail: (jail.name.value, number), facts: facts,
            opensReservedPorts: isMapped && CapabilitySet(jail.privileges).contains(.netBindService))
    }

    /// Who of the same command has the address before this jail, and is to share its network.
    private func companionWithAddress() throws(RuntimeError) -> Companion? {
        for other in companions {
            for spec in jail.network.addresses
            where other.spec.network.addresses.contains(where: { $0.address == spec.address }) {
                guard let objection = jail.objection(toSharingWith: other.spec) else { return other }
                let error = NetworkPlanError.addressOfJail(
                    address: spec.address, jail: other.spec.name.value, spec.origin)
                throw .unsuitable(jail: jail.label, origin: error.origin, "\(error)", hint: objection)
            }
        }
        return nil
    }

    /// Who has the address already, if it is to be in that jail's network: not up yet when it is of the same command.
    var holderFacts: StartFacts.NetworkHolder? {
        holder?.facts ?? companion.map { StartFacts.NetworkHolder(jail: $0.spec.name.value, pid: 0) }
    }

    /// A link that has an address of this jail's.
    private func linkOfOthers(_ facts: HostNetworkFacts) -> (JailLink, AddressSpec)? {
        if facts.jailAddresses.isEmpty { return nil }
        for spec in jail.network.addresses {
            guard let address = InternetAddress(spec.address) else { continue }
            for link in facts.jailLinks
            where link.jail != jail.name.value && link.addresses.contains(where: { $0.address == address }) {
                return (link, spec)
            }
        }
        return nil
    }

    /// Performs one operation.
    /// - Parameter child: the pid of the jail's first process, whose network namespace is the jail's.
    func perform(_ operation: NetworkOperation, step: Step, child: Int32) throws(RuntimeError) {
        do throws(NetlinkError) {
            if child > 0 { try connection!.enter(networkOf: child) }
            try connection!.netlink.perform(operation, under: connection!.lock)
            if case .moveLink(let name, _) = operation, let index = connection!.netlink.indexInJail(of: name) {
                moved.append((name, index))
            }
        } catch { throw failure(error, origin: step.origin) }
    }

    /// What takes the network back, with what is known only now of the links that were moved.
    func completed(_ undo: [NetworkOperation]) -> [NetworkOperation] {
        if moved.isEmpty { return undo }
        return undo.map { operation in
            guard case .returnLink(let name, _, let file) = operation,
                let link = moved.first(where: { $0.name == name })
            else { return operation }
            return .returnLink(name: name, index: link.index, file: file)
        }
    }

    private func failure(_ error: NetlinkError, origin: Origin) -> RuntimeError {
        .unsuitable(jail: jail.label, origin: origin, "cannot connect the network: \(error)", hint: error.hint)
    }

    /// Lets go of the lock, and of the network that was joined.
    func close() { (connection, holder) = (nil, nil) }
}

/// Sockets, and the lock on what jails share.
final class NetworkConnection {
    var netlink: Netlink
    let lock: NetworkLock
    private let proc: Descriptor
    private let lockFile: JailLock
    private let visit: NetworkVisit?
    private var namespace = Descriptor.none

    convenience init(host: Host) throws(RuntimeError) { try self.init(Self.lock(host), visit: nil) }

    /// In the network that a jail's links are in. Nil when that is gone, with all that was in it.
    /// - Parameter isForced: takes it for gone when nobody is left who could be in it, but a process that could not be looked at.
    static func home(of trace: JailTrace, _ host: Host, isForced: Bool) throws(RuntimeError) -> NetworkConnection? {
        guard let home = trace.home else { return try NetworkConnection(host: host) }
        // Before the look, which would be old when others have let go of it.
        let lock = try lock(host)
        for _ in 0..<2 {
            switch try way(to: home, of: trace, host, isForced: isForced) {
            case .here: return try NetworkConnection(lock, visit: nil)
            // What names it may be what was damaged: all that has the jail's name here is its own.
            case .gone where trace.unreadable != nil: return try NetworkConnection(lock, visit: nil)
            case .gone: return nil
            case .there(let place):
                // A process may have ended since, and another have its number.
                if let visit = try NetworkVisit(place), try NetworkNamespace.own().isSame(as: home) {
                    return try NetworkConnection(lock, visit: visit)
                }
            }
        }
        throw .host("cannot enter \(home.name): it has moved", hint: nil)
    }

    private static func way(to home: NetworkNamespace, of trace: JailTrace, _ host: Host, isForced: Bool)
        throws(RuntimeError) -> NetworkNamespace.Way
    {
        do throws(RuntimeError) { return try home.way(keeper: trace.supervisor) } catch {
            if !isForced { throw error }
            if try trace.isAlive() { throw error }
            if try trace.isKept() { throw error }
            host.audience.warn("\(trace.label): \(error.message); it is taken for gone")
            return .gone
        }
    }

    private static func lock(_ host: Host) throws(RuntimeError) -> JailLock {
        try JailLock(
            host.state.networkPath, in: host.state, jail: "network", writesHolder: false,
            waits: (host.waits, host.signals))
    }

    /// For one that waits for nothing, a supervisor. Nil when another jailrun has the lock.
    static func ifFree(_ host: Host) throws(RuntimeError) -> NetworkConnection? {
        try host.state.prepare()
        guard let lockFile = try JailLock(tryLocking: host.state.networkPath, writesHolder: false) else { return nil }
        return try NetworkConnection(lockFile, visit: nil)
    }

    private init(_ lockFile: consuming JailLock, visit: consuming NetworkVisit?) throws(RuntimeError) {
        let proc = try Self.openProc()
        let place = try NetworkNamespace.own()
        do throws(NetlinkError) {
            lock = try NetworkLock(FileDescriptor(rawValue: lockFile.descriptor.number), place: place)
            netlink = try Netlink(proc: FileDescriptor(rawValue: proc.number))
        } catch { throw .host("\(error)", hint: error.hint) }
        self.proc = proc
        self.lockFile = lockFile
        self.visit = visit
    }

    /// Lets operations in a jail's network be performed, once that of a process of it is open.
    func enter(networkOf pid: Int32) throws(NetlinkError) {
        if namespace.number >= 0 { return }
        do throws(Errno) { namespace = try Files.open("/proc/\(pid)/ns/net") } catch { throw .socket(error) }
        try netlink.enter(FileDescriptor(rawValue: namespace.number))
    }

    static func openProc() throws(RuntimeError) -> Descriptor {
        try attempt("/proc") { () throws(Errno) in
            try Files.open("/proc", Int32(OpenFlags([.path, .directory]).rawValue))
        }
    }
}

extension Host {
    /// What a start says of a firewall in its way.
    func warn(of obstacles: [(jail: String, obstacle: FirewallObstacle)]) {
        for warning in FirewallWarning.all(obstacles) {
            let place = if case .configuration(let place) = warning.origin { "\(place): " } else { "" }
            audience.warn("\(place)\(warning.jails.enumerated): warning: \(warning.message)\n    hint: \(warning.hint)")
        }
    }

    /// What is in the way of jails that are about to be started, said once for all; of those that have their addresses by their
    /// hostname each start says its own.
    func warn(ofFirewallBefore jails: [ConfiguredJail]) throws(RuntimeError) {
        let connected = jails.filter { $0.network.isConnected && $0.network.lookup == nil }
        if connected.isEmpty || assumed != nil { return }
        let facts = try HostFacts.network(connected, self)
        var found: [(jail: String, obstacle: FirewallObstacle)] = []
        for jail in connected {
            found += jail.network.obstaclesWithoutDoor(facts).map { (jail.label, $0) }
        }
        warn(of: found)
    }
}

extension Netlink {
    /// Names of the jails that a link of this host says it belongs to.
    func jailNames() throws(NetlinkError) -> [String] {
        var names: [String] = []
        for link in HostNetworkFacts(links: try links()).jailLinks where !names.contains(link.jail) {
            names.append(link.jail)
        }
        for name in try packetRules().map(\.jail) + doorOwners() where !names.contains(name) { names.append(name) }
        return names
    }

    /// Whether jailrun's bridge is there though no jail's link is.
    func hasUnusedBridge() throws(NetlinkError) -> Bool {
        let links = try links()
        return HostNetworkFacts(links: links).jailLinks.isEmpty
            && links.contains { $0.name == NetworkPlan.bridge && !HostNetworkFacts.isForeign($0) }
    }
}
