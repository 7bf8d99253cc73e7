internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// What a started jail's keeper does: waits for its end, passes signals on as a stop, and leaves nothing.
package struct JailRun {
    let start: JailStart
    let host: Host

    package init(start: JailStart, host: Host) {
        self.start = start
        self.host = host
    }

    /// Starts the jail, tells `onStart`, and returns when nothing of it is left.
    /// - Parameter onStart: called once, when the start has succeeded.
    /// - Returns: how its last start command ended.
    /// - Throws: why it could not be started.
    package func run(onStart: (JailRecord) -> Void) throws(RuntimeError) -> CommandOutcome {
        let watch = RunWatch(host)
        defer { watch.end() }
        var start = start
        start.onCommand = { ServiceManager.notify(.ready) }
        start.onStop = { ServiceManager.notify(.stopping) }
        let (registry, name) = (ServiceRegistry(state: host.state), start.jail.name.value)
        // The jail is up when its main program runs: what follows a start does not wait for its end.
        start.isForeground = !start.jail.commands.poststart.isEmpty
        start.hasMainProgram = start.isForeground
        start.onLock = { () throws(RuntimeError) in try registry.forgetEnd(of: name) }
        let running = try start.run()
        onStart(running.record)
        var outcome = running.outcome
        if let words = MemoryKill.explanation(of: outcome, running.record) { host.audience.warn(words) }
        var isRunning = running.hasMainProgram
        /// It ends by itself: a signal does not change how.
        var isOver = false
        var ending: Int32?
        let stop = JailStop(host: host, terminals: [], signals: .force)
        var isAsked = false
        var ended: JailStop.Ended?
        while true {
            let isLocked = ended != nil
            switch running.session.next(deadline: isLocked ? Clock.milliseconds() + 1000 : nil) {
            case .exited(let status):
                if isRunning { outcome = CommandOutcome(waitStatus: status) }
                running.session.console.makeCooked()
                let written = Result { () throws(RuntimeError) in
                    try running.handed.finish(host.signals, isHurried: isAsked)
                    try running.session.checkConsole()
                }
                if let ended {
                    try stop.finishEnded(running.record, ended)
                } else {
                    try stop.finishEnded(running.record)
                }
                try written.get()
                if let ending { throw .interrupted(jail: running.record.spec.label, signal: ending) }
                return outcome
            case .report(.finished(_, let status)):
                isRunning = false
                isOver = running.hasMainProgram && !running.record.spec.isPersistent.value
                outcome = CommandOutcome(waitStatus: status)
                running.session.console.makeCooked()
                if let words = MemoryKill.explanation(of: outcome, running.record) { host.audience.warn(words) }
            case .report(.ended): ended = lock(running.record, stop)
            case .signal(let signal):
                ended = nil
                if !isAsked { ServiceManager.notify(.stopping) }
                if !isOver { ending = ending ?? signal }
                stopRunning(running.record, isForced: isAsked || signal == SIGQUIT)
                isAsked = true
            // The jail is frozen: others may want its lock.
            case .timedOut: ended = nil
            case .report, .pointless: break
            }
        }
    }

    /// What cannot be looked at now is looked at again when its first process has ended.
    private func lock(_ record: JailRecord, _ stop: JailStop) -> JailStop.Ended? {
        do throws(RuntimeError) { return try stop.lockEnded(record) } catch { return nil }
    }

    /// A signal to the keeper is a request to stop. One that fails says why, and the jail goes on; the next is not asked.
    private func stopRunning(_ record: JailRecord, isForced: Bool) {
        do throws(RuntimeError) {
            let name = try host.state.name(of: record.identity, once: record.name) ?? record.name
            let stop = JailStop(host: host, terminals: [], signals: .force, isForced: isForced)
            try stop.stopDependents(of: name, beside: [])
            try stop.run(name)
        } catch {
            if case .notFound = error { return }
            host.audience.warn("\(error.message)\n    hint: a second signal skips exec.prestop and exec.stop")
        }
    }
}
