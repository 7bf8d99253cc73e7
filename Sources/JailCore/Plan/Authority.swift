/// What this process may ask of the kernel, and where: found once, at the start of a command. docs/design/0039.
///
/// Each answer is a member of its own. Whoever needs one uses that member, not the namespace that jailrun runs in.
package struct Authority: Equatable, Sendable, Codable {
    /// Where the cgroups of jails lie: cgroups(7).
    package enum CgroupPlace: Equatable, Sendable, Codable {
        /// The hierarchy is mounted there, and all of it is the machine's root's.
        case root(String)
        /// Of that cgroup and what is below it, somebody else has made this process's root the owner.
        case delegated(String, by: Delegator)
        case none
    }

    package enum Delegator: String, Sendable, Codable {
        /// A service manager: systemd's `Delegate=yes`.
        case service
        /// A jail with `children.max`, or whoever else has put this process into another cgroup namespace.
        case jail
    }

    /// Which ids there are, and what root among them is on the machine.
    package var namespace: OwnUserNamespace
    /// mknod(2) of devices. Otherwise existing devices are shown a second time.
    package var canMakeNodes: Bool
    /// bpf(2), for the program that decides on each device. Otherwise only the programs of the outer cgroups decide.
    package var canLoadPrograms: Bool
    /// mount_setattr(2) with MOUNT_ATTR_IDMAP, which only root of a file system's own user namespace may. Which file systems can be
    /// idmapped at all is another question.
    package var canIdmap: Bool
    /// Links, addresses and rules of the network that this process is in.
    package var canConfigureNetwork: Bool
    package var cgroup: CgroupPlace
    /// How jailrun recognises its cgroups.
    package var mark: CgroupMark
    package var stateDirectory: String

    /// - Parameter capabilities: the effective ones. They are not checked for the machine's root: if it still may not
    ///   do something, the step that fails says so.
    package init(
        namespace: OwnUserNamespace, capabilities: CapabilitySet, cgroup: CgroupPlace, stateDirectory: String
    ) {
        self.namespace = namespace
        (self.cgroup, self.stateDirectory) = (cgroup, stateDirectory)
        let isMachines = namespace.kind == .initial
        (canMakeNodes, canLoadPrograms, canIdmap) = (isMachines, isMachines, isMachines)
        canConfigureNetwork = isMachines || capabilities.contains(.netAdmin)
        mark = isMachines ? .trusted : .user
    }

    /// The machine's root.
    package static let machines = Authority(
        namespace: .initial, capabilities: [], cgroup: .root("/sys/fs/cgroup"), stateDirectory: "/run/jailrun")

    /// The ids that every jail gets, one to one; nil where each gets some of the machine's for itself.
    package var sharedIDs: IDRange? {
        if namespace.kind == .initial { return nil }
        let count = min(namespace.users.countFromRoot, namespace.groups.countFromRoot)
        return IDRange(first: 0, count: max(count, 1))
    }

    /// The jails are made in a jail, whose `children.max` says how many.
    package var isInJail: Bool { if case .delegated(_, by: .jail) = cgroup { true } else { false } }
}
