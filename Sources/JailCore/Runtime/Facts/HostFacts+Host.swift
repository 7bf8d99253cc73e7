internal import Glibc
internal import SystemPackage

extension HostFacts {
    /// Looks at everything on this host that plans of these jails depend on, and changes nothing.
    package convenience init(of jails: [ConfiguredJail], host: Host) throws(RuntimeError) {
        let finders = jails.map { FactFinder(jail: $0, host: host) }
        var hidden = StartFacts()
        try FactFinder.addHiddenPaths(to: &hidden)
        let (capabilities, count) = try attempt("cannot look at jailrun's own capabilities") { () throws(Errno) in
            (try CapabilitySet.ofThisProcess(), try CapabilitySet.countOfKernel())
        }
        self.init(
            host: try Self.kernelText("hostname"), kernel: try Self.kernelText("osrelease"), authority: host.authority,
            ownsNetwork: capabilities.contains(.netAdmin), capabilityCount: count, stateDirectory: host.state.path,
            lastJid: try IdentityRegistry(host).last(),
            jails: try host.state.traces(),
            cgroupTop: host.cgroupTop, cgroupRoot: host.cgroupRoot.path, cgroups: try Self.cgroups(finders),
            limits: try FactFinder.limits(), hidden: hidden, resolvers: try FactFinder.resolvers(),
            hidesMessages: try FactFinder.hidesMessages(),
            owner: try FactFinder.owner(), users: try Self.users(jails),
            roots: try Self.roots(finders), trees: try Self.trees(finders), profiles: try Self.profiles(jails),
            network: try Self.network(jails, host), hostnames: try Self.hostnames(jails, host),
            mountedFiles: finders.flatMap { finder in finder.mountedFiles.map { finder.jail.mounts[$0].source } })
    }

    private static func kernelText(_ name: String) throws(RuntimeError) -> String {
        let path = "/proc/sys/kernel/\(name)"
        return try attempt(path) { () throws(Errno) in try Files.textIfThere(path) }?.trimmed ?? "unknown"
    }

    private static func cgroups(_ finders: [FactFinder]) throws(RuntimeError) -> [KnownCgroup] {
        var found: [KnownCgroup] = []
        for finder in finders {
            for path in try finder.levelPaths() where !found.contains(where: { $0.path == path }) {
                found.append(
                    try Cgroup(path: path).look { (cgroup) throws(Errno) in
                        KnownCgroup(
                            path: path, exists: try cgroup.exists(), controllers: try cgroup.controllers(),
                            enabledControllers: try cgroup.enabledControllers())
                    })
            }
        }
        return found
    }

    /// One that is not there is an error of the plan, here as there.
    private static func users(_ jails: [ConfiguredJail]) throws(RuntimeError) -> [StartFacts.User] {
        let names = jails.flatMap { jail in
            let commands = jail.commands
            return [commands.systemUser, commands.isJailUserOfHost.value ? commands.jailUser : nil].compactMap {
                $0?.value
            }
        }
        var users: [StartFacts.User] = []
        for name in names {
            if let user = try PasswordFile.host.known(name), !users.contains(user) { users.append(user) }
        }
        return users
    }

    private static let files = Lowering.nameFiles + ["etc/machine-id", "etc/hostid"]

    private static func roots(_ finders: [FactFinder]) throws(RuntimeError) -> [Root] {
        var roots: [Root] = []
        for finder in finders {
            let folders = RootSource(finder.jail).folders
            if roots.contains(where: { $0.folders == folders }) { continue }
            var facts = StartFacts()
            guard let root = try finder.openRoot(&facts) else { continue }
            let places = finder.places(root: root.number)
            let passwords = try finder.passwords(root: root.number)
            if let failure = passwords.failure { throw failure }
            var found: [Root.File] = []
            for path in files {
                if let ground = try places.ground(path) { found.append(Root.File(path: path, ground: ground)) }
            }
            roots.append(
                Root(
                    folders: folders, directories: try finder.rootDirectories(root: root.number),
                    hasEtc: try places.hasEtc(), files: found, passwd: passwords.passwd, group: passwords.group))
        }
        return roots
    }

    private static func trees(_ finders: [FactFinder]) throws(RuntimeError) -> [Tree] {
        var trees: [Tree] = []
        for finder in finders where finder.jail.pseudoFilesystems.mayHaveDevices {
            let ruleset = finder.jail.pseudoFilesystems.devfsRuleset.value
            let level = finder.jail.privileges.securityLevel.value
            if trees.contains(where: { $0.ruleset == ruleset && $0.securityLevel == level }) { continue }
            var facts = StartFacts()
            try finder.addTree(to: &facts)
            trees.append(Tree(ruleset: ruleset, securityLevel: level, tree: facts.deviceTree))
        }
        return trees
    }

