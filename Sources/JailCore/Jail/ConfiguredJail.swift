/// A jail that has been checked: names are valid, numbers are in range, paths are absolute, combinations make sense.
///
/// It is made from jail.conf's parameters by `ConfiguredJail.init(_:)` (ConfiguredJail+Configuration.swift) and turned into kernel
/// operations by `Planner`. Every field knows the line that asked for it. It is written to the state directory whole, so that
/// `stop` needs no configuration file.
package struct ConfiguredJail: Equatable, Sendable, Codable {
    /// The jail's name: `[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}`; dots nest.
    package var name: Located<String>
    /// The label of the jail's block in the configuration, which messages use.
    package var label: String
    /// The number that the configuration fixed (`jid = 7`, or a block named by a number).
    package var jid: Located<Int>?
    /// The root directory, absolute, as written.
    package var path: Located<String>
    /// Empty with `host = inherit`.
    package var hostname: Located<String>
    package var host: HostSpec
    /// Lives without processes.
    package var isPersistent: Located<Bool>
    package var root: RootSpec
    package var commands: CommandSpec
    /// `mount` and the lines of `mount.fstab`, in the order in which they are mounted.
    package var mounts: [MountSpec]
    package var pseudoFilesystems: PseudoFilesystemSpec
    package var network: NetworkSpec
    package var cgroup: [CgroupSetting]
    package var privileges: PrivilegeSpec
    package var process: ProcessSettings
    package var metadata: MetadataSpec
    /// Names of jails of the same file that must be up first.
    package var depend: [Located<String>]
    /// Nil if the jail has no health command.
    package var health: Health?
    package var restart = Restart()
    package var log = Log()
    /// The outer jail of a nested one, if the same file defines it: it must exist first, but need not be up.
    package var parent: Located<String>?
    /// Nil when the jail has the name files of its root.
    package var names: NameSpec?
    /// The name of the instance; the jail's begins with it and a hyphen.
    package var instance: String?
    /// All parameters as they were written.
    package var parameters: JailParameters
}

/// `root.readonly`, `root.ephemeral`, `root.unmask`.
package struct RootSpec: Equatable, Sendable, Codable {
    package var isReadOnly: Located<Bool>
    /// An overlay whose writes vanish with the jail.
    package var isEphemeral: Located<Bool>
    /// What is shown although the host's own root hides it; nil in an older record.
    package var unmasked: [Located<String>]?

    var shown: [Located<String>] { unmasked ?? [] }
}

/// The command lists of jail(8), in its order, and how they are run.
package struct CommandSpec: Equatable, Sendable, Codable {
    package var prepare: [Located<String>] = []
    package var prestart: [Located<String>] = []
    package var created: [Located<String>] = []
    /// Run inside.
    package var start: [Located<String>] = []
    /// `command` of a configuration file: run inside, after `start`.
    package var command: [Located<String>] = []
    /// `command=a b c` of the command line: one argument vector, no shell.
    package var commandVector: Located<[String]>?
    /// jail(8): a start waits until `command` has ended. Otherwise a supervised jail is up while it runs.
    package var awaitsCommand = false
    package var poststart: [Located<String>] = []
    package var prestop: [Located<String>] = []
    /// Run inside.
    package var stop: [Located<String>] = []
    package var poststop: [Located<String>] = []
    package var release: [Located<String>] = []
    /// `exec.clean`: a fresh environment for every command.
    package var isClean: Located<Bool>
    package var jailUser: Located<String>?
    /// `exec.system_jail_user`: look `jailUser` up on the host.
    package var isJailUserOfHost: Located<Bool>
    package var systemUser: Located<String>?
    /// `exec.timeout`, per command; 0 means none.
    package var timeoutSeconds: Located<Int>
    /// `exec.consolelog`: an absolute host path.
    package var consoleLog: Located<String>?
    /// `stop.timeout`; 0 means no SIGTERM.
    package var stopTimeoutSeconds: Located<Int>
}

/// One line of fstab(5), its fields decoded.
package struct MountSpec: Equatable, Sendable, Codable {
    /// The file system types of jail.conf files, and the Linux ones that users write.
    package enum Kind: String, Sendable, Codable, CaseIterable {
        case nullfs, bind, tmpfs, procfs, linprocfs, linsysfs, fdescfs, devfs
        case unionfs, overlay
        case ext2, ext3, ext4, xfs, btrfs, msdosfs, vfat, cd9660, iso9660, squashfs, erofs, ufs, zfs
    }

    /// The layers of unionfs and overlay, from the top down: `upper`, `folders`, what is at the target.
    package struct Layers: Equatable, Sendable, Codable {
        /// Gets the writes; nil for a read-only mount.
        package var upper: String?
        /// The folder that overlayfs works in, beside `upper`.
        package var work: String?
        /// Made when it is missing.
        package var makesWork: Bool
        package var folders: [String]
        package var includesTarget: Bool
    }

    package var kind: Kind
    /// `spec`: an absolute host path for nullfs, else a word that the kernel shows.
    package var source: String
    /// `file`: an absolute host path below the jail's root, as FreeBSD has it.
    package var target: String
    /// The target relative to the jail's root, without a leading slash.
    package var relativeTarget: String
    package var isReadOnly: Bool
    package var isNoExec: Bool
    package var isNoSetuid: Bool
    package var isNoAccessTime: Bool
    /// Of unionfs and overlay.
    package var layers: Layers?
    /// Options passed to the file system: `size=64m`, `mode=1777`.
    package var data: [String]
    package var origin: Origin
}

