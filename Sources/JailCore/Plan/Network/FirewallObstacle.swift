/// A chain of the host's own firewall that drops packets of a jail. What one table accepts, another may still drop: no rule of
/// jailrun's own table changes that.
package struct FirewallObstacle: Equatable, Sendable, Codable {
    /// `chain forward of table inet host`.
    package var chain: String
    var probe: FirewallProbe
    /// The command that lets them pass.
    package var mend: String
    /// Docker leaves a chain to others that comes before its own rules. What that chain itself drops is its owner's
    /// decision.
    package var hasDoor: Bool
    /// Rules come before that look at what is not known.
    var isDoubtful: Bool

    package var origin: Origin { probe.origin }
}

/// What is said of all packets that one chain drops, and one command lets pass.
struct FirewallWarning: Equatable {
    private let obstacle: FirewallObstacle
    private(set) var jails: [String]
    private(set) var packets: [String]

    /// - Parameter obstacles: of each jail, by what it is called.
    static func all(_ obstacles: [(jail: String, obstacle: FirewallObstacle)]) -> [Self] {
        var warnings: [Self] = []
        for (jail, obstacle) in obstacles {
            guard let index = warnings.firstIndex(where: { $0.covers(obstacle) }) else {
                warnings.append(Self(obstacle: obstacle, jails: [jail], packets: [obstacle.probe.packets]))
                continue
            }
            if !warnings[index].jails.contains(jail) { warnings[index].jails.append(jail) }
            let packets = obstacle.probe.packets
            if !warnings[index].packets.contains(packets) { warnings[index].packets.append(packets) }
        }
        return warnings
    }

    private func covers(_ other: FirewallObstacle) -> Bool {
        obstacle.chain == other.chain && obstacle.mend == other.mend && obstacle.isDoubtful == other.isDoubtful
    }

    var origin: Origin { obstacle.origin }
    var message: String {
        "the host's firewall \(obstacle.isDoubtful ? "may drop" : "drops") \(packets.enumerated): \(obstacle.chain)"
    }
    var hint: String { "to let it pass: \(obstacle.mend)" }
}

extension NetworkSpec {
    /// Of those that were found for a whole file, or before a change: what is in the way of this jail.
    func obstacles(_ facts: HostNetworkFacts) -> [FirewallObstacle] {
        guard let all = facts.obstacles, !all.isEmpty else { return [] }
        // Where bridges are not filtered, none was found for what they pass.
        let probes = firewallProbes(facts) { _ in true }
        return all.compactMap { obstacle in
            guard let probe = probes.first(where: obstacle.probe.isSame) else { return nil }
            var own = obstacle
            own.probe = probe
            own.hasDoor = obstacle.hasDoor && (probe.other == probe.side || facts.leadsOutside(probe.other))
            return own
        }
    }

    /// Without what a door lets pass.
    func obstaclesWithoutDoor(_ facts: HostNetworkFacts) -> [FirewallObstacle] {
        obstacles(facts).filter { !$0.hasDoor }
    }
}
