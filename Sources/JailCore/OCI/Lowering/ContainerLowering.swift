/// Turns config.json into what the kernel is asked for: the second front door to `JailSpec`. docs/design/0045.
///
/// It is pure; what it has to know of the host is in `ContainerGround`.
struct ContainerLowering {
    let configuration: RuntimeConfiguration
    let id: String
    /// `process` of config.json, or that of an `exec`.
    let process: ContainerProcess?
    let ground: ContainerGround
    /// How many descriptors behind 0, 1 and 2 the process is given; of those, the first are sockets that it is told of.
    var passedDescriptors = 0
    var listeningDescriptors = 0

    /// - Parameter cgroup: the last part of its path; nil: none of its own.
    func spec(cgroup: String?) -> JailSpec {
        var spec = base
        spec.id = cgroup ?? id
        spec.hasCgroup = cgroup != nil
        var mounts: [Mount] = []
        for (number, mount) in configuration.mounts.enumerated() {
            mounts.append(lower(mount, number, ground.places[number], &spec.devices))
        }
        spec.mounts = mounts + covers
        spec.root.propagation = configuration.propagation
        spec.commands = commands
        return spec
    }

    var commands: [StartCommand] {
        guard let process else { return [] }
        let line = JailCommand(text: process.arguments[0], arguments: process.arguments, isBackground: false)
        return [
            StartCommand(
                name: "process.args", line: line, origin: process.argumentsOrigin, timeoutSeconds: 0, isWatched: false)
        ]
    }

    /// Of a process that joins the container.
    var entry: JailSpec {
        var spec = base
        spec.process.attributes += process?.joining.before ?? []
        spec.process.joinedAttributes = process?.joining.joined ?? []
        return spec
    }

    private var base: JailSpec {
        let linked = configuration.namespaces
        let maps = IDMaps(users: configuration.users, groups: configuration.groups)
        let isOwnUser = linked.contains { $0.kind == .user && $0.path == nil }
        let source = RootSource(path: ground.root, origin: configuration.root.origin)
        return JailSpec(
            id: id,
            root: RootFilesystem(
                source: source, path: Located(ground.root, configuration.root.origin),
                isReadOnly: configuration.isReadOnly,
                isEphemeral: Located(false, .standard(""))),
            namespaces: linked.map {
                NamespaceSpec(kind: $0.kind, source: $0.path.map { .path($0) } ?? .own, origin: $0.origin)
            },
            ids: Located(isOwnUser ? maps : nil, configuration.mapsOrigin),
            names: UTSNames(hostname: configuration.hostname, domainName: configuration.domainName), mounts: [],
            devices: nil, cgroup: cgroup, kernelParameters: configuration.settings, process: processSpec, commands: [],
            becomesCommand: true, ownsFiles: false, hooks: Hooks())
    }

    private var cgroup: CgroupSpec {
        CgroupSpec(
            settings: configuration.resources.settings, isRounded: true,
            deviceRules: Located(
                configuration.resources.devices + DeviceRule.defaults
                    + configuration.devices.map {
                        DeviceRule(
                            isAllowed: true, kind: $0.kind == .block ? .block : .character, major: $0.major,
                            minor: $0.minor)
                    }, configuration.resources.devicesOrigin),
            isGiven: hasCgroupsToWrite, children: Located(0, .standard("")))
    }

    private var processSpec: ProcessSpec {
        let asked = process
        let user = StartFacts.User(
            name: "\(asked?.user ?? 0)", uid: asked?.user ?? 0, gid: asked?.group ?? 0, groups: asked?.groups ?? [],
            home: "/", shell: "/bin/sh")
        return ProcessSpec(
            user: user, userOrigin: asked?.userOrigin ?? .standard(""), environment: environment,
            capabilities: asked?.capabilities ?? CapabilitySets(bounding: [], effective: [], permitted: []),
            dropped: [],
            gainsPrivileges: asked?.gainsPrivileges ?? false,
            filterOrigin: configuration.seccomp?.origin ?? .standard(""),
            umask: asked?.umask ?? Located(0o022, .standard("")), limits: asked?.limits ?? [],
            oomScore: asked?.oomScore, output: nil, directory: asked?.directory,
            profile: ground.hasProfiles ? asked?.profile : nil,
            attributes: configuration.attributes + (asked?.attributes ?? []), passedDescriptors: passedDescriptors)
    }

