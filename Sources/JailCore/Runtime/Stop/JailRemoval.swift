internal import Glibc
internal import SystemPackage

/// Takes back whatever of a jail may be there, from its trace alone. What is gone is done: it can be run at any point of a
/// start or a stop that was interrupted, and again.
struct JailRemoval {
    let trace: JailTrace
    /// What is known to take the network back; the kernel tells the rest.
    var networkUndo: [NetworkOperation] = []
    let host: Host
    /// On a doubt whether its network is somewhere, it is gone.
    var isForced = false

    /// - Returns: whether nothing is left.
    @discardableResult
    func run() -> Bool {
        do throws(RuntimeError) { return try remove() } catch {
            host.audience.warn("\(trace.label): something of it is left: \(error.message)")
            return false
        }
    }

    private func remove() throws(RuntimeError) -> Bool {
        let cgroup = Cgroup(path: trace.cgroup)
        // A cgroup of somebody else's may have had the name before: then the start failed, and nothing in it is touched. One
        // that was made but not yet marked is empty.
        let isOurs = try cgroup.look { (cgroup) throws(Errno) in
            try cgroup.belongs(to: trace.name, by: host.authority.mark)
        }
        if !isOurs { cgroup.removeIfEmpty() }
        // As long as there is a network to be taken back, the cgroup tells whose it is.
        let isGone = isOurs && !trace.hasNetwork && cgroup.removeIfEmpty()
        // With those of the jails inside it, whose rest is then taken back before its own.
        let isDead = !isOurs || isGone || killAll()
        let nesting = JailNesting(of: trace.name, host: host)
        if isOurs { try nesting.removeJails(in: cgroup) }
        let isDisconnected = NetworkStop(trace: trace, undo: networkUndo, host: host, isForced: isForced).run()
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
            host.audience.warn("\(trace.label): processes of \(trace.cgroup) do not end: \(error.description)")
            return false
        }
    }

    private func removeCgroup() -> Bool {
        do {
            try Cgroup(path: trace.cgroup).remove()
            return true
        } catch {
            host.audience.warn("\(trace.label): cannot remove \(trace.cgroup): \(error.description)")
            return false
        }
    }
}

/// Takes a jail's network back: the undo that its record holds, then what the kernel says is left.
struct NetworkStop {
    let trace: JailTrace
    let undo: [NetworkOperation]
    let host: Host
    let isForced: Bool

    private static let attempts = 20
    private static let pauseMicroseconds: UInt32 = 20000

    /// - Returns: whether nothing is left.
    func run() -> Bool {
        guard trace.hasNetwork else { return true }
        do throws(RuntimeError) {
            guard let connection = try NetworkConnection.home(of: trace, host, isForced: isForced) else {
                return try forgetHome()
            }
            // A start that joined others has told its trace alone.
            let group = NetworkGroup(number: try host.state.trace(of: trace.name)?.network ?? trace.network, host: host)
            let others = try group.others(than: trace.name)
            let names = try names()
            do throws(NetlinkError) {
                if let heir = others.first { try group.handOver(from: trace.name, to: heir, connection) }
                let kept = others.isEmpty ? try linksOfOthers(than: names, group, connection) : []
                try disconnect(connection, group, others, keeping: kept)
            } catch { throw .host("\(error)", hint: error.hint) }
            if !others.isEmpty { try group.leave(trace.name) }
            return true
        } catch {
            host.audience.warn("\(trace.label): cannot undo the network: \(error.message)")
            return false
        }
    }

    /// The host's interfaces alone, once the jail's processes are dead. What fails is reported, and tried again with
    /// the rest.
    func returnInterfaces() {
        if trace.interfaces.isEmpty { return }
        let links = undo.filter { if case .returnLink = $0 { true } else { false } }
        do throws(RuntimeError) {
            guard let connection = try NetworkConnection.home(of: trace, host, isForced: isForced) else { return }
            do throws(NetlinkError) {
                for operation in links + returns { try connection.netlink.perform(operation, under: connection.lock) }
            } catch { throw .host("\(error)", hint: error.hint) }
        } catch { host.audience.warn("\(trace.label): cannot take the interfaces back: \(error.message)") }
    }

