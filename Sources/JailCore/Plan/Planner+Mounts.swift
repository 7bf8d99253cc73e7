/// `mount`, `mount.fstab`, and the pseudo file systems: mount(8), proc(5), sysfs(5), devpts.
extension Planner {
    static let inside: ResolveFlags = [.noMagicLinks, .noSymlinks, .inRoot]

    private func slot(_ index: Int) -> Slot { Slot("source-\(index)") }

    private func source(_ index: Int) -> BindSource { BindSource(path: jail.mounts[index].source, number: index) }

    /// What jailrun opens; mounts on the root are the root (`rootSource`).
    private var prepared: [Int] {
        jail.mounts.indices.filter { jail.mounts[$0].kind.isPrepared && !jail.mounts[$0].relativeTarget.isEmpty }
    }

    /// Sources are opened once, by jailrun: what they name later does not matter.
    func openMountSources() -> [Step] {
        prepared.flatMap { index in
            let mount = jail.mounts[index]
            switch mount.kind.provision {
            case .bind: return openFolder(mount, source(index), into: slot(index))
            case .disk(let type): return openDisk(mount, type, into: slot(index))
            // Layers are opened together; the others are not prepared.
            case .layers, .new, .procfs, .sysfs, .devices: return []
            }
        } + openLayers()
    }

    private func openFolder(_ mount: MountSpec, _ source: BindSource, into slot: Slot) -> [Step] {
        openSource(mount, source) + [
            host(
                .cloneTree("", at: .mountPoint, isRecursive: true, into: slot), .cloneSource(source), mount.origin,
                "clone the mount of \(mount.source)"),
            host(.close(.mountPoint), .cloneSource(source), mount.origin, "close \(mount.source)"),
        ]
    }

    /// By jailrun: root inside may not mount disks, whose contents the kernel trusts.
    private func openDisk(_ mount: MountSpec, _ type: String, into slot: Slot) -> [Step] {
        func step(_ call: SystemCall, _ words: Phrase) -> Step {
            host(call, .disk(type: type, source: mount.source), mount.origin, words)
        }
        return [
            step(.openFilesystem(type, into: .filesystem), "open \(type)"),
            step(.configure(.filesystem, "source", facts.realPath(mount.source)), "name \(mount.source)"),
        ]
            + ((mount.isReadOnly ? ["ro"] : []) + mount.data).map {
                step(configuration($0), "set \($0) of \(type)")
            }
            + [
                step(.createSuperblock(.filesystem), "mount \(mount.source)"),
                step(.mountDetached(.filesystem, mount.attributes, into: slot), "keep it detached"),
                step(.close(.filesystem), "close \(type)"),
            ]
    }

    /// What lies below the jail's root is its own to replace by links: there none leads out.
    private func openSource(_ mount: MountSpec, _ bind: BindSource) -> [Step] {
        func step(_ call: SystemCall, _ words: Phrase) -> Step {
            host(call, .cloneSource(bind), mount.origin, words)
        }
        guard mount.isBelow(root: jail) else {
            let call = SystemCall.openPlace(
                facts.realPath(mount.source), flags: [.path, .closeOnExec], into: .mountPoint)
            return [step(call, "open \(mount.source)")]
        }
        let rest = MountSpec.components(mount.source).dropFirst(MountSpec.components(jail.path.value).count)
        let path = rest.isEmpty ? "." : rest.joined(separator: "/")
        return [
            step(
                .openPlace(facts.realPath(jail.path.value), into: .rootDirectory), "open the root \(jail.path.value)"),
            step(
                .openInRoot(path, root: .rootDirectory, resolve: [.noMagicLinks, .inRoot], into: .mountPoint),
                "open \(mount.source), and nothing outside the root"),
            step(.close(.rootDirectory), "close the root directory"),
        ]
    }

    func mapMountSources() -> [Step] {
        prepared.filter { !jail.mounts[$0].kind.isLayered }.map { index in
            let mount = jail.mounts[index]
            return map(
                slot(index), withoutSetuid(mount.attributes), isRecursive: true,
                .restrictSource(source(index), withoutSetuid(mount.attributes), isIdmapped: isIdmapped), mount.origin,
                "set the attributes of \(mount.source)")
        }
    }

