/// Finds running jails. Every look first repairs what dead ones left, so that what it finds is true.
public struct JailLookup {
    let host: Host
    public init(host: Host) { self.host = host }

    /// Jails that are up, in the order of their jids.
    /// - Parameter isRepaired: false for a look that changes nothing.
    public func running(isRepaired: Bool = true) -> [JailRecord] {
        if isRepaired {
            JailRepair(host: host).repairAll()
            Adoption(host: host).run()
        }
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

    /// What jail_get(2) says when there is no jail of that name or number.
    public static func objection(to text: String) -> String {
        let number = Int(text) ?? 0
        return number > 0 ? "jail \(number) not found" : "jail \"\(Terminal.escaped(text))\" not found"
    }

    /// The record of a jail that has that name or that jid.
    public func record(_ text: String) -> JailRecord? {
        let running = running()
        let jid = Int(text)
        return running.first { $0.name == text } ?? running.first { $0.identity.jid == jid }
    }

    /// The record of a jail that is up.
    /// - Throws: `notFound(_:)` when there is none.
    public func existing(_ text: String) throws(RuntimeError) -> JailRecord {
        if let record = record(text) { return record }
        throw notFound(text)
    }

    /// What is said of a jail that is not up, with the one that was most likely meant.
    public func notFound(_ text: String) -> RuntimeError {
        let names = host.state.records.filter(\.isAlive).map(\.name)
        guard let near = Spelling(text).closest(in: names) else { return .notFound(jail: text) }
        return .host("\"\(Terminal.escaped(text))\" not found", hint: "did you mean \"\(near)\"?")
    }

    /// The names, each after the running jails that depend on it.
    public func withDependents(_ names: [String]) -> [String] {
        let records = host.state.records
        var ordered: [String] = []
        var visiting: [String] = []
        func visit(_ name: String) {
            if ordered.contains(name) || visiting.contains(name) { return }
            visiting.append(name)
            for record in records.reversed() where record.needs(name) { visit(record.name) }
            ordered.append(name)
        }
        names.forEach(visit)
        return ordered
    }
}

extension JailRecord {
    /// Whether it must go before the jail of that name does: it depends on it, or is nested in it.
    public func needs(_ name: String) -> Bool {
        spec.depend.contains { $0.value == name } || self.name.hasPrefix("\(name).")
    }
}
