/// Connections of UDP that a change of a jail's rules leaves as the kernel remembers them, and that are to begin anew.
struct StaleConnections: Equatable {
    /// Where connections lead: who answers.
    struct End: Equatable {
        var address: InternetAddress
        var ports: ClosedRange<Int>
        /// Whoever asked has asked another address or port.
        var isTranslated: Bool
    }

    /// From a port of the host to one of a jail.
    fileprivate struct Way: Equatable {
        var published: PortSpec
        var to: PacketTable.Rule.Translation
    }

    private let gone: [Way]
    private let fresh: [Way]

    init(old: [PacketTable.Rule], new: [PacketRule]) {
        let before = Self.ways(old.map { ($0.port, $0.translation) })
        let after = Self.ways(new.map { (PacketTable.Rule.port(in: $0.comment), $0.verdict.translation) })
        gone = before.filter { !after.contains($0) }
        fresh = after.filter { !before.contains($0) }
    }

    /// Each is a rule for others and one for the host itself.
    private static func ways(_ rules: [(port: PortSpec?, to: PacketTable.Rule.Translation?)]) -> [Way] {
        var ways: [Way] = []
        for (port, to) in rules {
            guard let port, port.transport == .udp, let to else { continue }
            let way = Way(published: port, to: to)
            if ways.last != way, !ways.contains(way) { ways.append(way) }
        }
        return ways
    }

    var isEmpty: Bool { gone.isEmpty && fresh.isEmpty }

    /// What was led to the jail and is no more; and what reached the host itself where it is now led to the jail. Connections that
    /// somebody else has led elsewhere are others'.
    func ends(hostAddresses: [InternetAddress]) -> [End] {
        var ends = gone.map { way in
            let ports = way.to.port.map { $0...$0 } ?? way.published.hostPorts
            return End(address: way.to.address, ports: ports, isTranslated: true)
        }
        for way in fresh {
            for address in way.addresses(among: hostAddresses) {
                ends.append(End(address: address, ports: way.published.hostPorts, isTranslated: false))
            }
        }
        return ends
    }
}

extension StaleConnections.Way {
    fileprivate func addresses(among all: [InternetAddress]) -> [InternetAddress] {
        if !published.isOnAll, let own = published.address.flatMap({ InternetAddress($0) }) { return [own] }
        return all.filter { $0.family == to.address.family }
    }
}

extension PacketRule.Verdict {
    fileprivate var translation: PacketTable.Rule.Translation? {
        guard case .translate(let to, let port) = self, let address = InternetAddress(to) else { return nil }
        return PacketTable.Rule.Translation(address: address, port: port)
    }
}