    /// What jailrun passes to the child, in this order, with the message that lets it go on.
    var passedSlots: [Slot] {
        [.stagePlan, .root] + (hasDevices ? [.devices] : []) + boundDevices.map(\.slot) + prepared.map(slot)
            + preparedSysfs.map(\.slot)
    }

    func mountFilesystems() -> [Step] {
        jail.mounts.indices.filter { !isBelowPseudoFilesystem(jail.mounts[$0]) }.flatMap(mountFilesystem)
    }

    /// - Parameter index: of `jail.mounts`.
    func mountFilesystem(_ index: Int) -> [Step] {
        let mount = jail.mounts[index]
        switch mount.kind.provision {
        case .new(let type): return mountNew(type, at: mount.relativeTarget, mount.attributes, mount.data, mount.origin)
        case .procfs:
            // As `mount.procfs` and its like, which JailReader turned on.
            if isProcfs(mount) { return [] }
            return mountNew("proc", at: mount.relativeTarget, mount.attributes.union(.noExec), [], mount.origin)
        case .sysfs:
            if isSysfs(mount) { return [] }
            return mountSysfs(at: mount.relativeTarget, mount.attributes.union(.readOnly), mount.origin)
        // Made with all of /dev.
        case .devices: return []
        case .bind, .layers, .disk:
            // The root is attached by itself.
            if mount.relativeTarget.isEmpty { return [] }
            return attach(
                slot(index), at: mount.relativeTarget, mount.origin,
                .bind(source(index), target: mount.relativeTarget))
        }
    }

    func mountNew(
        _ type: String, at target: String, _ attributes: MountAttributes, _ options: [String], _ origin: Origin
    ) -> [Step] {
        let purpose = Purpose.mount(NewFilesystem(type: type, target: target, attributes: attributes, options: options))
        return makeNew(type, for: target, as: .mount, attributes, options, origin, purpose)
            + attach(.mount, at: target, origin, purpose)
            + [child(.close(.mount), purpose, origin, "close the mount of /\(target)")]
    }

    private func makeNew(
        _ type: String, for target: String, as mount: Slot, _ attributes: MountAttributes, _ options: [String],
        _ origin: Origin, _ purpose: Purpose
    ) -> [Step] {
        [child(.openFilesystem(type, into: .filesystem), purpose, origin, "open \(type)")]
            + options.map { child(configuration($0), purpose, origin, "set \($0) of \(type)") }
            + [
                child(.createSuperblock(.filesystem), purpose, origin, "make \(type) for /\(target)"),
                child(.mountDetached(.filesystem, attributes, into: mount), purpose, origin, "mount \(type)"),
                child(.close(.filesystem), purpose, origin, "close \(type)"),
            ]
    }

    private func configuration(_ option: String) -> SystemCall {
        let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        return parts.count == 2
            ? .configure(.filesystem, parts[0], parts[1]) : .configureFlag(.filesystem, parts[0])
    }

    func attach(_ mount: Slot, at target: String, isLink: Bool = false, _ origin: Origin, _ purpose: Purpose) -> [Step]
    {
        let flags: OpenFlags = isLink ? [.path, .noFollow, .closeOnExec] : [.path, .closeOnExec]
        return [
            child(
                .openInRoot(target, root: .root, flags, resolve: Self.inside, into: .mountPoint), purpose, origin,
                "open the mount point /\(target)"),
            child(.moveMount(mount, onto: .mountPoint), purpose, origin, "attach /\(target)"),
            child(.close(.mountPoint), purpose, origin, "close the mount point /\(target)"),
        ]
    }

    func mountPseudoFilesystems() -> [Step] {
        mountDevices() + mountProcfs() + mountSysfs()
    }

    /// procfs or sysfs, which stays open under `mount`: others are attached below.
    private func mountBase(
        _ type: String, at target: String, as mount: Slot, _ attributes: MountAttributes, _ origin: Origin
    ) -> [Step] {
        let purpose = Purpose.mount(NewFilesystem(type: type, target: target, attributes: attributes, options: []))
        return makeNew(type, for: target, as: mount, attributes, [], origin, purpose)
            + attach(mount, at: target, origin, purpose)
    }

