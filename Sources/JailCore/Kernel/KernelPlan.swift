internal import CNamespaces
internal import SystemPackage

/// A plan as the C interpreter reads it: steps, the bytes that they point to, and the cells that hold their results.
///
/// The memory is made before the clone and inherited by the child; this file is the only one that touches it.
@safe
struct KernelPlan: ~Copyable {
    private let memory: UnsafeMutablePointer<cns_plan>
    private let layout: PlanLayout
    let byteCount: Int
    /// When each step ended, written by whoever performs it; the child shares this memory until it executes.
    private var times: UnsafeMutableBufferPointer<Int64>?
    private var isGiven = false

    /// - Parameter isTimed: `nanoseconds(_:)` will be asked for. A step then costs one more system call.
    init(steps: [Step], firstIndex: Int = 0, isTimed: Bool = false) {
        self.init(
            layout: PlanLayout(steps: steps, commands: [], enter: [], flags: 0, console: -1, firstIndex: firstIndex))
        unsafe cns_plan_relocate(memory)
        guard isTimed else { return }
        let buffer = unsafe UnsafeMutableBufferPointer<Int64>.allocate(capacity: 2 * Int(memory.pointee.step_count))
        unsafe buffer.initialize(repeating: 0)
        unsafe memory.pointee.times = UInt64(UInt(bitPattern: buffer.baseAddress))
        unsafe times = buffer
    }

    /// How long a step took; nil when it was not performed, or not timed. The last step of a child replaces its program,
    /// and with it the clock: nil.
    func nanoseconds(_ index: Int) -> Int? {
        let lowered = layout.lowered(index..<index + 1)
        guard let times = unsafe times, !lowered.isEmpty else { return nil }
        let (began, ended) = unsafe (times[2 * lowered.lowerBound], times[2 * lowered.upperBound - 1])
        return began > 0 && ended >= began ? Int(ended - began) : nil
    }

