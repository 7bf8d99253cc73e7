internal import CNamespaces

/// The mount interface by descriptor: fsopen(2), fsconfig(2), fsmount(2), open_tree(2), mount_setattr(2), move_mount(2).
extension SystemCall {
    static func openFilesystem(_ type: String, into slot: Slot) -> Self {
        Self("fsopen", cns_number_fsopen, [.text(type), .integer(1, spelled: "FSOPEN_CLOEXEC")], into: slot)
    }

    static func configure(_ filesystem: Slot, _ key: String, _ value: String) -> Self {
        Self(
            "fsconfig", cns_number_fsconfig,
            [
                .descriptor(filesystem), .integer(1, spelled: "FSCONFIG_SET_STRING"), .text(key), .text(value),
                .integer(0),
            ])
    }

    static func configureFlag(_ filesystem: Slot, _ key: String) -> Self {
        Self(
            "fsconfig", cns_number_fsconfig,
            [.descriptor(filesystem), .integer(0, spelled: "FSCONFIG_SET_FLAG"), .text(key), .null, .integer(0)])
    }

    static func createSuperblock(_ filesystem: Slot) -> Self {
        Self(
            "fsconfig", cns_number_fsconfig,
            [.descriptor(filesystem), .integer(6, spelled: "FSCONFIG_CMD_CREATE"), .null, .null, .integer(0)])
    }

    /// A detached mount, attached nowhere: it vanishes with its last descriptor.
    static func mountDetached(_ filesystem: Slot, _ attributes: MountAttributes, into slot: Slot) -> Self {
        Self(
            "fsmount", cns_number_fsmount,
            [.descriptor(filesystem), .integer(1, spelled: "FSMOUNT_CLOEXEC"), attributes.argument], into: slot)
    }

    /// A detached copy of the tree of mounts at `path` below the slot.
    static func cloneTree(_ path: String, at directory: Slot, isRecursive: Bool, into slot: Slot) -> Self {
        var flags: AtFlags = [.cloneTree, .closeOnExec]
        if path.isEmpty { flags.insert(.emptyPath) }
        if isRecursive { flags.insert(.recursive) }
        return Self(
            "open_tree", cns_number_open_tree, [.descriptor(directory), .text(path), flags.argument], into: slot)
    }

    /// MS_PRIVATE of mount(2). A clone is a peer of the mount it was made of, where that is shared, as everything is on a
    /// machine that systemd runs: what is mounted in the one would appear in the other.
    private static let privatePropagation: UInt64 = 1 << 18

    static func setAttributes(_ attributes: MountAttributes, on mount: Slot, isRecursive: Bool) -> Self {
        let structure = Structure.words(
            [attributes.rawValue, attributes.cleared.rawValue, privatePropagation, 0], spelling: .mountAttr(nil))
        return mountSetattr(mount, structure, isRecursive: isRecursive)
    }

    static func change(_ change: Mount.Change, on mount: Slot) -> Self {
        var set = change.set
        if change.ids != nil { set.insert(.idmap) }
        let structure = Structure.words(
            [set.rawValue, change.cleared.union(change.set.cleared).rawValue, change.propagation.rawValue, 0],
            patches: change.ids.map { [.slot(offset: 24, size: 8, $0)] } ?? [], spelling: .mountAttr(change.ids))
        return mountSetattr(mount, structure, isRecursive: change.isRecursive)
    }

    /// MOUNT_ATTR_IDMAP: ids on disk stay as they are; in the jail they are those of its user namespace.
    static func setIdmap(_ namespace: Slot, on mount: Slot, _ attributes: MountAttributes, isRecursive: Bool) -> Self {
        let all = attributes.union(.idmap)
        let structure = Structure.words(
            [all.rawValue, all.cleared.rawValue, privatePropagation, 0],
            patches: [.slot(offset: 24, size: 8, namespace)], spelling: .mountAttr(namespace))
        return mountSetattr(mount, structure, isRecursive: isRecursive)
    }

    /// mount_setattr(2) with MOUNT_ATTR_IDMAP.
    var setsIdmap: Bool {
        arguments.contains { argument in
            guard case .structure(let structure) = argument, case .mountAttr(_?) = structure.spelling else {
                return false
            }
            return true
        }
    }

    private static func mountSetattr(_ mount: Slot, _ structure: Structure, isRecursive: Bool) -> Self {
        let flags: AtFlags = isRecursive ? [.emptyPath, .recursive] : .emptyPath
        return Self(
            "mount_setattr", cns_number_mount_setattr,
            [.descriptor(mount), .text(""), flags.argument, .structure(structure), .integer(32)])
    }

    /// Every mount of this namespace becomes private: nothing propagates to the host or from it.
    static func makeAllPrivate() -> Self { makeAll(.private) }

    static func makeAll(_ propagation: Mount.Propagation) -> Self {
        let structure = Structure.words([0, 0, propagation.rawValue, 0], spelling: .mountAttr(nil))
        return Self(
            "mount_setattr", cns_number_mount_setattr,
            [.currentDirectory, .text("/"), AtFlags.recursive.argument, .structure(structure), .integer(32)])
    }

    static func moveMount(_ mount: Slot, onto target: Slot) -> Self {
        Self(
            "move_mount", cns_number_move_mount,
            [
                .descriptor(mount), .text(""), .descriptor(target), .text(""),
                .integer(0x44, spelled: "MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH"),
            ])
    }

    static func moveMount(_ mount: Slot, ontoPath path: String) -> Self {
        Self(
            "move_mount", cns_number_move_mount,
            [
                .descriptor(mount), .text(""), .currentDirectory, .text(path),
                .integer(4, spelled: "MOVE_MOUNT_F_EMPTY_PATH"),
            ])
    }

    /// Onto `name` below the file system in the slot `base`.
    static func moveMount(_ mount: Slot, to name: String, below base: Slot) -> Self {
        Self(
            "move_mount", cns_number_move_mount,
            [
                .descriptor(mount), .text(""), .descriptor(base), .text(name),
                .integer(4, spelled: "MOVE_MOUNT_F_EMPTY_PATH"),
            ])
    }

    static func pivotRoot() -> Self { Self("pivot_root", cns_number_pivot_root, [.text("."), .text(".")]) }

    static func detachCurrentDirectory() -> Self {
        Self("umount2", cns_number_umount2, [.text("."), .integer(2, spelled: "MNT_DETACH")])
    }
}
