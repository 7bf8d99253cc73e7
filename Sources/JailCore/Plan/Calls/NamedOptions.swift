/// A set of flags whose description is the C names, as strace(1) prints them.
public protocol NamedOptions: OptionSet, CustomStringConvertible, Sendable where RawValue == UInt64, Element == Self {
    static var names: [(Self, String)] { get }
    static var notation: Notation { get }
}

extension NamedOptions {
    public var description: String {
        let spelled = Self.names.filter { contains($0.0) }.map(\.1)
        return spelled.isEmpty ? "0" : spelled.joined(separator: "|")
    }

    var argument: CallArgument { .integer(Int64(bitPattern: rawValue), spelled: Self.notation) }
}

/// Flags of open(2).
public struct OpenFlags: NamedOptions {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public static let writeOnly = Self(rawValue: 0o1)
    public static let readWrite = Self(rawValue: 0o2)
    public static let noTerminal = Self(rawValue: 0o400)
    #if arch(arm64)
    public static let directory = Self(rawValue: 0o40000)
    public static let noFollow = Self(rawValue: 0o100000)
    #else
    public static let directory = Self(rawValue: 0o200000)
    public static let noFollow = Self(rawValue: 0o400000)
    #endif
    public static let closeOnExec = Self(rawValue: 0o2000000)
    public static let path = Self(rawValue: 0o10000000)
    public static let notation = Notation.openFlags
    public static let names: [(Self, String)] = [
        (.writeOnly, "O_WRONLY"), (.readWrite, "O_RDWR"), (.noTerminal, "O_NOCTTY"), (.noFollow, "O_NOFOLLOW"),
        (.closeOnExec, "O_CLOEXEC"), (.path, "O_PATH"), (.directory, "O_DIRECTORY"),
    ]

    public var description: String {
        let access = isDisjoint(with: [.writeOnly, .readWrite, .path]) ? ["O_RDONLY"] : []
        return (access + Self.names.filter { contains($0.0) }.map(\.1)).joined(separator: "|")
    }
}

/// Flags of openat2(2)'s `resolve`.
public struct ResolveFlags: NamedOptions {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public static let noMagicLinks = Self(rawValue: 0x02)
    public static let noSymlinks = Self(rawValue: 0x04)
    public static let inRoot = Self(rawValue: 0x10)
    public static let notation = Notation.resolveFlags
    public static let names: [(Self, String)] = [
        (.noMagicLinks, "RESOLVE_NO_MAGICLINKS"), (.noSymlinks, "RESOLVE_NO_SYMLINKS"), (.inRoot, "RESOLVE_IN_ROOT"),
    ]
}

/// Attributes of mount_setattr(2) and fsmount(2).
public struct MountAttributes: NamedOptions {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public static let readOnly = Self(rawValue: 0x01)
    public static let noSetuid = Self(rawValue: 0x02)
    public static let noDevices = Self(rawValue: 0x04)
    public static let noExec = Self(rawValue: 0x08)
    public static let noAccessTime = Self(rawValue: 0x10)
    public static let anyAccessTime = Self(rawValue: 0x70)
    public static let idmap = Self(rawValue: 0x0010_0000)
    public static let notation = Notation.mountAttributes
    public static let names: [(Self, String)] = [
        (.readOnly, "MOUNT_ATTR_RDONLY"), (.noSetuid, "MOUNT_ATTR_NOSUID"), (.noDevices, "MOUNT_ATTR_NODEV"),
        (.noExec, "MOUNT_ATTR_NOEXEC"), (.noAccessTime, "MOUNT_ATTR_NOATIME"), (.idmap, "MOUNT_ATTR_IDMAP"),
    ]

    /// The kinds of access time are one field, not bits: to set one, all are cleared, mount_setattr(2).
    var cleared: MountAttributes { contains(.noAccessTime) ? .anyAccessTime : [] }

    public var description: String {
        if self == .anyAccessTime { return "MOUNT_ATTR_NOATIME|MOUNT_ATTR_STRICTATIME|0x40" }
        let spelled = Self.names.filter { contains($0.0) }.map(\.1)
        return spelled.isEmpty ? "0" : spelled.joined(separator: "|")
    }
}

/// Flags of the `…at` calls.
public struct AtFlags: NamedOptions {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public static let removeDirectory = Self(rawValue: 0x200)
    public static let symlinkNoFollow = Self(rawValue: 0x100)
    public static let emptyPath = Self(rawValue: 0x1000)
    public static let recursive = Self(rawValue: 0x8000)
    public static let cloneTree = Self(rawValue: 0x1)
    public static let closeOnExec = Self(rawValue: 0o2000000)
    public static let notation = Notation.atFlags
    public static let names: [(Self, String)] = [
        (.removeDirectory, "AT_REMOVEDIR"), (.symlinkNoFollow, "AT_SYMLINK_NOFOLLOW"), (.cloneTree, "OPEN_TREE_CLONE"),
        (.closeOnExec, "OPEN_TREE_CLOEXEC"), (.emptyPath, "AT_EMPTY_PATH"), (.recursive, "AT_RECURSIVE"),
    ]
}

/// Flags of clone3(2), unshare(2) and setns(2).
public struct NamespaceFlags: NamedOptions {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public static let mount = Self(rawValue: 0x0002_0000)
    public static let cgroup = Self(rawValue: 0x0200_0000)
    public static let uts = Self(rawValue: 0x0400_0000)
    public static let ipc = Self(rawValue: 0x0800_0000)
    public static let user = Self(rawValue: 0x1000_0000)
    public static let pid = Self(rawValue: 0x2000_0000)
    public static let network = Self(rawValue: 0x4000_0000)
    public static let notation = Notation.namespaceFlags
    public static let names: [(Self, String)] = [
        (.mount, "CLONE_NEWNS"), (.cgroup, "CLONE_NEWCGROUP"), (.uts, "CLONE_NEWUTS"), (.ipc, "CLONE_NEWIPC"),
        (.user, "CLONE_NEWUSER"), (.pid, "CLONE_NEWPID"), (.network, "CLONE_NEWNET"),
    ]
}