    /// HOME is that of passwd(5) where nobody has set it, as with other runtimes.
    private var environment: [String] {
        guard var process else { return [] }
        if process.lacksHome { process.set("HOME=\(ground.home)") }
        if listeningDescriptors > 0 {
            process.set("LISTEN_FDS=\(listeningDescriptors)")
            process.set("LISTEN_PID=1")
        }
        return process.environment
    }

    // MARK: Mounts

    private func lower(
        _ mount: ContainerMount, _ number: Int, _ place: ContainerGround.Place, _ devices: inout DeviceSpec?
    ) -> Mount {
        let options = mount.options
        let isBelowDevices = devices != nil && place.target.hasPrefix("dev/")
        var lowered = Mount(
            source: .new(type: mount.type, options: options.data), target: place.target,
            place: isBelowDevices
                ? .made(isFile: place.isFile) : .walked(missing: place.missing, isFile: place.isFile),
            attributes: options.set, origin: mount.origin, number: number)
        if options.bind != nil {
            lowered.source = .tree(Mount.Tree(path: place.source, inRoot: nil, isRecursive: options.bind == .recursive))
            lowered.changes = changes(mount, number)
            return lowered
        }
        let name = ["source=\(mount.source.isEmpty ? mount.type : mount.source)"]
        lowered.source = .new(type: mount.type, options: name + options.data)
        switch mount.type {
        case "tmpfs" where place.target == "dev" && devices == nil:
            lowered.source = .devices
            devices = DeviceSpec(
                origin: mount.origin, rulesOrigin: mount.origin, options: name + options.data,
                attributes: options.set.subtracting(.readOnly), isReadOnly: options.set.contains(.readOnly),
                directories: [], environment: nil)
        case "proc":
            lowered.isBase = place.target == "proc"
        case "sysfs":
            lowered.isBase = place.target == "sys"
        case "cgroup" where !mayMountCgroups, "cgroup2" where !mayMountCgroups:
            lowered.source = .tree(Mount.Tree(path: ground.cgroups, inRoot: nil, isRecursive: true))
            lowered.changes = [
                Mount.Change(propagation: .private, isRecursive: true),
                Mount.Change(set: options.set, cleared: options.cleared, isRecursive: false),
            ]
        case "cgroup", "cgroup2":
            lowered.source = .new(type: "cgroup2", options: name)
        default: lowered.copiesPlace = options.copiesUp && place.missing.isEmpty
        }
        return lowered
    }

    /// Root of a user namespace mounts the cgroups of a namespace of its own, and no others: those are the host's mount.
    private var mayMountCgroups: Bool {
        !configuration.namespaces.contains { $0.kind == .user } || isOwn(.cgroup)
    }

    /// config-linux.md, "Cgroup ownership".
    private var hasCgroupsToWrite: Bool {
        isOwn(.user) && isOwn(.cgroup)
            && configuration.mounts.contains {
                ["cgroup", "cgroup2"].contains($0.type) && !$0.options.set.contains(.readOnly)
            }
    }

    private func isOwn(_ kind: NamespaceFlags) -> Bool {
        configuration.namespaces.contains { $0.kind == kind && $0.path == nil }
    }

