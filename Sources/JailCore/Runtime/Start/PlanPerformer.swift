internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// The pipe that is a detached jail's output; its keeper reads it.
package struct OutputPipe: Sendable {
    package let reading: Int32
    package let writing: Int32

    /// Modes of a pipe whose one end is a jail's: open(2) of /dev/stdout asks whether others than the owner, who is a user of the
    /// host's, may do it.
    static let readableInside: UInt32 = 0o644
    static let writableInside: UInt32 = 0o622
    /// What can be in one at a time: pipe-max-size of pipe(7), which a jail may set for its own.
    static let mostBytes = 1 << 20

    /// - Parameter mode: 0 leaves it at 0600.
    /// - Throws: the errno of pipe2(2) or fchmod(2).
    package init(mode: UInt32 = 0) throws(RuntimeError) {
        var ends: [Int32] = [-1, -1]
        let result = unsafe cns_pipe(&ends, mode)
        if result < 0 { throw .system("cannot make a pipe", Errno(-result)) }
        (reading, writing) = (ends[0], ends[1])
    }
}

/// Performs a start's plan: the host's steps here, the child's by the C interpreter.
struct PlanPerformer: ~Copyable {
    struct Child: ~Copyable {
        let pid: Int32
        let pidfd: Descriptor
        fileprivate let waiting: WaitingChild
    }

    /// How messages call the jail.
    private let label: String
    /// Of a jail.conf.
    private let jail: ConfiguredJail?
    private let host: Host
    private let network: NetworkStart?
    private let beginning: Planner.Beginning
    private let beginningSteps: HostSteps
    /// What the child does while the rest is planned.
    private let childsBeginning: KernelPlan
    private var childsPlan: KernelPlan?
    private var childsSteps: ArraySlice<Step> = []
    let pair: ControlPair
    private let stage: Descriptor
    private let stageFlags: UInt32
    private let output: OutputPipe?
    private let isLogged: Bool
    /// Where whoever starts the jail connects.
    private let listening: Int32?
    private let handed: HandedDescriptors?
    /// Descriptors of others that steps of the host use.
    var given: [(slot: Slot, descriptor: Int32)] = []
    /// What is `exec.consolelog` in the jail; `handed` closes it.
    private let consoleLog: Int32?

    /// - Parameters:
    ///   - output: the jail's, unless there is a log.
    ///   - others: jails of the same file.
    init(
        _ beginning: Planner.Beginning, jail: ConfiguredJail, host: Host, isTransient: Bool, isPersistent: Bool,
        network: NetworkStart, output: OutputPipe?, handed: HandedDescriptors, others: [ConfiguredJail]
    ) throws(RuntimeError) {
        var flags: UInt32 = jail.commands.created.isEmpty ? 0 : CNS_WAIT_FOR_GO.rawValue
        if isTransient { flags |= CNS_TRANSIENT.rawValue }
        if isPersistent { flags |= CNS_PERSISTENT.rawValue }
        let log = try Self.openConsoleLog(jail, HostWalk(jails: [jail] + others, state: host.state))
        try self.init(
            beginning, label: jail.label, jail: jail, host: host, flags: flags, network: network, output: output,
            handed: handed, consoleLog: log.number < 0 ? nil : try handed.relay(into: log), listening: nil)
    }

    /// - Parameters:
    ///   - label: how messages call the jail.
    ///   - flags: `enum cns_plan_flags`, of the stage.
    ///   - listening: a socket to which whoever starts the jail connects.
    init(
        _ beginning: Planner.Beginning, label: String, jail: ConfiguredJail?, host: Host, flags: UInt32,
        network: NetworkStart?, output: OutputPipe?, handed: HandedDescriptors?, consoleLog: Int32?, listening: Int32?
    ) throws(RuntimeError) {
        let message = Self.message(label)
        let pair = try attempt(message) { () throws(Errno) in try ControlPair() }
        let stage = try attempt(message) { () throws(Errno) in try Stage.descriptor() }
        self.consoleLog = consoleLog
        beginningSteps = HostSteps(
            steps: beginning.host, firstIndex: beginning.before.stepCount, label: label, jail: jail, host: host,
            network: network)
        childsBeginning = KernelPlan(
            steps: beginning.child, firstIndex: Plan.firstReportOfChild, isTimed: host.audience.observe != nil)
        childsBeginning.set(.supervisorControl, to: pair.ours.number)
        if let holder = network?.holder {
            beginningSteps.kernelPlan.set(.holderNetwork, to: holder.namespace.number)
            beginningSteps.kernelPlan.set(.hostNetwork, to: holder.home.number)
        }
        handed?.set(in: childsBeginning)
        self.handed = handed
        self.label = label
        self.jail = jail
        self.isLogged = jail?.commands.consoleLog != nil
        self.listening = listening
        self.host = host
        self.network = network
        self.beginning = beginning
        self.pair = pair
        self.stage = stage
        self.output = output
        stageFlags = flags
    }

