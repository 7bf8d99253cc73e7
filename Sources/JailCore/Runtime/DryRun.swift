internal import Glibc

/// The plan of starts that are not made: the same facts are looked up, nothing is written.
public struct DryRun {
    let jails: [JailSpec]
    let host: Host
    let terminals: [Int]
    /// Tells what becomes of this process's descriptors 0 to 2, too.
    public var handsDescriptors = false

    /// - Parameter jails: in the order of the file.
    public init(jails: [JailSpec], host: Host, terminals: [Int]) {
        self.jails = jails
        self.host = host
        self.terminals = terminals
    }

    /// - Parameter isComplete: with what others that are up now have made, for a time when they are not.
    /// - Throws: what would stop a start before its first step.
    public func plan(isComplete: Bool = false) throws(RuntimeError) -> FilePlan {
        var resolved: [JailSpec] = []
        for jail in jails { resolved.append(try HostnameLookup(jail: jail, host: host).resolved()) }
        resolved = try PortReservation().resolved(resolved)
        let places = try IdentityRegistry(state: host.state).preview(for: resolved)
        var prepared: [FilePlan.Prepared] = []
        var companions: [NetworkStart.Companion] = []
        for index in DependencyGraph(resolved).startOrder {
            let jail = try SharedNetwork(jail: resolved[index], host: host).resolved()
            let place = places[index]
            let facts = try facts(of: jail, number: place.network, companions, isComplete)
            prepared.append(FilePlan.Prepared(spec: jail, identity: place.identity, facts: facts))
            companions.append(NetworkStart.Companion(spec: jail, number: place.network))
        }
        return FilePlan(prepared)
    }

    private func facts(
        of jail: JailSpec, number: Int, _ companions: [NetworkStart.Companion], _ isComplete: Bool
    ) throws(RuntimeError) -> StartFacts {
        let finder = FactFinder(jail: jail, host: host, assumesNoJails: isComplete)
        // Where there is a supervisor, it reads what the jail prints.
        let isSupervised = jails.count > 1 || jail.isSupervised
        var facts = try finder.startFacts(terminals: isSupervised ? [] : terminals)
        facts.isOutputPiped = isSupervised && jail.commands.consoleLog == nil
        if isComplete { facts.caller = try finder.caller() }
        FactFinder.addHiddenPaths(to: &facts)
        if handsDescriptors {
            facts.handedDescriptors = try HandedDescriptors.facts(
                of: jail.handedDescriptors(
                    terminals: facts.terminals, hasOutput: isSupervised && jail.commands.consoleLog == nil),
                jail: jail.label, isNested: host.isNested)
        }
        let network = try NetworkStart(preview: jail, number: number, host: host, companions: companions)
        facts.network = network.operations
        facts.sharedNetwork = isComplete ? network.shared : network.lacking
        facts.networkHolder = network.holderFacts
        return facts
    }
}
