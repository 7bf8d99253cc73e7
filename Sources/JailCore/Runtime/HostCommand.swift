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
    func run(_ commands: [Located<String>], parameter: String) throws(RuntimeError) {
        for command in commands {
            let line = JailCommand(command.value)
            if line.arguments.isEmpty { continue }
            host.tell?(
                jail.label,
                JailCommand.notice(command.value, command.origin, isInJail: false, user: jail.commands.systemUser))
            let outcome = try run(line, origin: command.origin)
            if outcome != .exited(0) {
                throw .command(jail: jail.label, text: command.value, origin: command.origin, outcome: outcome)
            }
        }
    }

    private func run(_ line: JailCommand, origin: Origin) throws(RuntimeError) -> CommandOutcome {
        let steps = try steps(line, origin: origin)
        let plan = KernelPlan(steps: steps)
        let pair = try attempt("\(jail.label): \(line.text)") { () throws(Errno) in try ControlPair() }
        let child = try attempt("\(jail.label): \(line.text)") { () throws(Errno) in
            try plan.spawn(0..<steps.count, flags: [], cgroup: -1, control: pair.childs.number)
        }
        let pidfd = Descriptor(child.pidfd)
        return line.isBackground ? .exited(0) : try wait(pidfd.number, pair: pair, pid: child.pid)
    }

    /// A session of its own, so that a timeout ends all of it.
    private func steps(_ line: JailCommand, origin: Origin) throws(RuntimeError) -> [Step] {
        func step(_ call: SystemCall) -> Step {
            Step(
                operation: .call(call), side: .child, aim: .hostCommand(line), origin: origin,
                purpose: "run \(line.text)",
                undo: nil)
        }
        let user = try user()
        let identity = user.map { [SystemCall.setGroups($0.groups), .setGroupIDs($0.gid), .setUserIDs($0.uid)] } ?? []
        let environment = environment(user)
        let path = environment.first { $0.hasPrefix("PATH=") }.map { String($0.dropFirst(5)) } ?? Planner.path
        let name = line.arguments[0]
        let candidates = name.contains("/") ? [name] : path.split(separator: ":").map { "\($0)/\(name)" }
        return
            ([.startSession(), .clearSignalMask()] + identity + [.closeRange(from: 3, onExec: true)]
            + [.execute(candidates, line.arguments, environment: environment)]).map(step)
    }

    private func user() throws(RuntimeError) -> StartFacts.User? {
        guard let name = jail.commands.systemUser else { return nil }
        if let user = PasswordFile.host.user(name.value) { return user }
        throw .noSuchUser(jail: jail.label, parameter: "exec.system_user", origin: name.origin, name: name.value)
    }

    /// jail(8): the caller's, or a fresh one with `exec.clean`; and JID, JNAME, JPATH.
    private func environment(_ user: StartFacts.User?) -> [String] {
        var environment = jail.commands.isClean.value ? clean(user) : Self.callers
        environment += identity.map { ["JID=\($0.jid)"] } ?? []
        return environment + ["JNAME=\(jail.name.value)", "JPATH=\(jail.path.value)"]
    }

    private func clean(_ user: StartFacts.User?) -> [String] {
        let user = user ?? PasswordFile.host.user(String(geteuid())) ?? .root
        let terminal = Self.callers.first { $0.hasPrefix("TERM=") }
        return ["PATH=/bin:/usr/bin", "HOME=\(user.home)", "SHELL=\(user.shell)", "USER=\(user.name)"]
            + (terminal.map { [$0] } ?? [])
    }

    static var callers: [String] {
        var variables: [String] = []
        var entry = unsafe environ
        while let text = unsafe entry.pointee {
            variables.append(unsafe String(cString: text))
            unsafe entry += 1
        }
        return variables
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
