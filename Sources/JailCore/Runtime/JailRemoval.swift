internal import Glibc
internal import SystemPackage

/// Takes back whatever of a jail may be there, from its trace alone. What is gone is done: it can be run at any point of a
/// start or a stop that was interrupted, and again.
struct JailRemoval {
    let trace: JailTrace
    /// What is known to take the network back; the kernel tells the rest.
    var networkUndo: [NetworkOperation] = []
    let host: Host

    /// - Returns: whether nothing is left.
    @discardableResult
    func run() -> Bool {
        let cgroup = Cgroup(path: trace.cgroup)
        // A cgroup of somebody else's may have had the name before: then the start failed, and nothing in it is touched. One
        // that was made but not yet marked is empty.
        let isOurs = cgroup.belongs(to: trace.name)
        if !isOurs { cgroup.removeIfEmpty() }
        // As long as there is a network to be taken back, the cgroup tells whose it is.
        let isGone = isOurs && !trace.hasNetwork && cgroup.removeIfEmpty()
        // With those of the jails inside it, whose rest is then taken back before its own.
        let isDead = !isOurs || isGone || killAll()
        let nesting = JailNesting(of: trace.name, host: host)
        if isOurs { nesting.removeJails(in: cgroup) }
        let isDisconnected = NetworkStop(trace: trace, undo: networkUndo, host: host).run()
        // What could not be taken back keeps its trace: the next command tries again.
        let isRemoved = isDead && isDisconnected && (!isOurs || removeCgroup())
        if isRemoved {
            host.state.remove(trace.name)
            nesting.settleParent()
        }
        return isRemoved
    }

    private func killAll() -> Bool {
        do {
            try Cgroup(path: trace.cgroup).killAll(timeoutMilliseconds: 10000)
            return true
        } catch {
            host.warn("\(trace.label): processes of \(trace.cgroup) do not die: \(error.description)")
            return false
        }
    }

    private func removeCgroup() -> Bool {
        do {
            try Cgroup(path: trace.cgroup).remove()
            return true
        } catch {
            host.warn("\(trace.label): cannot remove \(trace.cgroup): \(error.description)")
            return false
        }
    }
}

/// Takes a jail's network back: the undo that its record holds, then what the kernel says is left.
struct NetworkStop {
    let trace: JailTrace
    let undo: [NetworkOperation]
    let host: Host

    private static let attempts = 20
    private static let pauseMicroseconds: UInt32 = 20000

    /// - Returns: whether nothing is left.
    func run() -> Bool {
        guard trace.hasNetwork else { return true }
        do throws(RuntimeError) {
            let connection = try NetworkConnection(host: host)
            // A start that joined others has told its trace alone.
            let group = NetworkGroup(number: host.state.trace(of: trace.name)?.network ?? trace.network, host: host)
            let heir = group.others(than: trace.name).first
            do throws(NetlinkError) {
                if let heir { try group.handOver(from: trace.name, to: heir, connection) }
                try disconnect(connection, group, isLast: heir == nil)
            } catch { throw .host("\(error)", hint: error.hint) }
            if heir != nil { try group.leave(trace.name) }
            return true
        } catch {
            host.warn("\(trace.label): cannot take the network back: \(error.message)")
            return false
        }
    }

    /// The host's interfaces alone, once the jail's processes are dead. What fails is told, and tried again with the rest.
    func returnInterfaces() {
        if trace.interfaces.isEmpty { return }
        let links = undo.filter { if case .returnLink = $0 { true } else { false } }
        do throws(RuntimeError) {
            let connection = try NetworkConnection(host: host)
            do throws(NetlinkError) {
                for operation in links + returns { try connection.netlink.perform(operation, under: connection.lock) }
            } catch { throw .host("\(error)", hint: error.hint) }
        } catch { host.warn("\(trace.label): cannot take the interfaces back: \(error.message)") }
    }

    /// What a start that was broken off may have moved is known by its trace alone; what is back already is back.
    private var returns: [NetworkOperation] {
        guard !trace.interfaces.isEmpty else { return [] }
        let file = host.state.namespacePath(trace.name)
        return trace.interfaces.reversed().map { .returnLink(name: $0, index: nil, file: file) } + [
            .dropNamespace(file: file)
        ]
    }

    /// The kernel takes a namespace apart in its own time; until then a bridge may still have its port.
    /// What others share stays, but for the jail's own rules.
    private func disconnect(_ connection: NetworkConnection, _ group: NetworkGroup, isLast: Bool) throws(NetlinkError) {
        for operation in isLast ? undo + returns : [] {
            try connection.netlink.perform(operation, under: connection.lock)
        }
        for _ in 0..<Self.attempts {
            _ = try connection.netlink.removeLeftovers(
                jail: trace.name, jid: isLast ? group.number : nil, under: connection.lock)
            if !isLast { return try group.closeLoopback(without: trace.name, connection) }
            if try !connection.netlink.hasUnusedBridge() { return }
            usleep(Self.pauseMicroseconds)
        }
    }
}

/// What every command does first with the name it works on: a jail whose starter or whose processes died is removed.
public struct JailRepair {
    let host: Host
    private let network: NetworkRepair
    public init(host: Host) { (self.host, network) = (host, NetworkRepair(host: host)) }

