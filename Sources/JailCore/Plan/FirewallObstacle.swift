/// A chain of the host's own firewall that drops packets of a jail. What one table accepts, another may still drop: no rule of
/// jailrun's own table changes that.
public struct FirewallObstacle: Equatable, Sendable, Codable {
    /// `chain forward of table inet host`.
    public var chain: String
    var probe: FirewallProbe
    /// The command that lets them pass.
    public var mend: String
    /// Docker leaves a chain to others, which is asked before its own rules. What that chain itself drops is its owner's decision.
    public var hasDoor: Bool
    /// Rules come before that look at what is not known.
    var isDoubtful: Bool

    public var origin: Origin { probe.origin }
    var message: String { "the host's firewall \(isDoubtful ? "may drop" : "drops") \(probe.packets): \(chain)" }
    var hint: String { "let it pass: \(mend)" }
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

    /// Without what a door lets pass; each said once.
    func obstaclesWithoutDoor(_ facts: HostNetworkFacts) -> [FirewallObstacle] {
        var told: [FirewallObstacle] = []
        for obstacle in obstacles(facts)
        where !obstacle.hasDoor && !told.contains(where: { $0.message == obstacle.message }) { told.append(obstacle) }
        return told
    }
}
