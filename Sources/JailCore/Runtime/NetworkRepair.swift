internal import SystemPackage

/// Puts back what somebody else has taken from the network of jails that are up: `nft flush ruleset`, which a reload of nftables
/// begins with, takes the rules of everybody.
final class NetworkRepair {
    private let host: Host
    /// Names of the jails to which the rules belong, one for each that lasts; and links that are held. Read once.
    private var present: (rules: [String], links: [String])?

    init(host: Host) { self.host = host }

    /// What a jail's network has, and lacks.
    private struct Lack {
        var hasNoRules = false
        var links: [String] = []
        var hasNoDoor = false
        var isNothing: Bool { !hasNoRules && links.isEmpty && !hasNoDoor }
    }

    /// The caller holds the jail's lock, or looks after it.
    func mend(_ record: JailRecord) {
        guard record.trace.hasNetwork, Host.seesRules, !host.isNested else { return }
        do throws(RuntimeError) {
            let lack = try lack(of: record)
            if lack.isNothing { return }
            try putBack(lack, record)
            host.warn("\(record.spec.label): \(words(lack, record)): somebody had removed them, and they are back")
        } catch { host.warn("\(record.spec.label): rules of nftables are missing: \(error.message)") }
    }

    private func words(_ lack: Lack, _ record: JailRecord) -> String {
        let network = record.spec.network
        let parts =
            (lack.hasNoRules ? network.ports.map { "port \($0.published)" } : [])
            + (lack.hasNoRules && network.masquerade != nil ? ["nat"] : [])
            + (lack.hasNoDoor ? ["\(FirewallDoor.chain)"] : [])
            + lack.links.map { "what holds \($0) to the jail's addresses" }
        return "rules of nftables (\(parts.joined(separator: ", ")))"
    }

    // MARK: Looking

    private func lack(of record: JailRecord) throws(RuntimeError) -> Lack {
        var lack = Lack()
        for undo in record.details.networkUndo {
            switch undo {
            case .withdraw(let jail, let count):
                lack.hasNoRules = try look().rules.count { $0 == jail } < count ?? 1
            case .closeDoor(let jail): lack.hasNoDoor = try isDoorClosed(to: jail)
            case .releaseLink(let name): if try !look().links.contains(name) { lack.links.append(name) }
            default: break
            }
        }
        return lack
    }

    /// Where Docker has gone there is none.
    private func isDoorClosed(to jail: String) throws(RuntimeError) -> Bool {
        let proc = try NetworkConnection.openProc()
        do throws(NetlinkError) {
            let netlink = try Netlink(proc: FileDescriptor(rawValue: proc.number))
            guard try netlink.hasDoor() else { return false }
            return try !netlink.doorOwners().contains(jail)
        } catch { throw .host("cannot look at the rules of nftables: \(error)", hint: error.hint) }
    }

    private func look() throws(RuntimeError) -> (rules: [String], links: [String]) {
        if let present { return present }
        let proc = try NetworkConnection.openProc()
        do throws(NetlinkError) {
            let netlink = try Netlink(proc: FileDescriptor(rawValue: proc.number))
            let rules = try netlink.packetRules().filter(\.lasts).map(\.jail)
            let found = (rules, try netlink.heldLinks())
            present = found
            return found
        } catch { throw .host("cannot look at the rules of nftables: \(error)", hint: error.hint) }
    }

    // MARK: Mending

    private func putBack(_ lack: Lack, _ record: JailRecord) throws(RuntimeError) {
        let connection = try NetworkConnection(host: host)
        let operations = try operations(of: record, connection)
        do throws(NetlinkError) {
            for operation in operations where isWanted(operation, lack) {
                try connection.netlink.perform(operation, under: connection.lock)
            }
        } catch { throw .host("cannot put them back: \(error)", hint: error.hint) }
        present = nil
    }

    private func isWanted(_ operation: NetworkOperation, _ lack: Lack) -> Bool {
        switch operation {
        case .publish: lack.hasNoRules
        case .openDoor: lack.hasNoDoor
        case .holdLink(let hold): lack.links.contains(hold.link)
        default: false
        }
    }

    /// Those of its start.
    private func operations(of record: JailRecord, _ connection: NetworkConnection) throws(RuntimeError)
        -> [NetworkOperation]
    {
        var network = record.spec.network
        network.interfaces = []
        let jail = (record.name, record.trace.network)
        let isOwn = record.details.networkUndo.contains { if case .removeLink = $0 { true } else { false } }
        do {
            var facts = try connection.netlink.facts(for: network)
            facts.remember(try connection.lock.ledger())
            let plan =
                isOwn
                ? try NetworkPlan(for: network, jail: jail, facts: facts)
                : try NetworkPlan(publishing: network, jail: jail, facts: facts)
            return plan.operations.map(\.value)
        } catch { throw .host("cannot put them back: \(error)", hint: nil) }
    }
}
