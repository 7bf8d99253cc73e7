internal import Glibc

/// Finds running jails. Every look first repairs what dead ones left, so that what it finds is true.
package struct JailLookup {
    let host: Host
    package init(host: Host) { self.host = host }

    /// Jails that are up, in the order of their jids.
    /// - Parameter isRepaired: false for a look that changes nothing.
    /// - Throws: when it cannot be looked for them; then nothing is repaired on that doubt.
    package func running(isRepaired: Bool = true) throws(RuntimeError) -> [JailRecord] {
        if isRepaired {
            try JailRepair(host: host).repairAll()
            try Adoption(host: host).run()
        }
        return try host.state.running()
    }

    /// With those that root inside a jail has made, which only root inside starts, stops by commands, or changes.
    package func runningEverywhere() throws(RuntimeError) -> [JailRecord] {
        let running = try running()
        return try running + InnerJails(host: host).records(in: running)
    }

    /// Jails that somebody looks after, and those that were and failed; by name. Not all of them are up.
    package func services() throws(RuntimeError) -> [ServiceRecord] { try ServiceRegistry(state: host.state).records() }

    package func service(_ name: String) throws(RuntimeError) -> ServiceRecord? {
        try ServiceRegistry(state: host.state).record(of: name)
    }

    /// Where a jail came from that is up, or is known to have been.
    package func origin(of name: String) throws(RuntimeError) -> JailOrigin? {
        let service = try service(name)
        if let record = try host.state.record(of: name) {
            if record.unreadable != nil { throw record.unreadableError() }
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
    package func isKnown(_ name: String) throws(RuntimeError) -> Bool {
        if try host.state.record(of: name) != nil { return true }
        return try service(name) != nil
    }

    /// Whether it is up, or somebody is about to start it: it may still report something.
    package func isOngoing(_ name: String) throws(RuntimeError) -> Bool {
        if let service = try service(name) { return !service.state.isOver }
        return try host.state.record(of: name) != nil
    }

    /// Where its output is kept; nil when it goes to the jailrun in whose foreground it runs.
    package func log(of name: String, _ spec: ConfiguredJail) throws(RuntimeError) -> ConsoleLog.Place? {
        if let place = spec.consoleLogPlace { return place }
        return try service(name)?.log
    }

    /// The name of a jail that has that name or that jid.
    package func name(_ text: String) throws(RuntimeError) -> String? { try record(text)?.name }

    /// What jail_get(2) says when there is no jail of that name or number.
    package func objection(to text: String) -> String {
        let number = Int(text) ?? 0
        return number > 0 ? "jail \(number) not found" : "jail \"\(Terminal.escaped(text))\" not found"
    }

    /// The record of a jail that has that name or that jid.
    package func record(_ text: String) throws(RuntimeError) -> JailRecord? { Self.record(text, in: try running()) }

    /// The same, including those that root inside a jail has made.
    package func recordEverywhere(_ text: String) throws(RuntimeError) -> JailRecord? {
        Self.record(text, in: try runningEverywhere())
    }

    private static func record(_ text: String, in jails: [JailRecord]) -> JailRecord? {
        let jid = Int(text)
        return jails.first { $0.name == text } ?? jails.first { $0.identity.jid == jid }
    }

    /// The record of a jail that is up.
    /// - Throws: `notFound(_:)` when there is none.
    package func existing(_ text: String) throws(RuntimeError) -> JailRecord {
        if let record = try recordEverywhere(text) { return record }
        throw notFound(text)
    }

    /// The error for a jail that is not up, with how it ended or the name that was most likely meant.
    package func notFound(_ text: String) -> RuntimeError {
        do { return try absence(of: text) } catch { return error }
    }

    private func absence(of text: String) throws(RuntimeError) -> RuntimeError {
        if let service = try service(text) {
            let name = Terminal.escaped(service.name)
            let words = service.detail.map { ": \(ConsoleText.safe($0))" } ?? ""
            if service.isEnded {
                return .host("\"\(name)\" has ended\(words)", hint: "start it again with: jailrun restart \(name)")
            }
            return .host("\"\(name)\" is \(service.state.rawValue)\(words)", hint: nil)
        }
        let names = try host.state.running().map(\.name)
        if !names.contains(text), isFile(text) {
            let name = Terminal.escaped(text)
            return .host("\"\(name)\" not found", hint: "to name the file, write ./\(name)")
        }
        guard let near = Spelling(text).closest(in: names) else { return .notFound(jail: text) }
        return .host("\"\(Terminal.escaped(text))\" not found", hint: "did you mean \"\(near)\"?")
    }

    /// Whether the working directory has a file of that name. A file differs from a jail by its slash or `.conf`.
    private func isFile(_ name: String) -> Bool {
        var status = stat()
        return unsafe stat(name, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// The names, each after the jails that depend on it and are up, or are being started.
    /// - Parameter ignored: names of jails that are left out.
    package func withDependents(_ names: [String], but ignored: [String] = []) throws(RuntimeError) -> [String] {
        let others = try specs(but: Set(ignored))
        var ordered: [String] = []
        var visiting: [String] = []
        func visit(_ name: String) {
            if ordered.contains(name) || visiting.contains(name) { return }
            visiting.append(name)
            for other in others.reversed() where other.needs(name) { visit(other.name.value) }
            ordered.append(name)
        }
        names.forEach(visit)
        return ordered
    }

    /// Of jails that are up, in the order of their jids, and of those that come after them.
    private func specs(but ignored: Set<String>) throws(RuntimeError) -> [ConfiguredJail] {
        // Looked at first: one whose start goes on meanwhile is found in either.
        let beginning = try beginning(but: ignored)
        var records: [JailRecord] = []
        for name in try host.state.names() where !ignored.contains(name) {
            if let record = try host.state.record(of: name) { records.append(record) }
        }
        records.sort { $0.identity.jid < $1.identity.jid }
        let found = Set(records.map(\.name))
        return records.map(\.spec) + beginning.filter { !found.contains($0.name.value) }
    }

    /// Of jails that a supervisor starts, or starts again after a pause. One that waits for its dependencies looks at them itself.
    private func beginning(but ignored: Set<String>) throws(RuntimeError) -> [ConfiguredJail] {
        let registry = ServiceRegistry(state: host.state)
        var specs: [ConfiguredJail] = []
        for name in try registry.names().sorted() where !ignored.contains(name) {
            guard let service = try registry.record(of: name), [.starting, .restarting].contains(service.state),
                service.awaitsRestart != true, try service.isSupervisorAlive()
            else { continue }
            specs.append(service.spec)
        }
        return specs
    }
}

extension JailRecord {
    /// Whether it must go before the jail of that name does: it depends on it, or is nested in it.
    package func needs(_ name: String) -> Bool { spec.needs(name) || self.name.hasPrefix("\(name).") }
}

extension ConfiguredJail {
    fileprivate func needs(_ other: String) -> Bool {
        depend.contains { $0.value == other } || name.value.hasPrefix("\(other).")
    }
}

extension JailRecord {
    /// The error for a jail that is up, but whose record is needed and cannot be read.
    package func unreadableError() -> RuntimeError {
        .host(
            "\"\(Terminal.escaped(name))\" is up, and its record cannot be read: \(unreadable ?? "")",
            hint: "stop it with: jailrun stop \(name); then start it again")
    }
}

/// What a jail was started from, and by whom.
package struct JailOrigin: Sendable {
    package var spec: ConfiguredJail
    package var configuration: String
    /// It dies with the process that runs it.
    package var isTransient: Bool
    /// The pid of the process that looks after it.
    package var keeper: Int32
}

extension Host {
    /// Whether a jail of that name is up, or about to be.
    package func isHeld(_ name: String) throws(RuntimeError) -> Bool { try NameHolder(state: state).isHeld(name) }
}
