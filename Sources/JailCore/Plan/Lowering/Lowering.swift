/// Turns what jail.conf says of a jail into what the kernel is asked for: jail(8)'s rules and jailrun's defaults are known here, and
/// nowhere below.
struct Lowering {
    let jail: ConfiguredJail
    let identity: JailIdentity
    let facts: StartFacts

    var spec: JailSpec {
        var spec = entry
        (spec.mounts, spec.commands, spec.hooks) = (mounts, commands, hooks)
        return spec
    }

    /// For a process that enters the jail: all is mounted, and its commands have been started.
    var entry: JailSpec {
        let namespaces = namespaces
        return JailSpec(
            id: jail.name.value, root: root, namespaces: namespaces,
            ids: Located(identity.idRange.map { IDMaps($0) }, jail.privileges.userNamespace.origin), names: names,
            mounts: [], devices: devices, cgroup: cgroup,
            kernelParameters: ping(in: namespaces) + jail.process.settings, process: process, commands: [],
            hooks: Hooks())
    }

    private var root: RootFilesystem {
        RootFilesystem(
            source: RootSource(jail), path: jail.path, isReadOnly: jail.root.isReadOnly,
            isEphemeral: jail.root.isEphemeral)
    }

    private var namespaces: [NamespaceSpec] {
        func own(_ kind: NamespaceFlags) -> NamespaceSpec {
            NamespaceSpec(kind: kind, source: .own, origin: .standard(""))
        }
        return [own(.mount), own(.pid), own(.cgroup)]
            + (jail.host.isInherited.value ? [] : [own(.uts)])
            + (jail.privileges.sharesInterprocess.value ? [] : [own(.ipc)])
            + (identity.idRange == nil ? [] : [own(.user)]) + network
    }

    private var network: [NamespaceSpec] {
        let mode = jail.network.mode
        if mode.value == .inherit { return [] }
        guard let holder = facts.networkHolder else {
            return [NamespaceSpec(kind: .network, source: .own, origin: mode.origin)]
        }
        let origin = jail.network.addresses.first?.origin ?? mode.origin
        return [NamespaceSpec(kind: .network, source: .shared(with: holder), origin: origin)]
    }

    private var names: UTSNames {
        if jail.host.isInherited.value { return UTSNames() }
        return UTSNames(hostname: jail.hostname, domainName: jail.host.domainName)
    }

    private var cgroup: CgroupSpec {
        CgroupSpec(
            settings: jail.cgroup.filter { !facts.unavailableDefaults.contains($0.file) },
            children: jail.privileges.childrenMaximum)
    }

    /// Every group inside may send ICMP echo requests, icmp(7): then ping needs no raw socket. A network that others have made has
    /// their groups.
    private func ping(in namespaces: [NamespaceSpec]) -> [ProcessSettings.Setting] {
        let path = "net/ipv4/ping_group_range"
        guard namespaces.hasOwn(.network), !jail.process.settings.contains(where: { $0.path == path }) else {
            return []
        }
        let last = identity.idRange.map { $0.count - 1 } ?? UInt32(Int32.max)
        let origin = Origin.standard("sysctl.net.ipv4.ping_group_range = \"1 0\"")
        return [ProcessSettings.Setting(path: path, value: "0 \(last)", origin: origin)]
    }
}

extension ConfiguredJail {
    /// What the kernel is asked for, once the jail's ids are chosen and the host has been looked at.
    func lowered(as identity: JailIdentity, on facts: StartFacts) -> JailSpec {
        Lowering(jail: self, identity: identity, facts: facts).spec
    }

    /// The same for a process that enters it: without what a start alone needs.
    func loweredForEntry(as identity: JailIdentity, on facts: StartFacts) -> JailSpec {
        Lowering(jail: self, identity: identity, facts: facts).entry
    }
}

extension Planner {
    package init(jail: ConfiguredJail, identity: JailIdentity, facts: StartFacts) {
        self.init(jail: jail.lowered(as: identity, on: facts), facts: facts)
    }
}
