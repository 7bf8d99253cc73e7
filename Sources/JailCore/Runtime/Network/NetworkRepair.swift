internal import SystemPackage

/// Puts back what somebody else has taken from the network of jails that are up: `nft flush ruleset`, which a reload of nftables
/// begins with, takes the rules of everybody.
final class NetworkRepair {
    private let host: Host
    /// As it was at the first look.
    private var present: Present?
    private var doors: Doors?

    init(host: Host) { self.host = host }

    /// What there is of all jails: looked up by name, for every listing asks it of each of them.
    private struct Present {
        var lasting: [String: Int] = [:]
        var gates: [String: Int] = [:]
        /// Links that have a jail's name: who joined a network has them once their maker has gone.
        var links: [String: [String]] = [:]
        /// The jails whose names links have.
        var owners: [String: String] = [:]
        var held: Set<String> = []
        /// All links of the host.
        var names: Set<String> = []
        /// Ports of bridges that get nothing back, by the number of their names.
        var dull: [Int: [String]] = [:]
        /// Of which the packet filter sees what bridges pass: br_netfilter may have come after a start.
        var filtered: [AddressSpec.Family] = []
    }

    /// The chain that Docker leaves to others, and which jails have rules there.
    private struct Doors {
        var isThere: Bool
        var jails: Set<String>
    }

    /// What a jail's network lacks of what it is to have.
    private struct Lack {
        var hasNoRules = false
        /// Its door is open, and not all of its gates are there.
        var hasNoGates = false
        var hasNoDoor = false
        var links: [String] = []
        var isOfRules: Bool { hasNoRules || hasNoGates || hasNoDoor }
        var isNothing: Bool { !isOfRules && links.isEmpty }
    }

    /// For a command. The caller holds the jail's lock.
    func mend(_ record: JailRecord) {
        do throws(RuntimeError) {
            guard try isLacking(record) else { return }
            try mend(record, NetworkConnection(host: host))
        } catch { host.audience.warn(message(of: error, record)) }
    }

    /// For a supervisor, which waits for nobody. The caller holds the jail's lock.
    /// - Returns: false when another jailrun is at work on the network.
    func mendIfFree(_ record: JailRecord) throws(RuntimeError) -> Bool {
        guard try isLacking(record) else { return true }
        guard let connection = try NetworkConnection.ifFree(host) else { return false }
        try mend(record, connection)
        return true
    }

    /// One that is gone, or another jail's by now: one of another state directory may have got its name with its number.
    private func lostLink(of record: JailRecord) throws(RuntimeError) -> String? {
        let present = try look()
        for undo in record.details.networkUndo {
            guard case .removeLink(let name) = undo else { continue }
            if !present.names.contains(name) { return name }
            if let owner = present.owners[name], owner != record.name { return name }
        }
        return nil
    }

    func message(of error: RuntimeError, _ record: JailRecord) -> String {
        "\(record.spec.label): \(error.message)"
    }

    private func sees(_ record: JailRecord) -> Bool {
        record.trace.hasNetwork && Host.seesRules && host.authority.namespace.seesEveryRule
    }

    /// What whoever is in another network does not see there is not missing.
    private func isLacking(_ record: JailRecord) throws(RuntimeError) -> Bool {
        guard sees(record), try record.trace.isNetworkHere() else { return false }
        if record.details.networkChange != nil { return true }
        if try lostLink(of: record) != nil { return true }
        if try !unheldLinks(of: record).isEmpty { return true }
        if try lackOfRules(of: record).isOfRules { return true }
        return try !dullPorts(of: record).isEmpty
    }

    private func mend(_ record: JailRecord, _ connection: NetworkConnection) throws(RuntimeError) {
        if try reconnect(record, connection) { return }
        // Looks once more: a start that has ended since the first look, or another command, may have made what was missing.
        forget()
        defer { forget() }
        var restored = Lack()
        // Before a port leads to a link, and though no plan can be made: a port of the jail's may be another's by now.
        restored.links = try hold(record, connection)
        do throws(RuntimeError) { try putRulesBack(record, connection, &restored) } catch {
            tell(restored, record)
            throw error
        }
        tell(restored, record)
        try reflect(record, connection)
    }

    private func tell(_ restored: Lack, _ record: JailRecord) {
        if restored.isNothing { return }
        let words = words(restored, record)
        host.audience.warn("\(record.spec.label): \(words): somebody had removed them; they are restored")
    }