    /// Below a file system that this plan has made, places are named from it: no root can lead such a name elsewhere.
    private func mountBelow(
        _ base: Slot, _ type: String, at target: String, _ attributes: MountAttributes, _ options: [String],
        _ origin: Origin
    ) -> [Step] {
        let purpose = Purpose.mount(NewFilesystem(type: type, target: target, attributes: attributes, options: options))
        return makeNew(type, for: target, as: .mount, attributes, options, origin, purpose)
            + attach(below: base, target, origin, purpose)
    }

    /// `mount`, which is closed then.
    private func attach(below base: Slot, _ target: String, _ origin: Origin, _ purpose: Purpose) -> [Step] {
        [
            child(.moveMount(.mount, to: Self.name(of: target), below: base), purpose, origin, "attach /\(target)"),
            child(.close(.mount), purpose, origin, "close the mount of /\(target)"),
        ]
    }

    /// Below the file system that its first component is.
    private static func name(of path: String) -> String {
        String(decoding: path.utf8.drop { $0 != .slash }.dropFirst(), as: UTF8.self)
    }

    private func mountDevices() -> [Step] {
        guard hasDevices else { return [] }
        let origin = jail.pseudoFilesystems.devfs.origin
        return attach(.devices, at: "dev", origin, .attachDevices) + fillDevices() + attachBoundDevices()
            + mountTerminals(origin) + mountSharedMemory(origin) + mountQueues(origin) + mountState()
    }

    /// As large as the kernel makes it, half of the machine's memory; of a jail that has a limit, half of that.
    private func mountSharedMemory(_ origin: Origin) -> [Step] {
        if isTaken("dev/shm") { return [] }
        let limit = jail.cgroup.last { $0.file == "memory.max" }
        let size = limit.flatMap { Int($0.value) }.map { ["size=\(max($0 / 2, 4096))"] } ?? []
        return mountBelow(
            .devices, "tmpfs", at: "dev/shm", [.noSetuid, .noDevices, .noExec], ["mode=1777"] + size,
            size.isEmpty ? origin : limit?.origin ?? origin)
    }

    private func mountTerminals(_ origin: Origin) -> [Step] {
        guard facts.deviceTree.hasTerminals, !isTaken("dev/pts") else { return [] }
        return mountBelow(
            .devices, "devpts", at: "dev/pts", [.noSetuid, .noExec],
            ["newinstance", "ptmxmode=0666", "mode=0620", "gid=\(Self.terminalGroup)"], origin)
    }

    /// Where jailrun, run by root inside, keeps what it knows of its jails: there, it is the jail's alone and dies with it,
    /// whatever the root is shared with.
    private func mountState() -> [Step] {
        guard allowsJails else { return [] }
        return mountBelow(
            .devices, "tmpfs", at: String(Self.stateInside.dropFirst()), [.noSetuid, .noDevices, .noExec],
            ["mode=0700", "size=65536k"], jail.privileges.childrenMaximum.origin)
    }

    /// mqueue can be mounted only by who owns the IPC namespace.
    private func mountQueues(_ origin: Origin) -> [Step] {
        if jail.privileges.sharesInterprocess.value || isTaken("dev/mqueue") { return [] }
        return mountBelow(.devices, "mqueue", at: "dev/mqueue", [.noSetuid, .noDevices, .noExec], [], origin)
    }

    private func mountProcfs() -> [Step] {
        guard hasProcfs else { return [] }
        let asked = jail.mounts.last(where: isProcfs)?.attributes ?? []
        return mountBase(
            "proc", at: "proc", as: .procfs, asked.union([.noSetuid, .noDevices, .noExec]),
            jail.pseudoFilesystems.procfs.origin)
    }

    private func mountSysfs() -> [Step] {
        guard hasSysfs else { return [] }
        let origin = jail.pseudoFilesystems.sysfs.origin
        let attributes = Self.sysfsAttributes
        return
            (preparedSysfs(at: "sys", origin).map { attach($0.slot, at: "sys", origin, $0.purpose) }
            ?? mountBase("sysfs", at: "sys", as: sysfs, attributes, origin))
            + (isTaken("sys/fs/cgroup")
                ? []
                : mountBelow(
                    sysfs, "cgroup2", at: "sys/fs/cgroup",
                    allowsJails ? attributes.subtracting(.readOnly) : attributes, [], origin))
    }

