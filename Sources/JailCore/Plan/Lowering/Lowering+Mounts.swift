/// jail.conf's mounts, in the order in which they are made: `mount` and `mount.fstab`, jailrun's own files over the root's, `/dev`,
/// `/proc`, `/sys` and what covers parts of them; last, what the file mounts below those, so that nothing hides it.
extension Lowering {
    var mounts: [Mount] {
        let listed = listedMounts
        let isLast = { (mount: Mount) in isBelowOwn(mount.target) }
        return listed.filter { !isLast($0) } + ownFiles + deviceMounts + procfs + sysfs + covers + listed.filter(isLast)
    }

    // MARK: What the file lists

    private var listedMounts: [Mount] {
        jail.mounts.enumerated().compactMap { number, line in
            source(line).map { source in
                Mount(
                    source: source, target: line.relativeTarget, place: place(of: line, number),
                    attributes: attributes(line), origin: line.origin, number: number)
            }
        }
    }

    /// Nil for a line that says what is made anyway.
    private func source(_ line: MountSpec) -> Mount.Source? {
        switch line.kind.provision {
        case .bind: .tree(path(line))
        case .layers: line.layers.map { .layers($0, name: line.source) }
        case .disk(let type):
            .disk(type: type, path: line.source, options: (line.isReadOnly ? ["ro"] : []) + line.data)
        case .new(let type): .new(type: type, options: line.data)
        case .procfs: hasProcfs && line.isProcfs ? nil : .new(type: "proc", options: [])
        case .sysfs: hasSysfs && line.isSysfs ? nil : .sysfs
        case .devices: nil
        }
    }

    private func path(_ line: MountSpec) -> Mount.Tree {
        guard line.isBelow(root: jail) else { return Mount.Tree(path: line.source, inRoot: nil) }
        let rest = MountSpec.components(line.source).dropFirst(MountSpec.components(jail.path.value).count)
        return Mount.Tree(path: line.source, inRoot: rest.isEmpty ? "." : rest.joined(separator: "/"))
    }

    private func attributes(_ line: MountSpec) -> MountAttributes {
        switch line.kind.provision {
        case .procfs: line.attributes.union(.noExec)
        case .sysfs: line.attributes.union(.readOnly)
        case .bind, .layers, .disk, .new, .devices: line.attributes
        }
    }

    /// `/dev` begins empty: no root can hold what is to be mounted on there.
    private func place(of line: MountSpec, _ number: Int) -> Mount.Place {
        let parts = line.relativeTarget.split(separator: "/")
        guard hasDevices, parts.first == "dev", parts.count > 1,
            !deviceDirectories.contains(parts.dropFirst().joined(separator: "/"))
        else { return .root }
        return .made(isFile: facts.mountedFiles.contains(number))
    }

    /// At or below one that jailrun makes.
    private func isBelowOwn(_ target: String) -> Bool {
        switch target.split(separator: "/").first {
        case "dev": hasDevices
        case "proc": hasProcfs
        case "sys": hasSysfs
        default: false
        }
    }

    /// The file mounts something of its own there.
    private func isTaken(_ path: String) -> Bool {
        jail.mounts.contains { $0.relativeTarget == path && $0.kind != .fdescfs }
    }

    // MARK: What jailrun adds

    private func isMounted(_ presence: Located<PseudoFilesystemSpec.Presence>, at directory: String) -> Bool {
        presence.value.isMounted(at: directory, in: facts.rootDirectories)
    }

    private var hasDevices: Bool { isMounted(jail.pseudoFilesystems.devfs, at: "dev") }
    private var hasProcfs: Bool { isMounted(jail.pseudoFilesystems.procfs, at: "proc") }

    /// sysfs(5) shows the network namespace it is mounted in, which must be the jail's own.
    private var hasSysfs: Bool {
        isMounted(jail.pseudoFilesystems.sysfs, at: "sys") && jail.network.mode.value == .own
    }

    private static let strict: MountAttributes = [.noSetuid, .noDevices, .noExec]

    private func own(
        _ type: String, at target: String, below base: String?, _ attributes: MountAttributes, _ options: [String],
        _ origin: Origin
    ) -> Mount {
        Mount(
            source: .new(type: type, options: options), target: target, place: base.map { .base($0) } ?? .root,
            attributes: attributes, origin: origin, number: nil)
    }

    private var ownFiles: [Mount] {
        let files = identityFiles
        guard let origin = files.first?.origin else { return [] }
        return [
            Mount(
                source: .files(files), target: "", place: .root, attributes: Self.strict, origin: origin, number: nil)
        ]
    }

    private var procfs: [Mount] {
        if !hasProcfs { return [] }
        let asked = jail.mounts.last(where: \.isProcfs)?.attributes ?? []
        var whole = own(
            "proc", at: "proc", below: nil, asked.union(Self.strict), [], jail.pseudoFilesystems.procfs.origin)
        whole.isBase = true
        return [whole]
    }

