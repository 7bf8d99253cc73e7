internal import CNamespaces

/// The jail's first process: its namespaces, ids, privileges, and the program that it becomes.
extension Planner {
    /// The namespaces that it is told to be for. The IPC namespace comes later: see `separateQueues`.
    private var cloned: NamespaceFlags {
        jail.namespaces.filter { $0.source == .own }.flags.subtracting(.ipc)
    }

    private var clonePurpose: Purpose { .clone(cloned, holder: networkHolder?.jail) }

    /// What a process uses up of `user.*` limits, inotify(7) instances and the like, counts in each user namespace around it, too,
    /// and there for the user who made the namespace. That is not to be root of the host, who runs out of them then.
    func ownNamespace(_ isBegin: Bool) -> [Step] {
        guard hasOwnIDs else { return [] }
        func step(_ call: SystemCall, _ words: Phrase) -> Step {
            host(call, .ownNamespace(firstID), jail.ids.origin, words)
        }
        return isBegin
            ? [
                step(.keepCapabilities(true), "keep the capabilities over a change of ids"),
                step(.setEffectiveUser(firstID), "make \(firstID) the owner of the user namespace"),
                step(.setFileOwner(uid: 0), "still access files as root"),
            ]
            : [
                step(.setEffectiveUser(0), "become root again"),
                step(.keepCapabilities(false), "let a change of ids change capabilities"),
            ]
    }

    func spawn() -> [Step] {
        ownNamespace(true) + [
            Step(
                operation: .spawn(hasLoopbackOnly ? cloned.subtracting(.network) : cloned), side: .host,
                purpose: clonePurpose, origin: .standard(""), words: "clone the jail's first process")
        ] + ownNamespace(false)
    }

    /// A network namespace takes the kernel longer than all else. One that jailrun connects to nothing is made by the child,
    /// and jailrun goes on meanwhile. It has lo only: netdevice(7).
    func separateNetwork() -> [Step] {
        guard hasLoopbackOnly else { return [] }
        let origin = jail.namespaces[.network]?.origin ?? .standard("")
        return [
            child(.unshare(.network), clonePurpose, .standard(""), "leave the host's network"),
            child(.openDatagramSocket(into: .socket), .loopback, origin, "open a socket"),
            child(.raiseLink("lo", over: .socket), .loopback, origin, "bring up lo"),
            child(.close(.socket), .loopback, origin, "close the socket"),
        ]
    }

    /// A jail without addresses.
    private var hasLoopbackOnly: Bool { jail.namespaces.hasOwn(.network) && facts.network.isEmpty }

    /// user_namespaces(7): each map is written once, whole.
    func mapIDs() -> [Step] {
        let origin = jail.ids.origin
        guard let maps = jail.ids.value, joinedUser == nil else { return [openChild(.handOver, origin)] }
        let purpose = Purpose.mapIDs(maps.range)
        var steps = [openChild(purpose, origin)]
        for (file, map) in [("uid_map", maps.users), ("gid_map", maps.groups)] {
            steps += [
                host(
                    .open(file, at: .child, [.writeOnly, .closeOnExec], into: .mapFile), purpose, origin, "open \(file)"
                ),
                host(
                    .write(map.map(\.line).joined(separator: "\n"), to: .mapFile), purpose, origin,
                    "map ids \(map.map(\.words).joined(separator: ", "))"),
                host(.close(.mapFile), purpose, origin, "close \(file)"),
            ]
        }
        steps.append(
            host(
                .open("ns/user", at: .child, [.closeOnExec], into: .userNamespace), purpose, origin,
                "open the user namespace"))
        return steps
    }

    private func openChild(_ purpose: Purpose, _ origin: Origin) -> Step {
        host(.openChildDirectory(into: .child), purpose, origin, "open the child's directory in /proc")
    }

    func connectNetwork() -> [Step] {
        let operations = facts.network.map(\.value)
        return facts.network.map { planned in
            Step(
                operation: .network(planned.value), side: .host, purpose: .network(planned.value),
                origin: planned.origin,
                words: "connect the network", undo: operations.undo(of: planned.value).map { .network($0) })
        }
    }

