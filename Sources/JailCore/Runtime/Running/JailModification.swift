internal import Glibc
internal import SystemPackage

/// Changes a jail while it runs: jail -m. All of it is done, or none.
package struct JailModification {
    /// Why a jail was not changed.
    package enum Failure: Error {
        case parameters(ConfigurationFailure)
        /// This parameter would become another, and cannot while the jail runs.
        case fixed(String)
        case runtime(RuntimeError)
    }

    private let name: String
    private let host: Host

    /// - Parameter name: the jail's present name.
    package init(of name: String, host: Host) {
        self.name = name
        self.host = host
    }

    /// The first of the given parameters that would change, but cannot while the jail runs.
    package static func fixedParameter(of record: JailRecord, in change: JailChange, among others: [JailRecord])
        throws(RuntimeError) -> String?
    {
        var asked = record
        asked.details.spec = change.asked
        let (before, after) = (JailValues(record, among: others), JailValues(asked, among: others))
        for name in change.names where KernelParameters.isFixed(name) {
            if try before.value(of: name) != after.value(of: name) { return name }
        }
        return nil
    }

    /// - Parameter makeChange: called with the jail as it is, which stays so until the change is made.
    /// - Returns: parameters that change only at the next start.
    package func run(_ makeChange: (ConfiguredJail) throws(ConfigurationFailure) -> JailChange) throws(Failure)
        -> [String]
    {
        let held = try runtime { () throws(RuntimeError) in try hold() }
        let old = held.record.spec
        let asked = try changed(held.record, makeChange)
        try runtime { () throws(RuntimeError) in try change(held.record, to: asked.result) }
        if asked.result.name.value != name { held.lock.unlinkAndRelease() }
        return asked.namesWithoutEffect(on: old)
    }

    /// The steps of a change that is not made: the same facts are looked up, nothing is written.
    package func dryRun(_ makeChange: (ConfiguredJail) throws(ConfigurationFailure) -> JailChange) throws(Failure)
        -> [Step]
    {
        let record = try runtime { () throws(RuntimeError) in
            guard let record = try host.state.record(of: name) else { throw .notFound(jail: name) }
            if record.unreadable != nil { throw record.unreadableError() }
            return record
        }
        let asked = try changed(record, makeChange)
        return try runtime { () throws(RuntimeError) in
            let spec = try resolved(asked.result, from: record.spec)
            var old = record
            if record.spec.getsFirstLinks(as: spec) {
                old.trace.network = try IdentityRegistry(host).network(of: record.trace, for: spec)
            }
            return try plan(old, spec).allSteps
        }
    }

    // MARK: What is to become of it

    /// The jail, which nobody else changes meanwhile.
    private struct Hold: ~Copyable {
        let lock: JailLock
        let record: JailRecord
    }

    private func hold() throws(RuntimeError) -> Hold {
        let lock = try host.lock(name)
        try JailRepair(host: host).repair(name)
        guard let record = try host.state.record(of: name) else {
            lock.unlinkAndRelease()
            throw .notFound(jail: name)
        }
        if record.unreadable != nil { throw record.unreadableError() }
        return Hold(lock: lock, record: record)
    }

    private func runtime<Value: ~Copyable>(_ body: () throws(RuntimeError) -> Value) throws(Failure) -> Value {
        do throws(RuntimeError) { return try body() } catch { throw .runtime(error) }
    }

    private func changed(
        _ record: JailRecord, _ makeChange: (ConfiguredJail) throws(ConfigurationFailure) -> JailChange
    ) throws(Failure) -> JailChange {
        let change: JailChange
        do throws(ConfigurationFailure) { change = try makeChange(record.spec) } catch { throw .parameters(error) }
        let others = try runtime { () throws(RuntimeError) in try host.state.records() }
        let fixed = try runtime { () throws(RuntimeError) in
            try Self.fixedParameter(of: record, in: change, among: others)
        }
        if let fixed { throw .fixed(fixed) }
        return change
    }

    /// With the addresses of its hostname, and ports in the place of those that the host chooses. Under the name that its rules
    /// have now, or it would be told that it has its own ports.
    private func resolved(_ spec: ConfiguredJail, from old: ConfiguredJail) throws(RuntimeError) -> ConfiguredJail {
        if spec.name.value != old.name.value { try checkName(spec.name.value, of: old) }
        var spec = try HostnameLookup(jail: spec, host: host).resolved()
        if spec.network.hasSamePorts(as: old.network) { return spec }
        var named = spec
        named.name = old.name
        spec.network.ports = try PortReservation().resolved([named])[0].network.ports
        return spec
    }

    /// - Throws: why it cannot have that name.
    private func checkName(_ other: String, of jail: ConfiguredJail) throws(RuntimeError) {
        if try host.state.hasTrace(of: other) {
            throw .alreadyExists(jail: other, holder: try NameHolder(state: host.state).words(of: other))
        }
        let child = try host.state.names().first { $0.hasPrefix("\(name).") }
        let objection =
            JailName.parent(of: other) != JailName.parent(of: name)
            ? "cannot change jail's parent" : child.map { "\"\($0)\" is nested in it: remove that jail first" }
        if let objection {
            throw .unsuitable(jail: jail.label, origin: .commandLine, objection, hint: nil)
        }
    }

    private func plan(_ record: JailRecord, _ new: ConfiguredJail) throws(RuntimeError) -> ChangePlan {
        let facts = try ChangeFacts(of: record, to: new, host: host)
        do throws(NetworkPlanError) {
            return try ChangePlanner(from: record.spec, to: new, identity: record.identity, facts: facts).plan()
        } catch {
            throw .unsuitable(jail: record.spec.label, origin: error.origin, "\(error)", hint: error.hint)
        }
    }

    // MARK: The change

    private func change(_ record: JailRecord, to spec: ConfiguredJail) throws(RuntimeError) {
        var old = record
        let spec = try resolved(spec, from: old.spec)
        let isRenamed = spec.name.value != name
        let other = isRenamed ? try host.lock(spec.name.value) : nil
        if isRenamed { try checkName(spec.name.value, of: old.spec) }
        let network =
            old.spec.isNetworkChanged(to: spec) ? try NetworkStart(changing: spec, host: host) : nil
        if old.spec.getsFirstLinks(as: spec) { try IdentityRegistry(host).renumber(&old.trace, for: spec) }
        // No jail may come into it between the look for such and the signal.
        let isSettled = old.spec.isPersistent.value == spec.isPersistent.value
        let registry =
            isSettled ? nil : try IdentityRegistry(host).lock()
        let plan = try plan(old, spec)
        var new = old
        new.details.spec = spec
        new.details.networkUndo = plan.networkUndo
        new.trace.revision += 1
        new.trace.hasNetwork = old.trace.hasNetwork || spec.network.isConnected
        if new.trace.hasNetwork && !old.trace.hasNetwork { new.trace.home = try .own() }
        if network != nil { new.details.networkChange = nil }
        // From here on there may be something to be taken back.
        if network != nil { try announce(new, from: old) }
        if new.trace.hasNetwork != old.trace.hasNetwork { try host.state.write(new.trace) }
        let performer = ChangePerformer(plan, of: old, host: host, network: network)
        try performer.perform { () throws(RuntimeError) in
            if isRenamed { try rename(&new, from: old) } else { try write(new) }
        } whenTakenBack: { () throws(RuntimeError) in
            if network != nil { try host.state.write(old.details) }
        }
        network?.close()
        _ = consume registry
        _ = consume other
    }

    /// If this is killed, whoever comes next takes the network back to what the record says of it.
    private func announce(_ new: JailRecord, from old: JailRecord) throws(RuntimeError) {
        var details = old.details
        details.networkChange = JailDetails.NetworkChange(name: new.spec.name.value, undo: new.details.networkUndo)
        try host.state.write(details)
    }

    private func write(_ record: JailRecord) throws(RuntimeError) {
        try host.state.write(record.trace)
        try host.state.write(record.details)
    }

    private func rename(_ new: inout JailRecord, from old: JailRecord) throws(RuntimeError) {
        new.trace.name = new.spec.name.value
        new.trace.label = new.spec.label
        try host.state.rename(new.trace, new.details, from: name)
        do throws(RuntimeError) { try ServiceRegistry(state: host.state).rename(name, to: new.spec) } catch {
            do throws(RuntimeError) { try host.state.rename(old.trace, old.details, from: new.name) } catch let second {
                host.audience.warn("\(old.spec.label): its name is now \(new.name): \(second.message)")
            }
            throw error
        }
    }
}

extension ConfiguredJail {
    /// Until then nobody has looked whether the number of its links is free.
    fileprivate func getsFirstLinks(as new: ConfiguredJail) -> Bool {
        network.addresses.isEmpty && !new.network.addresses.isEmpty
    }
}