    /// The sysfs at `/sys`, which jailrun may have prepared.
    private var sysfs: Slot { preparedSysfs(at: "sys", jail.pseudoFilesystems.sysfs.origin)?.slot ?? .sysfs }

    /// The masked and the read-only paths of OCI runtimes, below /proc and /sys. Not where jails are made inside: the kernel lets
    /// a user namespace mount procfs and sysfs only where it sees all of them already. What the masks cover belongs to the
    /// host's root, whom such a jail cannot be.
    func restrictPseudoFilesystems() -> [Step] {
        if allowsJails { return [] }
        let masked = facts.maskedPaths.filter { filesystem(of: $0.path) != nil && !isTaken($0.path) } + maskedInRoot
        let readOnly = facts.readOnlyPaths.filter { filesystem(of: $0) != nil && !isTaken($0) }
        return (masked.isEmpty ? [] : makeMask(.mask(masked))) + masked.flatMap { mask($0, .mask(masked)) }
            + readOnly.flatMap { makeReadOnly($0, .readOnlyPaths(readOnly)) }
    }

    /// The jail's procfs or sysfs; nil when it has none.
    private func filesystem(of path: String) -> Slot? {
        if hasProcfs && path.hasPrefix("proc/") { return .procfs }
        return hasSysfs && path.hasPrefix("sys/") ? sysfs : nil
    }

    private func mask(_ path: StartFacts.MaskedPath, _ purpose: Purpose) -> [Step] {
        let source = path.isDirectory ? "directory" : "file"
        let clone = SystemCall.cloneTree(source, at: .mask, isRecursive: false, into: .mount)
        let cloning = child(clone, purpose, .standard(""), "clone the mask")
        if let base = filesystem(of: path.path) {
            return [cloning] + attach(below: base, path.path, .standard(""), purpose)
        }
        return [cloning] + attach(.mount, at: path.path, .standard(""), purpose)
            + [child(.close(.mount), purpose, .standard(""), "close the mask")]
    }

    private func makeReadOnly(_ path: String, _ purpose: Purpose) -> [Step] {
        guard let base = filesystem(of: path) else { return [] }
        func step(_ call: SystemCall, _ words: Phrase) -> Step { child(call, purpose, .standard(""), words) }
        return [
            step(
                .cloneTree(Self.name(of: path), at: base, isRecursive: true, into: .mount),
                "clone the mount of /\(path)"),
            step(
                .setAttributes([.readOnly, .noSetuid, .noDevices, .noExec], on: .mount, isRecursive: true),
                "make /\(path) read-only"),
        ] + attach(below: base, path, .standard(""), purpose)
    }

    /// One read-only tmpfs with an empty file and an empty directory covers all: neither comes from the jail's tree.
    /// It is attached over the host's /proc, which this namespace loses with the old root.
    private func makeMask(_ purpose: Purpose) -> [Step] {
        let origin = Origin.standard("")
        func step(_ call: SystemCall, _ words: Phrase) -> Step { child(call, purpose, origin, words) }
        return [
            step(.openFilesystem("tmpfs", into: .filesystem), "open tmpfs"),
            step(.configure(.filesystem, "mode", "0755"), "set the mode of the mask"),
            // No size is no number of blocks to statfs(2): df(1) leaves it out. Nobody can write to it.
            step(.configure(.filesystem, "size", "0"), "keep the mask out of df(1)"),
            step(.createSuperblock(.filesystem), "make the mask"),
            step(.mountDetached(.filesystem, [.noSetuid, .noDevices, .noExec], into: .mask), "mount the mask"),
            step(.close(.filesystem), "close tmpfs"),
            step(.makeDirectory("directory", at: .mask, mode: 0o555), "make the empty directory"),
            step(.makeNode("file", at: .mask, type: .regular, mode: 0o444, major: 0, minor: 0), "make the empty file"),
            step(
                .setAttributes([.readOnly, .noSetuid, .noDevices, .noExec], on: .mask, isRecursive: false),
                "make the mask read-only"),
            step(.moveMount(.mask, ontoPath: "/proc"), "attach the mask where the jail will not see it"),
        ]
    }
}

extension Slot {
    static let mask = Slot("mask")
    static let procfs = Slot("proc")
    static let sysfs = Slot("sys")
}
