/// The root file system: cloned once by descriptor, idmapped, attached, entered. mount_namespaces(7), pivot_root(2).
extension Planner {
    /// The mount that is cloned: the root as it lies on disk, or the lowest of its layers.
    private var cloned: Slot { jail.root.isEphemeral.value || !jail.root.source.layers.isEmpty ? .lower : .root }

    /// Of "/" only the root file system itself: its mounts (proc, sysfs, devtmpfs) are the host's.
    private var isRecursive: Bool { jail.root.source.path != "/" }

    func openRoot() -> [Step] {
        let source = jail.root.source
        let purpose = Purpose.cloneRoot(path: source.path, isRecursive: isRecursive)
        return [
            host(
                .openPlace(facts.realPath(source.path), into: .rootDirectory), purpose, source.origin,
                "open the root \(source.path)"),
            host(
                .cloneTree("", at: .rootDirectory, isRecursive: isRecursive, into: cloned), purpose, source.origin,
                "clone the mount of the root"),
        ] + openTargets() + [
            host(.close(.rootDirectory), purpose, source.origin, "close the root directory")
        ]
    }

    func mapRoot() -> [Step] {
        if !jail.ownsFiles { return separateRoot() + mapMountSources() }
        let source = jail.root.source
        let path = source.path
        let attributes = withoutSetuid(source.attributes.union(.noDevices))
        let purpose: Purpose =
            isIdmapped
            ? .idmapRoot(path: path, isRecursive: isRecursive, attributes) : .restrictRoot(path: path, attributes)
        let words: Phrase = isIdmapped ? "idmap the root \(path)" : "forbid device files in the root"
        return [
            map(cloned, attributes, isRecursive: isRecursive, purpose, source.origin, words)
        ] + mapMountSources() + mapLayers() + makeOverlays()
    }

    /// A clone is a peer of the mount it was made of, where that is shared.
    private func separateRoot() -> [Step] {
        let change = Mount.Change(propagation: .private, isRecursive: true)
        let (path, origin) = (jail.root.source.path, jail.root.source.origin)
        return [
            host(
                .change(change, on: cloned), .restrictRoot(path: path, []), origin,
                "stop mount propagation of the root \(path)")
        ]
    }

    /// With no_new_privs a set-user-id program gets nothing, and one with capabilities of its own, such as ping, that the jail does
    /// not have is not even executed. With MS_NOSUID it is, as any other: capabilities(7), mount(2).
    func withoutSetuid(_ attributes: MountAttributes) -> MountAttributes {
        jail.process.gainsPrivileges ? attributes : attributes.union(.noSetuid)
    }

    /// Gives a clone the jail's ids, where it has its own, and its attributes.
    func map(
        _ mount: Slot, _ attributes: MountAttributes, isRecursive: Bool, _ purpose: Purpose, _ origin: Origin,
        _ words: Phrase
    ) -> Step {
        let call: SystemCall =
            isIdmapped
            ? .setIdmap(.userNamespace, on: mount, attributes, isRecursive: isRecursive)
            : .setAttributes(attributes, on: mount, isRecursive: isRecursive)
        return host(call, purpose, origin, words)
    }

    func isolateMounts() -> [Step] {
        [child(.makeAllPrivate(), .privateMounts, .standard(""), "stop mount propagation")]
    }

    func attachRoot() -> [Step] {
        [child(.moveMount(.root, ontoPath: "/"), .attachRoot, jail.root.path.origin, "attach the root")]
    }

    /// The old root is stacked below the new one and detached: pivot_root(2), "pivot_root(".", ".")".
    func enterRoot() -> [Step] {
        let origin = jail.root.path.origin
        return [
            child(.changeDirectory(to: .root), .enterRoot, origin, "enter the root"),
            child(.pivotRoot(), .enterRoot, origin, "make it the root of the mount namespace"),
            child(.detachCurrentDirectory(), .enterRoot, origin, "detach the host's file tree"),
            child(.changeDirectory("/"), .enterRoot, origin, "enter the jail's root directory"),
        ]
    }

    func restrictRoot() -> [Step] {
        let origin = jail.root.isReadOnly.origin
        let propagating =
            jail.root.propagation == .unchanged
            ? [] : [child(.makeAll(jail.root.propagation), .privateMounts, origin, "set the propagation of the root")]
        let devices =
            jail.devices?.isReadOnly == true
            ? [
                child(
                    .change(Mount.Change(set: .readOnly, isRecursive: false), on: .devices), .attachDevices, origin,
                    "make /dev read-only")
            ] : []
        guard jail.root.isReadOnly.value else { return propagating + devices }
        return propagating + devices + [
            child(
                .setAttributes(.readOnly, on: .root, isRecursive: false), .readOnlyRoot, jail.root.isReadOnly.origin,
                "make the root read-only")
        ]
    }
}

extension Slot {
    static let lower = Slot("lower")
    static let workingDirectory = Slot("working-directory")
    static let hostMounts = Slot("host-mounts")
    static let scratch = Slot("layers")
    static let filesystem = Slot("filesystem")
    static let mountPoint = Slot("mount-point")
    static let mount = Slot("mount")
}