    func release() -> [Step] {
        [
            Step(
                operation: .release(passedSlots), side: .host, purpose: .handOver, origin: .standard(""),
                words: "release the child")
        ] + passedSlots.map { host(.close($0), .handOver, .standard(""), "close what the child now has") }
    }

    func awaitRelease() -> [Step] {
        [child(.receive(passedSlots, from: .control), .handOver, .standard(""), "wait for jailrun")]
    }

    /// The child has inherited jailrun's end too. With it open, it would never learn that jailrun died: it would wait for ever,
    /// and hold the name's lock.
    static func leaveSupervisor() -> Step {
        Step(
            operation: .call(.close(.supervisorControl)), side: .child, purpose: .handOver, origin: .standard(""),
            words: "close jailrun's end of the control socket")
    }

    /// Until now the child's ids were those of the caller, which its user namespace does not know.
    func becomeRoot() -> [Step] {
        let origin = jail.ids.origin
        return [
            child(.setGroupIDs(0), .becomeRoot, origin, "become group 0 of the jail"),
            child(.setUserIDs(0), .becomeRoot, origin, "become user 0 of the jail"),
            child(.setGroups([]), .becomeRoot, origin, "drop the caller's groups"),
        ]
    }

    /// The root directory of mqueue belongs to whoever makes the IPC namespace, mq_overview(7). Cloned with the others, it would
    /// be the host's root, nobody inside: the ids were not mapped then.
    func separateQueues() -> [Step] {
        if !jail.namespaces.hasOwn(.ipc) { return [] }
        return [
            child(.unshare(.ipc), .ipcNamespace, .standard(""), "leave the host's message queues and shared memory")
        ]
    }

    func nameHost() -> [Step] {
        (jail.names.hostname.map {
            [child(.setHostName($0.value), .hostname($0.value), $0.origin, "set the hostname")]
        } ?? [])
            + (jail.names.domainName.map {
                [child(.setDomainName($0.value), .domainName($0.value), $0.origin, "set the NIS domain name")]
            } ?? [])
    }

    /// What else a process inherits from its caller and a jail must not.
    func resetProcess() -> [Step] {
        let origin = Origin.standard("")
        return inheritedLimits.map {
            child(
                .setLimit($0.resource, name: $0.name, soft: $0.soft, hard: $0.hard), .resourceLimits(inheritedLimits),
                origin, "set \($0.name)")
        } + [
            child(.startSession(), .leaveCaller, origin, "leave the caller's session"),
            child(.joinSessionKeyring(), .leaveCaller, origin, "leave the caller's keyring"),
            child(.setMask(jail.process.umask.value), .leaveCaller, jail.process.umask.origin, "set the umask"),
        ] + setOwnAttributes()
    }

    /// The caller's terminal never gets in: TIOCSTI would let a jail type on it.
    func takeTerminal() -> [Step] {
        (facts.terminals.isEmpty
            ? []
            : Self.openTerminal(
                terminals: facts.terminals, user: jail.process.user, control: .descriptor(.control)))
            + takeOutput()
    }

    /// What the caller has for standard input, output and error, made such that programs inside can open it by name.
    func handDescriptors() -> [Step] {
        facts.handedDescriptors.map { handed in
            let call: SystemCall =
                switch handed.way {
                case .opened(let mode): .changeMode(of: handed.number, to: mode)
                case .relayed, .nothing: .duplicate(.relay(handed.number), to: handed.number)
                }
            return child(
                call, .handedDescriptor(handed), .standard(""), "let the jail open descriptor \(handed.number) by name")
        }
    }

    /// A pipe of jailrun's own belongs to the jail's root, as its terminal does: programs change its owner and its mode.
    func giveOutput() -> [Step] {
        var pipes = relayedPipes
        if let log = jail.process.output {
            pipes.append((.consoleLog, .consoleLog(log.value), log.origin))
        } else if facts.isOutputPiped {
            pipes.append((.output, .outputPipe, Self.pipeOrigin))
        }
        return pipes.flatMap { slot, purpose, origin in give(slot) { host($0, purpose, origin, $1) } }
    }

