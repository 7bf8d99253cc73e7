internal import CNamespaces
package import SystemPackage

/// Performs network operations, and reads what the host has: two rtnetlink(7) sockets, of the host's network namespace
/// and of the jail's. A socket stays in the namespace in which it was opened, so the thread is in the jail's only for
/// that long, and for opening a sysctl's file.
@safe package struct Netlink: ~Copyable {
    /// Valid until `deinit`, which alone closes it.
    let host: OpaquePointer
    private var jail: OpaquePointer?
    private var jailNamespace: CInt = -1
    let proc: CInt
    let looks = Looks()

    /// What is not looked at again as long as nobody but whoever has the network lock changes it: each look reads what all jails have.
    final class Looks {
        var rules: [PacketTable.Rule]?
        var links: [HostNetworkFacts.Link]?
        var doorOwners: [String]?
        /// For settings that are restored one after another.
        var isUnused: ((NetworkLedger.Entry) -> Bool)?
    }

    /// - Parameter proc: the host's `/proc`, an open directory (`O_PATH` will do) that outlives this value. Never a
    /// jail's.
    package init(proc: FileDescriptor) throws(NetlinkError) {
        self.proc = proc.rawValue
        unsafe host = try Self.open(in: -1)
    }

    deinit {
        unsafe cns_netlink_close(host)
        unsafe cns_netlink_close(jail)
    }

    /// Lets operations in the jail's namespace be performed.
    /// - Parameter namespace: the jail's network namespace, a descriptor of ns(7) that outlives this value.
    package mutating func enter(_ namespace: FileDescriptor) throws(NetlinkError) {
        let opened = try unsafe Self.open(in: namespace.rawValue)
        unsafe cns_netlink_close(jail)
        unsafe jail = opened
        jailNamespace = namespace.rawValue
    }

    /// The index that a link has in the jail's namespace, which only who takes the link away can change.
    func indexInJail(of name: String) -> Int? {
        guard let jail = unsafe jail else { return nil }
        let index = unsafe cns_netlink_index(jail, name)
        return index > 0 ? Int(index) : nil
    }

    func hasLink(_ name: String) throws(NetlinkError) -> Bool {
        let index = unsafe cns_netlink_index(host, name)
        if index >= 0 { return true }
        let error = Errno(rawValue: -index)
        if error == .operationNotSupportedByDevice { return false }
        throw .dump(what: "links", error)
    }

    private static func open(in namespace: CInt) throws(NetlinkError) -> OpaquePointer {
        var socket: OpaquePointer?
        let code = unsafe cns_netlink_open(namespace, &socket)
        guard code == 0, let opened = unsafe socket else { throw .socket(Errno(rawValue: -code)) }
        return unsafe opened
    }

    /// Performs one operation.
    func perform(
        _ operation: NetworkOperation, under lock: borrowing NetworkLock
    ) throws(NetlinkError) {
        if case .restoreSysctl = operation {} else { looks.isUnused = nil }
        if operation.changesLinks { looks.links = nil }
        if operation.changesDoors { looks.doorOwners = nil }
        switch operation {
        case .keepNamespace, .moveLink:
            if unsafe jail == nil { throw .noJailNamespace(operation) }
            try request(operation)
        case .createBridge(let name, let mac): try createBridge(name, mac, operation)
        case .removeBridge(let name): try removeBridge(name, operation)
        case .removeAddress(let address): try removeAddress(address, operation)
        case .setSysctl(let sysctl): try set(sysctl, operation, lock)
        case .restoreSysctl(let sysctl): try restore(sysctl, operation, lock)
        case .holdLink(let hold): try change(operation) { table throws(Errno) in try table.hold(hold) }
        case .releaseLink(let name): try change(operation) { table throws(Errno) in try table.release { $0 == name } }
        case .openDoor(let door): try change(operation) { table throws(Errno) in try table.open(door) }
        case .closeDoor(let jail): try change(operation) { table throws(Errno) in try table.closeDoor(of: jail) }
        case .publish(let rules): try publish(rules, operation)
        case .withdraw(let jail, _, _): try withdraw(jail, operation)
        default: try request(operation)
        }
    }

    /// Performs operations in their order; when one fails, undoes those before it, last first, and throws its error.
    func perform(
        _ operations: [Located<NetworkOperation>], under lock: borrowing NetworkLock
    ) throws(NetlinkError) {
        for (index, operation) in operations.enumerated() {
            do throws(NetlinkError) {
                try perform(operation.value, under: lock)
            } catch {
                _ = undo(Array(operations[..<index]), under: lock)
                throw error
            }
        }
    }

    /// Undoes operations, last first. What is already gone counts as undone; one that fails does not prevent the
    /// others.
    func undo(
        _ operations: [Located<NetworkOperation>], under lock: borrowing NetworkLock
    ) -> [NetlinkError] {
        var errors: [NetlinkError] = []
        for undo in operations.map(\.value).undo {
            do throws(NetlinkError) { try perform(undo, under: lock) } catch { errors.append(error) }
        }
        return errors
    }

    // MARK: Operations that are one request

    private func request(_ operation: NetworkOperation) throws(NetlinkError) {
        let socket = try unsafe socket(for: operation)
        let code = unsafe send(operation, socket)
        if operation.isDone(despite: code) { return }
        throw unsafe .operation(
            operation, Errno(rawValue: -code), message: String(cString: cns_netlink_message(socket)))
    }

    private func socket(for operation: NetworkOperation) throws(NetlinkError) -> OpaquePointer {
        guard operation.namespace == .jail else { return unsafe host }
        guard let jail = unsafe jail else { throw .noJailNamespace(operation) }
        return unsafe jail
    }

    private func send(_ operation: NetworkOperation, _ socket: OpaquePointer) -> CInt {
        switch operation {
        case .createBridge(let name, let mac): unsafe cns_netlink_create_bridge(socket, name, mac)
        case .createVeth(let pair):
            unsafe cns_netlink_create_veth(socket, pair.name, pair.mac, pair.peer, pair.peerMAC, jailNamespace)
        case .removeBridge(let name), .removeLink(let name): unsafe cns_netlink_delete_link(socket, name)
        case .raiseLink(let state): unsafe cns_netlink_raise(socket, state.name, state.master, state.alias)
        case .settleLink(let name, _): unsafe cns_netlink_settle(socket, name)
        case .keepNamespace(let file): unsafe cns_namespace_keep(jailNamespace, file)
        case .dropNamespace(let file): unsafe cns_namespace_drop(file)
        case .moveLink(let name, _): unsafe cns_netlink_move(socket, name, jailNamespace)
        case .returnLink(let name, let index, let file): unsafe cns_netlink_return(name, CInt(index ?? 0), file)
        case .addAddress(let address): unsafe cns_netlink_add_address(socket, address.link, address.address)
        case .removeAddress(let address): unsafe cns_netlink_delete_address(socket, address.link, address.address)
        case .addRoute(let route):
            unsafe cns_netlink_add_route(socket, route.destination, route.link, route.gateway, route.source)
        case .addNeighbour(let link, let address, let mac, _):
            unsafe cns_netlink_add_neighbour(socket, link, address, mac)
        case .unpinNeighbour(let link, let address): unsafe cns_netlink_delete_neighbour(socket, link, address)
        case .reflect(let port): unsafe cns_netlink_reflect(socket, port, true)
        case .unreflect(let port): unsafe cns_netlink_reflect(socket, port, false)
        case .addProxy(let link, let address): unsafe cns_netlink_add_proxy(socket, link, address)
        case .removeProxy(let link, let address): unsafe cns_netlink_delete_proxy(socket, link, address)
        case .setSysctl(let sysctl):
            unsafe cns_sysctl_write(proc, sysctl.namespace == .jail ? jailNamespace : -1, sysctl.path, sysctl.value)
        case .restoreSysctl(let sysctl):
            unsafe cns_sysctl_write(proc, -1, sysctl.path, sysctl.previous ?? sysctl.value)
        // nfnetlink(7)'s, see PacketTable.
        case .publish, .withdraw, .holdLink, .releaseLink, .openDoor, .closeDoor: -EINVAL
        }
    }

    // MARK: Operations on what jails share

    private func createBridge(_ name: String, _ mac: String, _ operation: NetworkOperation) throws(NetlinkError) {
        do throws(NetlinkError) {
            try request(operation)
        } catch {
            guard error.errno == .fileExists else { throw error }
            let present = try links().first { $0.name == name && $0.isBridge }
            guard let present, !HostNetworkFacts.isForeign(present) else { throw error }
        }
    }

    private func removeBridge(_ name: String, _ operation: NetworkOperation) throws(NetlinkError) {
        let isUnused = try isUnusedNow { links in
            guard let bridge = links.first(where: { $0.name == name }) else { return false }
            return bridge.isBridge && !HostNetworkFacts.isForeign(bridge) && !links.contains { $0.master == name }
        }
        if !isUnused { return }
        looks.links = nil
        try request(operation)
    }

    private func removeAddress(_ address: LinkAddress, _ operation: NetworkOperation) throws(NetlinkError) {
        guard let network = InternetPrefix(address.address) else { return }
        let isUnused = try isUnusedNow { links in
            !HostNetworkFacts(links: links).jailLinks.contains { $0.interface == address.link && $0.uses(network) }
        }
        if isUnused { try request(operation) }
    }

    /// What was looked at before is enough to keep something, not to take it away: jailruns with another state directory do not wait
    /// for the network lock, and one may have put a jail there since.
    private func isUnusedNow(_ isUnused: ([HostNetworkFacts.Link]) -> Bool) throws(NetlinkError) -> Bool {
        if looks.links == nil { return isUnused(try links()) }
        guard isUnused(try links()) else { return false }
        looks.links = nil
        return isUnused(try links())
    }

    private func set(
        _ sysctl: NetworkSysctl, _ operation: NetworkOperation, _ lock: borrowing NetworkLock
    ) throws(NetlinkError) {
        if sysctl.namespace == .jail { _ = try unsafe socket(for: operation) }
        if let users = sysctl.users, let previous = sysctl.previous {
            try lock.change {
                $0.record(
                    NetworkLedger.Entry(
                        path: sysctl.path, value: previous, written: sysctl.value, users: users, place: lock.place))
            }
        }
        try request(operation)
    }

    private func restore(
        _ sysctl: NetworkSysctl, _ operation: NetworkOperation, _ lock: borrowing NetworkLock
    ) throws(NetlinkError) {
        guard let users = sysctl.users else { return try request(operation) }
        // The first of those that have the same users has restored all of them.
        guard try lock.ledger().entries.contains(where: { $0.users == users }) else { return }
        let isUnused = if let known = looks.isUnused { known } else { try unusedSettings() }
        looks.isUnused = isUnused
        try restoreSettings(under: lock) { $0.users == users && isUnused($0) }
    }

    /// Whether a setting has lost its last user: a jail's link, or a rule that forwards or speaks to 127.0.0.1.
    func unusedSettings() throws(NetlinkError) -> (NetworkLedger.Entry) -> Bool {
        let jails = HostNetworkFacts(links: try links()).jailLinks
        let rules = try packetRules()
        return { entry in
            if entry.path.hasSuffix("/route_localnet") { return rules.isEmpty }
            return !jails.contains { entry.users.contains($0) } && !rules.contains(where: \.needsForwarding)
        }
    }

    /// Restores recorded values, last first, and forgets them once they are restored; those, too, that are no longer jailrun's. What
    /// could not be looked at or restored stays recorded, with those before it.
    func restoreSettings(
        under lock: borrowing NetworkLock, of isUnused: (NetworkLedger.Entry) -> Bool
    ) throws(NetlinkError) {
        let entries = try lock.ledger().entries.filter(isUnused)
        var settled: [NetworkLedger.Entry] = []
        var failure: NetlinkError?
        for entry in entries.reversed() where failure == nil {
            do throws(NetlinkError) {
                try restore(entry)
                settled.append(entry)
            } catch { failure = error }
        }
        if !settled.isEmpty { try lock.change { $0.entries.removeAll { settled.contains($0) } } }
        if let failure { throw failure }
    }

    private func restore(_ entry: NetworkLedger.Entry) throws(NetlinkError) {
        guard try isOurs(entry) else { return }
        try request(
            .restoreSysctl(
                NetworkSysctl(
                    namespace: .host, path: entry.path, value: entry.value, previous: entry.value, users: entry.users)))
    }
}

