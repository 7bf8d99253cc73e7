/// Finds running jails. Every look first repairs what dead ones left, so that what it finds is true.
public struct JailLookup {
    let host: Host
    public init(host: Host) { self.host = host }

    /// Jails that are up, in the order of their jids.
    public func running() -> [JailRecord] {
        JailRepair(host: host).repairAll()
        Adoption(host: host).run()
        return host.state.records.filter(\.isAlive)
    }

    /// Jails that somebody looks after, and those that were and failed; by name. Not all of them are up.
    public func services() -> [ServiceRecord] { ServiceRegistry(state: host.state).records }

    public func service(_ name: String) -> ServiceRecord? { ServiceRegistry(state: host.state).record(of: name) }

    /// Whether there is something to be stopped.
    public func isKnown(_ name: String) -> Bool { host.state.record(of: name) != nil || service(name) != nil }

    /// Where its output is kept; nil when it goes to the jailrun in whose foreground it runs.
    public func log(of name: String, _ spec: JailSpec) -> ConsoleLog.Place? {
        if let file = spec.commands.consoleLog { return ConsoleLog.Place(path: file.value, hasTimestamps: false) }
        return service(name)?.log
    }

    /// The name of a jail that has that name or that jid.
    public func name(_ text: String) -> String? { record(text)?.name }

    /// The record of a jail that has that name or that jid.
    public func record(_ text: String) -> JailRecord? {
        let running = running()
        return running.first { $0.name == text } ?? running.first { String($0.identity.jid) == text }
    }

    /// The names, each after the running jails that depend on it.
    public func withDependents(_ names: [String]) -> [String] {
        let records = host.state.records
        var ordered: [String] = []
        var visiting: [String] = []
        func visit(_ name: String) {
            if ordered.contains(name) || visiting.contains(name) { return }
            visiting.append(name)
            for record in records.reversed() where record.spec.depend.contains(where: { $0.value == name }) {
                visit(record.name)
            }
            ordered.append(name)
        }
        names.forEach(visit)
        return ordered
    }
}
