internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// `create`: the container exists, and its first process waits to become the one that was asked for. runtime.md, "Lifecycle".
package struct ContainerCreation {
    package struct Options: Sendable {
        /// As given: relative to the working directory, unless it is absolute.
        package var bundle = "."
        /// Its file, relative to the bundle, unless it is absolute.
        package var configuration = "config.json"
        package var caller = ContainerCaller()
        package var usesCgroups = true
        package var systemdCgroup = false
        package init() {}
    }

    let directory: ContainerDirectory
    let options: Options
    let host: Host

    package init(_ directory: ContainerDirectory, _ options: Options, host: Host) {
        (self.directory, self.options, self.host) = (directory, options, host)
    }

    /// - Throws: what failed; nothing of the container is left then.
    package func run() throws(RuntimeError) {
        let bundle = try attempt("bundle \(Terminal.escaped(options.bundle))") { () throws(Errno) in
            try Files.realPath(options.bundle)
        }
        let file = options.configuration.hasPrefix("/") ? options.configuration : "\(bundle)/\(options.configuration)"
        let bytes = try ContainerFile.bytes(file)
        let configuration = try ContainerFile.configuration(bytes, file)
        if let process = configuration.process { try options.caller.check(process, of: directory.id) }
        try directory.make()
        do throws(RuntimeError) { try create(configuration, bytes, bundle) } catch {
            ContainerRemoval(directory, host: host).removeHalfMade()
            throw error
        }
    }

    private func cgroupPath(_ configuration: RuntimeConfiguration) throws(RuntimeError) -> String? {
        if !options.usesCgroups { return nil }
        guard let path = configuration.cgroupsPath, !path.value.isEmpty else { return directory.id }
        let parts = path.value.split(separator: "/").map(String.init)
        if parts.isEmpty || parts.contains("..") {
            throw .unsuitable(
                jail: directory.id, origin: path.origin,
                "linux.cgroupsPath: \(Terminal.escaped(path.value)) is no path of a cgroup", hint: nil)
        }
        return parts.joined(separator: "/")
    }

    private func scope(_ configuration: RuntimeConfiguration) throws(RuntimeError) -> SystemdScope? {
        guard options.usesCgroups, options.systemdCgroup else { return nil }
        return try SystemdScope(configuration.cgroupsPath, id: directory.id)
    }

    private func create(
        _ configuration: RuntimeConfiguration, _ bytes: [UInt8], _ bundle: String
    ) throws(RuntimeError) {
        let id = directory.id
        let written = configuration.root.value
        let root = try attempt("\(id): root \(Terminal.escaped(written))") { () throws(Errno) in
            try Files.realPath(written.hasPrefix("/") ? written : "\(bundle)/\(written)")
        }
        let scope = try scope(configuration)
        let cgroup = if let scope { scope.cgroup as String? } else { try cgroupPath(configuration) }
        if let cgroup { try ContainerCgroups(id: id, host: host).takeOver(cgroup, configuration.cgroupsPath) }
        var record = ContainerRecord(
            version: configuration.version, id: id, bundle: bundle, root: root,
            cgroup: cgroup.map { "\(host.cgroupTop)/\($0)" } ?? "", annotations: configuration.annotations)
        try directory.write(configuration: bytes)
        try directory.write(record)
        let hold = try scope?.start(on: host)
        let finder = ContainerFacts(
            configuration: configuration, id: id, bundle: bundle, root: root, process: configuration.process, host: host
        )
        var facts = try finder.startFacts()
        let lowering = finder.lowering(try finder.ground(&facts), for: options.caller)
        let spec = lowering.spec(cgroup: cgroup.map { HostWalk.parts($0).name })
        facts.deviceTree = lowering.deviceTree
        facts.isListening = true
        if let cgroup {
            facts.cgroupLevels = try ContainerCgroups(id: id, host: host)
                .levels(above: cgroup, for: configuration.resources.settings)
        }
        let listening = try directory.listen()
        try HostSteps(
            steps: facts.cgroupLevels.flatMap { $0.steps(for: spec.cgroup.settings, mark: host.authority.mark) },
            firstIndex: 0, label: id, jail: nil, host: host, network: nil
        ).performAll()
        var planner = Planner(jail: spec, facts: facts)
        let beginning = planner.begin()
        var performer = try PlanPerformer(
            beginning, label: id, jail: nil, host: host,
            flags: CNS_BECOME.rawValue | CNS_LISTEN.rawValue | CNS_WAIT_FOR_GO.rawValue, network: nil, output: nil,
            handed: nil, consoleLog: nil, listening: listening.number)
        let mountIDs = try finder.mountIDs()
        performer.given = mountIDs.slots
        let child = try performer.spawn()
        record.pid = child.pid
        record.startTime = try attempt("\(id): cannot look at its first process") { () throws(Errno) in
            try ProcessTable.startTime(of: child.pid) ?? 0
        }
        if let user = planner.joinedUser {
            planner.jail.ids = Located(try finder.maps(of: child.pid), user.origin)
        }
        try finder.addCovers(to: &planner.facts)
        let plan = planner.finish(beginning)
        record.firstStep = plan.firstCommandStep
        try directory.write(record)
        try performer.perform(plan, of: child) { () throws(RuntimeError) in
            try runHooks(configuration, record, child.pidfd.number, spec.namespaces.flags)
        }
        try awaitReady(performer.pair.ours.number, child.pidfd.number, plan, configuration.process)
        _ = consume hold
        try options.caller.note(child.pid)
        try attempt("\(id): cannot reach its first process") { () throws(Errno) in
            try Control.leave(performer.pair.ours.number)
        }
    }

    private func runHooks(
        _ configuration: RuntimeConfiguration, _ record: ContainerRecord, _ pidfd: Int32, _ namespaces: NamespaceFlags
    ) throws(RuntimeError) {
        let hooks = configuration.hooks
        if hooks.all.isEmpty { return }
        var run = HookRun(id: directory.id, host: host, state: record.state(.created).bytes)
        try run.run(hooks.at(.prestart) + hooks.at(.createRuntime))
        run.joined = (pidfd, namespaces.subtracting(.pid))
        try run.run(hooks.at(.createContainer))
    }

    /// Nobody is waited for who does not come: what a first process does before takes a moment.
    private static let readyMilliseconds = 60000

    private func awaitReady(
        _ control: Int32, _ pidfd: Int32, _ plan: Plan, _ process: ContainerProcess?
    ) throws(RuntimeError) {
        while true {
            switch ContainerEvent.next(
                on: control, host.signals, process: pidfd, within: Self.readyMilliseconds)
            {
            case .report(.ready): return
            case .report(.failed(let reported, let errno)): throw failure(plan, reported, errno)
            case .report(.terminal(let master)):
                try options.caller.handOver(Descriptor(master), process?.consoleSize)
            case .report: break
            case .signal(let signal): throw .interrupted(jail: directory.id, signal: signal)
            case .timedOut: throw .timedOut(jail: directory.id, "the container's first process")
            case .closed:
                let status = cns_wait(pidfd, 1000)
                throw .command(
                    jail: directory.id, text: "the container's first process", origin: .standard(""),
                    outcome: status < 0 ? .notExecuted(Errno(-status)) : CommandOutcome(waitStatus: status))
            }
        }
    }

    private func failure(_ plan: Plan, _ reported: Int, _ errno: Int32) -> RuntimeError {
        let steps = plan.allSteps
        let index = plan.index(ofReported: reported)
        guard steps.indices.contains(index) else {
            return .system("\(directory.id): the container's first process", Errno(errno))
        }
        return .container(directory.id, steps[index], Errno(errno), number: index)
    }
}

