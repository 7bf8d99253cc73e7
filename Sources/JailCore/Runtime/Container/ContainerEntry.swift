internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// `exec`: runs one more process in a container.
package struct ContainerEntry {
    let directory: ContainerDirectory
    let caller: ContainerCaller
    /// Its end is not waited for.
    let isDetached: Bool
    let host: Host

    package init(_ directory: ContainerDirectory, _ caller: ContainerCaller, isDetached: Bool, host: Host) {
        (self.directory, self.caller, self.isDetached, self.host) = (directory, caller, isDetached, host)
    }

    /// - Returns: how it ended; of a detached one, that it runs.
    /// - Throws: why it cannot be run.
    package func run(_ process: ContainerProcess) throws(RuntimeError) -> CommandOutcome {
        try caller.check(process, of: directory.id)
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
        var spec = finder.lowering(try finder.entryGround(), for: caller).entry
        // The process of an exec leads a session of its own.
        spec.becomesCommand = false
        let line = JailCommand(
            text: process.arguments[0], arguments: process.arguments, isBackground: isDetached)
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
        let cgroup =
            record.cgroup.isEmpty
            ? Descriptor.none
            : try attempt("\(directory.id): \(record.cgroup)") { () throws(Errno) in
                try Files.open(record.cgroup, O_DIRECTORY)
            }
        let staged = try StagedEntry(
            entry, joined: joined, cgroup: cgroup.number, passed: caller.passedDescriptors, message)
        return try wait(staged, entry.spawn + entry.enter + entry.command.steps, process)
    }

    private func wait(
        _ staged: borrowing StagedEntry, _ steps: [Step], _ process: ContainerProcess
    ) throws(RuntimeError) -> CommandOutcome {
        while true {
            switch ContainerEvent.next(on: staged.control.number, host.signals) {
            case .report(.terminal(let master)): try caller.handOver(Descriptor(master), process.consoleSize)
            case .report(.failed(let index, let errno)):
                let step = steps[max(0, min(index, steps.count - 1))]
                throw .container(directory.id, step, Errno(errno), number: index)
            case .report(.running(_, let pid)): try caller.note(pid)
            case .report(.finished(_, let status)) where !isDetached: return CommandOutcome(waitStatus: status)
            case .report(.started) where isDetached: return .exited(0)
            case .report, .timedOut: break
            case .closed: return CommandOutcome(waitStatus: cns_wait(staged.pidfd.number, -1))
            case .signal(let signal): Control.signal(staged.control.number, signal)
            }
        }
    }
}
