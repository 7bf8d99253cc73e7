/// What was looked up before a start, so that planning needs no look at the machine.
package struct StartFacts: Equatable, Sendable {
    /// A user, from passwd(5) and group(5) of the jail or of the host.
    package struct User: Equatable, Sendable, Codable {
        package var name: String
        package var uid: UInt32
        package var gid: UInt32
        package var groups: [UInt32]
        package var home: String
        package var shell: String

        package init(name: String, uid: UInt32, gid: UInt32, groups: [UInt32], home: String, shell: String) {
            self.name = name
            self.uid = uid
            self.gid = gid
            self.groups = groups
            self.home = home
            self.shell = shell
        }

        package static let root = User(name: "root", uid: 0, gid: 0, groups: [], home: "/", shell: "/bin/sh")
    }

    /// Directories that the root has: of `proc`, `sys`, `dev`.
    package var rootDirectories: [String] = []
    package var jailUser: User = .root
    /// Nil when no command of the jail's runs on the host.
    package var caller: Caller?
    /// The paths below /proc and /sys, of those to be masked, that this kernel has; `isDirectory` tells how.
    package var maskedPaths: [MaskedPath] = []
    /// The paths below /proc, of those to be read-only, that this kernel has.
    package var readOnlyPaths: [String] = []
    /// What the devfs ruleset leaves of `/dev`.
    package var deviceTree = DeviceTree()
    /// The paths of the host that a start opens and that lead elsewhere through symbolic links, and where they lead.
    package var realPaths: [RealPath] = []
    /// If the root is the host's own: what only root may read there.
    package var hidden: [HiddenPath] = []
    /// The positions in `mount` of those whose source is not a directory.
    package var mountedFiles: [Int] = []
    /// What the jail has of its own.
    package var network: [Located<NetworkOperation>] = []
    /// What it shares with others, and which part of that is missing.
    package var sharedNetwork: [Located<NetworkOperation>] = []
    /// The jail that already has its address, if it is to join that jail's network.
    package var networkHolder: NetworkHolder?
    /// The cgroups from the mount point of the hierarchy down to that below which jails are made.
    package var cgroupLevels: [CgroupLevel] = []
    /// Default cgroup values that this host has no controller for.
    package var unavailableDefaults: [String] = []
    /// Resource limits that differ from the default ones.
    package var limits: [ResourceLimit] = []
    /// Which of descriptors 0, 1, 2 are terminals: they become the jail's own pty.
    package var terminals: [Int] = []
    /// The jail's output is a pipe that its keeper reads.
    package var isOutputPiped = false
    /// Pid 1 waits for whoever starts the jail, who may be another process than the one that makes it.
    package var isListening = false
    /// Of descriptors 0, 1, 2, those that cannot get into the jail as they are.
    package var handedDescriptors: [HandedDescriptor] = []
    /// oom_score_adj of jailrun itself, which a process inherits.
    package var ownOomScore = 0
    /// `sock_filter` after `sock_filter`, and the flags of seccomp(2); empty for `seccomp = none`.
    package var filter: [UInt8] = []
    package var filterFlags: UInt32 = 0
    package var capabilities: CapabilitySet = []
    /// How many the kernel has. Of those that have no name here no jail has one.
    package var capabilityCount = Capability.allCases.count
    package var environment: [String] = []
    package var terminalType: String?
    /// Of the files that the jail is to have of its own, those that can be covered in its root.
    package var identityFiles: [IdentityPlace] = []
    /// resolv.conf(5) of the host, and behind it that of the servers which a stub on its loopback asks.
    package var resolvers: [Resolver] = []

    /// What jailrun itself may do.
    package var authority = Authority.machines

    package init() {}

    package struct RealPath: Equatable, Sendable {
        package var path: String
        package var real: String
        package init(path: String, real: String) {
            self.path = path
            self.real = real
        }
    }

    func realPath(_ path: String) -> String { realPaths.first { $0.path == path }?.real ?? path }

    /// A descriptor of jailrun's that a jail gets, and what makes it one that programs inside can open by name, /dev/stdout:
    /// open(2) asks for the permissions of the file behind it, and the owner of the host's is nobody inside.
    package struct HandedDescriptor: Equatable, Sendable {
        package enum Way: Equatable, Sendable {
            /// A pipe, which has no name on the host: its other users are given this mode.
            case opened(mode: UInt32)
            /// A pipe of the jail's takes its place, and a process of the host's moves the bytes.
            case relayed
            /// /dev/null takes its place.
            case nothing
        }

        package var number: Int
        package var way: Way
        package init(_ number: Int, _ way: Way) {
            self.number = number
            self.way = way
        }
    }

    /// A jail that runs, and whose network another one joins.
    package struct NetworkHolder: Equatable, Sendable {
        package var jail: String
        /// Its first process, in the host's pid namespace.
        package var pid: Int32
        package init(jail: String, pid: Int32) {
            self.jail = jail
            self.pid = pid
        }
    }

    /// What the host's commands are run with.
    package struct Caller: Equatable, Sendable {
        /// `NAME=VALUE`.
        package var environment: [String]
        /// Who jailrun is run by.
        package var owner: User
        /// `exec.system_user`; nil for the owner.
        package var user: User?
    }

    package struct IdentityPlace: Equatable, Sendable {
        /// `etc/hosts`.
        package var path: String
        package var ground: IdentityFile.Ground
        package init(path: String, ground: IdentityFile.Ground = .file) {
            self.path = path
            self.ground = ground
        }
    }

    /// A resolv.conf(5) of the host's.
    package struct Resolver: Equatable, Sendable, Codable {
        package var path: String
        package var text: String
        package init(path: String, text: String) {
            self.path = path
            self.text = text
        }
    }

    package struct MaskedPath: Equatable, Sendable, Codable {
        package var path: String
        package var isDirectory: Bool
        package init(path: String, isDirectory: Bool) {
            self.path = path
            self.isDirectory = isDirectory
        }
    }

    /// A cgroup above the jails', and what it lacks.
    package struct CgroupLevel: Equatable, Sendable {
        package var path: String
        package var exists: Bool
        /// Controllers that a jail's limits need and that are not in its `cgroup.subtree_control`, `memory`.
        package var missingControllers: [String]
        /// That of the outer jail, which divides its controllers among the jails inside.
        package var isOfJail = false
        package init(path: String, exists: Bool = true, missingControllers: [String] = [], isOfJail: Bool = false) {
            self.path = path
            self.isOfJail = isOfJail
            self.exists = exists
            self.missingControllers = missingControllers
        }
    }

    package struct ResourceLimit: Equatable, Sendable, Codable {
        package var resource: Int
        package var name: String
        package var soft: UInt64
        package var hard: UInt64
        package init(resource: Int, name: String, soft: UInt64, hard: UInt64) {
            self.resource = resource
            self.name = name
            self.soft = soft
            self.hard = hard
        }
    }
}

/// The jail's identity on this machine: chosen at the start, recorded, gone with the jail.
package struct JailIdentity: Equatable, Sendable, Codable {
    package var jid: Int
    /// The first host id of the jail's user namespace and how many there are; nil with `userns = host`.
    package var idRange: IDRange?
    /// Distinguishes it from an earlier jail of the same name.
    package var generation: UInt64

    package init(jid: Int, idRange: IDRange?, generation: UInt64) {
        self.jid = jid
        self.idRange = idRange
        self.generation = generation
    }
}

/// A range of user and group ids of the host.
package struct IDRange: Equatable, Sendable, Codable {
    package var first: UInt32
    package var count: UInt32
    package init(first: UInt32, count: UInt32) {
        self.first = first
        self.count = count
    }

    func overlaps(_ other: Self) -> Bool {
        UInt64(first) < UInt64(other.first) + UInt64(other.count)
            && UInt64(other.first) < UInt64(first) + UInt64(count)
    }
}
