extension DeviceTree {
    /// Ids of the users and groups that rules name; nil when there is none of that name.
    public struct Names {
        public var uid: (String) -> UInt32?
        public var gid: (String) -> UInt32?

        public init(uid: @escaping (String) -> UInt32?, gid: @escaping (String) -> UInt32?) {
            self.uid = uid
            self.gid = gid
        }
    }

    /// Applies the rules of `ruleset`, one of `rules`, to the devices that every Linux has and to those of the host.
    ///
    /// As devfs(5) does: rules apply in order, later ones win, what no rule hides is visible, a hidden directory hides
    /// what is in it, and includes inside an included set are not followed.
    public init(
        applying ruleset: DevfsRules.Ruleset, of rules: DevfsRules, host devices: [HostDevice], names: Names
    ) throws(DevfsRulesError) {
        self.init()
        let evaluation = RulesetEvaluation(rules: rules, names: names)
        var hidden: [String] = []
        for entry in DeviceTable.entries(host: devices) {
            let state = try evaluation.state(of: entry, under: ruleset)
            let isInHidden = DeviceTable.parents(of: entry.name).contains(where: hidden.contains)
            if state.isVisible && !isInHidden {
                insert(entry, state)
            } else {
                hidden.append(entry.name)
            }
        }
        prune()
    }

    private mutating func insert(_ entry: DeviceTable.Entry, _ state: RulesetEvaluation.State) {
        switch entry.content {
        case .node(var node):
            node.mode = state.mode ?? node.mode
            node.uid = state.uid ?? node.uid
            node.gid = state.gid ?? node.gid
            nodes.append(node)
        case .link(let target): links.append(DeviceLink(path: entry.name, target: target))
        case .directory where entry.name == "pts": hasTerminals = true
        case .directory: directories.append(entry.name)
        }
    }

    /// No link to what is not there, and no directory without a device in it.
    private mutating func prune() {
        if !hasTerminals { links.removeAll { $0.path == "ptmx" } }
        let needed = Set(nodes.flatMap { DeviceTable.parents(of: $0.path) })
        directories.removeAll { !needed.contains($0) }
    }
}

/// The rules of one ruleset, applied to one entry at a time.
private struct RulesetEvaluation {
    struct State {
        var isVisible = true
        var mode: UInt16?
        var uid: UInt32?
        var gid: UInt32?
    }

    let rules: DevfsRules
    let names: DeviceTree.Names

    func state(
        of entry: DeviceTable.Entry, under ruleset: DevfsRules.Ruleset
    ) throws(DevfsRulesError) -> State {
        var state = State()
        for rule in ruleset.rules where matches(rule, entry) {
            try apply(rule, to: &state)
            guard let number = rule.includes else { continue }
            guard let included = rules.ruleset(number: number) else {
                throw .unknownInclude(number, at: rule.location)
            }
            for inner in included.rules where matches(inner, entry) { try apply(inner, to: &state) }
        }
        return state
    }

    private func matches(_ rule: DevfsRules.Rule, _ entry: DeviceTable.Entry) -> Bool {
        if let type = rule.deviceClass, entry.deviceClass != type { return false }
        guard let path = rule.path else { return true }
        let glob = Glob(path)
        return glob.matches(entry.name) || entry.aliases.contains(where: glob.matches)
    }

    private func apply(_ rule: DevfsRules.Rule, to state: inout State) throws(DevfsRulesError) {
        if let isVisible = rule.isVisible { state.isVisible = isVisible }
        if let mode = rule.mode { state.mode = mode }
        if let user = rule.user {
            guard let uid = id(user, names.uid) else { throw .unknownUser(user.description, at: rule.location) }
            state.uid = uid
        }
        if let group = rule.group {
            guard let gid = id(group, names.gid) else { throw .unknownGroup(group.description, at: rule.location) }
            state.gid = gid
        }
    }

    private func id(_ owner: DevfsRules.Owner, _ named: (String) -> UInt32?) -> UInt32? {
        switch owner {
        case .number(let number): number
        case .name(let name): named(name)
        }
    }
}