    /// Its home is gone, with links, rules and settings; the host's interfaces go to the machine's first network.
    private func forgetHome() throws(RuntimeError) -> Bool {
        let connection = try NetworkConnection(host: host)
        let file = host.state.namespacePath(trace.name)
        do throws(NetlinkError) {
            if let home = trace.home { try connection.lock.forget(home) }
            if trace.interfaces.isEmpty { return true }
            try connection.netlink.perform(.dropNamespace(file: file), under: connection.lock)
        } catch { throw .host("\(error)", hint: error.hint) }
        host.audience.warn(
            "\(trace.label): \(trace.interfaces.joined(separator: ", ")): the network they came from is gone; the kernel "
                + "moves hardware to the machine's first network, and removes virtual links")
        return true
    }

    /// What a start that was broken off may have moved is known by its trace alone; what is back already is back.
    private var returns: [NetworkOperation] {
        guard !trace.interfaces.isEmpty else { return [] }
        let file = host.state.namespacePath(trace.name)
        return trace.interfaces.reversed().map { .returnLink(name: $0, index: nil, file: file) } + [
            .dropNamespace(file: file)
        ]
    }

    /// Its own, and the one that a change was to give it.
    private func names() throws(RuntimeError) -> [String] {
        let change = try host.state.record(of: trace.name)?.details.networkChange
        return [trace.name] + (change.map { [$0.name] } ?? [])
    }

    /// Links of its number that say they are not its own: a start of another state directory, which has a lock of its own, may have
    /// been faster with that number, or taken it once somebody had deleted this jail's link.
    private func linksOfOthers(than names: [String], _ group: NetworkGroup, _ connection: NetworkConnection)
        throws(NetlinkError) -> [String]
    {
        var links = try links(of: group, connection)
        if links.contains(where: \.alias.isEmpty) {
            // It may be about to get its name, from a start that is making it.
            usleep(Self.pauseMicroseconds)
            connection.netlink.looks.links = nil
            links = try self.links(of: group, connection)
        }
        return links.filter { link in
            let owned = JailLink(name: link.name, alias: link.alias, master: link.master)
            return owned.map { !names.contains($0.jail) } ?? !link.alias.isEmpty
        }.map(\.name)
    }

    /// One whose number was given to it anew may not have come to write down the names.
    private func links(of group: NetworkGroup, _ connection: NetworkConnection) throws(NetlinkError)
        -> [HostNetworkFacts.Link]
    {
        let named = undo.compactMap(\.takenLink)
        return try connection.netlink.links().filter {
            NetworkPlanner.isHostEnd($0.name, jid: group.number) || named.contains($0.name)
        }
    }

    /// The kernel takes a namespace apart in its own time; until then a bridge may still have its port.
    /// What others share stays, but for the jail's own rules.
    private func disconnect(
        _ connection: NetworkConnection, _ group: NetworkGroup, _ others: [JailTrace], keeping kept: [String]
    ) throws(NetlinkError) {
        let failure = others.isEmpty ? undoAll(connection, keeping: kept) : nil
        do throws(NetlinkError) { try removeRest(connection, group, others) } catch { throw failure ?? error }
        if let failure { throw failure }
    }

    /// One that fails does not keep the others: the link of a jail is not to stay because a chain of Docker's has gone.
    /// - Returns: what failed first.
    private func undoAll(_ connection: NetworkConnection, keeping kept: [String]) -> NetlinkError? {
        var failure: NetlinkError?
        for operation in undo + returns where operation.takenLink.map(kept.contains) != true {
            do throws(NetlinkError) { try connection.netlink.perform(operation, under: connection.lock) } catch {
                failure = failure ?? error
            }
        }
        return failure
    }

