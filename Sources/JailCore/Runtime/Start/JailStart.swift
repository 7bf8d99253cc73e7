internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Starts a jail: jail(8)'s order, each step once, and everything undone if one fails.
package struct JailStart {
    private(set) var jail: ConfiguredJail
    let host: Host
    /// Dies with the process that starts it.
    let isTransient: Bool
    let configuration: String
    let terminals: [Int]
    let output: OutputPipe?
    /// Who keeps it: a transient jail dies with that process.
    let supervisor: Int32
    /// The last command's failure is one of the start, too.
    let isStrict: Bool
    let console: Console
    /// `command` is not waited for: the jail is up while it runs, and ends with it.
    var hasMainProgram = false
    /// Whoever starts it stays until it has ended, and has the caller's terminal for its main program.
    var isForeground = false
    /// What its place in the file gives it, if that is free.
    var wish: JailIdentity?
    /// Lives without processes until somebody settles it: there are jails that are still to be started in it.
    var isHeld = false
    /// What holds for all jails of a command, and all their starts, was said when it began.
    var isOneOfMany = false
    /// The other jails of its file.
    var others: [ConfiguredJail] = []
    /// Called when the name is locked, for a start that somebody may have called off up to then.
    var onLock: () throws(RuntimeError) -> Void = {}
    /// Called when the jail exists: its first process is isolated, and runs no command yet.
    package var onCreate: (JailIdentity) -> Void = { _ in }
    /// Called when `command` of a transient jail runs: for as long as the jail does, so nobody would hear of it otherwise.
    var onCommand: () -> Void = {}
    /// Called when that jail is to be stopped.
    var onStop: () -> Void = {}
    /// Called when a command inside has ended, before anything else is told or done.
    var onCommandEnd: () -> Void = {}

    /// - Parameters:
    ///   - terminals: which of descriptors 0, 1, 2 are terminals; the jail gets a pty of its own for them.
    ///   - output: a pipe for the jail's output, which somebody else reads; nil gives it the caller's descriptors.
    ///   - supervisor: the process that keeps it; nil is this one.
    ///   - isStrict: the start fails with its last command; nil for all but a transient jail.
    package init(
        jail: ConfiguredJail, host: Host, isTransient: Bool, configuration: String, terminals: [Int],
        output: OutputPipe? = nil, supervisor: Int32? = nil, isStrict: Bool? = nil
    ) {
        self.jail = jail
        self.host = host
        self.isTransient = isTransient
        self.configuration = configuration
        self.terminals = terminals
        self.output = output
        self.supervisor = supervisor ?? getpid()
        self.isStrict = isStrict ?? !isTransient
        console = Console(terminals: terminals)
    }

    /// Starts the jail, up to the end of `exec.poststart`.
    /// - Throws: what failed, when nothing of the jail is left; a failed last command is an outcome, not an error, for a jail
    ///   that runs in the foreground.
    package func run() throws(RuntimeError) -> RunningJail {
        do throws(RuntimeError) { return try lookAndRun() } catch {
            throw HostRequirements.foremost(error, of: [jail], on: host)
        }
    }

    private func lookAndRun() throws(RuntimeError) -> RunningJail {
        if !needsLook { return try runResolved() }
        var resolved = self
        resolved.jail = try HostRequirements(jails: [jail], host: host).resolved()[0]
        return try resolved.runResolved()
    }

    /// What it has, and whether it may be made, is not known yet.
    private var needsLook: Bool {
        jail.network.lookup != nil || !jail.network.ports.isEmpty || host.authority.isInJail
            || !host.authority.canConfigureNetwork
    }

    private func runResolved() throws(RuntimeError) -> RunningJail {
        let name = jail.name.value
        let nesting = JailNesting(of: name, host: host)
        let handed = try HandedDescriptors(
            jail.handedDescriptors(terminals: terminals, hasOutput: output != nil), jail: jail.label,
            authority: host.authority)
        try host.leaveDelegatedCgroup()
        let lock = try host.lock(name)
        do throws(RuntimeError) { try onLock() } catch {
            lock.unlinkAndRelease()
            throw error
        }
        try JailRepair(host: host).repair(name)
        if try host.state.hasTrace(of: name) {
            throw .alreadyExists(jail: jail.label, holder: try NameHolder(state: host.state).words(of: name))
        }
        if try JailRepair(host: host).isPopulatedUnrecorded(name) {
            throw .alreadyExists(
                jail: jail.label, holder: "up, but recorded in another state directory (--root), or no longer recorded")
        }
        try nesting.check(jail)
        let cgroup = try host.cgroup(of: name)
        let home = jail.network.isConnected ? try NetworkNamespace.own() : nil
        let trace = try IdentityRegistry(host).reserve(for: jail, wish: wish) { initialTrace($0, cgroup, home) }
        var networkUndo: [NetworkOperation] = []
        do throws(RuntimeError) {
            try nesting.enterParent(jail)
            let running = try start(create(trace, &networkUndo, handed), handed)
            _ = consume lock
            return running
        } catch {
            // jail(8): no exec.* command runs while a failed start is taken back.
            JailRemoval(trace: trace, networkUndo: networkUndo, host: host).run()
            do throws(RuntimeError) { try handed.finish(host.signals) } catch { host.audience.warn(error.message) }
            lock.unlinkAndRelease()
            host.state.removeIfUnused(cgroupRoot: host.cgroupRoot)
            throw error
        }
    }

    /// Until the first process is known, the name's lock says whether somebody is at work, and no start time need be looked up.
    private func initialTrace(_ identity: JailIdentity, _ cgroup: Cgroup, _ home: NetworkNamespace?) -> JailTrace {
        var trace = JailTrace(
            name: jail.name.value, label: jail.label, identity: identity, phase: .up,
            cgroup: cgroup.path, isTransient: isTransient, supervisor: supervisor,
            supervisorStartTime: 0,
            hasNetwork: jail.network.isConnected, interfaces: jail.network.interfaces.map(\.value))
        (trace.root, trace.home) = (RootPlace(jail), home)
        return trace
    }

    /// By links, a root may be another than its path says.
    private func checkRealRoot(_ trace: inout JailTrace, _ facts: StartFacts) throws(RuntimeError) {
        guard let named = trace.root else { return }
        let real = RootPlace(
            path: facts.realPath(RootSource(jail).path), written: facts.realPath(jail.writtenRoot?.value ?? ""))
        if real == named { return }
        trace.root = real
        let others = try host.state.traces().compactMap { other in other.root.map { (other.name, $0) } }
        try jail.checkRoot(real, beside: others)
        try host.state.write(trace)
    }

    /// Makes the jail: its first process is isolated and recorded.
    private func create(
        _ reserved: JailTrace, _ networkUndo: inout [NetworkOperation], _ handed: HandedDescriptors
    ) throws(RuntimeError) -> CreatedJail {
        var trace = reserved
        let beforehand = HostCommand(jail: jail, identity: jail.jid == nil ? nil : trace.identity, host: host)
        try shareBeforehand(trace, &networkUndo)
        try beforehand.run(jail.commands.prepare, parameter: "exec.prepare")
        try beforehand.run(jail.commands.prestart, parameter: "exec.prestart")
        var (planner, network, filter) = try makePlanner(trace)
        planner.facts.handedDescriptors = handed.facts
        try checkRealRoot(&trace, planner.facts)
        networkUndo = (network.shared + network.operations).map(\.value).undo
        try makeShared(SharedPlanner(jail, planner.facts), network)
        if let holder = network.holder {
            // Under the network lock: from now on nobody takes it from under this jail.
            trace.network = holder.trace.network
            try host.state.write(trace)
        }
        let beginning = planner.begin()
        var performer = try PlanPerformer(
            beginning, jail: jail, host: host, isTransient: isTransient,
            isPersistent: isHeld || jail.isPersistent.value || jail.outlivesItsCommands, network: network,
            output: output, handed: handed, others: others)
        let child = try performer.spawn()
        if let covers = planner.jail.covers { try FactFinder.addHiddenPaths(to: &planner.facts, of: covers) }
        var plan = planner.finish(beginning)
        if hasMainProgram { plan.markMainProgram() }
        try performer.perform(plan, of: child)
        networkUndo = network.completed(networkUndo)
        network.close()
        let session = Session(
            control: performer.pair.ours.number, pidfd: child.pidfd.number, host: host, console: console)
        let first = try awaitReady(session, plan: plan)
        if planner.jail.process.oomScore != nil { OwnOomScore.restore(planner.facts.ownOomScore) }
        // No earlier: until it has a program of its own, the child shares this one's memory, and each makes the other wait.
        trace.pid = child.pid
        try noteProcesses(of: child.pid, in: &trace)
        let details = JailDetails(
            generation: trace.identity.generation, spec: jail, networkUndo: networkUndo, createdSeconds: time(nil),
            configuration: configuration, filter: filter)
        // A trace that names a process says that there is a record.
        try host.state.write(details)
        try host.state.write(trace)
        performer.observeChild()
        onCreate(trace.identity)
        // While the first command runs, hundreds of steps are given up that nobody asks for any more.
        return CreatedJail(
            record: JailRecord(trace: trace, details: details), pidfd: child.pidfd, control: performer.finish(),
            session: session, commands: RunningCommands(plan), first: first)
    }

    /// Lets its first process start the commands, and waits until the last of them has been.
    private func start(_ created: consuming CreatedJail, _ handed: HandedDescriptors) throws(RuntimeError)
        -> RunningJail
    {
        let (record, session, commands) = (created.record, created.session, created.commands)
        let hooks = HostCommand(jail: jail, identity: record.identity, host: host)
        if !jail.commands.created.isEmpty {
            try hooks.run(jail.commands.created, parameter: "exec.created")
            try created.release()
        }
        let outcome = try runCommands(session, commands, record, created.first)
        try runPoststart(hooks, session, commands, record)
        if jail.outlivesItsCommands && !isHeld { JailNesting(of: jail.name.value, host: host).settle(record) }
        return created.running(outcome, handed)
    }

    /// Whoever could not look would have a trace of a jail that lives no more.
    private func noteProcesses(of child: Int32, in trace: inout JailTrace) throws(RuntimeError) {
        try attempt("\(jail.label): cannot look at its processes") { () throws(Errno) in
            trace.startTime = try ProcessTable.startTime(of: child) ?? 0
            trace.supervisorStartTime = try ProcessTable.startTime(of: supervisor) ?? 0
        }
    }

    /// What jails share comes first in the plan of a file: before the host's commands of this one, too.
    private func shareBeforehand(_ trace: JailTrace, _ networkUndo: inout [NetworkOperation]) throws(RuntimeError) {
        if jail.commands.prepare.isEmpty && jail.commands.prestart.isEmpty { return }
        let network = try NetworkStart(sharedBy: jail, number: trace.network, host: host)
        networkUndo = network.shared.map(\.value).undo
        var facts = StartFacts()
        facts.authority = host.authority
        try FactFinder(jail: jail, host: host).addCgroupLevels(to: &facts)
        facts.sharedNetwork = network.lacking
        try makeShared(SharedPlanner(jail, facts), network)
        network.close()
    }

    private func makeShared(_ planner: SharedPlanner, _ network: NetworkStart) throws(RuntimeError) {
        let steps = planner.steps
        if steps.isEmpty { return }
        try HostSteps(steps: steps, jail: jail, host: host, network: network).performAll()
    }

    /// - Returns: the filter, too, if it is to be recorded.
    private func makePlanner(_ trace: JailTrace) throws(RuntimeError) -> (Planner, NetworkStart, filter: String?) {
        var facts = try FactFinder(jail: jail, host: host, others: others).startFacts(terminals: terminals)
        if !isOneOfMany {
            host.note(without: facts.unavailableDefaults)
            host.note(reachableOf: [jail])
        }
        let network = try NetworkStart(jail: jail, number: trace.network, host: host, mayJoin: true)
        if !isOneOfMany || jail.network.lookup != nil {
            host.warn(of: network.obstacles.map { (jail.label, $0) })
        }
        facts.network = network.operations
        facts.sharedNetwork = network.lacking
        facts.networkHolder = network.holderFacts
        facts.isOutputPiped = output != nil && jail.commands.consoleLog == nil
        return (Planner(jail: jail, identity: trace.identity, facts: facts), network, recordedFilter(facts))
    }

    /// Other filters are made of the table in jailrun itself, which no file changes.
    private func recordedFilter(_ facts: StartFacts) -> String? {
        guard case .profile = jail.privileges.seccomp.value else { return nil }
        return SeccompFilter(bytes: facts.filter, flags: facts.filterFlags).text
    }
}

extension ConfiguredJail {
    /// jail(8): `exec.poststart` finds the jail, though its last command may have ended.
    var outlivesItsCommands: Bool { !isPersistent.value && !commands.poststart.isEmpty }
}