    /// The same for a command that joins the jail: by its process, before it does.
    func giveEntryOutput() -> [Step] {
        relayedPipes.flatMap { slot, purpose, origin in give(slot) { child($0, purpose, origin, $1) } }
    }

    private var relayedPipes: [(slot: Slot, purpose: Purpose, origin: Origin)] {
        facts.handedDescriptors.filter { $0.way == .relayed }
            .map { (.relay($0.number), .handedDescriptor($0), .standard("")) }
    }

    private func give(_ slot: Slot, _ step: (SystemCall, Phrase) -> Step) -> [Step] {
        if firstID == 0 { return [] }
        return [step(.changeOwner("", at: slot, uid: firstID, gid: firstID), "give the pipe to the jail's root")]
    }

    private static let pipeOrigin = Origin.standard("exec.consolelog = FILE")

    /// `exec.consolelog`, or the keeper's pipe. pid 1 keeps the reading end too: if the keeper dies, no process of the jail
    /// gets SIGPIPE for that.
    private func takeOutput() -> [Step] {
        if let log = jail.process.output {
            return [1, 2].map {
                child(
                    .duplicate(.consoleLog, to: $0), .consoleLog(log.value), log.origin, "send output to \(log.value)")
            }
        }
        guard facts.isOutputPiped else { return [] }
        let origin = Self.pipeOrigin
        return [1, 2].map { child(.duplicate(.output, to: $0), .outputPipe, origin, "send output to jailrun") }
            + [child(.duplicate(.outputSource, to: CNS_JOINED_DESCRIPTOR), .outputPipe, origin, "keep the pipe open")]
    }

    /// The pty belongs to whose commands have it, tty(4): they may open it by name.
    static func openTerminal(terminals: [Int], user: StartFacts.User, control: CallArgument) -> [Step] {
        func step(_ call: SystemCall, _ words: Phrase) -> Step {
            Step(
                operation: .call(call), side: .child, purpose: .terminal, origin: .standard(""), words: words)
        }
        let unlock = Structure(bytes: [0, 0, 0, 0], spelling: "[0]")
        let flags = OpenFlags([.readWrite, .noTerminal, .closeOnExec])
        return [
            step(.openDirectory("/dev/pts/ptmx", flags: flags, into: .terminalMaster), "open a pty"),
            step(
                .controlTerminal(
                    .descriptor(.terminalMaster), request: 0x4004_5431, name: "TIOCSPTLCK", .structure(unlock)),
                "unlock the pty"),
            step(
                .controlTerminal(
                    .descriptor(.terminalMaster), request: 0x5441, name: "TIOCGPTPEER", flags.argument, into: .terminal),
                "open the pty's other end"),
            step(.send(.terminalMaster, kind: CNS_TERMINAL.rawValue, over: control), "give the pty to jailrun"),
            step(.close(.terminalMaster), "close the pty"),
        ]
            + (user.uid == 0
                ? []
                : [
                    step(
                        .changeOwner("", at: .terminal, uid: user.uid, gid: terminalGroup),
                        "give the pty to \(user.name)")
                ]) + terminals.map { step(.duplicate(.terminal, to: $0), "make the pty descriptor \($0)") }
    }

    /// devpts, `gid=5`: Debian's and everybody's group tty.
    static let terminalGroup: UInt32 = 5

    /// What pid 1 needs to start commands as other users and to signal them; each command drops what of it the jail does
    /// not have, before it becomes its user.
    private var initCapabilities: CapabilitySet {
        let standard = CapabilitySet([.kill, .setgid, .setuid, .setpcap])
        // Without no_new_privs it takes CAP_SYS_ADMIN to install a filter: seccomp(2).
        return jail.process.gainsPrivileges ? standard.union(CapabilitySet([.sysAdmin])) : standard
    }

