/// `mount`, `mount.fstab`, and the pseudo file systems: mount(8), proc(5), sysfs(5), devpts.
extension Planner {
    static let inside: ResolveFlags = [.noMagicLinks, .noSymlinks, .inRoot]

    private var prepared: [Mount] { jail.mounts.filter(\.isPrepared) }

    /// Sources are opened once, by jailrun: what they name later does not matter.
    func openMountSources() -> [Step] {
        prepared.flatMap { mount -> [Step] in
            switch mount.source {
            case .tree(let source): openTree(mount, source)
            case .disk(let type, let path, let options): openDisk(mount, type, path, options)
            // Layers are opened together; the others are not prepared.
            case .layers, .new, .sysfs, .devices, .files, .covers: []
            }
        } + openLayers()
    }

    private func openTree(_ mount: Mount, _ source: Mount.Tree) -> [Step] {
        func step(_ call: SystemCall, _ words: Phrase) -> Step {
            host(call, .cloneSource(bind(mount, source)), mount.origin, words)
        }
        return open(source, step) + [
            step(
                .cloneTree("", at: .mountPoint, isRecursive: source.isRecursive, into: mount.slot),
                "clone the mount of \(source.path)"),
            step(.close(.mountPoint), "close \(source.path)"),
        ]
    }

    private func bind(_ mount: Mount, _ source: Mount.Tree) -> BindSource {
        BindSource(path: source.path, number: mount.number ?? 0)
    }

    /// By jailrun: root inside may not mount disks, whose contents the kernel trusts.
    private func openDisk(_ mount: Mount, _ type: String, _ path: String, _ options: [String]) -> [Step] {
        func step(_ call: SystemCall, _ words: Phrase) -> Step {
            host(call, .disk(type: type, source: path), mount.origin, words)
        }
        return [
            step(.openFilesystem(type, into: .filesystem), "open \(type)"),
            step(.configure(.filesystem, "source", facts.realPath(path)), "name \(path)"),
        ]
            + options.map { step(configuration($0), "set \($0) of \(type)") }
            + [
                step(.createSuperblock(.filesystem), "mount \(path)"),
                step(.mountDetached(.filesystem, mount.attributes, into: mount.slot), "keep it detached"),
                step(.close(.filesystem), "close \(type)"),
            ]
    }

    /// What lies below the jail's root is its own to replace by links: there none leads out.
    private func open(_ source: Mount.Tree, _ step: (SystemCall, Phrase) -> Step) -> [Step] {
        guard let inRoot = source.inRoot else {
            let call = SystemCall.openPlace(
                facts.realPath(source.path), flags: [.path, .closeOnExec], into: .mountPoint)
            return [step(call, "open \(source.path)")]
        }
        let root = jail.root.path.value
        return [
            step(.openPlace(facts.realPath(root), into: .rootDirectory), "open the root \(root)"),
            step(
                .openInRoot(inRoot, root: .rootDirectory, resolve: [.noMagicLinks, .inRoot], into: .mountPoint),
                "open \(source.path), and nothing outside the root"),
            step(.close(.rootDirectory), "close the root directory"),
        ]
    }

    func mapMountSources() -> [Step] {
        prepared.flatMap { mount -> [Step] in
            switch mount.source {
            case .tree(let source): map(mount, bind(mount, source))
            case .disk(_, let path, _): map(mount, BindSource(path: path, number: mount.number ?? 0))
            case .layers, .new, .sysfs, .devices, .files, .covers: []
            }
        }
    }

    private func map(_ mount: Mount, _ source: BindSource) -> [Step] {
        let words: Phrase = "set the attributes of \(source.path)"
        if !mount.changes.isEmpty {
            return mount.changes.map { change in
                host(
                    .change(change, on: mount.slot),
                    .restrictSource(source, change.set, isIdmapped: change.ids != nil), mount.origin, words)
            }
        }
        let attributes = withoutSetuid(mount.attributes)
        return [
            map(
                mount.slot, attributes, isRecursive: true,
                .restrictSource(source, attributes, isIdmapped: isIdmapped), mount.origin, words)
        ]
    }

    /// What jailrun passes to the child, in this order, with the message that lets it go on.
    var passedSlots: [Slot] {
        [.stagePlan, .root] + (jail.devices == nil ? [] : [.devices]) + boundDevices.map(\.slot) + prepared.map(\.slot)
            + preparedSysfs.map(\.slot)
    }

    func mountFilesystems() -> [Step] {
        jail.mounts.flatMap { makeMountPoint(of: $0) + attach($0) }
    }

    private func attach(_ mount: Mount) -> [Step] {
        switch mount.source {
        case .tree(let source): attach(mount, from: source.path)
        case .disk(_, let path, _): attach(mount, from: path)
        case .layers(_, let name): attach(mount, from: name)
        case .new(let type, let options): mountNew(type, options, mount)
        case .sysfs: mountSysfs(mount)
        case .devices: attachDevices(mount)
        case .files(let files): identifyHost(files, mount.attributes, mount.origin)
        case .covers: restrict(mount)
        }
    }