extension NetworkOperation {
    /// What was looked at before is not so any more.
    fileprivate var changesLinks: Bool {
        switch self {
        case .createBridge, .createVeth, .removeLink, .raiseLink, .moveLink, .returnLink, .dropNamespace: true
        // That of a bridge looks first whether anybody needs it.
        case .removeBridge, .settleLink, .keepNamespace, .addAddress, .removeAddress, .addRoute, .addNeighbour,
            .unpinNeighbour, .addProxy,
            .removeProxy, .setSysctl, .restoreSysctl, .holdLink, .releaseLink, .openDoor, .closeDoor, .reflect,
            .unreflect,
            .publish, .withdraw:
            false
        }
    }

    fileprivate var changesDoors: Bool {
        switch self {
        case .openDoor, .closeDoor: true
        default: false
        }
    }

    /// Whether the kernel's answer, 0 or a negative errno, leaves nothing to be done.
    func isDone(despite code: CInt) -> Bool {
        if code == 0 { return true }
        let error = Errno(rawValue: -code)
        let isGone =
            error == .operationNotSupportedByDevice || error == .noSuchFileOrDirectory
            || error == .noSuchAddressOrDevice
        return switch self {
        case .removeLink, .removeBridge, .removeProxy, .restoreSysctl, .returnLink, .dropNamespace, .unpinNeighbour:
            isGone
        case .removeAddress: isGone || error == .addressNotAvailable
        case .addAddress(let address): address.isGateway && error == .fileExists
        default: false
        }
    }
}

extension NetworkSysctl.Users {
    func contains(_ link: JailLink) -> Bool {
        !link.isBridged && (interface ?? link.interface) == link.interface && link.uses(family)
    }
}
