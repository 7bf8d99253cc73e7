internal import Glibc

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

    /// With those that root inside of one has made, which nobody but root inside starts, stops by commands, or changes.
    public func runningEverywhere() -> [JailRecord] {
        let running = running()
        return running + InnerJails(host: host).records(in: running)
    }

    /// Jails that somebody looks after, and those that were and failed; by name. Not all of them are up.
    public func services() -> [ServiceRecord] { ServiceRegistry(state: host.state).records }

    public func service(_ name: String) -> ServiceRecord? { ServiceRegistry(state: host.state).record(of: name) }

    /// Where a jail came from that is up, or is known to have been.
    public func origin(of name: String) -> JailOrigin? {
        let service = service(name)
        if let record = host.state.record(of: name) {
            return JailOrigin(
                spec: record.spec, configuration: record.configuration,
                isTransient: service?.isTransient ?? record.trace.isTransient,
                keeper: service?.supervisor ?? record.trace.supervisor)
        }
        return service.map {
            JailOrigin(
                spec: $0.spec, configuration: $0.configuration, isTransient: $0.isTransient, keeper: $0.supervisor)
        }
    }

    /// Whether there is something to be stopped.
    public func isKnown(_ name: String) -> Bool { host.state.record(of: name) != nil || service(name) != nil }

    /// Whether it is up, or somebody is about to start it: more may be heard of it.
    public func isOngoing(_ name: String) -> Bool {
        if let service = service(name) { return !service.state.isOver }
        return host.state.record(of: name) != nil
    }

    /// Where its output is kept; nil when it goes to the jailrun in whose foreground it runs.
    public func log(of name: String, _ spec: JailSpec) -> ConsoleLog.Place? {
        spec.consoleLogPlace ?? service(name)?.log
    }

    /// The name of a jail that has that name or that jid.
    public func name(_ text: String) -> String? { record(text)?.name }

    /// What jail_get(2) says when there is no jail of that name or number.
    public func objection(to text: String) -> String {
        if let doubt = host.state.doubt(about: text) { return doubt.message }
        let number = Int(text) ?? 0
        return number > 0 ? "jail \(number) not found" : "jail \"\(Terminal.escaped(text))\" not found"
    }

    /// The record of a jail that has that name or that jid.
    public func record(_ text: String) -> JailRecord? { Self.record(text, in: running()) }

    /// The same, of those, too, that root inside of one has made.
    public func recordEverywhere(_ text: String) -> JailRecord? { Self.record(text, in: runningEverywhere()) }

    private static func record(_ text: String, in jails: [JailRecord]) -> JailRecord? {
        let jid = Int(text)
        return jails.first { $0.name == text } ?? jails.first { $0.identity.jid == jid }
    }

    /// The record of a jail that is up.
    /// - Throws: `notFound(_:)` when there is none.
    public func existing(_ text: String) throws(RuntimeError) -> JailRecord {
        if let record = recordEverywhere(text) { return record }
        throw notFound(text)
    }

    /// What is said of a jail that is not up, with how it ended or the one that was most likely meant.
    public func notFound(_ text: String) -> RuntimeError {
        if let doubt = host.state.doubt(about: text) { return doubt }
        if let service = service(text) {
            let name = Terminal.escaped(service.name)
            let words = service.detail.map { ": \(ConsoleText.safe($0))" } ?? ""
            if service.isEnded {
                return .host("\"\(name)\" has ended\(words)", hint: "start it again with: jailrun restart \(name)")
            }
            return .host("\"\(name)\" is \(service.state.rawValue)\(words)", hint: nil)
        }
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

/// What a jail was started from, and by whom.
public struct JailOrigin: Sendable {
    public var spec: JailSpec
    public var configuration: String
    /// It dies with the process that runs it.
    public var isTransient: Bool
    /// The pid of who looks after it.
    public var keeper: Int32
}

extension Host {
    /// Whether a jail of that name is up, or about to be.
    public func isHeld(_ name: String) -> Bool { NameHolder(state: state).isHeld(name) }
}
