/// A jail that has been checked: names are valid, numbers are in range, paths are absolute, combinations make sense.
///
/// It is made from jail.conf's parameters by `ConfiguredJail.init(_:)` (ConfiguredJail+Configuration.swift) and turned into kernel
/// operations by `Planner`. Every field knows the line that asked for it. It is written to the state directory whole, so that
/// `stop` needs no configuration file.
public struct ConfiguredJail: Equatable, Sendable, Codable {
    /// The jail's name: `[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}`; dots nest.
    public var name: Located<String>
    /// The label of the jail's block in the configuration, which messages use.
    public var label: String
    /// The number that the configuration fixed (`jid = 7`, or a block named by a number).
    public var jid: Located<Int>?
    /// The root directory, absolute, as written.
    public var path: Located<String>
    /// Empty with `host = inherit`.
    public var hostname: Located<String>
    public var host: HostSpec
    /// Lives without processes.
    public var isPersistent: Located<Bool>
    public var root: RootSpec
    public var commands: CommandSpec
    /// `mount` and the lines of `mount.fstab`, in the order in which they are mounted.
    public var mounts: [MountSpec]
    public var pseudoFilesystems: PseudoFilesystemSpec
    public var network: NetworkSpec
    public var cgroup: [CgroupSetting]
    public var privileges: PrivilegeSpec
    public var process: ProcessSettings
    public var metadata: MetadataSpec
    /// Names of jails of the same file that must be up first.
    public var depend: [Located<String>]
    /// Nil when nothing tells.
    public var health: Health?
    public var restart = Restart()
    public var log = Log()
    /// The jail around a nested one, if the same file defines it: it must exist first, but need not be up.
    public var parent: Located<String>?
    /// Nil when the jail has the name files of its root.
    public var names: NameSpec?
    /// The name of the instance; the jail's begins with it and a hyphen.
    public var instance: String?
    /// All parameters as they were written.
    public var parameters: JailParameters
}

/// `root.readonly`, `root.ephemeral`, `root.unmask`.
public struct RootSpec: Equatable, Sendable, Codable {
    public var isReadOnly: Located<Bool>
    /// An overlay whose writes vanish with the jail.
    public var isEphemeral: Located<Bool>
    /// Of what is hidden of the host's own root, what is shown all the same; nil in an older record.
    public var unmasked: [Located<String>]?

    var shown: [Located<String>] { unmasked ?? [] }
}

/// The command lists of jail(8), in its order, and how they are run.
public struct CommandSpec: Equatable, Sendable, Codable {
    public var prepare: [Located<String>] = []
    public var prestart: [Located<String>] = []
    public var created: [Located<String>] = []
    /// Run inside.
    public var start: [Located<String>] = []
    /// `command` of a configuration file: run inside, after `start`.
    public var command: [Located<String>] = []
    /// `command=a b c` of the command line: one argument vector, no shell.
    public var commandVector: Located<[String]>?
    /// jail(8): a start waits until `command` has ended. Else a jail that is supervised is up while it runs.
    public var awaitsCommand = false
    public var poststart: [Located<String>] = []
    public var prestop: [Located<String>] = []
    /// Run inside.
    public var stop: [Located<String>] = []
    public var poststop: [Located<String>] = []
    public var release: [Located<String>] = []
    /// `exec.clean`: a fresh environment for every command.
    public var isClean: Located<Bool>
    public var jailUser: Located<String>?
    /// `exec.system_jail_user`: look `jailUser` up on the host.
    public var isJailUserOfHost: Located<Bool>
    public var systemUser: Located<String>?
    /// `exec.timeout`, per command; 0 means none.
    public var timeoutSeconds: Located<Int>
    /// `exec.consolelog`: an absolute host path.
    public var consoleLog: Located<String>?
    /// `stop.timeout`; 0 means no SIGTERM.
    public var stopTimeoutSeconds: Located<Int>
}

/// One line of fstab(5), its fields decoded.
public struct MountSpec: Equatable, Sendable, Codable {
    /// The file system types of jail.conf files, and the Linux ones that users write.
    public enum Kind: String, Sendable, Codable, CaseIterable {
        case nullfs, bind, tmpfs, procfs, linprocfs, linsysfs, fdescfs, devfs
        case unionfs, overlay
        case ext2, ext3, ext4, xfs, btrfs, msdosfs, vfat, cd9660, iso9660, squashfs, erofs, ufs, zfs
    }

    /// What unionfs and overlay lay over each other, from the top down: `upper`, `folders`, what is at the target.
    public struct Layers: Equatable, Sendable, Codable {
        /// Gets the writes; nil for a read-only mount.
        public var upper: String?
        /// The folder that overlayfs works in, beside `upper`.
        public var work: String?
        /// Made when it is missing.
        public var makesWork: Bool
        public var folders: [String]
        public var includesTarget: Bool
    }

    public var kind: Kind
    /// `spec`: an absolute host path for nullfs, else a word that the kernel shows.
    public var source: String
    /// `file`: an absolute host path below the jail's root, as FreeBSD has it.
    public var target: String
    /// The target relative to the jail's root, without a leading slash.
    public var relativeTarget: String
    public var isReadOnly: Bool
    public var isNoExec: Bool
    public var isNoSetuid: Bool
    public var isNoAccessTime: Bool
    /// Of unionfs and overlay.
    public var layers: Layers?
    /// Options passed to the file system: `size=64m`, `mode=1777`.
    public var data: [String]
    public var origin: Origin
}

