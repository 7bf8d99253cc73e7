internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// `exec`: runs one more process in a container.
package struct ContainerEntry {
    package struct Options: Sendable {
        package var pidFile: String?
        package var consoleSocket: String?
        package var passedDescriptors = 0
        /// Its end is not waited for.
        package var isDetached = false
        package init() {}
    }

    let directory: ContainerDirectory
    let options: Options
    let host: Host

    package init(_ directory: ContainerDirectory, _ options: Options, host: Host) {
        (self.directory, self.options, self.host) = (directory, options, host)
    }

    /// - Returns: how it ended; of a detached one, that it runs.
    /// - Throws: why it cannot be run.
    package func run(_ process: ContainerProcess) throws(RuntimeError) -> CommandOutcome {
        let record = try directory.read()
        switch try directory.status(of: record) {
        case .running, .created: break
        case .paused: throw .host("cannot exec in a paused container", hint: nil)
        case .creating, .stopped: throw ContainerRemoval.notRunning
        }
        let pidfd = try attempt("\(directory.id): cannot look at its first process") { () throws(Errno) in
            Descriptor(try checkedResult(cns_pidfd_open(record.pid)))
        }
        if try !directory.isAlive(record) { throw ContainerRemoval.notRunning }
        let finder = ContainerFacts(
            configuration: try directory.configuration(), id: directory.id, bundle: record.bundle, root: record.root,
            process: process, host: host)
        var spec = finder.lowering(finder.entryGround, passed: options.passedDescriptors).entry
        // The process of an exec leads a session of its own.
        spec.becomesCommand = false
        let line = JailCommand(
            text: process.arguments[0], arguments: process.arguments, isBackground: options.isDetached)
        let entry = Planner(jail: spec, facts: try finder.startFacts()).enter(
            StartCommand(
                name: "args", line: line, origin: process.argumentsOrigin, timeoutSeconds: 0, isWatched: false),
            directory: process.directory.value)
        return try perform(entry, record, pidfd.number, process)
    }

    private func perform(
        _ entry: Planner.Entry, _ record: ContainerRecord, _ joined: Int32, _ process: ContainerProcess
    ) throws(RuntimeError) -> CommandOutcome {
        let message = "\(directory.id): cannot run \(Terminal.escaped(process.arguments[0]))"
        let passed = Int32(options.passedDescriptors)
        let pair = try attempt(message) { () throws(Errno) in try ControlPair() }
        let stage = try attempt(message) { () throws(Errno) in try Stage.descriptor() }
        let stagePlan = try attempt(message) { () throws(Errno) in
            try KernelPlan.stageDescriptor(
                commands: [entry.command], enter: entry.enter, flags: CNS_ENTER.rawValue, console: -1,
                firstIndex: entry.spawn.count, slots: [(.joined, Int32(CNS_JOINED_DESCRIPTOR) + passed)])
        }
        let cgroup =
            record.cgroup.isEmpty
            ? Descriptor.none
            : try attempt("\(directory.id): \(record.cgroup)") { () throws(Errno) in
                try Files.open(record.cgroup, O_DIRECTORY)
            }
        let plan = KernelPlan(steps: entry.spawn)
        plan.set(.control, to: pair.childs.number)
        plan.set(.supervisorControl, to: pair.ours.number)
        plan.set(.stage, to: stage.number)
        plan.set(.stagePlan, to: stagePlan.number)
        plan.set(.joined, to: joined)
        let child = try attempt(message) { () throws(Errno) in
            try plan.spawn(0..<entry.spawn.count, flags: [], cgroup: cgroup.number, control: pair.childs.number)
        }
        let pidfd = Descriptor(child.pidfd)
        return try wait(
            pair.keepOurs(), pidfd.number, entry.spawn + entry.enter + entry.command.steps, process)
    }

    private func wait(
        _ control: consuming Descriptor, _ pidfd: Int32, _ steps: [Step], _ process: ContainerProcess
    ) throws(RuntimeError) -> CommandOutcome {
        while true {
            var report = cns_report()
            var passed: Int32 = -1
            let count = unsafe cns_receive(control.number, &report, &passed, 1, -1)
            if count < 0 { return CommandOutcome(waitStatus: cns_wait(pidfd, -1)) }
            switch Report(report, passed: count > 0 ? passed : nil) {
            case .terminal(let master): try handOver(Descriptor(master), process)
            case .failed(let index, let errno):
                let step = steps[max(0, min(index, steps.count - 1))]
                throw .container(directory.id, step, Errno(errno), number: index)
            case .running(_, let pid): try note(pid)
            case .finished(_, let status) where !options.isDetached: return CommandOutcome(waitStatus: status)
            case .started where options.isDetached: return .exited(0)
            default: break
            }
        }
    }

    private func note(_ pid: Int32) throws(RuntimeError) {
        guard let path = options.pidFile else { return }
        try attempt("cannot write \(Terminal.escaped(path))") { () throws(Errno) in
            try Files.replaceUnsynced(path, with: Array("\(pid)".utf8))
        }
    }

    private func handOver(_ master: consuming Descriptor, _ process: ContainerProcess) throws(RuntimeError) {
        guard let path = options.consoleSocket else { return }
        if let size = process.consoleSize, size.height > 0, size.width > 0 {
            _ = cns_set_window_size(master.number, Int32(size.width), Int32(size.height))
        }
        let result = unsafe cns_hand_over_console(path, master.number)
        if result < 0 { throw .system("cannot hand the terminal over to \(Terminal.escaped(path))", Errno(-result)) }
    }
}