    private var sysfs: [Mount] {
        if !hasSysfs { return [] }
        let origin = jail.pseudoFilesystems.sysfs.origin
        let readOnly = Self.strict.union(.readOnly)
        let whole = Mount(
            source: .sysfs, target: "sys", place: .root, attributes: readOnly, origin: origin, number: nil, isBase: true
        )
        if isTaken("sys/fs/cgroup") { return [whole] }
        let attributes = jail.privileges.allowsJails ? Self.strict : readOnly
        return [whole, own("cgroup2", at: "sys/fs/cgroup", below: "sys", attributes, [], origin)]
    }

    private var deviceMounts: [Mount] {
        guard hasDevices else { return [] }
        let origin = jail.pseudoFilesystems.devfs.origin
        let whole = Mount(source: .devices, target: "dev", place: .root, attributes: [], origin: origin, number: nil)
        return [whole] + terminals(origin) + sharedMemory(origin) + queues(origin) + state
    }

    /// As large as the kernel makes it, half of the machine's memory; of a jail that has a limit, half of that.
    private func sharedMemory(_ origin: Origin) -> [Mount] {
        if isTaken("dev/shm") { return [] }
        let limit = jail.cgroup.last { $0.file == "memory.max" }
        let size = limit.flatMap { Int($0.value) }.map { ["size=\(max($0 / 2, 4096))"] } ?? []
        return [
            own(
                "tmpfs", at: "dev/shm", below: "dev", Self.strict, ["mode=1777"] + size,
                size.isEmpty ? origin : limit?.origin ?? origin)
        ]
    }

    private func terminals(_ origin: Origin) -> [Mount] {
        guard facts.deviceTree.hasTerminals, !isTaken("dev/pts") else { return [] }
        return [
            own(
                "devpts", at: "dev/pts", below: "dev", [.noSetuid, .noExec],
                ["newinstance", "ptmxmode=0666", "mode=0620", "gid=\(Planner.terminalGroup)"], origin)
        ]
    }

    /// mqueue can be mounted only by who owns the IPC namespace.
    private func queues(_ origin: Origin) -> [Mount] {
        if jail.privileges.sharesInterprocess.value || isTaken("dev/mqueue") { return [] }
        return [own("mqueue", at: "dev/mqueue", below: "dev", Self.strict, [], origin)]
    }

    /// Where jailrun, run by root inside, keeps what it knows of its jails: there, it is the jail's alone and dies with it,
    /// whatever the root is shared with.
    private var state: [Mount] {
        guard jail.privileges.allowsJails else { return [] }
        return [
            own(
                "tmpfs", at: String(Planner.stateInside.dropFirst()), below: "dev", Self.strict,
                ["mode=0700", "size=65536k"], jail.privileges.childrenMaximum.origin)
        ]
    }

    /// Not where jails are made inside: the kernel lets a user namespace mount procfs and sysfs only where it sees all of them
    /// already. What the masks cover belongs to the host's root, whom such a jail cannot be.
    private var covers: [Mount] {
        if jail.privileges.allowsJails { return [] }
        return [
            Mount(
                source: .covers(.standard), target: "", place: .root, attributes: Self.strict, origin: .standard(""),
                number: nil)
        ]
    }

    // MARK: Devices

    var devices: DeviceSpec? {
        guard hasDevices else { return nil }
        return DeviceSpec(
            origin: jail.pseudoFilesystems.devfs.origin, rulesOrigin: jail.pseudoFilesystems.devfsRuleset.origin,
            directories: deviceDirectories,
            environment: jail.metadata.environment.flatMap { $0.value.isEmpty ? nil : $0 })
    }

    private var deviceDirectories: [String] { (facts.deviceTree.hasTerminals ? ["pts"] : []) + ["shm", "mqueue"] }
}

extension Mount.Covers {
    /// The union of what OCI runtimes mask, and what tells more of the host than a jail needs.
    static let standard = Self(
        maskedFiles: [
            "proc/kcore", "proc/keys", "proc/timer_list", "proc/latency_stats", "proc/sched_debug", "proc/interrupts",
            "proc/kallsyms", "proc/kpagecount", "proc/kpageflags", "proc/kpagecgroup", "proc/vmallocinfo",
            "proc/slabinfo", "proc/modules", "proc/config.gz", "proc/cmdline", "proc/timer_stats",
            "sys/kernel/boot_params/data",
        ],
        maskedFolders: [
            "proc/acpi", "proc/asound", "proc/scsi", "sys/firmware", "sys/devices/virtual/powercap", "sys/fs/selinux",
            "sys/fs/bpf", "sys/fs/pstore", "sys/kernel/debug", "sys/kernel/tracing", "sys/kernel/security",
            "sys/module",
        ],
        readOnly: ["proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"])
}

extension MountSpec {
    var isProcfs: Bool { kind.provision == .procfs && relativeTarget == "proc" }
    var isSysfs: Bool { kind.provision == .sysfs && relativeTarget == "sys" }
}