    /// Removes what is left of a name that is not up, under its lock.
    func repairNamed(_ name: String) throws(RuntimeError) {
        let lock = try host.lock(name)
        try repair(name)
        if host.state.trace(of: name) == nil { lock.unlinkAndRelease() } else { _ = consume lock }
    }

    /// What a start has made that was killed, and so could not take it back itself; another jail may have the name by now.
    /// - Parameter supervisor: who has begun that start.
    func removeStarted(_ name: String, by supervisor: Int32) throws(RuntimeError) {
        let lock = try host.lock(name)
        let trace = try attempt("cannot look \(name) up: \(host.state.tracePath(name))") { () throws(Errno) in
            try host.state.readTrace(of: name)
        }
        if let trace, trace.supervisor == supervisor {
            remove(trace)
        } else {
            try repair(name)
        }
        if host.state.trace(of: name) == nil { lock.unlinkAndRelease() } else { _ = consume lock }
        host.state.removeIfUnused(cgroupRoot: host.cgroupRoot)
    }

    private func remove(_ trace: JailTrace) {
        HookCgroup.end(HookCgroup.place(of: trace.name, host))
        let undo = host.state.record(of: trace.name)?.details.networkUndo ?? []
        JailRemoval(trace: trace, networkUndo: undo, host: host).run()
    }

    /// A jail that lives without a record is one whose start was broken off: nothing lists it, and nothing could stop it.
    /// The caller holds the name's lock.
    func repair(_ name: String) throws(RuntimeError) {
        let trace = try attempt("cannot look \(name) up: \(host.state.tracePath(name))") { () throws(Errno) in
            try host.state.readTrace(of: name)
        }
        if let trace {
            if trace.name != name, host.state.finishRename(name) { return }
            if try isOver(trace, name) {
                remove(trace)
            } else if trace.hasNetwork, let record = host.state.record(of: name) {
                network.mend(record)
            }
        } else if host.cgroup(of: name).belongs(to: name) {
            try removeUnrecorded(name)
        }
    }

    /// Nobody works on it (its lock is ours) and it is not up.
    /// - Throws: when its processes or its record could not be looked at: nothing is removed on a doubt.
    private func isOver(_ trace: JailTrace, _ name: String) throws(RuntimeError) -> Bool {
        if trace.phase != .up { return true }
        return try attempt("cannot look at the processes of \(name)") { () throws(Errno) in
            if trace.isTransient, try ProcessTable.readStartTime(of: trace.supervisor) != trace.supervisorStartTime {
                return true
            }
            guard try trace.readIsAlive() else { return true }
            return try !Files.isThere(host.state.recordPath(name))
        }
    }

    /// A cgroup of a jail whose record is lost.
    private func removeUnrecorded(_ name: String) throws(RuntimeError) {
        let cgroup = host.cgroup(of: name)
        do {
            try cgroup.killAll(timeoutMilliseconds: 10000)
            try cgroup.remove()
        } catch { throw .system("cannot remove the cgroup \(cgroup.path)", error) }
    }

    /// Repairs every name that nobody works on; `prune` and every listing.
    /// - Returns: the names of which something was removed.
    @discardableResult
    public func repairAll(waitingMilliseconds: Int = 0) -> [String] {
        var repaired: [String] = []
        for name in host.state.names + unrecordedNames where !repaired.contains(name) {
            guard let lock = lock(name, waitingMilliseconds: waitingMilliseconds) else { continue }
            let existed = host.state.trace(of: name) != nil || host.cgroup(of: name).belongs(to: name)
            do { try repair(name) } catch { host.warn(error.message) }
            let exists = host.state.trace(of: name) != nil || host.cgroup(of: name).belongs(to: name)
            if existed && !exists { repaired.append(name) }
            if exists { _ = consume lock } else { lock.unlinkAndRelease() }
        }
        let abandoned = ServiceRegistry(state: host.state).removeAbandoned()
        let isLeft = host.removeLeftCgroups()
        host.state.removeStrays()
        if !repaired.isEmpty || !abandoned.isEmpty || isLeft { host.state.removeIfUnused(cgroupRoot: host.cgroupRoot) }
        return repaired
    }

    /// Names of dead jails that nobody works on, and of which something is there all the same.
    var left: [String] {
        (host.state.names + unrecordedNames).filter { name in
            guard let lock = JailLock(tryLocking: host.state.lockPath(name)) else { return false }
            let isLeft = host.state.trace(of: name).map { (try? isOver($0, name)) ?? true } ?? true
            _ = consume lock
            return isLeft
        }
    }

    /// Who was killed holds its locks until the kernel has done with it.
    func lock(_ name: String, waitingMilliseconds: Int) -> JailLock? {
        let deadline = Clock.milliseconds() + waitingMilliseconds
        while true {
            if let lock = JailLock(tryLocking: host.state.lockPath(name)) { return lock }
            if Clock.milliseconds() >= deadline { return nil }
            usleep(10000)
        }
    }

    /// The cgroups of a jail that is gone go with its own; those in one that is up are looked for.
    private var unrecordedNames: [String] {
        let places = [host.cgroupRoot.path] + host.state.traces.map(\.cgroup)
        return places.flatMap { place in
            ((try? Files.names(in: place)) ?? []).filter {
                Cgroup(path: "\(place)/\($0)").belongs(to: $0) && host.state.trace(of: $0) == nil
            }
        }
    }
}
