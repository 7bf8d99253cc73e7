/// Turns what the kernel is asked for into steps. One planner serves the start, the dry run and the explanation.
///
/// The order is the isolation order; each line says what breaks if it moves.
package struct Planner {
    var jail: JailSpec
    var facts: StartFacts

    package init(jail: JailSpec, facts: StartFacts) {
        self.jail = jail
        self.facts = facts
    }

    /// The plan of a start: from the cgroup to the last `exec.start` command. What the jail shares with others is there.
    package func start() -> Plan { finish(begin()) }

    /// What a start begins with. While the kernel does it, the rest is planned.
    struct Beginning {
        /// Run on the host before anything of the jail exists.
        var before: [Plan.Command]
        /// Up to the clone.
        var host: [Step]
        /// What the child does before jailrun lets it go on.
        var child: [Step]

        /// Those of `host` that who clones the child performs before.
        var between: Range<Int> {
            let first = host.firstIndex { $0.side == .between } ?? 0
            return first..<(host.lastIndex { $0.side == .between }.map { $0 + 1 } ?? first)
        }
    }

    func begin() -> Beginning {
        var steps: [Step] = []
        steps += makeCgroup()  // first: the child is cloned into it, and no process escapes the limits
        steps += enterNetwork()  // of a jail that has the address already: the child is cloned there
        steps += openNamespaces()  // by their paths, which are the host's
        steps += joinBeforeBirth()  // or the child's own would not belong to the user namespace that it is in
        steps += spawn()
        steps += leaveNetwork()  // or the host's side of the rest would be made in there
        return Beginning(
            before: jail.hooks.before.map(\.planned), host: steps,
            child: [Self.leaveSupervisor()] + handDescriptors() + joinCgroups() + separateNetwork())
    }

    /// - Parameter beginning: what `begin()` returned.
    func finish(_ beginning: Beginning) -> Plan {
        var steps = beginning.host
        steps += openRoot()  // the one time that a path of the host is walked
        steps += openMountSources()
        steps += makeDevices()  // device nodes can be made only outside the jail's user namespace
        steps += mapIDs()  // or every id is 65534 and exec would lose all capabilities
        steps += mapRoot()  // needs the user namespace, and the host's capabilities over the file system
        steps += giveOutput()  // by the host: only it may give to an id of the jail's
        steps += limitProcess()  // by the host: only it may raise a limit or lower a score
        steps += connectNetwork()
        steps += release()
        steps += beginning.child
        steps += awaitRelease()
        steps += enterLeaf()  // with the rights of jailrun, which opened it
        steps += becomeRoot()
        steps += separateQueues()  // or /dev/mqueue belongs to nobody
        steps += isolateMounts()  // or mounts made below would reach the host
        steps += setKernelParameters()  // needs the host's /proc, and the network that they are about
        steps += attachRoot()  // pivot_root(2) fails otherwise: its target must be a mount point
        steps += mountFilesystems()  // needs the host's /proc still visible: mount_namespaces(7)
        steps += enterRoot()  // or the host's file tree stays reachable
        steps += nameHost()
        steps += resetProcess()
        steps += takeTerminal()  // a pty of the jail's own devpts, so after /dev
        steps += restrictRoot()  // after the last mount point was opened
        steps += narrowPrivileges()
        steps += becomeInit()  // nothing happens after it
        var plan = Plan(steps: steps, commands: commands())
        plan.before = beginning.before
        plan.prepared = prepareCommand()
        plan.created = jail.hooks.created.map(\.planned)
        plan.after = jail.hooks.after.map(\.planned)
        return plan
    }

    func host(
        _ call: SystemCall, _ purpose: Purpose, _ origin: Origin, _ words: Phrase, undo: [Operation] = []
    ) -> Step {
        .onHost(call, purpose, origin, words, undo: undo)
    }

    func child(_ call: SystemCall, _ purpose: Purpose, _ origin: Origin, _ words: Phrase) -> Step {
        Step(operation: .call(call), side: .child, purpose: purpose, origin: origin, words: words)
    }

    /// Whether the jail has a user namespace of its own.
    var isMapped: Bool { jail.ids.value != nil }

    /// Whether its ids are others than those of whoever starts it.
    var hasOwnIDs: Bool { isMapped && firstID != 0 }

    /// Whether mounts are to show those. Where none can be idmapped, the root has been given to them.
    var isIdmapped: Bool { hasOwnIDs && facts.authority.canIdmap && jail.ownsFiles }

    /// Root inside may make jails.
    var allowsJails: Bool { jail.cgroup.children.value > 0 }

    /// Host id of the jail's id 0.
    var firstID: UInt32 { jail.ids.value?.outside(0) ?? 0 }
}

extension Step {
    static func onHost(
        _ call: SystemCall, _ purpose: Purpose, _ origin: Origin, _ words: Phrase, undo: [Operation] = []
    ) -> Step {
        Step(operation: .call(call), side: .host, purpose: purpose, origin: origin, words: words, undo: undo)
    }
}

extension Slot {
    /// The directory that `jailrun` makes cgroups in.
    static let cgroupRoot = Slot("cgroup-root")
    static let cgroup = Slot("cgroup")
    static let rootDirectory = Slot("root-directory")
    static let root = Slot("root")
    static let devices = Slot("dev")
    /// `/proc/PID` of the child, in the host's procfs.
    static let child = Slot("child")
    static let userNamespace = Slot("user-namespace")
    /// The child's end of the control socket; set before the plan runs.
    static let control = Slot("control")
    /// jailrun's end of it.
    static let supervisorControl = Slot("supervisor-control")
    /// The static stage and its plan, in sealed memfds; set before the plan runs.
    static let stage = Slot("stage")
    static let stagePlan = Slot("stage-plan")
    /// `exec.consolelog`, opened before the plan runs.
    static let consoleLog = Slot("console-log")
    /// The two ends of the pipe that is a detached jail's output.
    static let output = Slot("output")
    static let outputSource = Slot("output-source")
}
