/// One entry of the list of all that is mounted in a jail: `/proc`, `/sys`, `/dev` and what covers files are in it, as is what
/// somebody lists.
package struct Mount: Equatable, Sendable {
    package enum Source: Equatable, Sendable {
        /// A file or a tree of the host's, shown a second time.
        case tree(Tree)
        /// Folders laid over each other, and the word by which they are called.
        case layers(MountSpec.Layers, name: String)
        /// A file system on a disk of the host's, by the kernel's name for it; or a ZFS dataset.
        case disk(type: String, path: String, options: [String])
        /// One that begins empty, or shows the kernel's own; the kernel's name for it, and options of fsconfig(2).
        case new(type: String, options: [String])
        /// sysfs(5), which shows the network namespace of whoever mounts it.
        case sysfs
        /// The devices of `JailSpec.devices`.
        case devices
        /// Files that jailrun writes, each over the root's.
        case files([Located<IdentityFile>])
        /// What is not to be seen, or not to be written, of those paths that this kernel has.
        case covers(Covers)
    }

    /// A path of the host, as written.
    package struct Tree: Equatable, Sendable {
        package var path: String
        /// Below the jail's root, where root inside can put links; then relative to that.
        package var inRoot: String?
        /// With what is mounted below it.
        package var isRecursive = true
    }

    /// What mount_setattr(2) changes of a tree of the host's.
    package struct Change: Equatable, Sendable {
        package var set: MountAttributes = []
        package var cleared: MountAttributes = []
        package var propagation = Propagation.unchanged
        /// Of the mounts below it, too.
        package var isRecursive: Bool
        /// A user namespace whose ids its files show; nil: as they are on disk.
        package var ids: Slot?
    }

    /// mount_namespaces(7), "SHARED SUBTREES"; the raw value is the kernel's flag.
    package enum Propagation: UInt64, Sendable {
        case unchanged = 0
        case unbindable = 0x2_0000
        case `private` = 0x4_0000
        case slave = 0x8_0000
        case shared = 0x10_0000
    }

    /// Paths relative to the root.
    package struct Covers: Equatable, Sendable {
        package var maskedFiles: [String]
        package var maskedFolders: [String]
        package var readOnly: [String]
        /// Those that lie in the root, too, and not only those of the jail's own /proc and /sys.
        package var reachesRoot = false
    }

    /// Where the entry's mount point comes from.
    package enum Place: Equatable, Sendable {
        /// It is in the jail's root, and no link leads to it.
        case root
        /// A place in a file system that an earlier entry has mounted, and that nobody else has written to.
        case base(String)
        /// It is made, in `/dev`, unless something is there.
        case made(isFile: Bool)
        /// It is in the jail's root, or in what is mounted there; what of the way was missing when somebody looked is made.
        case walked(missing: [String], isFile: Bool)
    }

    package var source: Source
    /// Relative to the jail's root, without a leading slash; empty for the root itself.
    package var target: String
    package var place: Place
    package var attributes: MountAttributes
    package var origin: Origin
    /// The entry's number in the list that somebody wrote; nil for one that nobody did.
    package var number: Int?
    /// It stays open until all are mounted: what is mounted or covered below it is named from there, and not by a path.
    package var isBase = false
    /// A new one begins with what lies at its place.
    package var copiesPlace = false
    /// Of a tree of the host's, in this order; none: it gets the attributes as a whole, and nothing propagates.
    package var changes: [Change] = []
}

extension Mount.Propagation {
    /// As strace(1) has it.
    var spelling: String {
        switch self {
        case .unchanged: "0"
        case .unbindable: "MS_UNBINDABLE"
        case .private: "MS_PRIVATE"
        case .slave: "MS_SLAVE"
        case .shared: "MS_SHARED"
        }
    }
}

extension JailSpec {
    /// What is not to be seen or written, if anything.
    var covers: Mount.Covers? {
        for mount in mounts { if case .covers(let covers) = mount.source { return covers } }
        return nil
    }
}

extension Mount {
    /// It is opened by jailrun before the jail exists, and passed to it.
    var isPrepared: Bool {
        switch source {
        case .tree, .layers, .disk: number != nil && !target.isEmpty
        case .new, .sysfs, .devices, .files, .covers: false
        }
    }

    /// What it is prepared in.
    var slot: Slot { Slot("source-\(number ?? 0)") }
}
