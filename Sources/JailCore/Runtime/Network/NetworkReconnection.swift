internal import SystemPackage

/// Connects a jail that runs as its record says, by the operations of a start: its link is gone, or a change of its network was
/// broken off, and nobody knows how far that came. The caller holds the jail's lock.
struct NetworkReconnection {
    let record: JailRecord
    let host: Host

    private var number: Int { record.trace.network }
    /// The name that a change was to give it.
    private var next: String? { record.details.networkChange?.name }

    /// - Returns: false when its processes have ended meanwhile: whoever removes it takes the rest back.
    func run(_ connection: NetworkConnection) throws(RuntimeError) -> Bool {
        do throws(RuntimeError) { try connect(connection) } catch {
            if try !record.isAlive() { return false }
            throw error
        }
        return true
    }

    private func connect(_ connection: NetworkConnection) throws(RuntimeError) {
        let group = NetworkGroup(number: number, host: host)
        let members = try group.members().map(\.name)
        let undo = try self.undo()
        let links = try network { () throws(NetlinkError) in
            try connection.enter(networkOf: record.pid)
            return try self.links(of: members, connection)
        }
        // What others are in, too, stays: only rules and the link's name are this jail's own.
        let isShared = !links.isEmpty && members.contains { $0 != record.name }
        let number = try numberOfLinks(links, members)
        // First: what works stays, where what is to take its place cannot be made.
        let operations = try self.plan(connection, number, replacing: isShared ? nil : links)
        try network { () throws(NetlinkError) in
            if isShared, let next, !members.contains(next) {
                try group.takeLinks(next, back: record.name, connection)
            }
            let removals = isShared ? [] : links.map { NetworkOperation.removeLink(name: $0) }
            for operation in undo.filter({ isShared ? $0.isOfRules : isOwn($0, links) }) + removals {
                try connection.netlink.perform(operation, under: connection.lock)
            }
        }
        try network { () throws(NetlinkError) in
            try connection.netlink.perform(operations, under: connection.lock)
            _ = try connection.netlink.removeUnused(under: connection.lock)
        }
        try write(operations.map(\.value).undo, rulesAlone: isShared)
    }

    /// Its own, unless it has lost all links, and those of a jail of another state directory have that number since.
    private func numberOfLinks(_ links: [String], _ members: [String]) throws(RuntimeError) -> Int {
        if !links.isEmpty || members != [record.name] { return number }
        var trace = record.trace
        try IdentityRegistry(host).renumber(&trace, for: record.spec)
        return trace.network
    }

    private func network<Value>(_ body: () throws(NetlinkError) -> Value) throws(RuntimeError) -> Value {
        do throws(NetlinkError) { return try body() } catch { throw failure("\(error)", hint: error.hint) }
    }

    private func failure(_ reason: String, hint: String?) -> RuntimeError {
        .host("cannot connect it again: \(reason)", hint: hint)
    }

    // MARK: What there is

    /// What takes back whatever it may have, newest first. The name that a change was to give it may be another jail's by now.
    func undo() throws(RuntimeError) -> [NetworkOperation] {
        guard let change = record.details.networkChange else { return record.details.networkUndo }
        let isOthers = try !names().contains(change.name)
        return change.undo.filter { !isOthers || !$0.isOfRules } + record.details.networkUndo
    }

    /// Under which it may have rules.
    private func names() throws(RuntimeError) -> [String] {
        guard let next, next != record.name, try !host.state.hasTrace(of: next) else { return [record.name] }
        return [record.name, next]
    }

    /// By their names and aliases: a link of that name may have become another one's since.
    private func links(of members: [String], _ connection: NetworkConnection) throws(NetlinkError) -> [String] {
        let owners = members + [record.name, next ?? record.name]
        return try connection.netlink.links().filter { link in
            guard NetworkPlanner.isHostEnd(link.name, jid: number) else { return false }
            let owned = JailLink(name: link.name, alias: link.alias, master: link.master)
            return owned.map { owners.contains($0.jail) } ?? link.alias.isEmpty
        }.map(\.name)
    }

    private func isOwn(_ operation: NetworkOperation, _ links: [String]) -> Bool {
        switch operation {
        case .removeLink(let name), .releaseLink(let name): links.contains(name)
        default: !operation.isShared && !operation.isOfMovedLink
        }
    }

    // MARK: What it is to have

    /// - Parameter links: that go, and come again; nil where only rules are made anew.
    private func plan(_ connection: NetworkConnection, _ number: Int, replacing links: [String]?) throws(RuntimeError)
        -> [Located<NetworkOperation>]
    {
        var network = record.spec.network
        // Those were moved, and are where they are.
        network.interfaces = []
        if !network.isConnected { return [] }
        var facts = try self.network { [network] () throws(NetlinkError) in
            var facts = try connection.netlink.facts(for: network)
            facts.remember(try connection.lock.ledger())
            return facts
        }
        facts.forget(links: links ?? [], portsOf: try names())
        let jail = (record.name, number)
        do throws(NetworkPlanError) {
            return links == nil
                ? try NetworkPlan(publishing: network, jail: jail, facts: facts).operations
                : try NetworkPlan(for: network, jail: jail, facts: facts).operations
        } catch { throw failure("\(error)", hint: error.hint) }
    }

    private func write(_ undo: [NetworkOperation], rulesAlone: Bool) throws(RuntimeError) {
        var details = record.details
        details.networkChange = nil
        let kept = details.networkUndo.filter { rulesAlone ? !$0.isOfRules && !undo.contains($0) : $0.isOfMovedLink }
        details.networkUndo = undo + kept
        try host.state.write(details)
    }
}

extension HostNetworkFacts {
    /// As the host is once these links are gone, and what those jails have published.
    fileprivate mutating func forget(links names: [String], portsOf jails: [String]) {
        links.removeAll { names.contains($0.name) }
        addresses.removeAll { names.contains($0.link) }
        jailAddresses.removeAll { names.contains($0.link) }
        takenPorts.removeAll { $0.jail.map(jails.contains) ?? false }
    }
}
