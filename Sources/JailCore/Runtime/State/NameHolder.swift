internal import Glibc

/// Who has a name: what is said to whoever wants it, too.
struct NameHolder {
    let state: StateDirectory

    /// `up, jid 3, from /etc/www.conf, in the foreground of pid 4711`.
    func words(of name: String) throws(RuntimeError) -> String {
        let trace = try state.trace(of: name)
        let service = try ServiceRegistry(state: state).record(of: name)
        let record = try state.record(of: name)
        if record?.unreadable ?? service?.unreadable != nil {
            return trace == nil ? "down, and its record cannot be read" : "up, but its record cannot be read"
        }
        let configuration = record?.configuration ?? service?.configuration
        let isBeingStopped = try trace?.isBeingStopped() ?? false
        let doing = isBeingStopped ? .stopping : service?.state ?? .up
        let parts: [String?] = [
            doing.rawValue, trace.map { "jid \($0.identity.jid)" },
            configuration.map { "from \(Terminal.escaped($0))" }, keeper(trace, service),
        ]
        return parts.compactMap { $0 }.joined(separator: ", ")
    }

    private func keeper(_ trace: JailTrace?, _ service: ServiceRecord?) -> String? {
        guard let pid = service?.supervisor ?? trace?.supervisor else { return nil }
        return service?.isTransient ?? trace?.isTransient ?? false
            ? "in the foreground of pid \(pid)" : "looked after by pid \(pid)"
    }

    /// `, and ends with the foreground run of pid 4711`; nothing of a jail that no run has.
    func endWords(of name: String) throws(RuntimeError) -> String {
        let trace = try state.trace(of: name)
        let service = try ServiceRegistry(state: state).record(of: name)
        guard service?.isTransient ?? trace?.isTransient ?? false, let pid = service?.supervisor ?? trace?.supervisor
        else { return "" }
        return ", and ends with the foreground run of pid \(pid)"
    }

    /// Whether the name is somebody's: its jail is up, or about to be.
    func isHeld(_ name: String) throws(RuntimeError) -> Bool {
        if try state.trace(of: name)?.isAlive() == true { return true }
        guard let service = try ServiceRegistry(state: state).record(of: name) else { return false }
        // That which this very command is about to start again.
        if service.awaitsRestart == true, service.supervisor == getpid() { return false }
        return service.state.isOver ? false : try service.isSupervisorAlive()
    }
}