/// `mount.devfs` and its ruleset, `mount.fdescfs`, `mount.procfs`; and `/sys`.
package struct PseudoFilesystemSpec: Equatable, Sendable, Codable {
    /// `always`: the file asks for it. `ifPresent`: mounted when the root has the directory. `never`: the file says no.
    package enum Presence: String, Sendable, Codable {
        case always, ifPresent, never

        /// - Parameter directories: those of the root.
        func isMounted(at directory: String, in directories: [String]) -> Bool {
            self == .always || self == .ifPresent && directories.contains(directory)
        }
    }

    package var devfs: Located<Presence>
    /// The number or the name of a devfs.rules(5) ruleset.
    package var devfsRuleset: Located<String>
    package var fdescfs: Located<Presence>
    package var procfs: Located<Presence>
    package var sysfs: Located<Presence>
}

/// What the jail reaches by network.
package struct NetworkSpec: Equatable, Sendable, Codable {
    /// The bridge of jails whose addresses name no interface.
    package static let bridge = "jail0"

    package enum Mode: String, Sendable, Codable {
        /// An own stack with `lo` only, or with the addresses given.
        case own
        /// `ip4 = inherit` or `ip6 = inherit`: the host's network namespace.
        case inherit
    }

    package var mode: Located<Mode>
    /// `interface`: default interface of `addresses` that name none.
    package var addresses: [AddressSpec]
    /// `vnet.interface`: interfaces of the host that belong to the jail while it is up.
    package var interfaces: [Located<String>] = []
    /// `ip_hostname`: the jail also gets the addresses of its hostname, on this interface; empty for the bridge
    /// `jail0`. Nil once they are known.
    package var lookup: Located<String>?
    /// The host's addresses on the bridge, one for each network that the jail has there: chosen for all jails of the file,
    /// `10.77.0.1/24`. Nil where the jail is alone.
    package var gateways: [String]?

    /// `port`: ports of the host that lead to the jail.
    package var ports: [PortSpec] = []
    /// `nat`: what the jail sends beyond its bridge has the host's address. Nil when it is not asked for.
    package var masquerade: Located<Bool>?
    /// `firewall = no`: the host's firewall is neither looked at nor changed. Nil otherwise.
    package var leavesFirewall: Located<Bool>?
    /// `allow.spoofing`: what it sends may have addresses that are not its own. Nil when it is not asked for.
    package var allowsSpoofing: Located<Bool>?

    /// The host has to do something for it; a jail with only `lo` brings that up itself.
    package var isConnected: Bool { mode.value == .own && !(addresses.isEmpty && interfaces.isEmpty) }

    /// By rules of nftables: other machines reach it, or it reaches them.
    var isForwarded: Bool { mode.value == .own && (masquerade != nil || ports.contains { !$0.isOnLoopback }) }
}

/// One entry of `ip4.addr` or `ip6.addr`.
package struct AddressSpec: Equatable, Sendable, Codable {
    package enum Family: String, CaseIterable, Sendable, Codable { case ipv4, ipv6 }

    package var family: Family
    /// In canonical presentation form, inet_ntop(3).
    package var address: String
    /// Nil when the entry gave no mask or prefix length.
    package var prefixLength: Int?
    /// The entry's own interface, or else `interface`; nil for the bridge `jail0`.
    package var interface: String?
    package var origin: Origin
}

/// `cgroup.FILE = VALUE`.
package struct CgroupSetting: Equatable, Sendable, Codable {
    /// The file's name in the jail's cgroup, `memory.max`.
    package var file: String
    /// The value to be written; sizes (K, M, G) are already in bytes.
    package var value: String
    package var origin: Origin
}

extension CgroupSetting {
    /// How many cgroups there may be below: 2 × `children.max` + 1.
    static let nestedCount = "cgroup.max.descendants"
    /// How deep.
    static let nestedDepth = "cgroup.max.depth"
}

/// What root inside may do.
package struct PrivilegeSpec: Equatable, Sendable, Codable {
    package enum Seccomp: Equatable, Sendable, Codable {
        case standard
        case none
        /// A profile in the OCI JSON form, by absolute path.
        case profile(String)
    }

    package enum UserNamespace: Equatable, Sendable, Codable {
        /// 65,536 ids of the jail's own, chosen at start.
        case `private`
        case host
        case range(first: UInt32, count: UInt32)
    }

    /// Canonical upper-case names with `CAP_`, in the order of their numbers.
    package var capAdd: [Located<String>]
    package var capDrop: [Located<String>]
    package var seccomp: Located<Seccomp>
    package var userNamespace: Located<UserNamespace>
    /// `allow.raw_sockets`: CAP_NET_RAW.
    package var allowsRawSockets: Located<Bool>
    /// Permissions of `allow.*` that are off by default and that the file gives, in the order of their declaration.
    package var granted: [Located<Permission>] = []
    /// What is on by default and the file takes away.
    package var withdrawn: [Located<Privilege>] = []
    /// -1 to 3.
    package var securityLevel = Located(-1, Origin.standard("securelevel = LEVEL"))
    /// `vnet = new`: root inside configures the network stack.
    package var ownsNetwork = Located(false, Origin.standard("vnet"))
    /// `children.max`: how many jails there may be in it, at any depth. Above 0 root inside may make them.
    package var childrenMaximum = Located(0, Origin.standard("children.max = NUMBER"))
    /// `sysvmsg`, `sysvsem` and `sysvshm` are `inherit`: the host's IPC namespace.
    package var sharesInterprocess = Located(false, Origin.standard("sysvshm = inherit"))

    /// Root inside may make jails.
    var allowsJails: Bool { childrenMaximum.value > 0 }
}
