extension DeviceTree {
    /// Ids of the users and groups that rules name; nil when there is none of that name.
    package struct Names {
        package var uid: (String) -> UInt32?
        package var gid: (String) -> UInt32?

        package init(uid: @escaping (String) -> UInt32?, gid: @escaping (String) -> UInt32?) {
            self.uid = uid
            self.gid = gid
        }
    }

    /// Applies the rules of `ruleset`, one of `rules`, to the devices that every Linux has and to those of the host.
    ///
    /// As devfs(5) does: rules apply in order, later ones win, what no rule hides is visible, a hidden directory hides
    /// what is in it, and includes inside an included set are not followed.
    package init(
        applying ruleset: DevfsRules.Ruleset, of rules: DevfsRules, host devices: [HostDevice], names: Names
    ) throws(DevfsRulesError) {
        self.init()
        let evaluation = try RulesetEvaluation(ruleset, of: rules, names: names)
        var hidden: [String] = []
        for entry in DeviceTable.entries(host: devices) {
            let state = try evaluation.state(of: entry)
            let isInHidden =
                entry.name.utf8.contains(UInt8(ascii: "/"))
                && DeviceTable.parents(of: entry.name).contains(where: hidden.contains)
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
        let needed = nodes.flatMap { DeviceTable.parents(of: $0.path) }
        directories.removeAll { !needed.contains($0) }
    }
}

/// Which of a host's devices a ruleset may show: the others need no look at their numbers.
struct ShownNames {
    /// Nil: all of them.
    private let patterns: [Glob]?
    /// A machine has hundreds of names: most are told from every pattern by their first letter.
    private var mayBegin: [Bool]

    init(under ruleset: DevfsRules.Ruleset, of rules: DevfsRules) {
        var first: DevfsRules.Rule?
        var patterns: [Glob] = []
        var showsAll = false
        for outer in ruleset.rules {
            for rule in [outer] + (outer.includes.flatMap { rules.ruleset(number: $0) }?.rules ?? []) {
                if rule.includes == nil && first == nil { first = rule }
                guard rule.isVisible == true else { continue }
                if let path = rule.path { patterns.append(Glob(path)) } else { showsAll = true }
            }
        }
        // Without a rule that hides everything first, everything shows.
        let hidesFirst = first.map { $0.path == nil && $0.deviceClass == nil && $0.isVisible == false } ?? false
        self.patterns = hidesFirst && !showsAll ? patterns : nil
        mayBegin = [Bool](repeating: patterns.contains { $0.firstLetter == nil }, count: 256)
        for pattern in patterns { if let letter = pattern.firstLetter { mayBegin[Int(letter)] = true } }
    }

    /// The names outside of folders, when the rules name each that they may show; nil when `/dev` must be looked through.
    var candidates: [String]? {
        guard let patterns else { return nil }
        var names = DeviceTable.aliasedNames.filter(contains)
        for pattern in patterns {
            if pattern.isInFolder { continue }
            guard let name = pattern.literal else { return nil }
            if !names.contains(name) { names.append(name) }
        }
        return names
    }

    /// Whether a device of this name, or of a FreeBSD name that means it, may be shown.
    func contains(_ name: String) -> Bool {
        patterns == nil || matches(name) || DeviceTable.aliases(of: name).contains(where: matches)
    }

    /// Whether any in this folder may be.
    func mayContainSome(in folder: DeviceTable.Folder) -> Bool {
        guard let patterns else { return true }
        let beginnings = ([folder.name] + folder.aliases).map { Array($0.utf8) }
        return patterns.contains { pattern in beginnings.contains { pattern.mayMatchNames(beginningWith: $0) } }
    }

    private func matches(_ name: String) -> Bool {
        guard let patterns, let first = name.utf8.first, mayBegin[Int(first)] else { return false }
        let bytes = Array(name.utf8)
        return patterns.contains { $0.matches(bytes) }
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

    /// A rule, its includes put in its place, its pattern read once.
    private final class Prepared {
        let rule: DevfsRules.Rule
        let pattern: Glob?
        /// The rules of the set that it includes, which apply where it matches.
        let included: [Prepared]

        init(_ rule: DevfsRules.Rule, including included: [Prepared] = []) {
            self.rule = rule
            self.included = included
            pattern = rule.path.map(Glob.init)
        }

        func matches(_ entry: DeviceTable.Entry, _ names: [[UInt8]]) -> Bool {
            if let type = rule.deviceClass, entry.deviceClass != type { return false }
            guard let pattern else { return true }
            return names.contains(where: pattern.matches)
        }
    }

    private let prepared: [Prepared]
    private let names: DeviceTree.Names

    init(_ ruleset: DevfsRules.Ruleset, of rules: DevfsRules, names: DeviceTree.Names) throws(DevfsRulesError) {
        var prepared: [Prepared] = []
        for rule in ruleset.rules {
            var inner: [Prepared] = []
            if let number = rule.includes {
                guard let included = rules.ruleset(number: number) else {
                    throw .unknownInclude(number, at: rule.location)
                }
                inner = included.rules.map { Prepared($0) }
            }
            prepared.append(Prepared(rule, including: inner))
        }
        self.prepared = prepared
        self.names = names
    }

    func state(of entry: DeviceTable.Entry) throws(DevfsRulesError) -> State {
        var state = State()
        let spellings = [Array(entry.name.utf8)] + entry.aliases.map { Array($0.utf8) }
        for outer in prepared where outer.matches(entry, spellings) {
            try apply(outer.rule, to: &state)
            for rule in outer.included where rule.matches(entry, spellings) { try apply(rule.rule, to: &state) }
        }
        return state
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
