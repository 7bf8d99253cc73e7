/// What the jails of a file share: the cgroups above theirs, and jailrun's bridge with the host's addresses on it. Made before
/// the first jail that needs it, each thing once; taken back with the last jail of whichever file.
struct SharedPlanner {
    private var jails: [ConfiguredJail] = []
    private var levels: [StartFacts.CgroupLevel] = []
    private var network: [Located<NetworkOperation>] = []
    private var mark = CgroupMark.trusted

    init() {}

    /// Of one jail.
    init(_ jail: ConfiguredJail, _ facts: StartFacts) { add(jail, facts) }

    mutating func add(_ jail: ConfiguredJail, _ facts: StartFacts) {
        jails.append(jail)
        mark = facts.authority.mark
        for level in facts.cgroupLevels where !level.isOfJail { merge(level) }
        for operation in facts.sharedNetwork where !network.contains(where: { $0.value == operation.value }) {
            network.append(operation)
        }
    }

    private mutating func merge(_ level: StartFacts.CgroupLevel) {
        guard let index = levels.firstIndex(where: { $0.path == level.path }) else { return levels.append(level) }
        for controller in level.missingControllers where !levels[index].missingControllers.contains(controller) {
            levels[index].missingControllers.append(controller)
        }
    }

    var steps: [Step] {
        levels.flatMap { $0.steps(for: jails.flatMap(\.cgroup), mark: mark) }
            + network.map { operation in
                Step(
                    operation: .network(operation.value), side: .host, purpose: .network(operation.value),
                    origin: operation.origin, words: "connect the network",
                    undo: operation.value.undo.map { [.network($0)] } ?? [])
            }
    }
}

extension StartFacts.CgroupLevel {
    /// A cgroup has the files of a controller when its parent gives it that, so they are enabled from the top down.
    func steps(for settings: [CgroupSetting], mark: CgroupMark) -> [Step] {
        let purpose = Purpose.cgroupLevel(self)
        func step(_ call: SystemCall, _ origin: Origin, _ words: Phrase) -> Step {
            Step(operation: .call(call), side: .host, purpose: purpose, origin: origin, words: words)
        }
        let make = [
            step(.ensureDirectory(path, mode: CgroupMark.levelMode), .standard(""), "make the cgroup \(path)"),
            step(
                .setAttribute(mark.attribute, to: CgroupMark.level, ofPath: path), .standard(""),
                "mark the cgroup as made by jailrun"),
        ]
        return (exists ? [] : make)
            + missingControllers.flatMap { controller in
                let origin = Self.origin(of: controller, settings)
                let file = "\(path)/cgroup.subtree_control"
                return [
                    step(.open(file, [.writeOnly, .closeOnExec], into: .controllerFile), origin, "open \(file)"),
                    step(
                        .write("+\(controller)", to: .controllerFile), origin,
                        "enable the cgroup controller \(controller) in \(path)"),
                    step(.close(.controllerFile), origin, "close \(file)"),
                ]
            }
    }

    private static func origin(of controller: String, _ settings: [CgroupSetting]) -> Origin {
        settings.first { $0.file.hasPrefix(controller + ".") }?.origin ?? .standard("")
    }
}
