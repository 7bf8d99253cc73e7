internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Runs the `exec.*` lists that belong on the host.
struct HostCommand {
    let jail: ConfiguredJail
    let identity: JailIdentity?
    let host: Host
    /// Seconds that a command may take where `exec.timeout` gives it any time; 0 is no limit.
    var standardBound = 0
    /// Seconds that it may take whatever `exec.timeout` says; 0 is no limit.
    var forcedBound = 0
    /// Nil: a command is waited for whatever happens meanwhile.
    var purpose: HostCommandPurpose?
    /// Of the jail's, which goes on meanwhile.
    var console: Console?

    /// Runs the commands of one list in their order.
    /// - Throws: `.command` for the first that fails, `.interrupted` when a signal ends the wait.
    func run(_ list: [Located<String>], parameter: String) throws(RuntimeError) {
        if list.isEmpty { return }
        let caller = try FactFinder(jail: jail, host: host).caller()
        let hooks = HookLowering(jail: jail, identity: identity, caller: caller).hooks(list, parameter: parameter)
        for hook in hooks where purpose?.isLost != true { try run(hook.planned, as: hook.user) }
    }

    private func run(_ command: Plan.Command, as user: StartFacts.User?) throws(RuntimeError) {
        let line = command.line
        host.audience.tell?(
            jail.label, JailCommand.notice(line.text, command.origin, isInJail: false, user: jail.commands.systemUser))
        let began = Clock.microseconds()
        let outcome = try outcome(of: command)
        for step in command.steps {
            host.audience.observe?(step, step.side == .host ? Clock.microseconds() - began : nil)
        }
        if outcome != .exited(0) {
            throw .command(jail: jail.label, line: line, origin: command.origin, outcome: outcome) {
                CommandLookup(onHost: jail.commands.isClean.value, as: user)
            }
        }
    }

    private var timeoutSeconds: Int {
        let timeout = jail.commands.timeoutSeconds.value
        let usual = timeout > 0 ? timeout : standardBound
        return forcedBound > 0 ? min(forcedBound, usual > 0 ? usual : forcedBound) : usual
    }

    private func outcome(of command: Plan.Command) throws(RuntimeError) -> CommandOutcome {
        let steps = command.steps.filter { $0.side == .child }
        let plan = KernelPlan(steps: steps)
        let message = "\(jail.label): \(command.line.text)"
        let pair = try attempt(message) { () throws(Errno) in try ControlPair() }
        if !command.line.isBackground { host.waits.doLater() }
        let cgroup = HookCgroup(of: jail.name.value, host: host, isNeeded: !command.line.isBackground)
        let child = try attempt(message) { () throws(Errno) in
            try plan.spawn(0..<steps.count, flags: [], cgroup: cgroup.descriptor, control: pair.childs.number)
        }
        let pidfd = Descriptor(child.pidfd)
        if command.line.isBackground { return Self.execution(pair.keepOurs()) }
        if console?.isRaw != true {
            host.waits.begin(jail.label, "\(command.parameter): \(Terminal.escaped(command.line.text))")
        }
        defer { host.waits.end() }
        defer { cgroup.leave() }
        return try wait(pidfd.number, control: pair.ours.number, pid: child.pid, cgroup)
    }

    private static let executionMilliseconds: Int32 = 10000

    /// Whether a command that is left runs: its control socket closes with execve(2), unless it says before why it failed.
    private static func execution(_ control: consuming Descriptor) -> CommandOutcome {
        var report = cns_report()
        let count = unsafe cns_receive(control.number, &report, nil, 0, executionMilliseconds)
        guard count >= 0, UInt32(bitPattern: report.kind) == CNS_FAILED.rawValue else { return .exited(0) }
        return .notExecuted(Errno(Int32(truncatingIfNeeded: report.value)))
    }

    /// - Throws: `.interrupted`, when nothing of it is left.
    private func wait(_ pidfd: Int32, control: Int32, pid: Int32, _ cgroup: borrowing HookCgroup) throws(RuntimeError)
        -> CommandOutcome
    {
        let session = Session(
            control: control, pidfd: pidfd, host: host, console: console ?? Console(terminals: []),
            purpose: purpose?.descriptor ?? -1)
        var timeout = timeoutSeconds
        var deadline = timeout > 0 ? Clock.milliseconds() + timeout * 1000 : nil
        var failure: Errno?
        while true {
            switch session.next(deadline: deadline) {
            case .report(.failed(_, let errno)): failure = Errno(errno)
            case .report: break
            case .exited(let status): return failure.map { .notExecuted($0) } ?? CommandOutcome(waitStatus: status)
            case .timedOut:
                end(pid, pidfd, cgroup)
                return .timedOut(seconds: timeout)
            case .pointless:
                let seconds = purpose?.lookAgain() ?? 0
                if seconds == 0 {
                    end(pid, pidfd, cgroup)
                    return .exited(0)
                }
                session.forgetPurpose()
                timeout = timeout > 0 ? min(timeout, seconds) : seconds
                deadline = min(deadline ?? .max, Clock.milliseconds() + seconds * 1000)
            case .signal(let signal):
                kill(-pid, signal)
                if signal == SIGQUIT || cns_wait(pidfd, Self.graceMilliseconds) < 0 { end(pid, pidfd, cgroup) }
                cgroup.kill()
                throw .interrupted(jail: jail.label, signal: signal)
            }
        }
    }

    /// After a signal that asks it to end.
    private static let graceMilliseconds: Int32 = 2000

    private func end(_ pid: Int32, _ pidfd: Int32, _ cgroup: borrowing HookCgroup) {
        kill(-pid, SIGKILL)
        cgroup.kill()
        _ = cns_wait(pidfd, 5000)
    }
}
