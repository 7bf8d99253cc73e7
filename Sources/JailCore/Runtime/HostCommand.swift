internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Runs the `exec.*` lists that belong on the host.
struct HostCommand {
    let jail: JailSpec
    let identity: JailIdentity?
    let host: Host

    /// Runs the commands of one list in their order.
    /// - Throws: `.command` for the first that fails, `.interrupted` when a signal ends the wait.
    func run(_ list: [Located<String>], parameter: String) throws(RuntimeError) {
        if list.isEmpty { return }
        let caller = try FactFinder(jail: jail, host: host).caller()
        let planner = HostCommandPlanner(jail: jail, identity: identity, caller: caller)
        for command in planner.commands(list, parameter: parameter) { try run(command) }
    }

    private func run(_ command: Plan.Command) throws(RuntimeError) {
        let line = command.line
        host.tell?(
            jail.label, JailCommand.notice(line.text, command.origin, isInJail: false, user: jail.commands.systemUser))
        let began = Clock.microseconds()
        let outcome = try outcome(of: command)
        for step in command.steps { host.observe?(step, step.side == .host ? Clock.microseconds() - began : nil) }
        if outcome != .exited(0) {
            throw .command(jail: jail.label, line: line, origin: command.origin, outcome: outcome) {
                CommandLookup(onHost: jail.commands.isClean.value)
            }
        }
    }

    private func outcome(of command: Plan.Command) throws(RuntimeError) -> CommandOutcome {
        let steps = command.steps.filter { $0.side == .child }
        let plan = KernelPlan(steps: steps)
        let message = "\(jail.label): \(command.line.text)"
        let pair = try attempt(message) { () throws(Errno) in try ControlPair() }
        let child = try attempt(message) { () throws(Errno) in
            try plan.spawn(0..<steps.count, flags: [], cgroup: -1, control: pair.childs.number)
        }
        let pidfd = Descriptor(child.pidfd)
        if command.line.isBackground { return Self.execution(pair.keepOurs()) }
        return try wait(pidfd.number, pair: pair, pid: child.pid)
    }

    private static let executionMilliseconds: Int32 = 10000

    /// Whether a command that is left runs: its control socket closes with execve(2), unless it says before why it failed.
    private static func execution(_ control: consuming Descriptor) -> CommandOutcome {
        var report = cns_report()
        let count = unsafe cns_receive(control.number, &report, nil, 0, executionMilliseconds)
        guard count >= 0, UInt32(bitPattern: report.kind) == CNS_FAILED.rawValue else { return .exited(0) }
        return .notExecuted(Errno(Int32(truncatingIfNeeded: report.value)))
    }

    private func wait(_ pidfd: Int32, pair: borrowing ControlPair, pid: Int32) throws(RuntimeError) -> CommandOutcome {
        let session = Session(
            control: pair.ours.number, pidfd: pidfd, signals: host.signals, console: Console(terminalInput: -1))
        let timeout = jail.commands.timeoutSeconds.value
        let deadline = timeout > 0 ? Clock.milliseconds() + timeout * 1000 : nil
        var failure: Errno?
        while true {
            switch session.next(deadline: deadline) {
            case .report(.failed(_, let errno)): failure = Errno(errno)
            case .report: break
            case .exited(let status): return failure.map { .notExecuted($0) } ?? CommandOutcome(waitStatus: status)
            case .timedOut:
                kill(-pid, SIGKILL)
                _ = cns_wait(pidfd, 5000)
                return .timedOut(seconds: timeout)
            case .signal(let signal):
                kill(-pid, signal)
                if cns_wait(pidfd, 2000) < 0 {
                    kill(-pid, SIGKILL)
                    _ = cns_wait(pidfd, 5000)
                }
                throw .interrupted(jail: jail.label, signal: signal)
            }
        }
    }
}
