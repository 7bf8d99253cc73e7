internal import Glibc

/// The plan of a start that is not made: the same facts are looked up, nothing is written.
public struct DryRun {
    let jail: JailSpec
    let host: Host
    let terminals: [Int]
    /// Tells what becomes of this process's descriptors 0 to 2, too.
    public var handsDescriptors = false

    public init(jail: JailSpec, host: Host, terminals: [Int]) {
        self.jail = jail
        self.host = host
        self.terminals = terminals
    }

    /// - Throws: what would stop the start before its first step.
    public func plan() throws(RuntimeError) -> Plan {
        var jail = try HostnameLookup(jail: jail, host: host).resolved()
        jail = try PortReservation().resolved([jail])[0]
        jail = try SharedNetwork(jail: jail, host: host).resolved()
        var facts = try FactFinder(jail: jail, host: host).startFacts(terminals: terminals)
        FactFinder.addHiddenPaths(to: &facts)
        if handsDescriptors {
            facts.handedDescriptors = try HandedDescriptors.facts(
                of: jail.handedDescriptors(terminals: terminals, hasOutput: false), jail: jail.label,
                isNested: host.isNested)
        }
        let registry = IdentityRegistry(state: host.state)
        let identity = try registry.preview(for: jail)
        let network = try NetworkStart(
            preview: jail, number: registry.previewNetwork(of: identity.jid), host: host, mayJoin: true)
        facts.network = network.operations
        facts.networkHolder = network.holder?.facts
        return Planner(jail: jail, identity: identity, facts: facts).start()
    }
}
