internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// The pipe that is a detached jail's output; its keeper reads it.
public struct OutputPipe: Sendable {
    public let reading: Int32
    public let writing: Int32

    /// - Throws: the errno of pipe2(2).
    public init() throws(RuntimeError) {
        var ends: [Int32] = [-1, -1]
        let result = unsafe cns_pipe(&ends)
        if result < 0 { throw .system("cannot make a pipe", Errno(-result)) }
        (reading, writing) = (ends[0], ends[1])
    }
}

/// Performs a start's plan: the host's steps here, the child's by the C interpreter.
struct PlanPerformer: ~Copyable {
    struct Child: ~Copyable {
        var pid: Int32
        var pidfd: Descriptor
    }

    private let plan: Plan
    private let host: Host
    private let steps: HostSteps
    private let childSteps: Range<Int>
    let pair: ControlPair
    private let stage: Descriptor
    private let stagePlan: Descriptor
    private let consoleLog: Descriptor

    init(
        plan: Plan, jail: JailSpec, host: Host, isTransient: Bool, isPersistent: Bool, network: NetworkStart,
        output: OutputPipe?
    ) throws(RuntimeError) {
        var flags: UInt32 = jail.commands.created.isEmpty ? 0 : CNS_WAIT_FOR_GO.rawValue
        if isTransient { flags |= CNS_TRANSIENT.rawValue }
        if isPersistent { flags |= CNS_PERSISTENT.rawValue }
        let message = "\(jail.label): cannot prepare the start"
        let pair = try attempt(message) { () throws(Errno) in try ControlPair() }
        let stage = try attempt(message) { () throws(Errno) in try Stage.descriptor() }
        let stagePlan = try attempt(message) { () throws(Errno) in
            try KernelPlan.stageDescriptor(
                commands: plan.commands, enter: [], flags: flags,
                console: output == nil || jail.commands.consoleLog != nil ? -1 : Int32(CNS_JOINED_DESCRIPTOR),
                firstIndex: plan.firstCommandStep, slots: [])
        }
        let consoleLog = try Self.openConsoleLog(jail)
        let steps = HostSteps(
            steps: plan.steps, firstIndex: plan.firstStep, jail: jail, host: host, network: network)
        steps.kernelPlan.set(.control, to: pair.childs.number)
        steps.kernelPlan.set(.supervisorControl, to: pair.ours.number)
        steps.kernelPlan.set(.stage, to: stage.number)
        steps.kernelPlan.set(.stagePlan, to: stagePlan.number)
        if let output {
            steps.kernelPlan.set(.output, to: output.writing)
            steps.kernelPlan.set(.outputSource, to: output.reading)
        }
        if consoleLog.number >= 0 { steps.kernelPlan.set(.consoleLog, to: consoleLog.number) }
        if let holder = network.holder {
            steps.kernelPlan.set(.holderNetwork, to: holder.namespace.number)
            steps.kernelPlan.set(.hostNetwork, to: holder.home.number)
        }
        let first = plan.steps.firstIndex { $0.side == .child } ?? plan.steps.count
        self.plan = plan
        self.host = host
        self.childSteps = first..<plan.steps.count
        self.pair = pair
        self.stage = stage
        self.stagePlan = stagePlan
        self.consoleLog = consoleLog
        self.steps = steps
    }

    /// `exec.consolelog`: a file of the host. Below the jail's root, where the jail may put links at any moment, none is
    /// followed: jail(8).
    private static func openConsoleLog(_ jail: JailSpec) throws(RuntimeError) -> Descriptor {
        guard let log = jail.commands.consoleLog else { return Descriptor(-1) }
        let flags = O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK
        let prefix = jail.path.value == "/" ? nil : jail.path.value + "/"
        let isBelowRoot = prefix.map(log.value.hasPrefix) ?? false
        do throws(Errno) {
            guard let prefix, isBelowRoot else { return try Files.open(log.value, flags, mode: 0o644) }
            let root = try Files.open(jail.path.value, Int32(OpenFlags([.path, .directory]).rawValue))
            return try RootPath.open(
                String(log.value.dropFirst(prefix.count)), root: root.number, flags: flags, mode: 0o644,
                followingLinks: false)
        } catch {
            throw .unsuitable(
                jail: jail.label, origin: log.origin,
                "\(isBelowRoot ? "exec.consolelog:" : "open") \(log.value): \(error.description)",
                hint: error.rawValue == ELOOP ? "no symbolic link may lead there" : nil)
        }
    }

    /// Performs the host's steps, and lets the child perform its own.
    /// - Throws: `.step` for the step that failed on the host's side; the child's failures come over the control socket.
    mutating func perform() throws(RuntimeError) -> Child {
        do throws(RuntimeError) { return try performSteps() } catch {
            leaveNetwork()
            throw error
        }
    }

    /// Or what was done would be looked for, and taken back, in another jail's network.
    private func leaveNetwork() {
        guard let index = plan.steps.firstIndex(where: { $0.aim == .leaveNetwork }) else { return }
        do { try steps.kernelPlan.perform(index..<index + 1) } catch {
            steps.host.warn("\(steps.jail.label): cannot leave the jail's network: \(Errno(error.errno))")
            abort()  // what was done is taken back by whoever comes next, from the host's network
        }
    }

    private mutating func performSteps() throws(RuntimeError) -> Child {
        var child: Child?
        var index = 0
        while index < childSteps.lowerBound || index < plan.steps.count && plan.steps[index].side == .host {
            let step = plan.steps[index]
            let began = host.observe == nil ? 0 : Clock.microseconds()
            var end = index + 1
            switch step.operation {
            case .call where host.observe == nil:
                end = endOfCalls(from: index)
                try steps.call(index..<end)
            case .spawn(let flags): child = try spawn(flags, index)
            case .release(let slots): try release(slots, index)
            default: try steps.perform(index, child: child?.pid ?? 0)
            }
            index = end
            host.observe?(step, Clock.microseconds() - began)
        }
        guard let child else { throw .host("\(steps.jail.label): the plan has no first process", hint: nil) }
        return child
    }

    /// Gives up all but jailrun's end of the control socket.
    consuming func finish() -> Descriptor { pair.ours }

    /// Tells of the child's steps, once it has become pid 1's program.
    func observeChild() {
        guard let observe = host.observe else { return }
        for index in childSteps { observe(plan.steps[index], steps.kernelPlan.nanoseconds(index).map { $0 / 1000 }) }
    }

    private func endOfCalls(from start: Int) -> Int {
        var end = start
        while end < childSteps.lowerBound, case .call = plan.steps[end].operation { end += 1 }
        return end
    }

    private func spawn(_ flags: NamespaceFlags, _ index: Int) throws(RuntimeError) -> Child {
        do {
            let cgroup = steps.kernelPlan.descriptor(in: .cgroup) ?? -1
            let child = try steps.kernelPlan.spawn(
                childSteps, flags: flags, cgroup: cgroup, control: pair.childs.number)
            steps.kernelPlan.setChild(child.pid)
            steps.kernelPlan.set(.childProcess, to: child.pid)
            return Child(pid: child.pid, pidfd: Descriptor(child.pidfd))
        } catch { throw steps.failure(index, error) }
    }

    private func release(_ slots: [Slot], _ index: Int) throws(RuntimeError) {
        do {
            try Control.go(pair.ours.number, passing: slots.map { steps.kernelPlan.descriptor(in: $0) ?? -1 })
        } catch { throw steps.failure(index, error) }
    }
}
