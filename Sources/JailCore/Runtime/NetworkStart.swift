internal import Glibc
internal import SystemPackage

/// The network of a start: planned and connected under one lock, which is held from the look at the host to `close()`.
final class NetworkStart {
    private(set) var operations: [Located<NetworkOperation>] = []
    private let jail: JailSpec
    private var connection: NetworkConnection?
    private var namespace = Descriptor(-1)

    init(jail: JailSpec, identity: JailIdentity, host: Host) throws(RuntimeError) {
        self.jail = jail
        // The child itself raises lo; see Planner.raiseLoopback().
        guard jail.network.isConnected else { return }
        let opened = try NetworkConnection(host: host)
        let namespaceFile = host.state.namespacePath(jail.name.value)
        let ledger: NetworkLedger
        do throws(NetlinkError) { ledger = try opened.lock.ledger() } catch {
            throw failure(error, origin: jail.network.mode.origin)
        }
        try plan(opened.netlink, identity, namespaceFile, ledger)
        connection = opened
    }

    /// The plan alone, as the host is now: takes no lock, so writes nothing, and cannot be performed.
    init(preview jail: JailSpec, identity: JailIdentity, host: Host) throws(RuntimeError) {
        self.jail = jail
        guard jail.network.isConnected else { return }
        let proc = try NetworkConnection.openProc()
        let netlink: Netlink
        do throws(NetlinkError) { netlink = try Netlink(proc: FileDescriptor(rawValue: proc.number)) } catch {
            throw failure(error, origin: jail.network.mode.origin)
        }
        let ledger = NetworkLedger((try? Files.text(host.state.networkPath)) ?? "")
        try plan(netlink, identity, host.state.namespacePath(jail.name.value), ledger)
    }

    /// For operations that were planned for a jail that runs: takes the lock alone.
    init(changing jail: JailSpec, host: Host) throws(RuntimeError) {
        self.jail = jail
        connection = try NetworkConnection(host: host)
    }

    private func plan(
        _ netlink: borrowing Netlink, _ identity: JailIdentity, _ namespaceFile: String, _ ledger: NetworkLedger
    ) throws(RuntimeError) {
        var facts: HostNetworkFacts
        do throws(NetlinkError) {
            facts = try netlink.facts(for: jail.network)
        } catch { throw failure(error, origin: jail.network.mode.origin) }
        facts.originals = ledger.entries.map { HostNetworkFacts.Sysctl(path: $0.path, value: $0.value) }
        do throws(NetworkPlanError) {
            operations = try NetworkPlan(
                for: jail.network, jail: (jail.name.value, identity.jid), facts: facts, namespaceFile: namespaceFile
            ).operations
        } catch { throw .unsuitable(jail: jail.label, origin: error.origin, "\(error)", hint: error.hint) }
    }

    /// Performs one operation.
    /// - Parameter child: the pid of the jail's first process, whose network namespace is the jail's.
    func perform(_ operation: NetworkOperation, step: Step, child: Int32) throws(RuntimeError) {
        do throws(NetlinkError) {
            if namespace.number < 0 { try enter(child) }
            try connection!.netlink.perform(operation, under: connection!.lock)
        } catch { throw failure(error, origin: step.origin) }
    }

    private func failure(_ error: NetlinkError, origin: Origin) -> RuntimeError {
        .unsuitable(jail: jail.label, origin: origin, "cannot connect the network: \(error)", hint: error.hint)
    }

    private func enter(_ child: Int32) throws(NetlinkError) {
        do throws(Errno) { namespace = try Files.open("/proc/\(child)/ns/net") } catch { throw .socket(error) }
        try connection!.netlink.enter(FileDescriptor(rawValue: namespace.number))
    }

    /// Lets go of the lock.
    func close() { connection = nil }
}

/// Sockets, and the lock on what jails share.
final class NetworkConnection {
    var netlink: Netlink
    let lock: NetworkLock
    private let proc: Descriptor
    private let lockFile: JailLock

    init(host: Host) throws(RuntimeError) {
        let lockFile = try JailLock(host.state.networkPath, in: host.state, jail: "network", writesHolder: false)
        let proc = try Self.openProc()
        do throws(NetlinkError) {
            lock = try NetworkLock(FileDescriptor(rawValue: lockFile.descriptor.number))
            netlink = try Netlink(proc: FileDescriptor(rawValue: proc.number))
        } catch { throw .host("\(error)", hint: error.hint) }
        self.proc = proc
        self.lockFile = lockFile
    }

    static func openProc() throws(RuntimeError) -> Descriptor {
        try attempt("/proc") { () throws(Errno) in
            try Files.open("/proc", Int32(OpenFlags([.path, .directory]).rawValue))
        }
    }
}

extension Netlink {
    /// Names of the jails that a link of this host says it belongs to.
    func jailNames() throws(NetlinkError) -> [String] {
        var names: [String] = []
        for link in HostNetworkFacts(links: try links()).jailLinks where !names.contains(link.jail) {
            names.append(link.jail)
        }
        for rule in try packetRules() where !names.contains(rule.jail) { names.append(rule.jail) }
        return names
    }

    /// Whether jailrun's bridge is there though no jail's link is.
    func hasUnusedBridge() throws(NetlinkError) -> Bool {
        let links = try links()
        return HostNetworkFacts(links: links).jailLinks.isEmpty
            && links.contains { $0.name == NetworkPlan.bridge && !HostNetworkFacts.isForeign($0) }
    }
}
