internal import Glibc
internal import SystemPackage

/// Jails in one network namespace, for each has the same address and no other.
///
/// All have the number of its links in their traces. The links have the name of one of them, in their alias: who leaves hands
/// them to another that stays, and the last takes them back. All of that is done under the network lock.
struct NetworkGroup {
    let number: Int
    let host: Host

    /// Those that may be in it: whoever's start or stop was broken off has its trace until that is repaired.
    func members() throws(RuntimeError) -> [JailTrace] {
        try host.state.traces().filter { $0.hasNetwork && $0.network == number }
    }

    func others(than name: String) throws(RuntimeError) -> [JailTrace] { try members().filter { $0.name != name } }

    // MARK: Joining

    /// What a jail finds where its address is.
    enum Search {
        case holder(JoinedNetwork)
        /// Who has it is about to be up, or gone: ask again.
        case busy
        /// Why it cannot be shared.
        case refused(String)
    }

    /// - Parameter link: a link of the host's that says it carries the jail's address.
    static func search(for jail: ConfiguredJail, link: JailLink, host: Host) throws(RuntimeError) -> Search {
        let members = try host.state.traces().filter {
            $0.hasNetwork && $0.name != jail.name.value && NetworkPlanner.isHostEnd(link.name, jid: $0.network)
        }
        for trace in members where trace.phase == .up && trace.pid > 0 {
            guard let record = try host.state.record(of: trace.name) else { continue }
            if record.unreadable != nil { return .refused("its record cannot be read: jailrun stop \(trace.name)") }
            if let objection = jail.objection(toSharingWith: record.spec) { return .refused(objection) }
            if let holder = try JoinedNetwork.holder(trace) { return .holder(holder) }
        }
        for member in members where try isBusy(member, host) { return .busy }
        // One whose start has ended between the two looks.
        for member in members where member.pid == 0 {
            if let now = try host.state.trace(of: member.name), now.pid > 0 { return .busy }
        }
        return .refused("it has ended: jailrun prune")
    }

    /// Somebody works on it, or will: its keeper, when its processes have ended.
    private static func isBusy(_ trace: JailTrace, _ host: Host) throws(RuntimeError) -> Bool {
        if try trace.isKept() { return true }
        guard let lock = try JailLock(tryLocking: host.state.lockPath(trace.name), writesHolder: false) else {
            return true
        }
        lock.release(of: trace.name, in: host.state)
        return false
    }

    // MARK: Leaving

    /// Gives the links the name of another one.
    func handOver(from name: String, to heir: JailTrace, _ connection: NetworkConnection) throws(NetlinkError) {
        let links = HostNetworkFacts(links: try connection.netlink.links()).jailLinks
        for link in links where link.jail == name && NetworkPlanner.isHostEnd(link.name, jid: number) {
            try rename(link, to: heir.name, connection)
        }
    }

    /// Gives links that a broken change of a member's name has renamed their name again.
    func takeLinks(_ former: String, back name: String, _ connection: NetworkConnection) throws(NetlinkError) {
        for link in HostNetworkFacts(links: try connection.netlink.links()).jailLinks
        where link.jail == former && NetworkPlanner.isHostEnd(link.name, jid: number) {
            try rename(link, to: name, connection)
        }
    }

    private func rename(_ link: JailLink, to name: String, _ connection: NetworkConnection) throws(NetlinkError) {
        let alias = JailLink.alias(jail: name, interface: link.interface, addresses: link.addresses)
        let state = LinkState(name: link.name, namespace: .host, alias: alias)
        try connection.netlink.perform(.raiseLink(state), under: connection.lock)
    }

    /// Last, when nothing in the network has the jail's name any more: from now on nothing is handed to it.
    func leave(_ name: String) throws(RuntimeError) {
        guard var trace = try host.state.trace(of: name) else { return }
        trace.hasNetwork = false
        try host.state.overwrite(trace)
    }

    /// Whether one of the others has rules of its own.
    private func haveRules(_ others: [JailTrace], _ connection: NetworkConnection) throws(NetlinkError) -> Bool {
        return try connection.netlink.packetRules().contains { rule in others.contains { $0.name == rule.jail } }
    }

    /// A link by which the host speaks from 127.0.0.1: when the last rules are gone, nothing guards that address.
    func closeLoopback(of others: [JailTrace], _ connection: NetworkConnection) throws(NetlinkError) {
        if try haveRules(others, connection) { return }
        for link in HostNetworkFacts(links: try connection.netlink.links()).jailLinks
        where !link.isBridged && NetworkPlanner.isHostEnd(link.name, jid: number) {
            let path = "net/ipv4/conf/\(link.name)/route_localnet"
            let setting = NetworkSysctl(namespace: .host, path: path, value: "0")
            try connection.netlink.perform(.setSysctl(setting), under: connection.lock)
        }
    }
}

/// The network of a jail that runs, for another one to join. It lives as long as this.
final class JoinedNetwork {
    let trace: JailTrace
    let namespace: Descriptor
    /// Where jailrun itself is.
    let home: Descriptor

    private init(_ trace: JailTrace, _ namespace: consuming Descriptor, home: consuming Descriptor) {
        self.trace = trace
        self.namespace = namespace
        self.home = home
    }

    /// Nil when it has ended. Looked at after the namespace was opened: a pid that is the same process's now was so then.
    static func holder(_ trace: JailTrace) throws(RuntimeError) -> JoinedNetwork? {
        let found = try attempt("cannot look at the network of \(trace.name)") { () throws(Errno) in
            try Files.ifThere { () throws(Errno) in try Files.open("/proc/\(trace.pid)/ns/net") }
        }
        guard let found else { return nil }
        let home = try attempt("/proc/thread-self/ns/net") { () throws(Errno) in
            try Files.open("/proc/thread-self/ns/net")
        }
        return try trace.isAlive() ? JoinedNetwork(trace, found, home: home) : nil
    }

    var facts: StartFacts.NetworkHolder { StartFacts.NetworkHolder(jail: trace.name, pid: trace.pid) }
}
