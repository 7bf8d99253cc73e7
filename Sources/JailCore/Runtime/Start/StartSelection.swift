/// Which jails of a file a start has to start: a dependency that is already up is satisfied, and left alone.
package struct StartSelection: Sendable {
    /// What to do with jails that were asked for and are already up.
    package enum Claim: Sendable {
        /// They are refused: a run has what it was asked for, for itself. Where no jail was named that is what no other needs.
        case all
        /// They are left alone, as `jail -c` does; one that was asked for by its own name is refused.
        case missing
    }

    /// To be started.
    package private(set) var jails: [ConfiguredJail] = []
    /// Already up, and left as they are.
    package private(set) var running: [ConfiguredJail] = []

    /// Names of those that are left to whoever has them, or begins to start them at the same moment.
    package let shared: Set<String>

    let names: [String]
    private let configuration: String
    let host: Host

    /// - Parameters:
    ///   - specs: the jails of the file that were asked for, and all that they need.
    ///   - names: those that were asked for, as the caller named them; empty for all.
    ///   - configuration: the file.
    /// - Throws: `.alreadyExists` for the first that is up and is refused.
    package init(
        _ specs: [ConfiguredJail], of names: [String], claim: Claim, configuration: String, host: Host
    ) throws(RuntimeError) {
        (self.names, self.configuration, self.host) = (names, configuration, host)
        shared = Self.shared(of: specs, names, claim)
        var ending = EndingRuns()
        for spec in specs where claim == .missing || isShared(spec) {
            try awaitWork(on: spec)
            try awaitEnd(of: spec, &ending)
        }
        let holder = NameHolder(state: host.state)
        var held: [ConfiguredJail] = []
        for spec in specs { if try holder.isHeld(spec.name.value) { held.append(spec) } else { jails.append(spec) } }
        for spec in held {
            if !isShared(spec) {
                throw .alreadyExists(jail: spec.label, holder: try holder.words(of: spec.name.value))
            }
            running.append(try present(spec))
        }
        if !held.isEmpty { try adoptOrphans() }
    }

    /// The jails with the ports that they will have; several, if they have room beside those of other files.
    package static func checked(_ jails: [ConfiguredJail], host: Host) throws(RuntimeError) -> [ConfiguredJail] {
        do throws(RuntimeError) {
            let resolved = try PortReservation().resolved(jails)
            if jails.count == 1 { return resolved }
            try GatewayCheck(resolved).check()
            try NestingCheck(resolved, host: host).check()
            return resolved
        } catch { throw HostRequirements.foremost(error, of: jails, on: host) }
    }

    private static func shared(of specs: [ConfiguredJail], _ names: [String], _ claim: Claim) -> Set<String> {
        switch claim {
        case .missing: Set(specs.filter { !$0.isNamed(by: names) }.map(\.name.value))
        case .all where names.isEmpty: DependencyGraph(specs).needed
        case .all: Set(specs.filter { !$0.isMeant(by: names) }.map(\.name.value))
        }
    }

    private func isShared(_ spec: ConfiguredJail) -> Bool { shared.contains(spec.name.value) }

    /// The jail as it is, which is not what the file says if that was changed since, or another file's.
    private func present(_ spec: ConfiguredJail) throws(RuntimeError) -> ConfiguredJail {
        let name = spec.name.value
        let record = try host.state.record(of: name)
        let service = try ServiceRegistry(state: host.state).record(of: name)
        if let why = record.map(\.unreadable) ?? service?.unreadable {
            let what = record == nil ? "about to be started again" : "already up"
            host.audience.warn("\(spec.label): \(what), but its record cannot be read, \(why): it is left as it is")
            return spec
        }
        guard let present = record?.spec ?? service?.spec else { return spec }
        let file = record?.configuration ?? service?.configuration ?? configuration
        let pause = service?.pauseWords(isHastened: spec.isMeant(by: names))
        let change = service?.state == .stopping ? Self.stoppedElsewhere : pause ?? Self.startedElsewhere
        let what = try isStarting(spec) ? change : "already up"
        let end = try NameHolder(state: host.state).endWords(of: name)
        if file != configuration {
            host.audience.warn("\(spec.label): \(what), from \(Terminal.escaped(file)): it is left as it is\(end)")
        } else if !present.hasSameSettings(as: spec) {
            host.audience.warn(
                "\(spec.label): \(what), started before the file changed: it is left as it is\(end)")
        } else {
            host.audience.note("\(spec.label): \(what)\(end)")
        }
        return present
    }

    static let startedElsewhere = "another command is starting it"
    static let stoppedElsewhere = "another command is stopping it"

    /// Nobody would tell when one is healthy whose supervisor was killed.
    private func adoptOrphans() throws(RuntimeError) {
        let registry = ServiceRegistry(state: host.state)
        for jail in running {
            guard let service = try registry.record(of: jail.name.value), try !service.isSupervisorAlive() else {
                continue
            }
            return try Adoption(host: host).run()
        }
    }
}

extension ConfiguredJail {
    /// Whether it was asked for, not as one that another needs: by its name, by a wildcard, or as one of the whole file.
    func isMeant(by names: [String]) -> Bool {
        names.isEmpty || isNamed(by: names)
            || names.contains { name in
                let wildcard = JailWildcard(Bytes(name.utf8))
                return [label, nameInFile].contains { wildcard?.matches(Bytes($0.utf8)) ?? false }
            }
    }

    /// By its own name.
    package func isNamed(by names: [String]) -> Bool { names.contains { $0 == label || $0 == nameInFile } }

    /// Whether the file says the same of both, in whichever lines.
    func hasSameSettings(as other: ConfiguredJail) -> Bool {
        let (mine, others) = (parameters.settings, other.parameters.settings)
        return mine.count == others.count
            && zip(mine, others).allSatisfy { $0.name == $1.name && $0.values == $1.values }
    }
}
