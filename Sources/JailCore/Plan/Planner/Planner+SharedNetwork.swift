/// A jail whose address another one has already is in that one's network. Only the host's root may join it, so that the
/// first process is born there: cloned by jailrun while that is in it.
extension Planner {
    private var networkOrigin: Origin { jail.namespaces[.network]?.origin ?? .standard("") }

    var networkHolder: StartFacts.NetworkHolder? {
        guard case .shared(let holder) = jail.namespaces[.network]?.source else { return nil }
        return holder
    }

    func enterNetwork() -> [Step] {
        guard let holder = networkHolder else { return [] }
        let enter = host(
            .joinNamespaces(.holderNetwork, .network), .enterNetwork(holder), networkOrigin,
            "enter the network of jail \"\(holder.jail)\"")
        return [enter] + prepareSysfs()
    }

    func leaveNetwork() -> [Step] {
        guard networkHolder != nil else { return [] }
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

    /// sysfs(5) can be mounted only by who owns the network namespace that it shows.
    var preparedSysfs: [PreparedSysfs] {
        if networkHolder == nil { return [] }
        return jail.mounts.filter { $0.source == .sysfs }.enumerated().map {
            PreparedSysfs(number: $0, target: $1.target, attributes: $1.attributes, origin: $1.origin)
        }
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

    func mountSysfs(_ mount: Mount) -> [Step] {
        guard let sysfs = preparedSysfs(at: mount.target, mount.origin) else { return mountNew("sysfs", [], mount) }
        return attach(sysfs.slot, at: mount.target, mount.origin, sysfs.purpose)
            + (mount.isBase
                ? [] : [child(.close(sysfs.slot), sysfs.purpose, mount.origin, "close the mount of /\(mount.target)")])
    }
}

extension Slot {
    /// Network namespaces of ns(7), opened before the plan runs.
    static let holderNetwork = Slot("holder-network")
    static let hostNetwork = Slot("host-network")
}
