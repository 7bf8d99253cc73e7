internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// `start`: tells the first process, which waits, to become the one that was asked for.
package struct ContainerStart {
    let directory: ContainerDirectory
    let host: Host

    package init(_ directory: ContainerDirectory, host: Host) { (self.directory, self.host) = (directory, host) }

    /// - Throws: why it cannot be executed; the container has ended then.
    package func run() throws(RuntimeError) {
        let record = try directory.read()
        guard try directory.isAlive(record) else { throw ContainerRemoval.notRunning }
        guard let connection = try directory.connect() else {
            throw .host("cannot start container \"\(directory.id)\": it is running", hint: nil)
        }
        let configuration = try directory.configuration()
        if configuration.process == nil {
            throw .host("\(directory.id): config.json has no process to start", hint: nil)
        }
        try attempt("\(directory.id): cannot reach its first process") { () throws(Errno) in
            try Control.go(connection.number)
        }
        try awaitExecution(connection.number, configuration, record)
        try runPoststart(configuration, record)
    }

    /// The specification has a start that fails after the process runs destroy the container.
    private func runPoststart(_ configuration: RuntimeConfiguration, _ record: ContainerRecord) throws(RuntimeError) {
        let hooks = configuration.hooks.at(.poststart)
        if hooks.isEmpty { return }
        do throws(RuntimeError) {
            try HookRun(id: directory.id, host: host, state: record.state(.running).bytes).run(hooks)
        } catch {
            try ContainerRemoval(directory, host: host).delete(isForced: true)
            throw error
        }
    }

    /// The connection is closed by execve(2), unless the process says before why it failed.
    private func awaitExecution(
        _ connection: Int32, _ configuration: RuntimeConfiguration, _ record: ContainerRecord
    ) throws(RuntimeError) {
        let event = ContainerEvent.next(on: connection, host.signals)
        if case .signal(let signal) = event { throw .interrupted(jail: directory.id, signal: signal) }
        guard case .report(.failed(let index, let errno)) = event else { return }
        let finder = ContainerFacts(
            configuration: configuration, id: directory.id, bundle: record.bundle, root: record.root,
            process: configuration.process, host: host)
        let lowering = finder.lowering(try finder.entryGround())
        guard let command = lowering.commands.first else { return }
        let steps = Planner(jail: lowering.entry, facts: try finder.startFacts())
            .commandSteps(command.line, origin: command.origin, directory: nil)
        let place = index - record.firstStep
        guard steps.indices.contains(place) else {
            throw .system("\(directory.id): its first process", Errno(errno))
        }
        throw .container(directory.id, steps[place], Errno(errno), number: index)
    }
}
