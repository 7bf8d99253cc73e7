/// What a kind of mount is. Each kind says it here, in switches without a default, and whoever mounts, checks or judges one asks
/// `provision` in such a switch, too: a kind that nobody has answered for does not compile.
extension MountSpec.Kind {
    /// How a jail gets it.
    enum Provision: Equatable {
        /// A tree of the host's, shown a second time.
        case bind
        /// Folders laid over each other.
        case layers
        /// A file system on a disk of the host's, by the kernel's name for it; or a ZFS dataset.
        case disk(type: String)
        /// One that begins empty, made by the jail's first process; the kernel's name for it.
        case new(type: String)
        /// Where `mount.procfs` has its own it is that.
        case procfs
        /// Where jailrun has its own it is that.
        case sysfs
        /// A part of the devices that `mount.devfs` makes, at that place alone.
        case devices(at: String)
    }

    var provision: Provision {
        switch self {
        case .nullfs, .bind: .bind
        case .unionfs, .overlay: .layers
        case .ext2, .ext3, .ext4, .xfs, .btrfs, .vfat, .iso9660, .squashfs, .erofs, .ufs, .zfs: .disk(type: rawValue)
        case .msdosfs: .disk(type: "vfat")
        case .cd9660: .disk(type: "iso9660")
        case .tmpfs: .new(type: "tmpfs")
        case .procfs, .linprocfs: .procfs
        case .linsysfs: .sysfs
        case .devfs: .devices(at: "dev")
        case .fdescfs: .devices(at: "dev/fd")
        }
    }

    /// Whether its source is a path of the host, and not a word or a dataset.
    var isOfPath: Bool {
        switch self {
        case .nullfs, .bind, .unionfs: true
        case .ext2, .ext3, .ext4, .xfs, .btrfs, .vfat, .iso9660, .squashfs, .erofs, .ufs, .msdosfs, .cd9660: true
        case .zfs, .overlay, .tmpfs, .procfs, .linprocfs, .linsysfs, .devfs, .fdescfs: false
        }
    }

    /// Which options it takes beside those of every mount.
    enum Options: Equatable {
        case none
        /// `ruleset=4`
        case ruleset
        /// Says nothing that is not so anyway.
        case linkedDescriptors
        /// `lowerdir=/a:/b,upperdir=/c,workdir=/d`
        case folders
        case tmpfs
        /// The file system itself says what is wrong with an option of its own.
        case own
    }

    var options: Options {
        switch self {
        case .devfs: .ruleset
        case .fdescfs: .linkedDescriptors
        case .overlay: .folders
        case .tmpfs: .tmpfs
        case .ext2, .ext3, .ext4, .xfs, .btrfs, .vfat, .iso9660, .squashfs, .erofs, .ufs, .zfs, .msdosfs, .cd9660: .own
        case .nullfs, .bind, .unionfs, .procfs, .linprocfs, .linsysfs: .none
        }
    }
}

extension MountSpec.Kind {
    var isBind: Bool { provision == .bind }
    var isLayered: Bool { provision == .layers }

    /// It may be mounted on the jail's root: it has the files of one.
    var canBeRoot: Bool {
        switch provision {
        case .bind, .layers: true
        case .disk, .new, .procfs, .sysfs, .devices: false
        }
    }

    /// Opened by jailrun before the jail exists, and passed to it.
    var isPrepared: Bool {
        switch provision {
        case .bind, .layers, .disk: true
        case .new, .procfs, .sysfs, .devices: false
        }
    }
}
