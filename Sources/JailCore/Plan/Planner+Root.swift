/// The root file system: cloned once by descriptor, idmapped, attached, entered. mount_namespaces(7), pivot_root(2).
extension Planner {
    private var rootAttributes: MountAttributes { .noDevices }

    /// The mount that is cloned: the root as it lies on disk, or the lower layer of an ephemeral one.
    private var cloned: Slot { jail.root.isEphemeral.value ? .lower : .root }

    /// Of "/" only the root file system itself: its mounts (proc, sysfs, devtmpfs) are the host's.
    private var isRecursive: Bool { jail.path.value != "/" }

    func openRoot() -> [Step] {
        let origin = jail.path.origin
        let aim = Purpose.cloneRoot(path: jail.path.value, isRecursive: isRecursive)
        return [
            host(
                .openDirectory(jail.path.value, into: .rootDirectory), aim, origin,
                "open the root \(jail.path.value)"),
            host(
                .cloneTree("", at: .rootDirectory, isRecursive: isRecursive, into: cloned), aim, origin,
                "clone the mount of the root"),
            host(.close(.rootDirectory), aim, origin, "close the root directory"),
        ]
    }

    func mapRoot() -> [Step] {
        let origin = jail.path.origin
        let path = jail.path.value
        let aim: Purpose = isMapped ? .idmapRoot(path: path, isRecursive: isRecursive) : .restrictRoot(path: path)
        let purpose = isMapped ? "idmap the root \(jail.path.value)" : "forbid device files in the root"
        let call: SystemCall =
            isMapped
            ? .setIdmap(.userNamespace, on: cloned, rootAttributes, isRecursive: isRecursive)
            : .setAttributes(rootAttributes, on: cloned, isRecursive: isRecursive)
        return [host(call, aim, origin, purpose)] + mapMountSources() + makeOverlay()
    }

    /// `root.ephemeral`: an overlay over the root whose upper layer is a tmpfs that lives as long as the mount.
    ///
    /// Made by jailrun, in a mount namespace of a moment: overlayfs wants its layers attached, and only the host may keep the
    /// attributes (`trusted.overlay.*`) that mark a directory as replaced.
    private func makeOverlay() -> [Step] {
        guard jail.root.isEphemeral.value else { return [] }
        let origin = jail.root.isEphemeral.origin
        func step(_ call: SystemCall, _ purpose: String) -> Step {
            host(call, .layerRoot(owner: firstID), origin, purpose)
        }
        return [
            step(.openDirectory(".", into: .workingDirectory), "remember the working directory"),
            step(
                .openDirectory("/proc/self/ns/mnt", flags: .closeOnExec, into: .hostMounts),
                "remember the host's mounts"),
            step(.unshare(.mount), "leave the host's mount namespace for a moment"),
            step(.makeAllPrivate(), "stop mount propagation"),
            step(.openFilesystem("tmpfs", into: .filesystem), "open tmpfs"),
            step(.configure(.filesystem, "mode", "0755"), "set the mode of tmpfs"),
            step(.createSuperblock(.filesystem), "make the upper layer"),
            step(.mountDetached(.filesystem, [], into: .scratch), "mount the upper layer"),
            step(.close(.filesystem), "close tmpfs"),
            step(.makeDirectory("lower", at: .scratch, mode: 0o755), "make the lower directory"),
            step(.makeDirectory("upper", at: .scratch, mode: 0o755), "make the upper directory"),
            step(.makeDirectory("work", at: .scratch, mode: 0o755), "make the work directory"),
            step(
                .changeOwner("upper", at: .scratch, uid: firstID, gid: firstID), "give the upper directory to the jail"),
            step(.moveMount(.scratch, ontoPath: "/"), "attach the upper layer"),
            step(
                .open("lower", at: .scratch, [.path, .directory, .closeOnExec], into: .mountPoint),
                "open the lower directory"),
            step(.moveMount(.lower, onto: .mountPoint), "attach the lower layer"),
            step(.close(.mountPoint), "close the lower directory"),
            step(.changeDirectory(to: .scratch), "enter the layers"),
            step(.openFilesystem("overlay", into: .filesystem), "open overlayfs"),
            step(.configure(.filesystem, "lowerdir", "lower"), "set the lower layer"),
            step(.configure(.filesystem, "upperdir", "upper"), "set the upper layer"),
            step(.configure(.filesystem, "workdir", "work"), "set the work directory"),
            step(.createSuperblock(.filesystem), "make the overlay"),
            step(.mountDetached(.filesystem, rootAttributes, into: .root), "mount the overlay"),
            step(.close(.filesystem), "close overlayfs"),
            step(.joinNamespaces(.hostMounts, .mount), "return to the host's mount namespace"),
            step(.changeDirectory(to: .workingDirectory), "return to the working directory"),
            step(.close(.hostMounts), "close the host's mount namespace"),
            step(.close(.workingDirectory), "close the working directory"),
            step(.close(.scratch), "close the upper layer"),
            step(.close(.lower), "close the lower layer"),
        ]
    }

    func isolateMounts() -> [Step] {
        [child(.makeAllPrivate(), .privateMounts, .standard(""), "stop mount propagation")]
    }

    func attachRoot() -> [Step] {
        [child(.moveMount(.root, ontoPath: "/"), .attachRoot, jail.path.origin, "attach the root")]
    }

    /// The old root is stacked below the new one and detached: pivot_root(2), "pivot_root(".", ".")".
    func enterRoot() -> [Step] {
        let origin = jail.path.origin
        return [
            child(.changeDirectory(to: .root), .enterRoot, origin, "enter the root"),
            child(.pivotRoot(), .enterRoot, origin, "make it the root of the mount namespace"),
            child(.detachCurrentDirectory(), .enterRoot, origin, "detach the host's file tree"),
            child(.changeDirectory("/"), .enterRoot, origin, "enter the jail's root directory"),
        ]
    }

    func restrictRoot() -> [Step] {
        guard jail.root.isReadOnly.value else { return [] }
        return [
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
