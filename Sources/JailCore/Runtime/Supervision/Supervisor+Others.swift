/// Jails that this supervisor does not look after, and that one of its own depends on: they were up before.
extension Supervisor {
    enum Readiness {
        case ready
        /// It is not healthy yet, or is started again.
        case pending
        /// It is down, and nobody starts it.
        case gone
    }

    func dependenciesOutside(of service: Service) -> [(name: String, readiness: Readiness)] {
        let others = service.spec.depend.map(\.value).filter { name in
            !services.contains { !$0.isYielded && [$0.name, $0.firstName, $0.spec.label].contains(name) }
        }
        let parent = services.first { service.isNested(in: $0) && $0.isYielded }
        return (others + [parent?.name].compactMap { $0 }).map { ($0, readiness(of: $0)) }
    }

    /// `db (unhealthy: pg_isready)` of each that is not ready.
    func pendingOutside(of service: Service) -> [String] {
        dependenciesOutside(of: service).filter { $0.readiness == .pending }.map { dependency in
            let record = (try? registry.record(of: dependency.name)) ?? nil
            let command = record?.state == .unhealthy ? record?.spec.health?.command.value : nil
            let state = record?.state.rawValue ?? "not up"
            return "\(dependency.name) (\(state)\(command.map { ": \(Terminal.escaped($0))" } ?? ""))"
        }
    }

    /// What could not be looked at is looked at again.
    private func readiness(of name: String) -> Readiness {
        do throws(RuntimeError) { return try presentReadiness(of: name) } catch { return .pending }
    }

    private func presentReadiness(of name: String) throws(RuntimeError) -> Readiness {
        let found = try registry.record(of: name)
        // Looked at after the record: a stop says in the trace that it is at work before it takes the record away.
        let trace = try host.state.trace(of: name)
        let isUp = trace?.phase == .up ? try trace?.isAlive() == true : false
        // Nobody looks after it: all that is known is that it is up.
        guard let record = found else { return isUp ? .ready : .gone }
        switch record.state {
        case .ended: return .ready
        case .failed, .stopping: return .gone
        case .up, .healthy: return try isUp ? .ready : record.isSupervisorAlive() ? .pending : .gone
        case .waiting, .starting, .unhealthy, .restarting: return try record.isSupervisorAlive() ? .pending : .gone
        }
    }
}