/// `mount.devfs` and its ruleset, `mount.fdescfs`, `mount.procfs`; and `/sys`.
public struct PseudoFilesystemSpec: Equatable, Sendable, Codable {
    /// `always`: the file asks for it. `ifPresent`: mounted when the root has the directory. `never`: the file says no.
    public enum Presence: String, Sendable, Codable { case always, ifPresent, never }

    public var devfs: Located<Presence>
    /// The number or the name of a devfs.rules(5) ruleset.
    public var devfsRuleset: Located<String>
    public var fdescfs: Located<Presence>
    public var procfs: Located<Presence>
    public var sysfs: Located<Presence>
}

/// What the jail reaches by network.
public struct NetworkSpec: Equatable, Sendable, Codable {
    /// The bridge of jails whose addresses name no interface.
    public static let bridge = "jail0"

    public enum Mode: String, Sendable, Codable {
        /// An own stack with `lo` only, or with the addresses given.
        case own
        /// `ip4 = inherit` or `ip6 = inherit`: the host's network namespace.
        case inherit
    }

    public var mode: Located<Mode>
    /// `interface`: default interface of `addresses` that name none.
    public var addresses: [AddressSpec]
    /// `vnet.interface`: links of the host's that are the jail's while it is up.
    public var interfaces: [Located<String>] = []
    /// `ip_hostname`: the addresses of the hostname are the jail's, too, on this interface; empty for the bridge `jail0`. Nil
    /// once they are known.
    public var lookup: Located<String>?
    /// The host's addresses on the bridge, one for each network that the jail has there: chosen for all jails of the file,
    /// `10.77.0.1/24`. Nil where the jail is alone.
    public var gateways: [String]?

    /// `port`: ports of the host that lead to the jail.
    public var ports: [PortSpec] = []
    /// `nat`: what the jail sends beyond its bridge has the host's address. Nil when it is not asked for.
    public var masquerade: Located<Bool>?
    /// `firewall = no`: that of the host is neither looked at nor changed. Nil where it is.
    public var leavesFirewall: Located<Bool>?
    /// `allow.spoofing`: what it sends may have addresses that are not its own. Nil when it is not asked for.
    public var allowsSpoofing: Located<Bool>?

    /// The host has a part in it; a jail with `lo` alone raises that itself.
    public var isConnected: Bool { mode.value == .own && !(addresses.isEmpty && interfaces.isEmpty) }

    /// By rules of nftables: other machines reach it, or it reaches them.
    var isForwarded: Bool { mode.value == .own && (masquerade != nil || ports.contains { !$0.isOnLoopback }) }
}

/// One entry of `ip4.addr` or `ip6.addr`.
public struct AddressSpec: Equatable, Sendable, Codable {
    public enum Family: String, CaseIterable, Sendable, Codable { case ipv4, ipv6 }

    public var family: Family
    /// In canonical presentation form, inet_ntop(3).
    public var address: String
    /// Nil when the entry gave no mask or prefix length.
    public var prefixLength: Int?
    /// The entry's own interface, or else `interface`; nil for the bridge `jail0`.
    public var interface: String?
    public var origin: Origin
}

/// `cgroup.FILE = VALUE`.
public struct CgroupSetting: Equatable, Sendable, Codable {
    /// The file's name in the jail's cgroup, `memory.max`.
    public var file: String
    /// The value to be written; sizes (K, M, G) are already in bytes.
    public var value: String
    public var origin: Origin
}

extension CgroupSetting {
    /// How many cgroups there may be below: 2 × `children.max` + 1.
    static let nestedCount = "cgroup.max.descendants"
    /// How deep.
    static let nestedDepth = "cgroup.max.depth"
}

/// What root inside may do.
public struct PrivilegeSpec: Equatable, Sendable, Codable {
    public enum Seccomp: Equatable, Sendable, Codable {
        case standard
        case none
        /// A profile in the OCI JSON form, by absolute path.
        case profile(String)
    }

    public enum UserNamespace: Equatable, Sendable, Codable {
        /// 65,536 ids of the jail's own, chosen at start.
        case `private`
        case host
        case range(first: UInt32, count: UInt32)
    }

    /// Canonical upper-case names with `CAP_`, in the order of their numbers.
    public var capAdd: [Located<String>]
    public var capDrop: [Located<String>]
    public var seccomp: Located<Seccomp>
    public var userNamespace: Located<UserNamespace>
    /// `allow.raw_sockets`: CAP_NET_RAW.
    public var allowsRawSockets: Located<Bool>
    /// Permissions of `allow.*` that are off by default and that the file gives, in the order of their declaration.
    public var granted: [Located<Permission>] = []
    /// What is on by default and the file takes away.
    public var withdrawn: [Located<Privilege>] = []
    /// -1 to 3.
    public var securityLevel = Located(-1, Origin.standard("securelevel = LEVEL"))
    /// `vnet = new`: root inside configures the network stack.
    public var ownsNetwork = Located(false, Origin.standard("vnet"))
    /// `children.max`: how many jails there may be in it, at any depth. Above 0 root inside may make them.
    public var childrenMaximum = Located(0, Origin.standard("children.max = NUMBER"))
    /// `sysvmsg`, `sysvsem` and `sysvshm` are `inherit`: the host's IPC namespace.
    public var sharesInterprocess = Located(false, Origin.standard("sysvshm = inherit"))
}
