/// A jail whose address another one has already is in that one's network. Only the host's root may join it, so that the
/// first process is born there: cloned by jailrun while that is in it.
extension Planner {
    private var networkOrigin: Origin { jail.network.addresses.first?.origin ?? jail.network.mode.origin }

    func enterNetwork() -> [Step] {
        guard let holder = facts.networkHolder else { return [] }
        let enter = host(
            .joinNamespaces(.holderNetwork, .network), .enterNetwork(holder), networkOrigin,
            "enter the network of jail \"\(holder.jail)\"")
        return [enter] + prepareSysfs()
    }

    func leaveNetwork() -> [Step] {
        guard facts.networkHolder != nil else { return [] }
        return [host(.joinNamespaces(.hostNetwork, .network), .leaveNetwork, networkOrigin, "leave that network")]
    }

    // MARK: sysfs

    struct PreparedSysfs {
        var number: Int
        var target: String
        var attributes: MountAttributes
        var origin: Origin
        var slot: Slot { Slot("sysfs-\(number)") }
        var purpose: Purpose { .attachSysfs(number: number, target: target) }
    }

    static let sysfsAttributes: MountAttributes = [.readOnly, .noSetuid, .noDevices, .noExec]

    /// sysfs(5) can be mounted only by who owns the network namespace that it shows.
    var preparedSysfs: [PreparedSysfs] {
        guard facts.networkHolder != nil else { return [] }
        var prepared: [PreparedSysfs] = []
        func prepare(_ target: String, _ attributes: MountAttributes, _ origin: Origin) {
            prepared.append(
                PreparedSysfs(number: prepared.count, target: target, attributes: attributes, origin: origin))
        }
        for mount in jail.mounts where mount.kind.provision == .sysfs && !isSysfs(mount) {
            prepare(mount.relativeTarget, mount.attributes.union(.readOnly), mount.origin)
        }
        if hasSysfs { prepare("sys", Self.sysfsAttributes, jail.pseudoFilesystems.sysfs.origin) }
        return prepared
    }

    private func prepareSysfs() -> [Step] {
        preparedSysfs.flatMap { sysfs in
            func step(_ call: SystemCall, _ words: Phrase) -> Step {
                host(call, .prepareSysfs(number: sysfs.number, sysfs.attributes), sysfs.origin, words)
            }
            return [
                step(.openFilesystem("sysfs", into: .filesystem), "open sysfs"),
                step(.createSuperblock(.filesystem), "make sysfs for /\(sysfs.target)"),
                step(.mountDetached(.filesystem, sysfs.attributes, into: sysfs.slot), "mount sysfs"),
                step(.close(.filesystem), "close sysfs"),
            ]
        }
    }

    func preparedSysfs(at target: String, _ origin: Origin) -> PreparedSysfs? {
        preparedSysfs.first { $0.target == target && $0.origin == origin }
    }

    /// One that the configuration mounts.
    func mountSysfs(at target: String, _ attributes: MountAttributes, _ origin: Origin) -> [Step] {
        guard let sysfs = preparedSysfs(at: target, origin) else {
            return mountNew("sysfs", at: target, attributes, [], origin)
        }
        return attach(sysfs.slot, at: target, origin, sysfs.purpose)
            + [child(.close(sysfs.slot), sysfs.purpose, origin, "close the mount of /\(target)")]
    }
}

extension Slot {
    /// Network namespaces of ns(7), opened before the plan runs.
    static let holderNetwork = Slot("holder-network")
    static let hostNetwork = Slot("host-network")
}
