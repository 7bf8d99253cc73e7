internal import Glibc
internal import SystemPackage

/// Gives a running jail other published ports, or its rules another name: all of its rules are replaced in one batch, so that no
/// packet meets half of them. Connections that are translated already stay so.
struct PortChange {
    private let record: JailRecord
    private let host: Host

    init(of record: JailRecord, host: Host) {
        self.record = record
        self.host = host
    }

    /// The jail's links have its old name.
    /// - Throws: what is wrong with the ports, when the jail has its old ones.
    func run(to new: inout JailRecord) throws(RuntimeError) {
        try replace(&new, named: record.name)
    }

    /// The jail's links have its new name already.
    func rename(to new: inout JailRecord) throws(RuntimeError) {
        let network = new.spec.network
        if network.ports.isEmpty && network.masquerade == nil { return }
        try replace(&new, named: new.name)
    }

    private func replace(_ new: inout JailRecord, named name: String) throws(RuntimeError) {
        let connection = try NetworkConnection(host: host)
        let before = try operations(record.spec, name, connection)
        let after = try operations(new.spec, name, connection)
        do throws(NetlinkError) {
            do throws(NetlinkError) { try perform(after, named: name, connection) } catch {
                try? settle(connection)
                throw error
            }
            try unset(before, unless: after, connection)
            try settle(connection)
        } catch { throw failure(error) }
        let kept = record.details.networkUndo.filter { if case .withdraw = $0 { false } else { true } }
        new.details.networkUndo = after.reversed().compactMap(\.undo) + kept
    }

    private func perform(_ operations: [NetworkOperation], named name: String, _ connection: NetworkConnection)
        throws(NetlinkError)
    {
        for operation in operations where operation.rules == nil {
            try connection.netlink.perform(operation, under: connection.lock)
        }
        try connection.netlink.replaceRules(of: [record.name, name], by: operations.compactMap(\.rules).first)
    }

    /// A link of the jail's own by which the host speaks from 127.0.0.1: without a rule nothing guards that address.
    private func unset(
        _ before: [NetworkOperation], unless after: [NetworkOperation], _ connection: NetworkConnection
    ) throws(NetlinkError) {
        let group = NetworkGroup(number: record.trace.network, host: host)
        if try group.hasRules(without: record.name, connection) { return }
        for case .setSysctl(var sysctl) in before where sysctl.users == nil && !after.contains(.setSysctl(sysctl)) {
            sysctl.value = "0"
            try connection.netlink.perform(.setSysctl(sysctl), under: connection.lock)
        }
    }

    private func operations(_ spec: JailSpec, _ name: String, _ connection: NetworkConnection) throws(RuntimeError)
        -> [NetworkOperation]
    {
        var facts: HostNetworkFacts
        do throws(NetlinkError) {
            facts = try connection.netlink.facts(for: spec.network)
            facts.originals = try connection.lock.ledger().entries.map {
                HostNetworkFacts.Sysctl(path: $0.path, value: $0.value)
            }
        } catch { throw failure(error) }
        facts.takenPorts.removeAll { $0.jail == record.name }
        do throws(NetworkPlanError) {
            return try NetworkPlan(publishing: spec.network, jail: (name, record.trace.network), facts: facts)
                .operations.map(\.value)
        } catch {
            throw .unsuitable(jail: record.spec.label, origin: error.origin, "\(error)", hint: error.hint)
        }
    }

    private func failure(_ error: NetlinkError) -> RuntimeError {
        .unsuitable(
            jail: record.spec.label, origin: .commandLine, "cannot change the ports: \(error)", hint: error.hint)
    }

    /// Forwarding that only the old rules needed.
    private func settle(_ connection: NetworkConnection) throws(NetlinkError) {
        let isUnused = try connection.netlink.unusedSettings()
        try connection.netlink.restoreSettings(under: connection.lock, of: isUnused)
    }
}

extension NetworkOperation {
    fileprivate var rules: PacketRules? { if case .publish(let rules) = self { rules } else { nil } }
}