    private func removeRest(_ connection: NetworkConnection, _ group: NetworkGroup, _ others: [JailTrace])
        throws(NetlinkError)
    {
        let isLast = others.isEmpty
        for _ in 0..<Self.attempts {
            _ = try connection.netlink.removeLeftovers(
                jail: trace.name, jid: isLast && trace.unreadable == nil ? group.number : nil, under: connection.lock)
            if !isLast { return try group.closeLoopback(of: others, connection) }
            if try !connection.netlink.hasUnusedBridge() { return }
            usleep(Self.pauseMicroseconds)
            connection.netlink.looks.links = nil
        }
    }
}

extension NetworkOperation {
    /// A link that goes, or may speak in anybody's name.
    fileprivate var takenLink: String? {
        switch self {
        case .removeLink(let name), .releaseLink(let name): name
        default: nil
        }
    }
}

/// What every command does first with the name it works on: a jail whose starter or whose processes died is removed.
package struct JailRepair {
    let host: Host
    private let network: NetworkRepair
    private let isForced: Bool

    /// - Parameter isForced: what is over goes, whether its network was found or not.
    package init(host: Host, isForced: Bool = false) {
        (self.host, self.isForced, network) = (host, isForced, NetworkRepair(host: host))
    }

    /// Removes what is left of a name that is not up, under its lock.
    func repairNamed(_ name: String) throws(RuntimeError) {
        let lock = try host.lock(name)
        try repair(name)
        if try host.state.hasTrace(of: name) { _ = consume lock } else { lock.unlinkAndRelease() }
    }

    /// What a start has made that was killed, and so could not take it back itself; another jail may have the name by now.
    /// - Parameter supervisor: who has begun that start.
    func removeStarted(_ name: String, by supervisor: Int32) throws(RuntimeError) {
        let lock = try host.lock(name)
        if let trace = try host.state.trace(of: name), trace.supervisor == supervisor {
            try remove(trace)
        } else {
            try repair(name)
        }
        if try host.state.hasTrace(of: name) { _ = consume lock } else { lock.unlinkAndRelease() }
        host.state.removeIfUnused(cgroupRoot: host.cgroupRoot)
    }

    private func remove(_ trace: JailTrace) throws(RuntimeError) {
        HookCgroup.end(HookCgroup.place(of: trace.name, host), host)
        let record = try host.state.record(of: trace.name)
        let undo = try record.map { record throws(RuntimeError) in
            try NetworkReconnection(record: record, host: host).undo()
        }
        JailRemoval(trace: trace, networkUndo: undo ?? [], host: host, isForced: isForced).run()
    }

    /// A jail that lives without a record is one whose start was broken off: nothing lists it, and nothing could stop it.
    /// The caller holds the name's lock.
    /// - Parameter mendsNetwork: false for a jail that is about to be stopped, and was looked at before.
    func repair(_ name: String, mendsNetwork: Bool = true) throws(RuntimeError) {
        if let trace = try host.state.trace(of: name) {
            if trace.name != name, try host.state.finishRename(name) { return }
            if try isOver(trace, name) {
                try remove(trace)
            } else if mendsNetwork, trace.hasNetwork, let record = try host.state.record(of: name) {
                network.mend(record)
            }
        } else if try host.hasCgroup(of: name), try !isPopulatedUnrecorded(name) {
            try removeUnrecorded(name)
        }
    }

    /// A cgroup with processes and without a trace is no jail's that was left here: a trace is there before the cgroup, and goes after
    /// it. It is one of another state directory's, or somebody has removed its records. A stop that names it ends it.
    func isPopulatedUnrecorded(_ name: String) throws(RuntimeError) -> Bool {
        guard try host.hasCgroup(of: name), try !host.state.hasTrace(of: name) else { return false }
        return try host.cgroup(of: name).look { (cgroup) throws(Errno) in try cgroup.isPopulated() }
    }

    /// Nobody works on it (its lock is ours) and it is not up.
    /// - Throws: when its processes or its record could not be looked at: nothing is removed on a doubt.
    private func isOver(_ trace: JailTrace, _ name: String) throws(RuntimeError) -> Bool {
        // What it seemed to say is not known: a jail is up as long as there are processes in its cgroup.
        if trace.unreadable != nil {
            return try !Cgroup(path: trace.cgroup).look { (cgroup) throws(Errno) in try cgroup.isPopulated() }
        }
        if trace.phase != .up { return true }
        if trace.isTransient, try !trace.isKept() { return true }
        return try !trace.isAlive()
    }

    /// A cgroup of a jail whose record is lost.
    func removeUnrecorded(_ name: String) throws(RuntimeError) {
        let cgroup = try host.cgroup(of: name)
        do {
            try cgroup.killAll(timeoutMilliseconds: 10000)
            try cgroup.remove()
        } catch { throw .system("cannot remove the cgroup \(cgroup.path)", error) }
    }

    /// Repairs every name that nobody works on; `prune` and every listing.
    /// - Returns: the names of which something was removed.
    /// - Throws: when it could not be looked for them.
    @discardableResult
    package func repairAll(waitingMilliseconds: Int = 0) throws(RuntimeError) -> [String] {
        var repaired: [String] = []
        for name in try names() where !repaired.contains(name) {
            if try repair(name, waitingMilliseconds: waitingMilliseconds) { repaired.append(name) }
        }
        let abandoned = try ServiceRegistry(state: host.state).removeAbandoned()
        let isLeft = try host.removeLeftCgroups()
        try host.state.removeStrays { (name) throws(RuntimeError) in try host.hasCgroup(of: name) }
        if !repaired.isEmpty || !abandoned.isEmpty || isLeft { host.state.removeIfUnused(cgroupRoot: host.cgroupRoot) }
        return repaired
    }

    /// What is wrong with one is no reason not to look at the others.
    /// - Returns: whether it is gone now.
    private func repair(_ name: String, waitingMilliseconds: Int) throws(RuntimeError) -> Bool {
        guard let lock = try lock(name, waitingMilliseconds: waitingMilliseconds) else { return false }
        do throws(RuntimeError) {
            let existed = try isThere(name)
            try repair(name)
            if try !isThere(name) {
                lock.unlinkAndRelease()
                return existed
            }
        } catch { host.audience.warn(error.message) }
        _ = consume lock
        return false
    }

    private func isThere(_ name: String) throws(RuntimeError) -> Bool {
        if try host.state.hasTrace(of: name) { return true }
        return try host.hasCgroup(of: name)
    }

    /// Names of dead jails that nobody works on, and of which something is there all the same.
    func left() throws(RuntimeError) -> [String] {
        var left: [String] = []
        for name in try names() {
            guard let lock = try JailLock(tryLocking: host.state.lockPath(name)) else { continue }
            if let trace = try host.state.trace(of: name) {
                if try isOver(trace, name) { left.append(name) }
            } else if try !isPopulatedUnrecorded(name) {
                left.append(name)
            }
            lock.release(of: name, in: host.state)
        }
        return left
    }

    private func names() throws(RuntimeError) -> [String] { try host.state.names() + unrecordedNames() }

    /// Who was killed holds its locks until the kernel has done with it.
    func lock(_ name: String, waitingMilliseconds: Int) throws(RuntimeError) -> JailLock? {
        var deadline = Clock.milliseconds() + waitingMilliseconds
        var isLast = waitingMilliseconds == 0
        while true {
            if let lock = try JailLock(tryLocking: host.state.lockPath(name)) { return lock }
            if Clock.milliseconds() >= deadline {
                if isLast || !JailHolder(of: name, host: host).endLeft() { return nil }
                (isLast, deadline) = (true, Clock.milliseconds() + waitingMilliseconds)
            }
            usleep(10000)
        }
    }

    /// The cgroups of a jail that is gone go with its own; those in one that is up are looked for.
    private func unrecordedNames() throws(RuntimeError) -> [String] {
        var names: [String] = []
        for place in try [host.cgroupRoot.path] + host.state.traces().map(\.cgroup) {
            let marked = try Cgroup(path: place).look { (cgroup) throws(Errno) in
                var marked: [String] = []
                for name in try cgroup.childNames()
                where try Cgroup(path: "\(place)/\(name)").belongs(to: name, by: host.authority.mark) {
                    marked.append(name)
                }
                return marked
            }
            for name in marked where try !host.state.hasTrace(of: name) { names.append(name) }
        }
        return names
    }
}
