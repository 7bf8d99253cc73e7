/// Whatever the plans of a file depend on besides the file, as it is on one host: `explain --facts` prints it, and on
/// another one `--assume` plans with it. It contains no environment, no password and no rule of the host.
package final class HostFacts: Codable, Sendable {
    static let currentVersion = 1

    package let version: Int
    /// Whose they are, and its kernel's release: uname(2).
    package let host: String
    package let kernel: String
    /// What jailrun may do there; nil in facts that an older one printed, which have the next two alone.
    private let authority: Authority?
    /// How many ids jailrun has there, when it is in a user namespace.
    private let nestedIDs: UInt32?
    private let ownsNetwork: Bool
    /// How many the kernel there has; nil in facts that an older jailrun printed.
    let capabilityCount: Int?
    let stateDirectory: String
    let lastJid: Int
    /// The jails that are up.
    let jails: [JailTrace]
    let cgroupTop: String
    let cgroupRoot: String
    let cgroups: [KnownCgroup]
    let limits: [StartFacts.ResourceLimit]
    let maskedPaths: [StartFacts.MaskedPath]
    let readOnlyPaths: [String]
    let resolvers: [StartFacts.Resolver]
    let hidesMessages: Bool
    let owner: StartFacts.User
    /// Users of the host that the file names.
    let users: [StartFacts.User]
    let roots: [Root]
    let trees: [Tree]
    let profiles: [Profile]
    let network: HostNetworkFacts
    let hostnames: [Hostname]
    /// What is mounted below `/dev` and is no directory.
    let mountedFiles: [String]

    /// A cgroup above the jails'.
    struct KnownCgroup: Codable, Sendable {
        var path: String
        var exists: Bool
        /// What it may give to its children, and what it gives.
        var controllers: [String]
        var enabledControllers: [String]
    }

    /// The folder, or the layers, that a jail's files are in.
    struct Root: Codable, Sendable {
        struct File: Codable, Sendable {
            var path: String
            var ground: IdentityFile.Ground
        }

        var folders: [String]
        var directories: [String]
        var hasEtc: Bool
        var files: [File]
        /// passwd(5) and group(5), without what people are called.
        var passwd: String
        var group: String
    }

    struct Tree: Codable, Sendable {
        var ruleset: String
        var securityLevel: Int
        var tree: DeviceTree
    }

    /// What became of a file that `seccomp` names, with these capabilities.
    struct Profile: Codable, Sendable {
        var path: String
        var capabilities: UInt64
        var filter: String
    }

    struct Hostname: Codable, Sendable {
        var name: String
        var addresses: [String]
    }

    init(
        host: String, kernel: String, authority: Authority, ownsNetwork: Bool, capabilityCount: Int,
        stateDirectory: String, lastJid: Int, jails: [JailTrace],
        cgroupTop: String, cgroupRoot: String, cgroups: [KnownCgroup], limits: [StartFacts.ResourceLimit],
        hidden: StartFacts, resolvers: [StartFacts.Resolver], hidesMessages: Bool, owner: StartFacts.User,
        users: [StartFacts.User], roots: [Root], trees: [Tree], profiles: [Profile], network: HostNetworkFacts,
        hostnames: [Hostname], mountedFiles: [String]
    ) {
        version = Self.currentVersion
        (self.host, self.kernel) = (host, kernel)
        (self.authority, nestedIDs, self.ownsNetwork) = (authority, authority.sharedIDs?.count, ownsNetwork)
        self.capabilityCount = capabilityCount
        (self.stateDirectory, self.lastJid, self.jails) = (stateDirectory, lastJid, jails)
        (self.cgroupTop, self.cgroupRoot, self.cgroups) = (cgroupTop, cgroupRoot, cgroups)
        self.limits = limits
        (maskedPaths, readOnlyPaths) = (hidden.maskedPaths, hidden.readOnlyPaths)
        (self.resolvers, self.hidesMessages) = (resolvers, hidesMessages)
        (self.owner, self.users) = (owner, users)
        (self.roots, self.trees, self.profiles) = (roots, trees, profiles)
        (self.network, self.hostnames, self.mountedFiles) = (network, hostnames, mountedFiles)
    }
}

extension HostFacts {
    /// Older facts know of two users: the machine's root, and root of a jail.
    var authorityThere: Authority {
        if let authority { return authority }
        guard let nestedIDs else {
            return Authority(
                namespace: .initial, capabilities: [], cgroup: .root(cgroupTop), stateDirectory: stateDirectory)
        }
        let ids = [IDMapping(inside: 0, outside: 0, count: nestedIDs)]
        return Authority(
            namespace: OwnUserNamespace(kind: .jail, users: ids, groups: ids),
            capabilities: ownsNetwork ? CapabilitySet([.netAdmin]) : [], cgroup: .delegated(cgroupRoot, by: .jail),
            stateDirectory: stateDirectory)
    }

    func root(of jail: ConfiguredJail) -> Root? {
        let folders = RootSource(jail).folders
        return roots.first { $0.folders == folders }
    }

    func cgroup(_ path: String) -> KnownCgroup? { cgroups.first { $0.path == path } }

    func tree(_ ruleset: String, _ level: Int) -> DeviceTree? {
        trees.first { $0.ruleset == ruleset && $0.securityLevel == level }?.tree
    }
}
