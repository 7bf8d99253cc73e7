/// Continues where jailruns were killed: finishes a stop that was begun, and removes what else is left of jails that
/// are down.
package struct JailTakeover {
    let host: Host
    package init(host: Host) { self.host = host }

    /// - Parameter waitingMilliseconds: for locks that the kernel still has to take from whoever was killed.
    /// - Throws: when it could not be looked for them.
    package func run(waitingMilliseconds: Int) throws(RuntimeError) {
        for trace in try host.state.traces() where trace.phase != .up {
            try finishStop(of: trace.name, waitingMilliseconds: waitingMilliseconds)
        }
        try JailRepair(host: host).repairAll(waitingMilliseconds: waitingMilliseconds)
    }

    /// The command that was at work is ended, and not begun again; those that follow have the time that they have in a forced
    /// stop.
    func finishStop(of name: String, waitingMilliseconds: Int) throws(RuntimeError) {
        guard let lock = try JailRepair(host: host).lock(name, waitingMilliseconds: waitingMilliseconds) else { return }
        guard let record = try host.state.record(of: name), record.trace.phase != .up else {
            if try host.state.hasTrace(of: name) { _ = consume lock } else { lock.unlinkAndRelease() }
            return
        }
        JailStop(host: host, terminals: [], signals: .force, isForced: true).resume(record)
        lock.unlinkAndRelease()
        host.state.removeIfUnused(cgroupRoot: host.cgroupRoot)
    }
}

extension JailStop {
    var forced: JailStop { JailStop(host: host, terminals: [], signals: .force, isForced: true) }

    /// What a jailrun that was killed has left to do of a stop; the caller holds the name's lock.
    func resume(_ record: JailRecord) {
        HookCgroup.end(HookCgroup.place(of: record.name, host), host)
        finish(record)
    }

    /// For whoever finishes this stop should it be killed.
    func noteRemoval(_ record: JailRecord) { note(.removing, record) }
}
