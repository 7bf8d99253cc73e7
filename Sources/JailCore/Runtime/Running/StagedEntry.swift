internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// A process that has been sent to join a jail or a container: the static stage, which starts the command there.
struct StagedEntry: ~Copyable {
    let control: Descriptor
    let pidfd: Descriptor

    /// - Parameters:
    ///   - joined: a pidfd of the first process there.
    ///   - cgroup: the process is born in it; -1: in that of jailrun.
    ///   - passed: how many descriptors behind 0, 1 and 2 the command is given.
    ///   - message: what cannot be done, if it cannot be sent.
    ///   - prepare: sets what else the plan needs.
    init(
        _ entry: Planner.Entry, joined: Int32, cgroup: Int32, passed: Int = 0, _ message: String,
        prepare: (borrowing KernelPlan) -> Void = { _ in }
    ) throws(RuntimeError) {
        let pair = try attempt(message) { () throws(Errno) in try ControlPair() }
        let stage = try attempt(message) { () throws(Errno) in try Stage.descriptor() }
        let stagePlan = try attempt(message) { () throws(Errno) in
            try KernelPlan.stageDescriptor(
                commands: [entry.command], enter: entry.enter, flags: CNS_ENTER.rawValue, console: -1,
                firstIndex: entry.spawn.count, slots: [(.joined, Int32(CNS_JOINED_DESCRIPTOR + passed))])
        }
        let plan = KernelPlan(steps: entry.spawn)
        plan.set(.control, to: pair.childs.number)
        plan.set(.supervisorControl, to: pair.ours.number)
        plan.set(.stage, to: stage.number)
        plan.set(.stagePlan, to: stagePlan.number)
        plan.set(.joined, to: joined)
        prepare(plan)
        let child = try attempt(message) { () throws(Errno) in
            try plan.spawn(0..<entry.spawn.count, flags: [], cgroup: cgroup, control: pair.childs.number)
        }
        pidfd = Descriptor(child.pidfd)
        control = pair.keepOurs()
    }
}
