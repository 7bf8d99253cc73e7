internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// What the first process says while it starts the commands.
extension JailStart {
    /// Isolated: the child has become pid 1's program, which waits, or runs its first command.
    /// - Returns: what it said of that command.
    func awaitReady(_ session: Session, plan: Plan) throws(RuntimeError) -> Session.Event? {
        let deadline = Clock.milliseconds() + 30000
        host.waits.begin(jail.label, "the jail's first process")
        defer { host.waits.end() }
        while true {
            let event = session.next(deadline: deadline)
            switch event {
            case .report(.ready): return nil
            case .report(.failed(let reported, let errno)):
                let index = plan.index(ofReported: reported)
                if index >= plan.firstCommandStep || index < 0 { return event }
                throw failure(plan.allSteps[index], index, errno)
            case .report, .pointless: return event
            case .exited(let status):
                throw .command(
                    jail: jail.label, text: "the jail's first process", origin: .standard(""),
                    outcome: CommandOutcome(waitStatus: status))
            case .signal(let signal): throw .interrupted(jail: jail.label, signal: signal)
            case .timedOut: throw .timedOut(jail: jail.label, "the jail's first process")
            }
        }
    }

    private func failure(_ step: Step, _ index: Int, _ errno: Int32) -> RuntimeError {
        .step(jail: jail.label, step: step, errno: Errno(errno), number: index)
    }

    /// Of fork(2), in pid 1.
    private func forkFailure(_ command: Plan.Command, _ errno: Int32) -> RuntimeError {
        .unsuitable(
            jail: jail.label, origin: command.origin, "\(command.line.text): cannot fork: \(Errno(errno).description)",
            hint: errno == EAGAIN ? "ulimit.nproc and cgroup.pids.max limit the processes of a jail" : nil)
    }

    /// `exec.start` and `command`, one after the other, each with its timeout.
    /// - Parameter first: what was heard of them already.
    func runCommands(
        _ session: Session, _ running: RunningCommands, _ record: JailRecord, _ first: Session.Event?
    ) throws(RuntimeError) -> CommandOutcome {
        let commands = running.commands
        var heard = first
        var deadline: Int?
        var patience = Patience()
        var outcome = CommandOutcome.exited(0)
        var (current, next) = (0, 0)
        var failed: (index: Int, errno: Int32)?
        defer { host.waits.end() }
        while true {
            let event = heard ?? session.next(deadline: patience.deadline(deadline))
            heard = nil
            switch event {
            case .report(.running(let number, _)):
                (current, next) = (number, number + 1)
                let command = commands[number]
                // pid 1 reports this once the command is executed, or has reported why it cannot be.
                if command.isLeft, let failed {
                    _ = try ended(running, number, .notExecuted(Errno(failed.errno)), failed, record)
                }
                if isTransient && command.parameter == "command" && !isForeground { onCommand() }
                for step in command.steps { host.audience.observe?(step, nil) }
                host.audience.tell?(
                    jail.label,
                    JailCommand.notice(
                        command.line.text, command.origin, isInJail: true, user: jail.commands.jailUser))
                let timeout = command.timeoutSeconds
                deadline = timeout > 0 && !command.isLeft ? Clock.milliseconds() + timeout * 1000 : nil
                patience =
                    isStrange(command, isLast: number == commands.count - 1)
                    ? Patience(since: Clock.milliseconds()) : Patience()
                tellWait(for: command)
                session.console.makeRaw()
            case .report(.failed(let index, let errno)):
                if index < 0, next == commands.count {
                    throw .system("\(jail.label): the jail's first process cannot confine itself", Errno(errno))
                }
                if index < 0 { throw forkFailure(commands[next], errno) }
                failed = (index, errno)
            case .report(.finished(let number, let status)):
                onCommandEnd()
                outcome = try ended(
                    running, number, failed.map { .notExecuted(Errno($0.errno)) } ?? CommandOutcome(waitStatus: status),
                    failed, record)
            case .report(.started):
                if !isForeground || !running.hasMainProgram { session.console.makeCooked() }
                return outcome
            case .report, .pointless: break
            case .exited(let status):
                throw .command(
                    jail: jail.label, text: "the jail's first process", origin: .standard(""),
                    outcome: CommandOutcome(waitStatus: status))
            case .signal(let signal):
                // A jail that runs its command is up, however long that takes: then it is stopped, as every other.
                if isTransient, commands.indices.contains(current), commands[current].parameter == "command" {
                    onStop()
                    host.waits.end()
                    JailStop(host: host, terminals: [], signals: .force, isForced: signal == SIGQUIT)
                        .stopHeld(record)
                }
                throw .interrupted(jail: jail.label, signal: signal)
            case .timedOut where patience.isOver(deadline):
                patience = Patience()
                host.audience.note(Patience.words(jail.label, commands[current]))
            case .timedOut:
                let command = commands[current]
                throw .command(
                    jail: jail.label, text: command.line.text, origin: command.origin,
                    outcome: .timedOut(seconds: command.timeoutSeconds))
            }
        }
    }

    /// What a jail runs for as long as it lives is not waited for, nor is what has the caller's terminal.
    private func tellWait(for command: Plan.Command) {
        if isTransient && command.parameter == "command" || !terminals.isEmpty { return host.waits.end() }
        host.waits.begin(jail.label, "\(command.parameter): \(Terminal.escaped(command.line.text))")
    }

    /// A command that fails ends the start; the last one of a foreground jail is what the caller asked to be told.
    private func ended(
        _ running: RunningCommands, _ number: Int, _ outcome: CommandOutcome, _ failed: (index: Int, errno: Int32)?,
        _ record: JailRecord
    ) throws(RuntimeError) -> CommandOutcome {
        if outcome == .exited(0) { return outcome }
        if let failed, let step = running.step(failed.index), case .call(let call) = step.operation,
            call.number != CNS_EXECUTE.rawValue
        {
            throw failure(step, failed.index, failed.errno)
        }
        if !isStrict && number == running.commands.count - 1, case .exited = outcome { return outcome }
        if !isStrict && number == running.commands.count - 1, case .signalled = outcome { return outcome }
        let command = running.commands[number]
        if let words = MemoryKill.explanation(of: outcome, record) { host.audience.warn(words) }
        throw .command(
            of: record, named: jail.label, line: command.line, origin: command.origin, outcome: outcome)
    }

    /// A start waits for it, and nobody has asked for its end.
    private func isStrange(_ command: Plan.Command, isLast: Bool) -> Bool {
        command.parameter == "exec.start" && command.timeoutSeconds == 0 && !command.isLeft && (isStrict || !isLast)
            && !jail.commands.awaitsCommand
    }
}
