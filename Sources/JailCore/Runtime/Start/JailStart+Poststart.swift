internal import CNamespaces
internal import Glibc

extension JailStart {
    /// `exec.poststart`, for as long as there is a jail that it belongs to: when the first process has ended, or the main program
    /// has failed, it has no purpose any more. Whose main program has done its work has a moment for it.
    func runPoststart(
        _ hooks: HostCommand, _ session: Session, _ running: RunningCommands, _ record: JailRecord
    ) throws(RuntimeError) {
        if jail.commands.poststart.isEmpty { return }
        var hooks = hooks
        let end = JailEnd(session.control)
        hooks.purpose = HostCommandPurpose(session.control) { end.look() }
        hooks.console = session.console
        do throws(RuntimeError) { try hooks.run(jail.commands.poststart, parameter: "exec.poststart") } catch {
            if isForeground, case .interrupted(_, let signal) = error {
                onStop()
                JailStop(host: host, terminals: [], signals: .force, isForced: signal == SIGQUIT).stopHeld(record)
            }
            throw error
        }
        // In the foreground that is what the caller is told at the end.
        if isForeground && running.hasMainProgram { return }
        try check(end, session, running, record)
    }

    private func check(
        _ end: JailEnd, _ session: Session, _ running: RunningCommands, _ record: JailRecord
    ) throws(RuntimeError) {
        let deadline = Clock.milliseconds() + 1000
        switch end.kind {
        case .program(let outcome) where outcome != .exited(0):
            if let words = MemoryKill.explanation(of: outcome, record) { host.audience.warn(words) }
            guard let command = running.commands.last else { return }
            throw .command(of: record, named: jail.label, line: command.line, origin: command.origin, outcome: outcome)
        case .firstProcess:
            guard case .exited(let status) = session.next(deadline: deadline) else { return }
            throw .command(
                jail: jail.label, text: "the jail's first process", origin: .standard(""),
                outcome: CommandOutcome(waitStatus: status))
        case .program, nil: return
        }
    }
}

/// What the control socket says of a jail's end, while somebody else's command is waited for. It stays to be read.
private final class JailEnd {
    enum Kind {
        case firstProcess
        case program(CommandOutcome)
    }

    private let control: Int32
    private(set) var kind: Kind?

    init(_ control: Int32) { self.control = control }

    /// - Returns: the seconds that a command for the jail may still take.
    func look() -> Int {
        guard let report = Control.peek(control) else {
            kind = .firstProcess
            return 0
        }
        guard case .finished(_, let status) = report else { return 0 }
        kind = .program(CommandOutcome(waitStatus: status))
        return status == 0 ? JailStop.forcedCommandSeconds : 0
    }
}