    /// In the order in which the whole and then the top are changed.
    private func changes(_ mount: ContainerMount, _ number: Int) -> [Mount.Change] {
        let options = mount.options
        var changes = [Mount.Change(propagation: .private, isRecursive: true)]
        if !options.setBelow.isEmpty || !options.clearedBelow.isEmpty {
            changes.append(
                Mount.Change(set: options.setBelow, cleared: options.clearedBelow, isRecursive: true))
        }
        if !options.set.isEmpty || !options.cleared.isEmpty {
            changes.append(Mount.Change(set: options.set, cleared: options.cleared, isRecursive: false))
        }
        if let idmap = options.idmap {
            let ids = mount.users.isEmpty ? Slot.userNamespace : .mountIDs(number)
            changes.append(Mount.Change(isRecursive: idmap == .recursive, ids: ids))
        }
        return (options.propagations.isEmpty ? changes : Array(changes.dropFirst())) + options.propagations
    }

    // MARK: Devices, masks

    var deviceTree: DeviceTree {
        var tree = DeviceTree()
        let standard: [(String, UInt32, UInt32)] = [
            ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0),
        ]
        for (name, major, minor) in standard
        where !configuration.devices.contains(where: { $0.path == "/dev/\(name)" }) && !isMounted("dev/\(name)") {
            tree.nodes.append(DeviceNode(path: name, kind: .character, major: major, minor: minor, mode: 0o666))
        }
        // ptmx is that of the container's own devpts.
        for device in configuration.devices
        where device.path != "/dev/ptmx" && !isMounted(RuntimeConfiguration.relative(device.path)) {
            let name = RuntimeConfiguration.relative(device.path).dropFirst("dev/".count)
            for folder in DeviceTable.parents(of: String(name)) where !tree.directories.contains(folder) {
                tree.directories.append(folder)
            }
            tree.nodes.append(
                DeviceNode(
                    path: String(name), kind: device.kind == .block ? .block : .character, major: device.major,
                    minor: device.minor, mode: device.mode, uid: device.uid, gid: device.gid))
        }
        tree.links = [
            DeviceLink(path: "fd", target: "/proc/self/fd"), DeviceLink(path: "stdin", target: "/proc/self/fd/0"),
            DeviceLink(path: "stdout", target: "/proc/self/fd/1"),
            DeviceLink(path: "stderr", target: "/proc/self/fd/2"),
            DeviceLink(path: "core", target: "/proc/kcore"), DeviceLink(path: "ptmx", target: "pts/ptmx"),
        ]
        return tree
    }

    private func isMounted(_ path: String) -> Bool {
        configuration.mounts.contains { RuntimeConfiguration.relative($0.target) == path }
    }

    private var covers: [Mount] {
        if configuration.masked.isEmpty && configuration.readOnly.isEmpty { return [] }
        let covers = Mount.Covers(
            maskedFiles: configuration.masked, maskedFolders: [], readOnly: configuration.readOnly, reachesRoot: true)
        return [
            Mount(
                source: .covers(covers), target: "", place: .root, attributes: [.noSetuid, .noDevices, .noExec],
                origin: .standard(""), number: nil)
        ]
    }
}

extension ContainerProcess {
    /// Nobody has set HOME.
    var lacksHome: Bool { !environment.contains { $0.hasPrefix("HOME=") && $0 != "HOME=" } }
}

/// What a bundle stands on: looked up before, so that lowering needs no look at the host.
struct ContainerGround: Equatable, Sendable {
    /// Where a mount of config.json lies.
    struct Place: Equatable, Sendable {
        /// Relative to the root, and without links.
        var target: String
        /// Paths relative to the root, in the order in which they are made.
        var missing: [String] = []
        /// Of a bind mount.
        var source = ""
        var isFile = false
    }

    /// The root's real path.
    var root: String
    /// Of the process's user, by passwd(5) of the root.
    var home = "/"
    /// The kernel has AppArmor.
    var hasProfiles = false
    /// Where the host has its cgroups.
    var cgroups = "/sys/fs/cgroup"
    /// One for each of the mounts.
    var places: [Place] = []
}

extension Slot {
    /// The user namespace whose ids a mount shows.
    static func mountIDs(_ number: Int) -> Slot { Slot("ids-\(number)") }
}