    /// Links of its own, and what is said of them: all is made anew, so that nothing of it can be missing.
    /// - Returns: false when there is no need, or it has ended meanwhile.
    private func reconnect(_ record: JailRecord, _ connection: NetworkConnection) throws(RuntimeError) -> Bool {
        // It may have come after the first look.
        forget()
        let link = try lostLink(of: record)
        if record.details.networkChange == nil, link == nil { return false }
        defer { forget() }
        guard try NetworkReconnection(record: record, host: host).run(connection) else { return true }
        let reason =
            record.details.networkChange == nil
            ? "its link \(link ?? "") was gone" : "a change of its network was interrupted, and is undone"
        host.audience.warn("\(record.spec.label): \(reason): it is connected as before")
        return true
    }

    private func words(_ lack: Lack, _ record: JailRecord) -> String {
        let network = record.spec.network
        let parts =
            (lack.hasNoRules ? network.ports.map { "port \($0.published)" } : [])
            + (lack.hasNoRules && network.masquerade != nil ? ["nat"] : [])
            + (lack.hasNoGates || lack.hasNoDoor ? ["\(FirewallDoor.chain)"] : [])
            + lack.links.map { "what limits \($0) to the jail's addresses" }
        return "nftables rules (\(parts.joined(separator: ", ")))"
    }

    // MARK: Looking

    private func lackOfRules(of record: JailRecord) throws(RuntimeError) -> Lack {
        var lack = Lack()
        for undo in record.details.networkUndo {
            switch undo {
            case .withdraw(let jail, let count, let gates):
                let present = try look()
                lack.hasNoRules = present.lasting[jail, default: 0] < count ?? 1
                let hasAllGates = present.gates[jail, default: 0] >= gates ?? 0
                if !hasAllGates { lack.hasNoGates = try lookAtDoors().jails.contains(jail) }
            case .closeDoor(let jail):
                let doors = try lookAtDoors()
                if doors.isThere, !doors.jails.contains(jail) { lack.hasNoDoor = try needsDoor(record) }
            default: break
            }
        }
        return lack
    }

    /// Of those that it made what its start has held, of those that it was left all.
    private func unheldLinks(of record: JailRecord) throws(RuntimeError) -> [String] {
        if record.spec.network.allowsSpoofing != nil { return [] }
        let undo = record.details.networkUndo
        let isHeir = !undo.contains { if case .removeLink = $0 { true } else { false } }
        let present = try look()
        return present.links[record.name, default: []].filter { link in
            !present.held.contains(link) && (isHeir || undo.contains(.releaseLink(name: link)))
        }
    }

    /// Ports of a bridge that are to get back what came in by them: by it a jail reaches its own published port. The plan alone knows
    /// which; it is made where one may be.
    private func dullPorts(of record: JailRecord) throws(RuntimeError) -> [String] {
        let (present, network) = (try look(), record.spec.network)
        guard !network.ports.isEmpty, network.addresses.contains(where: { present.filtered.contains($0.family) }),
            let dull = present.dull[record.trace.network]
        else { return [] }
        let sockets = try NetworkSockets()
        return try plan(record, sockets.netlink, host.state.networkLedger()).compactMap { operation in
            if case .reflect(let port) = operation, dull.contains(port) { port } else { nil }
        }
    }

    /// Docker may be back, and drop nothing any more.
    private func needsDoor(_ record: JailRecord) throws(RuntimeError) -> Bool {
        let proc = try NetworkConnection.openProc()
        let netlink = try netlink(proc)
        return try plan(record, netlink, host.state.networkLedger()).contains(where: \.opensDoor)
    }

    private func look() throws(RuntimeError) -> Present {
        if let present { return present }
        let proc = try NetworkConnection.openProc()
        let netlink = try netlink(proc)
        var found = Present()
        do throws(NetlinkError) {
            for rule in try netlink.packetRules() {
                if rule.lasts { found.lasting[rule.jail, default: 0] += 1 }
                if rule.isGate { found.gates[rule.jail, default: 0] += 1 }
            }
            let records = try netlink.records(.links)
            for port in records where port.master > 0 && !port.reflects {
                guard let number = NetworkPlanner.number(ofHostEnd: port.name) else { continue }
                found.dull[number, default: []].append(port.name)
            }
            found.filtered = try netlink.filteredFamilies()
            let links = Netlink.links(records)
            found.names = Set(links.map(\.name))
            for link in HostNetworkFacts(links: links).jailLinks {
                found.links[link.jail, default: []].append(link.name)
                found.owners[link.name] = link.jail
            }
            found.held = Set(try netlink.heldLinks())
        } catch { throw Self.blindness(error) }
        present = found
        return found
    }

