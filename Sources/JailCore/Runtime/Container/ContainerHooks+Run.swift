internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Runs hooks: config.md, "POSIX-platform Hooks". Each gets the container's state on its standard input.
struct HookRun {
    let id: String
    let host: Host
    /// What it reads.
    let state: [UInt8]
    /// A process whose namespaces it joins; nil: it runs in those of the runtime.
    var joined: (pidfd: Int32, namespaces: NamespaceFlags)?

    /// In their order.
    /// - Throws: `.command` for the first that fails.
    func run(_ hooks: [ContainerHooks.Hook]) throws(RuntimeError) {
        for hook in hooks {
            let outcome = try run(hook)
            if outcome == .exited(0) { continue }
            throw .command(
                jail: id, text: "hook \(hook.path)", origin: hook.origin, outcome: outcome)
        }
    }

    private func run(_ hook: ContainerHooks.Hook) throws(RuntimeError) -> CommandOutcome {
        let message = "\(id): hook \(Terminal.escaped(hook.path))"
        let input = try attempt(message) { () throws(Errno) in
            Descriptor(try unsafe checkedResult(cns_sealed_memfd("state", state, state.count)))
        }
        lseek(input.number, 0, SEEK_SET)
        let pair = try attempt(message) { () throws(Errno) in try ControlPair() }
        let steps = steps(hook)
        let plan = KernelPlan(steps: steps)
        plan.set(.hookInput, to: input.number)
        if let joined { plan.set(.joined, to: joined.pidfd) }
        let child = try attempt(message) { () throws(Errno) in
            try plan.spawn(0..<steps.count, flags: [], cgroup: -1, control: pair.childs.number)
        }
        let pidfd = Descriptor(child.pidfd)
        let ending = awaitEnd(pidfd.number, hook)
        if ending != nil {
            kill(-child.pid, SIGKILL)
            _ = cns_pidfd_signal(pidfd.number, SIGKILL)
        }
        let status = cns_wait(pidfd.number, -1)
        if let ending { return try ending.outcome(hook, of: id) }
        if status < 0 { throw .system(message, Errno(-status)) }
        if case .failed(_, let errno)? = Control.peek(pair.ours.number) { return .notExecuted(Errno(errno)) }
        return CommandOutcome(waitStatus: status)
    }

    private enum Ending {
        case tooLate
        case signal(Int32)

        func outcome(_ hook: ContainerHooks.Hook, of id: String) throws(RuntimeError) -> CommandOutcome {
            switch self {
            case .tooLate: return .timedOut(seconds: hook.timeoutSeconds)
            case .signal(let signal): throw .interrupted(jail: id, signal: signal)
            }
        }
    }

    /// - Returns: why it is to be killed; nil when it has ended.
    private func awaitEnd(_ pidfd: Int32, _ hook: ContainerHooks.Hook) -> Ending? {
        let deadline = hook.timeoutSeconds > 0 ? Clock.milliseconds() + hook.timeoutSeconds * 1000 : nil
        while true {
            var watched = [
                pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0),
                pollfd(fd: host.signals.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            let rest = deadline.map { Int32(clamping: max(0, $0 - Clock.milliseconds())) } ?? -1
            if unsafe poll(&watched, 2, rest) == 0 { return .tooLate }
            if watched[0].revents != 0 { return nil }
            if watched[1].revents != 0, let signal = host.signals.next(), signal != SIGWINCH { return .signal(signal) }
        }
    }

    private func steps(_ hook: ContainerHooks.Hook) -> [Step] {
        let line = JailCommand(text: hook.path, arguments: hook.arguments, isBackground: false)
        func step(_ call: SystemCall) -> Step {
            Step(
                operation: .call(call), side: .child, purpose: .hostCommand(line, parameter: nil), origin: hook.origin,
                words: "run \(hook.path)")
        }
        let join = joined.map { [step(.joinNamespaces(.joined, $0.namespaces))] } ?? []
        return join + [
            step(.startSession()), step(.clearSignalMask()), step(.duplicate(.hookInput, to: 0)),
            step(.closeRange(from: 3, onExec: true)),
            step(.execute([hook.path], hook.arguments, environment: hook.environment ?? FactFinder.environment)),
        ]
    }
}

extension Slot {
    static let hookInput = Slot("hook-input")
}