    private init(layout: PlanLayout) {
        self.layout = layout
        let (words, data) = layout.image()
        byteCount = words.reduce(0) { $0 + $1.count * 8 } + data.count
        let raw = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 16)
        var offset = 0
        for part in words {
            unsafe (raw + offset).copyMemory(from: part, byteCount: part.count * 8)
            offset += part.count * 8
        }
        unsafe (raw + offset).copyMemory(from: data, byteCount: data.count)
        unsafe memory = raw.bindMemory(to: cns_plan.self, capacity: 1)
        unsafe times = nil
    }

    /// `times` stays, and what a child was given: one whose start has failed may still be at work there.
    deinit {
        if !isGiven { unsafe UnsafeMutableRawPointer(memory).deallocate() }
    }

    private func cell(_ offset: Int) -> UnsafeMutablePointer<Int64> {
        let data = unsafe UnsafeMutableRawPointer(memory) + Int(memory.pointee.data_offset) + offset
        return unsafe data.assumingMemoryBound(to: Int64.self)
    }

    /// The descriptor that a step put into the slot, or that was set; nil if the plan does not know the slot.
    func descriptor(in slot: Slot) -> Int32? {
        layout.cell(of: slot).map { unsafe Int32(truncatingIfNeeded: cell($0).pointee) }
    }

    func set(_ slot: Slot, to descriptor: Int32) {
        guard let offset = layout.cell(of: slot) else { return }
        unsafe cell(offset).pointee = Int64(descriptor)
    }

    /// Fills in `/proc/PID`, known only after the clone.
    func setChild(_ pid: Int32) {
        guard let offset = layout.childDirectoryOffset else { return }
        let path = Array("/proc/\(pid)".utf8) + [0]
        let data = unsafe UnsafeMutableRawPointer(memory) + Int(memory.pointee.data_offset) + offset
        unsafe data.copyMemory(from: path, byteCount: path.count)
    }

    /// Performs the steps in this process.
    /// - Throws: the number of the step that failed and its errno.
    func perform(_ range: Range<Int>) throws(StepFailure) {
        let lowered = layout.lowered(range)
        var failed: Int32 = 0
        let result = unsafe cns_plan_perform(memory, UInt32(lowered.lowerBound), UInt32(lowered.count), &failed)
        if result < 0 { throw StepFailure(index: Int(failed), errno: Int32(-result)) }
    }

    /// clone3(2): the child performs the steps, whose last is an exec.
    /// - Returns: the child's pid and pidfd.
    /// - Throws: the errno of clone3(2).
    func spawn(_ range: Range<Int>, flags: NamespaceFlags, cgroup: Int32, control: Int32)
        throws(Errno) -> (pid: Int32, pidfd: Int32)
    {
        let lowered = layout.lowered(range)
        var pidfd: Int32 = -1
        let pid = unsafe cns_spawn(
            memory, UInt32(lowered.lowerBound), UInt32(lowered.count), flags.rawValue, cgroup, control, &pidfd)
        if pid < 0 { throw Errno(Int32(-pid)) }
        return (Int32(pid), pidfd)
    }

    /// clone3(2): the child performs all steps, and then waits for those that `give(to:)` gives it.
    /// - Parameters:
    ///   - joins: steps of `others`; if there are some, a process performs them first, and clones the child where they lead.
    /// - Throws: the number of the step that failed, negative for the clone itself, and the errno.
    func spawnWaiting(
        flags: NamespaceFlags, cgroup: Int32, control: Int32, after joins: Range<Int>, of others: borrowing KernelPlan
    ) throws(StepFailure) -> (pid: Int32, pidfd: Int32, WaitingChild) {
        let lowered = others.layout.lowered(joins)
        var before = unsafe cns_before_birth(
            plan: others.memory, first: UInt32(lowered.lowerBound), count: UInt32(lowered.count), failed: -1)
        var pidfd: Int32 = -1
        var child: OpaquePointer?
        let pid = unsafe cns_spawn_waiting(
            memory, &before, flags.rawValue, cgroup, control, &pidfd, &child)
        guard pid >= 0, let child = unsafe child else {
            throw unsafe StepFailure(index: Int(before.failed), errno: Int32(-pid))
        }
        return (Int32(pid), pidfd, unsafe WaitingChild(child: child))
    }

    /// Gives a waiting child what it performs once it is released: all steps, the first of which is that wait.
    mutating func give(to waiting: WaitingChild) {
        unsafe cns_prepare_child(waiting.child, memory)
        isGiven = true
    }

    /// Takes over what another plan's steps have opened.
    func adoptDescriptors(of other: borrowing KernelPlan) {
        for slot in layout.slots {
            if let descriptor = other.descriptor(in: slot), descriptor >= 0 { set(slot, to: descriptor) }
        }
    }

    /// The plan of the static stage, in a sealed memfd: memfd_create(2).
    /// - Throws: the errno of memfd_create(2) or write(2).
    static func stageDescriptor(
        commands: [Plan.Command], enter: [Step], flags: UInt32, console: Int32, firstIndex: Int, slots: [(Slot, Int32)]
    ) throws(Errno) -> Descriptor {
        let plan = KernelPlan(
            layout: PlanLayout(
                steps: [], commands: commands, enter: enter, flags: flags, console: console, firstIndex: firstIndex))
        for (slot, descriptor) in slots { plan.set(slot, to: descriptor) }
        let memfd = unsafe cns_sealed_memfd("jailrun-plan", plan.memory, plan.byteCount)
        if memfd < 0 { throw Errno(-memfd) }
        return Descriptor(memfd)
    }
}

/// A child that shares this process's memory and waits for the rest of its steps.
@safe
struct WaitingChild {
    fileprivate let child: OpaquePointer
}

/// A step of the plan that the kernel refused.
package struct StepFailure: Error, Equatable {
    /// The step's position in `Plan.allSteps`; negative when no step is to blame.
    package var index: Int
    package var errno: Int32
}