    /// The root is attached by itself.
    private func attach(_ mount: Mount, from path: String) -> [Step] {
        if mount.target.isEmpty { return [] }
        let source = BindSource(path: path, number: mount.number ?? 0)
        return attach(mount.slot, at: mount.target, mount.origin, .bind(source, target: mount.target))
    }

    /// Below a file system that this plan has made, places are named from it: no root can lead such a name elsewhere.
    func mountNew(_ type: String, _ options: [String], _ mount: Mount) -> [Step] {
        let (target, origin) = (mount.target, mount.origin)
        let purpose = Purpose.mount(
            NewFilesystem(type: type, target: target, attributes: mount.attributes, options: options))
        let made = mount.isBase ? Slot.base(target) : .mount
        let first = mount.copiesPlace ? mount.attributes.subtracting(.readOnly) : mount.attributes
        let make =
            makeNew(type, for: target, as: made, first, options, origin, purpose)
            + copyPlace(of: mount, to: made, options, purpose)
        if case .base(let base) = mount.place { return make + attach(below: slot(of: base), target, origin, purpose) }
        return make + attach(made, at: target, origin, purpose)
            + (mount.isBase ? [] : [child(.close(.mount), purpose, origin, "close the mount of /\(target)")])
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

    /// No link leads to the place, and none that lies there is followed.
    private func copyPlace(of mount: Mount, to made: Slot, _ options: [String], _ purpose: Purpose) -> [Step] {
        if !mount.copiesPlace { return [] }
        func step(_ call: SystemCall, _ words: Phrase) -> Step { child(call, purpose, mount.origin, words) }
        let top = ["mode=", "uid=", "gid="]
        let keepsTop = options.contains { option in top.contains { option.hasPrefix($0) } }
        let change = Mount.Change(set: .readOnly, isRecursive: false)
        return [
            step(
                .openInRoot(
                    mount.target, root: .root, [.directory, .closeOnExec], resolve: Self.inside, into: .mountPoint),
                "open /\(mount.target)"),
            step(
                .copyTree(from: .mountPoint, to: made, keepsTop: keepsTop),
                "copy what the root has in /\(mount.target)"),
            step(.close(.mountPoint), "close /\(mount.target)"),
        ] + (mount.attributes.contains(.readOnly) ? [step(.change(change, on: made), "make it read-only")] : [])
    }

    func configuration(_ option: String) -> SystemCall {
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

    private func attachDevices(_ mount: Mount) -> [Step] {
        guard let devices = jail.devices else { return [] }
        return attach(.devices, at: mount.target, mount.origin, .attachDevices) + fillDevices(devices)
            + attachBoundDevices()
    }

    // MARK: Covers

    /// Of the file systems that the plan mounts, and of a root that is the host's.
    private func restrict(_ mount: Mount) -> [Step] {
        let reachesRoot = jail.covers?.reachesRoot ?? false
        func isCovered(_ path: String) -> Bool { (reachesRoot || filesystem(of: path) != nil) && !isTaken(path) }
        let masked = facts.maskedPaths.filter { isCovered($0.path) } + maskedInRoot
        let readOnly = facts.readOnlyPaths.filter(isCovered)
        return (masked.isEmpty ? [] : makeMask(.mask(masked))) + masked.flatMap { mask($0, .mask(masked)) }
            + readOnly.flatMap { makeReadOnly($0, mount.attributes, .readOnlyPaths(readOnly)) }
    }

    /// The jail's procfs or sysfs; nil when it has none.
    private func filesystem(of path: String) -> Slot? {
        jail.mounts.first { $0.isBase && path.hasPrefix("\($0.target)/") }.map(slot(ofBase:))
    }

    private func slot(of base: String) -> Slot {
        jail.mounts.first { $0.target == base && $0.isBase }.map(slot(ofBase:)) ?? .base(base)
    }

    private func slot(ofBase mount: Mount) -> Slot {
        preparedSysfs(at: mount.target, mount.origin)?.slot ?? .base(mount.target)
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

    private func makeReadOnly(_ path: String, _ attributes: MountAttributes, _ purpose: Purpose) -> [Step] {
        func step(_ call: SystemCall, _ words: Phrase) -> Step { child(call, purpose, .standard(""), words) }
        guard let base = filesystem(of: path) else {
            return [
                step(
                    .openInRoot(path, root: .root, resolve: Self.inside, into: .mountPoint), "open /\(path)"),
                step(
                    .cloneTree("", at: .mountPoint, isRecursive: true, into: .mount), "clone the mount of /\(path)"),
                step(.setAttributes(.readOnly, on: .mount, isRecursive: true), "make /\(path) read-only"),
                step(.moveMount(.mount, onto: .mountPoint), "attach /\(path)"),
                step(.close(.mount), "close the mount of /\(path)"),
                step(.close(.mountPoint), "close the mount point /\(path)"),
            ]
        }
        return [
            step(
                .cloneTree(Self.name(of: path), at: base, isRecursive: true, into: .mount),
                "clone the mount of /\(path)"),
            step(
                .setAttributes(attributes.union(.readOnly), on: .mount, isRecursive: true), "make /\(path) read-only"),
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
    /// A file system of the plan's below which it mounts more.
    static func base(_ target: String) -> Slot { Slot(target) }
}