    private static func profiles(_ jails: [ConfiguredJail]) throws(RuntimeError) -> [Profile] {
        var profiles: [Profile] = []
        for jail in jails {
            guard case .profile(let path) = jail.privileges.seccomp.value else { continue }
            do throws(SeccompError) {
                let filter = try SeccompFilter.filter(for: jail.privileges, cachedIn: nil)
                let capabilities = CapabilitySet(jail.privileges).rawValue
                profiles.append(Profile(path: path, capabilities: capabilities, filter: filter?.text ?? ""))
            } catch {
                throw .noFilter(jail, error)
            }
        }
        return profiles
    }

    private static func hostnames(_ jails: [ConfiguredJail], _ host: Host) throws(RuntimeError) -> [Hostname] {
        var names: [Hostname] = []
        for jail in jails where jail.network.lookup != nil {
            let resolved = try HostnameLookup(jail: jail, host: host).addresses()
            names.append(Hostname(name: jail.hostname.value, addresses: resolved.map(\.description)))
        }
        return names
    }

    /// Also of what these jails do not ask for, as another version of the file may.
    static func network(_ jails: [ConfiguredJail], _ host: Host) throws(RuntimeError) -> HostNetworkFacts {
        var all = NetworkSpec(mode: Located(.own, .standard("")), addresses: jails.flatMap(\.network.addresses))
        all.interfaces = jails.flatMap(\.network.interfaces)
        all.ports = jails.flatMap(\.network.ports)
        all.masquerade = Located(true, .standard(""))
        if !all.isConnected {
            all.addresses = [
                AddressSpec(family: .ipv4, address: "0.0.0.0", prefixLength: nil, interface: nil, origin: .standard(""))
            ]
        }
        all.leavesFirewall = Located(true, .standard(""))  // each jail's own is asked about
        let proc = try NetworkConnection.openProc()
        let ledger = try host.state.networkLedger()
        do throws(NetlinkError) {
            let netlink = try Netlink(proc: FileDescriptor(rawValue: proc.number))
            var facts = try netlink.facts(for: all, seesRules: Host.seesRules)
            facts.obstacles = Host.seesRules ? try obstacles(jails, facts, netlink) : nil
            facts.remember(ledger)
            return facts
        } catch { throw .host("cannot look at the network: \(error)", hint: error.hint) }
    }
}

extension HostFacts {
    /// For each of them, and as if it had `nat`.
    private static func obstacles(
        _ jails: [ConfiguredJail], _ facts: HostNetworkFacts, _ netlink: borrowing Netlink
    ) throws(NetlinkError) -> [FirewallObstacle] {
        var found: [FirewallObstacle] = []
        for jail in jails {
            var network = jail.network
            network.masquerade = network.masquerade ?? Located(true, network.mode.origin)
            for obstacle in try netlink.obstacles(for: network, facts)
            where !found.contains(where: { $0.chain == obstacle.chain && $0.probe.isSame(as: obstacle.probe) }) {
                found.append(obstacle)
            }
        }
        return found
    }
}

// MARK: As text

extension HostFacts {
    package var json: String { JSONText.of(self) }

    /// What `check --json` prints, as far as it is asked for here.
    private struct Checked: Decodable { var facts: HostFacts? }

    /// What `json` was on another host, or the document of `check --json` that has it.
    package static func read(from path: String) throws(RuntimeError) -> HostFacts {
        let bytes = try attempt("cannot read \(Terminal.escaped(path))") { () throws(Errno) in
            let most = 64 << 20
            if path == "-" { return try Files.standardInput(limit: most) }
            return try Files.read(try Files.open(path), limit: most)
        }
        let hint = "jailrun explain --facts FILE prints them on the host in question, and so does check --json FILE"
        let name = path == "-" ? "STDIN" : path
        do throws(Diagnostic) {
            let document = try JSONDocument(bytes, file: name)
            let checked = try document.decode(Checked.self)
            let facts = if let facts = checked.facts { facts } else { try document.decode(HostFacts.self) }
            if facts.version == currentVersion { return facts }
        } catch {
            var diagnostic = error
            diagnostic.message = "not facts of a host: \(error.message)"
            diagnostic.hint = (error.hint.map { "\($0); " } ?? "") + hint
            throw .file(jail: nil, diagnostic)
        }
        throw .host("\(Terminal.escaped(path)): written by another version of jailrun", hint: hint)
    }
}
