extension Explanation {
    static func cloneRoot(_ path: String) -> Self {
        Explanation(
            "Opens \(path) once and makes a detached copy of its mount: the jail's root.",
            without: "The path would be resolved again later, when a link in it might lead elsewhere.",
            manual: "open_tree(2)")
    }

    static func idmapRoot(_ path: String) -> Self {
        Explanation(
            "Shows \(path) with the jail's ids: what root owns on disk belongs to root of the jail, without any chown.",
            without: "Every file would belong to nobody (65534) in the jail, and root there could not write to any.",
            manual: "mount_setattr(2)", "user_namespaces(7)", turnedOff: "userns = host")
    }

    static func restrictRoot(_ path: String) -> Self {
        Explanation(
            "Disables device nodes below \(path): opening one fails.",
            without: "A device node for the host's disk, left in the tree, would give access to that disk.",
            manual: "mount_setattr(2)")
    }

    static let layerRoot = Explanation(
        "Lays an empty tmpfs over the root: reads come from below, writes go to the tmpfs and vanish with the jail.",
        without: "What the jail writes would stay on the host's disk.",
        manual: "tmpfs(5)", "fsopen(2)", turnedOff: "root.noephemeral")

    static func hideFiles(_ count: Int) -> Self {
        Explanation(
            "Puts \(count) empty files and folders over what only root may read here: passwords, keys, root's home.",
            without: "Root inside could read them: on disk it has root's id.",
            manual: "fsopen(2)", turnedOff: "root.unmask = /")
    }

    static let attachRoot = Explanation(
        "Attaches the root over / of the jail's mount namespace.",
        without: "pivot_root(2) would fail: the new root must be a mount point.",
        manual: "move_mount(2)")

    static let enterRoot = Explanation(
        "Makes that mount the root of the namespace, and detaches the host's file tree from it.",
        without: "The host's files would stay within reach: whoever may chroot again can escape from chroot(2) alone.",
        manual: "pivot_root(2)", "umount(2)")

    static let readOnlyRoot = Explanation(
        "Makes the root read-only, once everything is mounted in it.",
        without: "The jail could change its own programs.",
        manual: "mount_setattr(2)", turnedOff: "root.noreadonly")

    static func cloneSource(_ source: String) -> Self {
        Explanation(
            "Opens \(source) of the host and makes a detached copy of its mount.",
            without: "There would be nothing to attach; resolved later, the path might lead elsewhere.",
            manual: "open_tree(2)")
    }

    static func restrictSource(_ source: String, _ attributes: MountAttributes, isIdmapped: Bool) -> Self {
        let ids = isIdmapped ? " and shows its files with the jail's ids" : ""
        return Explanation(
            "Makes the copy of \(source) \(attributes.words.enumerated)\(ids).",
            without: "The jail could do with these files what the mount's options forbid"
                + (isIdmapped ? ", or nothing, because they would belong to nobody." : "."),
            manual: "mount_setattr(2)")
    }

    static func bind(_ source: String, _ target: String) -> Self {
        Explanation(
            "Attaches \(source) of the host at /\(target), and follows no symbolic link of the root on the way there.",
            without: "The jail would find the empty directory that is there.",
            manual: "move_mount(2)", "openat2(2)")
    }

    static func mountPoint(_ target: String) -> Self {
        Explanation(
            "Makes /\(target) as a mount point.",
            without: "There would be nothing to mount on: /dev starts out empty.", manual: "mkdir(2)", "mknod(2)")
    }

    static func mask(_ paths: [StartFacts.MaskedPath]) -> Self {
        let noun = paths.count == 1 ? "path" : "paths"
        return Explanation(
            "Covers \(paths.count) \(noun) that reveal the host or reach its kernel: "
                + paths.map { "/\($0.path)" }.enumerated + ".",
            without: "The jail could read the kernel's memory, keys and symbols, as far as its capabilities allow.",
            manual: "proc(5)", "sysfs(5)")
    }

    static func readOnlyPaths(_ paths: [String]) -> Self {
        Explanation(
            "Makes \(paths.map { "/\($0)" }.enumerated) read-only.",
            without: "Root in the jail could change settings of the whole machine, where the kernel asks for no more "
                + "than user id 0.",
            manual: "proc(5)", "mount_setattr(2)")
    }
}

extension MountAttributes {
    private static let words: [(Self, String)] = [
        (.readOnly, "read-only"), (.noSetuid, "without set-user-id"), (.noDevices, "without devices"),
        (.noExec, "without programs"), (.noAccessTime, "without access times"),
    ]

    var words: [String] { Self.words.filter { contains($0.0) }.map(\.1) }
}