    private static func message(_ label: String) -> String { "\(label): cannot prepare the start" }

    /// `exec.consolelog`: a file of the host, in a folder where a jail may put links at any moment.
    static func openConsoleLog(_ jail: ConfiguredJail, _ walk: HostWalk) throws(RuntimeError) -> Descriptor {
        guard let log = jail.commands.consoleLog else { return Descriptor.none }
        do throws(HostWalkError) {
            let flags = O_WRONLY | O_CREAT | O_APPEND
            if jail.isBelowRoot(log.value) { return try openBelowRoot(log.value, jail, walk, flags) }
            return try LogFile(log.value, walk: walk).open(flags, mode: 0o644)
        } catch { throw jail.objection(toConsoleLog: log, error) }
    }

    /// There no path is the host's.
    private static func openBelowRoot(
        _ path: String, _ jail: ConfiguredJail, _ walk: HostWalk, _ flags: Int32
    ) throws(HostWalkError) -> Descriptor {
        let root = try walk.open(jail.path.value, Int32(OpenFlags([.path, .directory]).rawValue))
        let rest = String(path.dropFirst(jail.path.value.count + 1))
        do throws(Errno) {
            return try RootPath.open(
                rest, root: root.number, flags: flags | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, mode: 0o644,
                followingLinks: false)
        } catch { throw HostWalkError(error) }
    }

    /// Performs the steps up to the clone.
    /// - Returns: the child, which waits for `perform(_:of:)`.
    /// - Throws: `.step` for the step that failed.
    func spawn() throws(RuntimeError) -> Child {
        defer { cns_stay_with_parent() }
        do throws(RuntimeError) {
            var child: Child?
            try Self.perform(beginningSteps, upTo: beginning.host.count) { index, operation throws(RuntimeError) in
                if case .spawn(let flags) = operation { child = try spawn(flags, index) }
            }
            if let child { return child }
            throw .host("\(label): the plan has no first process", hint: nil)
        } catch {
            becomeAsBefore()
            throw error
        }
    }

    /// What follows the clone takes back what was set around it. Or what was done would be looked for, and taken back, in another
    /// jail's network, and as another user.
    private func becomeAsBefore() {
        guard
            let clone = beginning.host.firstIndex(where: { if case .spawn = $0.operation { true } else { false } })
        else { return }
        for index in beginning.host.indices.dropFirst(clone + 1) {
            LostProcess.comeBack(label, beginning.host[index].words.description) {
                do throws(StepFailure) { try beginningSteps.kernelPlan.perform(index..<index + 1) } catch {
                    return Errno(error.errno).description
                }
                return nil
            }
        }
    }

    /// Whatever step has failed, what is taken back is taken back by root.
    private func becomeRoot() {
        for index in beginning.host.indices {
            guard case .ownNamespace = beginning.host[index].purpose,
                case .call(let call) = beginning.host[index].operation,
                call == .setEffectiveUser(0) || call == .keepCapabilities(false)
            else { continue }
            do { try beginningSteps.kernelPlan.perform(index..<index + 1) } catch { abort() }
        }
    }

    /// Performs the host's other steps, and lets the child perform its own.
    /// - Parameter plan: all of it, from its beginning.
    /// - Throws: `.step` for the step that failed on the host's side, or before, in the child; what fails in the child later
    ///   comes over the control socket.
    mutating func perform(
        _ plan: Plan, of child: borrowing Child, beforeRelease: () throws(RuntimeError) -> Void = {}
    ) throws(RuntimeError) {
        do throws(RuntimeError) { try performRest(plan, of: child, beforeRelease) } catch {
            becomeRoot()
            guard case .failed(let number, let errno)? = try? Control.receive(from: pair.ours.number) else {
                throw error
            }
            let index = plan.index(ofReported: number)
            throw .step(jail: label, step: plan.allSteps[index], errno: Errno(errno), number: index)
        }
    }