extension RuntimeError {
    /// In words that engines look for: podman, containerd and docker tell 126 and 127 by them.
    static func container(_ id: String, _ step: Step, _ errno: Errno, number: Int) -> RuntimeError {
        switch step.purpose {
        case .execute(let line):
            let name = Terminal.escaped(line.arguments.first ?? "")
            let words =
                switch errno {
                case .noSuchFileOrDirectory where !line.isPath: "executable file not found in $PATH"
                case .noSuchFileOrDirectory: "no such file or directory"
                case .permissionDenied: "permission denied"
                case Errno(ENOEXEC): "exec format error"
                default: errno.description
                }
            return .cannotExecute(
                jail: id, text: "exec \"\(name)\"", origin: step.origin, errno, cause: words, hint: nil)
        case .directory(let path):
            return .unsuitable(
                jail: id, origin: step.origin,
                "cannot enter the working directory \(Terminal.escaped(path)): \(errno.description)", hint: nil)
        default: return .step(jail: id, step: step, errno: errno, number: number)
        }
    }
}

extension JailCommand {
    /// Its program is named by a path, and not looked for.
    fileprivate var isPath: Bool { arguments.first?.utf8.contains(.slash) ?? false }
}

extension ContainerFacts {
    private func hasMount(on target: String) -> Bool {
        configuration.mounts.contains { RuntimeConfiguration.relative($0.target) == target }
    }

    /// Of what is to be masked or read-only, what is there: in /proc and /sys by the host's, which show the same; else in the root.
    func addCovers(to facts: inout StartFacts) throws(RuntimeError) {
        func look(_ path: String) throws(RuntimeError) -> Bool? {
            let isKernels = ["proc", "sys"].contains { path.hasPrefix("\($0)/") && hasMount(on: $0) }
            var status = stat()
            let place = isKernels ? "/\(path)" : "\(root)/\(path)"
            if unsafe lstat(place, &status) == 0 { return status.st_mode & S_IFMT == S_IFDIR }
            let error = Errno.current
            if error.meansAbsent { return nil }
            throw .system("cannot look at \(place)", error)
        }
        for path in configuration.masked {
            if let isDirectory = try look(path) {
                facts.maskedPaths.append(StartFacts.MaskedPath(path: path, isDirectory: isDirectory))
            }
        }
        for path in configuration.readOnly where try look(path) != nil { facts.readOnlyPaths.append(path) }
    }
}