    /// no_new_privs first, seccomp last, in each command: from here on nothing can be gained.
    func narrowPrivileges() -> [Step] {
        let kept = jail.process.capabilities.bounding.union(initCapabilities)
        return
            (jail.process.gainsPrivileges
            ? [] : [child(.setNoNewPrivileges(), .noNewPrivileges, .standard("allow.suid"), "set no_new_privs")])
            + dropBounding(CapabilitySet.all.subtracting(kept)) + dropUnnamed()
            + [
                child(
                    .clearAmbient(), .boundingSet(jail.process.capabilities.bounding), .standard(""),
                    "clear the ambient capabilities")
            ]
    }

    /// Of pid 1's capabilities those that the jail does not have; CAP_SETPCAP last, for dropping needs it.
    func narrowCommand() -> [Step] {
        let dropped = initCapabilities.subtracting(jail.process.capabilities.bounding)
        return dropBounding(dropped.subtracting(CapabilitySet([.setpcap])))
            + dropBounding(dropped.intersection(CapabilitySet([.setpcap])))
    }

    private func dropBounding(_ capabilities: CapabilitySet) -> [Step] {
        let purpose = Purpose.boundingSet(jail.process.capabilities.bounding)
        return capabilities.capabilities.map {
            child(
                .dropBounding(Int($0.rawValue), name: $0.name), purpose, capabilityOrigin($0),
                "drop \($0.name) from the bounding set")
        }
    }

    /// Of a kernel that is newer than `Capability`.
    private func dropUnnamed() -> [Step] {
        let named = Capability.allCases.count
        return (named..<max(named, facts.capabilityCount)).map {
            child(
                .dropBounding($0, name: "\($0)"), .boundingSet(jail.process.capabilities.bounding), .standard(""),
                "drop capability \($0), which has no name here, from the bounding set")
        }
    }

    private func capabilityOrigin(_ capability: Capability) -> Origin {
        jail.process.dropped.first { $0.value == capability.name }?.origin
            ?? .standard("cap.add = \(capability.name)")
    }

    func becomeInit() -> [Step] {
        let origin = Origin.standard("")
        let passed = jail.process.passedDescriptors
        let hasThird = facts.isOutputPiped || facts.isListening
        return [
            child(
                .duplicate(.control, to: CNS_CONTROL_DESCRIPTOR + passed), .firstProcess, origin,
                "keep the control socket"),
            child(
                .duplicate(.stagePlan, to: CNS_PLAN_DESCRIPTOR + passed), .firstProcess, origin,
                "keep the commands' plan"),
        ]
            + (facts.isListening
                ? [
                    child(
                        .duplicate(.listening, to: CNS_JOINED_DESCRIPTOR + passed), .firstProcess, origin,
                        "keep the socket of whoever starts it")
                ] : []) + [
                child(
                    .closeRange(from: CNS_JOINED_DESCRIPTOR + passed + (hasThird ? 1 : 0), onExec: true), .firstProcess,
                    origin, "close every other descriptor"),
                child(
                    .executeDescriptor(.stage, stageArguments("jailrun-init"), environment: []), .firstProcess, origin,
                    "run pid 1"),
            ]
    }

    /// The second says how many descriptors the command is given besides 0, 1 and 2.
    func stageArguments(_ name: String) -> [String] {
        let passed = jail.process.passedDescriptors
        return passed == 0 ? [name] : [name, "\(passed)"]
    }
}

extension IDMapping {
    fileprivate var line: String { "\(inside) \(outside) \(count)" }
    fileprivate var words: String { "\(inside)-\(inside + count - 1) to \(outside)-\(outside + count - 1)" }
}

extension Slot {
    /// Where whoever starts a jail that waits connects; set before the plan runs.
    static let listening = Slot("listening")
    static let mapFile = Slot("map-file")
    static let terminalMaster = Slot("pty")
    static let terminal = Slot("terminal")
    static let socket = Slot("socket")
    /// The jail's end of the pipe that is in the place of a descriptor; set before the plan runs.
    static func relay(_ number: Int) -> Slot { Slot("relay-\(number)") }
}