    private mutating func performRest(
        _ plan: Plan, of child: borrowing Child, _ beforeRelease: () throws(RuntimeError) -> Void
    ) throws(RuntimeError) {
        let first = beginning.host.count
        let childsFirst = plan.steps.firstIndex { $0.side == .child } ?? plan.steps.count
        let childsRest = childsFirst + beginning.child.count
        let steps = HostSteps(
            steps: Array(plan.steps[first..<childsFirst]), firstIndex: plan.firstStep + first, label: label, jail: jail,
            host: host, network: network)
        let stagePlan = try attempt(Self.message(label)) { () throws(Errno) in
            try KernelPlan.stageDescriptor(
                commands: plan.commands, enter: plan.prepared, flags: stageFlags,
                console: output == nil || isLogged ? -1 : Int32(CNS_JOINED_DESCRIPTOR),
                firstIndex: plan.firstPreparedStep, slots: [])
        }
        steps.kernelPlan.adoptDescriptors(of: beginningSteps.kernelPlan)
        steps.kernelPlan.set(.stagePlan, to: stagePlan.release())
        handed?.set(in: steps.kernelPlan)
        for (slot, descriptor) in given { steps.kernelPlan.set(slot, to: descriptor) }
        if let output { steps.kernelPlan.set(.output, to: output.writing) }
        if let consoleLog { steps.kernelPlan.set(.consoleLog, to: consoleLog) }
        steps.kernelPlan.set(.childProcess, to: child.pid)
        steps.kernelPlan.setChild(child.pid)
        var rest = KernelPlan(
            steps: Array(plan.steps[childsRest...]), firstIndex: plan.firstStep + childsRest,
            isTimed: host.audience.observe != nil)
        rest.adoptDescriptors(of: beginningSteps.kernelPlan)
        rest.set(.control, to: pair.childs.number)
        rest.set(.stage, to: stage.number)
        if let listening { rest.set(.listening, to: listening) }
        if let output {
            rest.set(.output, to: output.writing)
            rest.set(.outputSource, to: output.reading)
        }
        if let consoleLog { rest.set(.consoleLog, to: consoleLog) }
        rest.give(to: child.waiting)
        childsSteps = plan.steps[childsFirst...]
        childsPlan = consume rest
        try Self.perform(steps, upTo: steps.steps.count, child: child.pid) { index, operation throws(RuntimeError) in
            guard case .release(let slots) = operation else { return }
            try beforeRelease()
            try release(slots, steps, index)
        }
        handed?.closeEnds()
    }

    /// - Parameter special: performs what is neither a call nor of the network.
    private static func perform(
        _ steps: borrowing HostSteps, upTo end: Int, child: Int32 = 0,
        special: (Int, Operation) throws(RuntimeError) -> Void
    ) throws(RuntimeError) {
        let host = steps.host
        var index = 0
        while index < end {
            let step = steps.steps[index]
            let began = host.audience.observe == nil ? 0 : Clock.microseconds()
            var next = index + 1
            switch step.operation {
            case _ where step.side == .between: break
            case .call where host.audience.observe == nil:
                while next < end, steps.steps[next].side == .host, case .call = steps.steps[next].operation {
                    next += 1
                }
                try steps.call(index..<next)
            case .spawn, .release: try special(index, step.operation)
            default: try steps.perform(index, child: child)
            }
            index = next
            host.audience.observe?(step, Clock.microseconds() - began)
        }
    }

    /// Gives up all but jailrun's end of the control socket.
    consuming func finish() -> Descriptor { pair.ours }

    /// Tells of the child's steps, once it has become pid 1's program.
    func observeChild() {
        guard let observe = host.audience.observe else { return }
        let beginning = beginning.child.count
        for (index, step) in childsSteps.enumerated() {
            let nanoseconds =
                index < beginning
                ? childsBeginning.nanoseconds(index) : childsPlan?.nanoseconds(index - beginning) ?? nil
            observe(step, nanoseconds.map { $0 / 1000 })
        }
    }

    private func spawn(_ flags: NamespaceFlags, _ index: Int) throws(RuntimeError) -> Child {
        do throws(StepFailure) {
            let cgroup = beginningSteps.kernelPlan.descriptor(in: .cgroup) ?? -1
            childsBeginning.adoptDescriptors(of: beginningSteps.kernelPlan)
            let (pid, pidfd, waiting) = try childsBeginning.spawnWaiting(
                flags: flags, cgroup: cgroup, control: pair.childs.number,
                after: beginning.between, of: beginningSteps.kernelPlan)
            return Child(pid: pid, pidfd: Descriptor(pidfd), waiting: waiting)
        } catch {
            let failed = error.index < 0 ? index : error.index - beginningSteps.firstIndex
            throw beginningSteps.failure(failed, Errno(error.errno))
        }
    }

    private func release(_ slots: [Slot], _ steps: borrowing HostSteps, _ index: Int) throws(RuntimeError) {
        do {
            try Control.go(pair.ours.number, passing: slots.map { steps.kernelPlan.descriptor(in: $0) ?? -1 })
        } catch { throw steps.failure(index, error) }
    }
}
