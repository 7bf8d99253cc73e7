internal import SystemPackage

/// What many jails of a file need alike: looked up for the first of them.
package final class SharedLooks {
    private struct Filtered {
        var privileges: PrivilegeSpec
        var filter: SeccompFilter?
    }

    private var trees: [(ruleset: String, level: Int, tree: DeviceTree)] = []
    private var filters: [Filtered] = []
    private var answers: [(filter: SeccompFilter?, answers: FilterAnswers)] = []
    private var rules: DevfsRules?
    private var byAddress: [String: [ConfiguredJail]]?
    private var keys: [String: PlaceKeys] = [:]
    private var running: [ConfiguredJail]?
    private var fileHasOverlay: Bool?
    private var traces: [JailTrace]?
    private var names: Set<String>?

    package init() {}

    func devfsRules(otherwise find: () throws(DevfsRulesError) -> DevfsRules) throws(DevfsRulesError) -> DevfsRules {
        if let rules { return rules }
        let found = try find()
        rules = found
        return found
    }

    func deviceTree(
        _ ruleset: String, _ level: Int, otherwise find: () throws(RuntimeError) -> DeviceTree
    ) throws(RuntimeError) -> DeviceTree {
        if let known = trees.first(where: { $0.ruleset == ruleset && $0.level == level }) { return known.tree }
        let tree = try find()
        trees.append((ruleset, level, tree))
        return tree
    }

    func traces(in state: StateDirectory) throws(RuntimeError) -> [JailTrace] {
        if let traces { return traces }
        let found = try state.traces()
        traces = found
        return found
    }

    /// - Parameter jails: the same for all of them.
    func names(of jails: [ConfiguredJail]) -> Set<String> {
        let known = names ?? Set(jails.map(\.name.value))
        names = known
        return known
    }

    /// Jails that are up.
    func up(in state: StateDirectory) throws(RuntimeError) -> [ConfiguredJail] {
        if let known = running { return known }
        var found: [ConfiguredJail] = []
        for name in try state.names() {
            guard let record = try state.record(of: name), record.unreadable == nil, try record.isAlive() else {
                continue
            }
            found.append(record.spec)
        }
        running = found
        return found
    }

    /// Whether one of the file's jails has layers laid over each other.
    func haveOverlay(_ jails: [ConfiguredJail]) -> Bool {
        if let fileHasOverlay { return fileHasOverlay }
        let found = jails.contains { $0.mounts.contains { $0.layers != nil } }
        fileHasOverlay = found
        return found
    }

    func keys(of path: String, isSeen: Bool) -> PlaceKeys {
        if let known = keys[path] { return known }
        let found = PlaceKeys(path, isSeen: isSeen)
        keys[path] = found
        return found
    }

    func filter(
        _ privileges: PrivilegeSpec, otherwise find: () throws(RuntimeError) -> SeccompFilter?
    ) throws(RuntimeError) -> SeccompFilter? {
        if let known = filters.first(where: { $0.privileges.hasSameFilter(as: privileges) }) { return known.filter }
        let filter = try find()
        filters.append(Filtered(privileges: privileges, filter: filter))
        return filter
    }
}

extension SharedLooks {
    func answers(of filter: SeccompFilter?) -> FilterAnswers {
        if let known = answers.first(where: { $0.filter == filter }) { return known.answers }
        let found = FilterAnswers(filter)
        answers.append((filter, found))
        return found
    }

    /// The other jails that would be in its network, found by its first address.
    func neighbours(of jail: ConfiguredJail, among jails: [ConfiguredJail]) -> [ConfiguredJail] {
        guard let address = jail.network.addresses.first?.address else { return [] }
        let known = byAddress ?? Self.byAddress(jails)
        byAddress = known
        return (known[address] ?? []).filter { $0.name.value != jail.name.value && jail.sharesNetwork(with: $0) }
    }

    private static func byAddress(_ jails: [ConfiguredJail]) -> [String: [ConfiguredJail]] {
        var found: [String: [ConfiguredJail]] = [:]
        for jail in jails {
            for address in jail.network.addresses { found[address.address, default: []].append(jail) }
        }
        return found
    }
}

extension PrivilegeSpec {
    /// Whatever a filter is made of.
    func hasSameFilter(as other: PrivilegeSpec) -> Bool {
        seccomp.value == other.seccomp.value && CapabilitySet(self) == CapabilitySet(other)
            && CapabilitySet(openedBy: self) == CapabilitySet(openedBy: other)
            && SeccompPermissions(self) == SeccompPermissions(other)
    }
}
