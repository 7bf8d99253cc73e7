internal import SystemPackage

/// All that starts of the jails of a file need of this host, in the order in which they look. There is no other list: a start throws
/// its first objection, a dry run too, and `check` collects them.
struct HostRequirements {
    let jails: [ConfiguredJail]
    let host: Host
    var findings: Findings?
    var shared: SharedLooks?
    /// What other jails have made counts as not there.
    var assumesNoJails = false
    /// `log.file` is where the console goes, and is not open yet.
    var usesLogFile = true

    init(jails: [ConfiguredJail], host: Host, findings: Findings? = nil, shared: SharedLooks? = nil) {
        (self.jails, self.host, self.findings, self.shared) = (jails, host, findings, shared)
    }

    /// The jails as they will be: the addresses of their names are known, and their ports.
    func resolved() throws(RuntimeError) -> [ConfiguredJail] {
        var resolved: [ConfiguredJail] = []
        for jail in jails {
            try go(without: ()) { () throws(RuntimeError) in
                if host.assumed != nil { return }
                try JailNesting(of: jail.name.value, host: host).checkPermission(jail)
            }
            resolved.append(
                try go(without: jail) { () throws(RuntimeError) in
                    try HostnameLookup(jail: jail, host: host).resolved()
                })
        }
        try checkRoots()
        let named = resolved
        resolved = try go(without: named) { () throws(RuntimeError) in
            try PortReservation(findings: findings, assumed: host.assumed).resolved(named)
        }
        for index in resolved.indices {
            let jail = resolved[index]
            resolved[index] = try go(without: jail) { () throws(RuntimeError) in
                try SharedNetwork(jail: jail, host: host).resolved()
            }
        }
        return resolved
    }

    /// Beside each other, and beside those that are up.
    private func checkRoots() throws(RuntimeError) {
        let traces = try host.state.traces()
        if jails.count == 1 && traces.isEmpty { return }
        let names = Set(jails.map(\.name.value))
        var others = RootPlaces()
        for trace in traces where !names.contains(trace.name) {
            if let place = trace.root { others.add(trace.name, place) }
        }
        for jail in jails {
            let place = RootPlace(jail)
            try go(without: ()) { () throws(RuntimeError) in try jail.checkRoot(place, beside: others.near(place)) }
            others.add(jail.name.value, place)
        }
    }

    /// What starts that are not made would begin with, in the order of their dependencies. Nothing is written or reserved.
    func preview(terminals: [Int]) throws(RuntimeError) -> [FilePlan.Prepared] {
        do throws(RuntimeError) { return try look(terminals) } catch {
            if findings != nil { throw error }
            throw foremost(error)
        }
    }

    private func look(_ terminals: [Int]) throws(RuntimeError) -> [FilePlan.Prepared] {
        let jails = try resolved()
        let registry = IdentityRegistry(host)
        let places = try registry.preview(for: jails, findings: findings)
        var prepared: [FilePlan.Prepared] = []
        var companions: [NetworkStart.Companion] = []
        let (trial, ports) = (HoldTrial(), PortLook(of: jails))
        for index in order(of: jails) {
            let (jail, place) = (jails[index], places[index])
            try lookAtLogs(of: jail)
            var facts = try facts(of: jail, terminals)
            let connected = try go(without: jail) { () throws(RuntimeError) in try withoutOwnInterfaces(jail) }
            try go(without: ()) { () throws(RuntimeError) in
                try addNetwork(of: connected, number: place.network, companions, trial, ports, to: &facts)
            }
            prepared.append(FilePlan.Prepared(spec: jail, identity: place.identity, facts: facts))
            // Who has an address in common without the right to is told by the check of the file.
            if findings == nil { companions.append(NetworkStart.Companion(spec: jail, number: place.network)) }
        }
        return prepared
    }