    private func lookAtDoors() throws(RuntimeError) -> Doors {
        if let doors { return doors }
        let proc = try NetworkConnection.openProc()
        let netlink = try netlink(proc)
        do throws(NetlinkError) {
            let found = Doors(isThere: try netlink.hasDoor(), jails: Set(try netlink.doorOwners()))
            doors = found
            return found
        } catch { throw Self.blindness(error) }
    }

    private func netlink(_ proc: borrowing Descriptor) throws(RuntimeError) -> Netlink {
        do throws(NetlinkError) { return try Netlink(proc: FileDescriptor(rawValue: proc.number)) } catch {
            throw Self.blindness(error)
        }
    }

    private static func blindness(_ error: NetlinkError) -> RuntimeError {
        .host("cannot look at the nftables rules: \(error)", hint: error.hint)
    }

    private func forget() { (present, doors) = (nil, nil) }

    // MARK: Mending

    /// - Returns: the links that were not held.
    private func hold(_ record: JailRecord, _ connection: NetworkConnection) throws(RuntimeError) -> [String] {
        let links = try unheldLinks(of: record)
        try perform(try holds(of: links, record, connection), connection)
        return links
    }

    /// - Parameter restored: gets what was missing, and is back.
    private func putRulesBack(_ record: JailRecord, _ connection: NetworkConnection, _ restored: inout Lack)
        throws(RuntimeError)
    {
        var lack = try lackOfRules(of: record)
        if !lack.isOfRules { return }
        try perform(try rules(for: lack, of: record, connection), connection)
        lack.links = restored.links
        restored = lack
    }

    /// Last, and after what was restored is told: that it cannot be found out is no reason to lack the rest.
    private func reflect(_ record: JailRecord, _ connection: NetworkConnection) throws(RuntimeError) {
        try perform(try dullPorts(of: record).map { .reflect(port: $0) }, connection)
    }

    private func perform(_ operations: [NetworkOperation], _ connection: NetworkConnection) throws(RuntimeError) {
        do throws(NetlinkError) {
            for operation in operations { try connection.netlink.perform(operation, under: connection.lock) }
        } catch { throw .host("cannot restore its nftables rules: \(error)", hint: error.hint) }
    }

    /// A link's name and hardware address are what its maker gave it, whoever has it now.
    private func holds(of links: [String], _ record: JailRecord, _ connection: NetworkConnection)
        throws(RuntimeError) -> [NetworkOperation]
    {
        var holds: [NetworkOperation] = []
        for link in links {
            do throws(NetlinkError) {
                let mac = NetworkPlanner.peerMAC(ofHostEnd: try connection.netlink.hardwareAddress(of: link))
                let addresses = record.spec.network.addresses.map(\.address)
                holds.append(.holdLink(LinkHold(link: link, mac: mac, addresses: addresses)))
            } catch { throw Self.blindness(error) }
        }
        return holds
    }

    /// All of the jail's rules are made in one batch, as by its start, and with its door its gates: no door is open without them, not
    /// even one that nothing needs any more.
    private func rules(for lack: Lack, of record: JailRecord, _ connection: NetworkConnection)
        throws(RuntimeError) -> [NetworkOperation]
    {
        let ledger: NetworkLedger
        do throws(NetlinkError) { ledger = try connection.lock.ledger() } catch { throw Self.blindness(error) }
        let plan = try plan(record, connection.netlink, ledger)
        let wanted = plan.filter { operation in
            switch operation {
            case .publish: true
            case .openDoor: lack.hasNoDoor
            default: false
            }
        }
        if plan.contains(where: \.opensDoor) { return wanted }
        return (try lookAtDoors().jails.contains(record.name) ? [.closeDoor(jail: record.name)] : []) + wanted
    }

    private func plan(_ record: JailRecord, _ netlink: borrowing Netlink, _ ledger: NetworkLedger)
        throws(RuntimeError) -> [NetworkOperation]
    {
        var network = record.spec.network
        network.interfaces = []
        let jail = (record.name, record.trace.network)
        do {
            var facts = try netlink.facts(for: network)
            facts.remember(ledger)
            return try NetworkPlan(publishing: network, jail: jail, facts: facts).operations.map(\.value)
        } catch { throw .host("cannot restore its nftables rules: \(error)", hint: nil) }
    }
}

extension NetworkOperation {
    fileprivate var opensDoor: Bool { if case .openDoor = self { true } else { false } }
}
