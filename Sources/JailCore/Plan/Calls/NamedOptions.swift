/// A set of flags whose description is the C names, as strace(1) prints them.
package protocol NamedOptions: OptionSet, CustomStringConvertible, Sendable where RawValue == UInt64, Element == Self {
    static var names: [(Self, String)] { get }
    static var notation: Notation { get }
}

extension NamedOptions {
    package var description: String {
        let spelled = Self.names.filter { contains($0.0) }.map(\.1)
        return spelled.isEmpty ? "0" : spelled.joined(separator: "|")
    }

    var argument: CallArgument { .integer(Int64(bitPattern: rawValue), spelled: Self.notation) }
}

/// Flags of open(2).
package struct OpenFlags: NamedOptions {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package static let writeOnly = Self(rawValue: 0o1)
    package static let readWrite = Self(rawValue: 0o2)
    package static let noTerminal = Self(rawValue: 0o400)
    #if arch(arm64)
    package static let directory = Self(rawValue: 0o40000)
    package static let noFollow = Self(rawValue: 0o100000)
    #else
    package static let directory = Self(rawValue: 0o200000)
    package static let noFollow = Self(rawValue: 0o400000)
    #endif
    package static let closeOnExec = Self(rawValue: 0o2000000)
    package static let path = Self(rawValue: 0o10000000)
    package static let notation = Notation.openFlags
    package static let names: [(Self, String)] = [
        (.writeOnly, "O_WRONLY"), (.readWrite, "O_RDWR"), (.noTerminal, "O_NOCTTY"), (.noFollow, "O_NOFOLLOW"),
        (.closeOnExec, "O_CLOEXEC"), (.path, "O_PATH"), (.directory, "O_DIRECTORY"),
    ]

    package var description: String {
        let access = isDisjoint(with: [.writeOnly, .readWrite, .path]) ? ["O_RDONLY"] : []
        return (access + Self.names.filter { contains($0.0) }.map(\.1)).joined(separator: "|")
    }
}

/// Flags of openat2(2)'s `resolve`.
package struct ResolveFlags: NamedOptions {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package static let noMagicLinks = Self(rawValue: 0x02)
    package static let noSymlinks = Self(rawValue: 0x04)
    package static let inRoot = Self(rawValue: 0x10)
    package static let notation = Notation.resolveFlags
    package static let names: [(Self, String)] = [
        (.noMagicLinks, "RESOLVE_NO_MAGICLINKS"), (.noSymlinks, "RESOLVE_NO_SYMLINKS"), (.inRoot, "RESOLVE_IN_ROOT"),
    ]
}

/// Attributes of mount_setattr(2) and fsmount(2).
package struct MountAttributes: NamedOptions {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package static let readOnly = Self(rawValue: 0x01)
    package static let noSetuid = Self(rawValue: 0x02)
    package static let noDevices = Self(rawValue: 0x04)
    package static let noExec = Self(rawValue: 0x08)
    package static let noAccessTime = Self(rawValue: 0x10)
    package static let strictAccessTime = Self(rawValue: 0x20)
    package static let noDirectoryAccessTime = Self(rawValue: 0x80)
    package static let noSymlinks = Self(rawValue: 0x0020_0000)
    package static let anyAccessTime = Self(rawValue: 0x70)
    package static let idmap = Self(rawValue: 0x0010_0000)
    package static let notation = Notation.mountAttributes
    package static let names: [(Self, String)] = [
        (.readOnly, "MOUNT_ATTR_RDONLY"), (.noSetuid, "MOUNT_ATTR_NOSUID"), (.noDevices, "MOUNT_ATTR_NODEV"),
        (.noExec, "MOUNT_ATTR_NOEXEC"), (.noAccessTime, "MOUNT_ATTR_NOATIME"),
        (.strictAccessTime, "MOUNT_ATTR_STRICTATIME"), (.noDirectoryAccessTime, "MOUNT_ATTR_NODIRATIME"),
        (.noSymlinks, "MOUNT_ATTR_NOSYMFOLLOW"), (.idmap, "MOUNT_ATTR_IDMAP"),
    ]

    /// The kinds of access time are one field, not bits: to set one, all are cleared, mount_setattr(2).
    var cleared: MountAttributes {
        isDisjoint(with: [.noAccessTime, .strictAccessTime]) ? [] : .anyAccessTime
    }

    package var description: String {
        if self == .anyAccessTime { return "MOUNT_ATTR_NOATIME|MOUNT_ATTR_STRICTATIME|0x40" }
        let spelled = Self.names.filter { contains($0.0) }.map(\.1)
        return spelled.isEmpty ? "0" : spelled.joined(separator: "|")
    }
}

/// Flags of the `…at` calls.
package struct AtFlags: NamedOptions {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package static let removeDirectory = Self(rawValue: 0x200)
    package static let symlinkNoFollow = Self(rawValue: 0x100)
    package static let emptyPath = Self(rawValue: 0x1000)
    package static let recursive = Self(rawValue: 0x8000)
    package static let cloneTree = Self(rawValue: 0x1)
    package static let closeOnExec = Self(rawValue: 0o2000000)
    package static let notation = Notation.atFlags
    package static let names: [(Self, String)] = [
        (.removeDirectory, "AT_REMOVEDIR"), (.symlinkNoFollow, "AT_SYMLINK_NOFOLLOW"), (.cloneTree, "OPEN_TREE_CLONE"),
        (.closeOnExec, "OPEN_TREE_CLOEXEC"), (.emptyPath, "AT_EMPTY_PATH"), (.recursive, "AT_RECURSIVE"),
    ]
}

/// Flags of clone3(2), unshare(2) and setns(2).
package struct NamespaceFlags: NamedOptions {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package static let mount = Self(rawValue: 0x0002_0000)
    package static let cgroup = Self(rawValue: 0x0200_0000)
    package static let uts = Self(rawValue: 0x0400_0000)
    package static let ipc = Self(rawValue: 0x0800_0000)
    package static let user = Self(rawValue: 0x1000_0000)
    package static let pid = Self(rawValue: 0x2000_0000)
    package static let network = Self(rawValue: 0x4000_0000)
    package static let notation = Notation.namespaceFlags
    package static let names: [(Self, String)] = [
        (.mount, "CLONE_NEWNS"), (.cgroup, "CLONE_NEWCGROUP"), (.uts, "CLONE_NEWUTS"), (.ipc, "CLONE_NEWIPC"),
        (.user, "CLONE_NEWUSER"), (.pid, "CLONE_NEWPID"), (.network, "CLONE_NEWNET"),
    ]
}