    /// For a check, a jail that is up has what its start has moved into it, and gives it back before it starts again.
    private func withoutOwnInterfaces(_ jail: ConfiguredJail) throws(RuntimeError) -> ConfiguredJail {
        if findings == nil || jail.network.interfaces.isEmpty { return jail }
        guard let trace = try host.state.trace(of: jail.name.value) else { return jail }
        var jail = jail
        jail.network.interfaces.removeAll { trace.interfaces.contains($0.value) }
        return jail
    }

    /// As they can be started; for a check, also those that cannot.
    private func order(of jails: [ConfiguredJail]) -> [Int] {
        findings == nil ? DependencyGraph(jails).startOrder : Array(jails.indices)
    }

    private func facts(of jail: ConfiguredJail, _ terminals: [Int]) throws(RuntimeError) -> StartFacts {
        let finder = FactFinder(
            jail: jail, host: host, findings: findings, shared: shared, assumesNoJails: assumesNoJails, others: jails)
        var facts = try finder.startFacts(terminals: terminals)
        if assumesNoJails { facts.caller = try finder.caller() }
        if let assumed = host.assumed {
            (facts.maskedPaths, facts.readOnlyPaths) = (assumed.maskedPaths, assumed.readOnlyPaths)
        } else if findings == nil {
            try FactFinder.addHiddenPaths(to: &facts)
        }
        return facts
    }

    private func lookAtLogs(of jail: ConfiguredJail) throws(RuntimeError) {
        if host.assumed != nil { return }
        for lack in LogLook(jail: jail, jails: jails, host: host).lacks(usesFile: usesLogFile) {
            if let findings {
                findings.add(lack.error, isMade: lack.isMade)
            } else if !lack.isMade(for: jail, HookMakers(jails)) {
                throw lack.error
            }
        }
    }

    private func addNetwork(
        of jail: ConfiguredJail, number: Int, _ companions: [NetworkStart.Companion], _ trial: HoldTrial,
        _ ports: PortLook, to facts: inout StartFacts
    ) throws(RuntimeError) {
        let network = try NetworkStart(
            preview: jail, number: number, host: host, companions: companions, trial: trial, ports: ports)
        facts.network = network.operations
        facts.sharedNetwork = assumesNoJails ? network.shared : network.lacking
        facts.networkHolder = network.holderFacts
        for obstacle in network.obstacles { findings?.add(obstacle, jail: jail.label) }
    }

    // MARK: What is missing

    /// What a start says whose look has ended with that objection: the first in the file, as `check` does.
    /// - Parameter jails: of which `log.file` is open, or not used.
    static func foremost(_ error: RuntimeError, of jails: [ConfiguredJail], on host: Host) -> RuntimeError {
        var requirements = HostRequirements(jails: jails, host: host)
        requirements.usesLogFile = false
        return requirements.foremost(error)
    }

    private func foremost(_ error: RuntimeError) -> RuntimeError {
        switch error {
        case .unsuitable, .noSuchUser, .file, .system: break
        case .step, .command, .cannotExecute, .alreadyExists, .notFound, .locked, .host, .timedOut, .interrupted:
            return error
        }
        let findings = Findings()
        var all = HostRequirements(
            jails: jails.map(\.withoutLookup), host: host, findings: findings, shared: SharedLooks())
        (all.assumesNoJails, all.usesLogFile) = (assumesNoJails, usesLogFile)
        do throws(RuntimeError) { _ = try all.preview(terminals: []) } catch { findings.add(error) }
        return findings.foremost(error, of: jails) ?? error
    }

    private func object(_ error: RuntimeError) throws(RuntimeError) {
        guard let findings else { throw error }
        findings.add(error)
    }

    /// A look that ends with its first objection: `check` goes on with `value` then.
    private func go<Value>(
        without value: Value, _ look: () throws(RuntimeError) -> Value
    ) throws(RuntimeError) -> Value {
        do { return try look() } catch {
            try object(error)
            return value
        }
    }
}

extension ConfiguredJail {
    /// Its hostname has been looked up, or could not be: a name server that does not answer is not waited for again.
    fileprivate var withoutLookup: Self {
        var jail = self
        jail.network.lookup = nil
        return jail
    }
}
