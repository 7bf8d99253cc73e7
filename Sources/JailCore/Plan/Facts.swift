/// What was looked up before a start, so that planning needs no look at the machine.
public struct StartFacts: Equatable, Sendable {
    /// A user, from passwd(5) and group(5) of the jail or of the host.
    public struct User: Equatable, Sendable, Codable {
        public var name: String
        public var uid: UInt32
        public var gid: UInt32
        public var groups: [UInt32]
        public var home: String
        public var shell: String

        public init(name: String, uid: UInt32, gid: UInt32, groups: [UInt32], home: String, shell: String) {
            self.name = name
            self.uid = uid
            self.gid = gid
            self.groups = groups
            self.home = home
            self.shell = shell
        }

        public static let root = User(name: "root", uid: 0, gid: 0, groups: [], home: "/", shell: "/bin/sh")
    }

    /// Directories that the root has: of `proc`, `sys`, `dev`.
    public var rootDirectories: [String] = []
    public var jailUser: User = .root
    /// Nil when no command of the jail's runs on the host.
    public var caller: Caller?
    /// The paths below /proc and /sys, of those to be masked, that this kernel has; `isDirectory` tells how.
    public var maskedPaths: [MaskedPath] = []
    /// The paths below /proc, of those to be read-only, that this kernel has.
    public var readOnlyPaths: [String] = []
    /// What the devfs ruleset leaves of `/dev`.
    public var deviceTree = DeviceTree()
    /// Of the paths of the host that a start opens, those that symbolic links lead elsewhere, and where.
    public var realPaths: [RealPath] = []
    /// Of a root that is the host's own, what is root's alone there.
    public var hidden: [HiddenPath] = []
    /// The places in `mount` of those whose source is no directory.
    public var mountedFiles: [Int] = []
    /// What the jail has of its own.
    public var network: [Located<NetworkOperation>] = []
    /// What it shares with others, and what is not there of it.
    public var sharedNetwork: [Located<NetworkOperation>] = []
    /// Who has the jail's address already, if it is to be in that jail's network.
    public var networkHolder: NetworkHolder?
    /// The cgroups from the mount point of the hierarchy down to that below which jails are made.
    public var cgroupLevels: [CgroupLevel] = []
    /// Default cgroup values that this host has no controller for.
    public var unavailableDefaults: [String] = []
    /// Resource limits that differ from the default ones.
    public var limits: [ResourceLimit] = []
    /// Which of descriptors 0, 1, 2 are terminals: they become the jail's own pty.
    public var terminals: [Int] = []
    /// The jail's output is a pipe that its keeper reads.
    public var isOutputPiped = false
    /// Of descriptors 0, 1, 2, those that cannot get into the jail as they are.
    public var handedDescriptors: [HandedDescriptor] = []
    /// oom_score_adj of jailrun itself, which a process inherits.
    public var ownOomScore = 0
    /// `sock_filter` after `sock_filter`, and the flags of seccomp(2); empty for `seccomp = none`.
    public var filter: [UInt8] = []
    public var filterFlags: UInt32 = 0
    public var capabilities: CapabilitySet = []
    public var environment: [String] = []
    public var terminalType: String?
    /// Of the files that the jail is to have of its own, those that can be covered in its root.
    public var identityFiles: [IdentityPlace] = []
    /// resolv.conf(5) of the host, and behind it that of the servers which a stub on its loopback asks.
    public var resolvers: [Resolver] = []

    /// What jailrun itself may do.
    public var authority = Authority.machines

    public init() {}

    public struct RealPath: Equatable, Sendable {
        public var path: String
        public var real: String
        public init(path: String, real: String) {
            self.path = path
            self.real = real
        }
    }

    func realPath(_ path: String) -> String { realPaths.first { $0.path == path }?.real ?? path }

    /// A descriptor of jailrun's that a jail gets, and what makes it one that programs inside can open by name, /dev/stdout:
    /// open(2) asks for the permissions of the file behind it, and the owner of the host's is nobody inside.
    public struct HandedDescriptor: Equatable, Sendable {
        public enum Way: Equatable, Sendable {
            /// A pipe, which has no name on the host: its other users are given this mode.
            case opened(mode: UInt32)
            /// A pipe of the jail's takes its place, and a process of the host's moves the bytes.
            case relayed
            /// /dev/null takes its place.
            case nothing
        }

        public var number: Int
        public var way: Way
        public init(_ number: Int, _ way: Way) {
            self.number = number
            self.way = way
        }
    }

    /// A jail that runs, and whose network another one joins.
    public struct NetworkHolder: Equatable, Sendable {
        public var jail: String
        /// Its first process, in the host's pid namespace.
        public var pid: Int32
        public init(jail: String, pid: Int32) {
            self.jail = jail
            self.pid = pid
        }
    }

    /// What the host's commands are run with.
    public struct Caller: Equatable, Sendable {
        /// `NAME=VALUE`.
        public var environment: [String]
        /// Who jailrun is run by.
        public var owner: User
        /// `exec.system_user`; nil for the owner.
        public var user: User?
    }

    public struct IdentityPlace: Equatable, Sendable {
        /// `etc/hosts`.
        public var path: String
        public var ground: IdentityFile.Ground
        public init(path: String, ground: IdentityFile.Ground = .file) {
            self.path = path
            self.ground = ground
        }
    }

    /// A resolv.conf(5) of the host's.
    public struct Resolver: Equatable, Sendable, Codable {
        public var path: String
        public var text: String
        public init(path: String, text: String) {
            self.path = path
            self.text = text
        }
    }

    public struct MaskedPath: Equatable, Sendable, Codable {
        public var path: String
        public var isDirectory: Bool
        public init(path: String, isDirectory: Bool) {
            self.path = path
            self.isDirectory = isDirectory
        }
    }

    /// A cgroup above the jails', and what it lacks.
    public struct CgroupLevel: Equatable, Sendable {
        public var path: String
        public var exists: Bool
        /// Controllers that a jail's limits need and that are not in its `cgroup.subtree_control`, `memory`.
        public var missingControllers: [String]
        /// That of the jail around: its controllers are divided by those inside.
        public var isOfJail = false
        public init(path: String, exists: Bool = true, missingControllers: [String] = [], isOfJail: Bool = false) {
            self.path = path
            self.isOfJail = isOfJail
            self.exists = exists
            self.missingControllers = missingControllers
        }
    }

    public struct ResourceLimit: Equatable, Sendable, Codable {
        public var resource: Int
        public var name: String
        public var soft: UInt64
        public var hard: UInt64
        public init(resource: Int, name: String, soft: UInt64, hard: UInt64) {
            self.resource = resource
            self.name = name
            self.soft = soft
            self.hard = hard
        }
    }
}

/// Who the jail is on this machine: chosen at start, recorded, gone with it.
public struct JailIdentity: Equatable, Sendable, Codable {
    public var jid: Int
    /// The first host id of the jail's user namespace and how many there are; nil with `userns = host`.
    public var idRange: IDRange?
    /// Told apart from an earlier jail of the same name.
    public var generation: UInt64

    public init(jid: Int, idRange: IDRange?, generation: UInt64) {
        self.jid = jid
        self.idRange = idRange
        self.generation = generation
    }
}

/// A range of user and group ids of the host.
public struct IDRange: Equatable, Sendable, Codable {
    public var first: UInt32
    public var count: UInt32
    public init(first: UInt32, count: UInt32) {
        self.first = first
        self.count = count
    }
}
