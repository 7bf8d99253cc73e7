/// Commands of the host that may make what a jail needs of it: its own, and those of the jails that are up before it.
struct HookMakers {
    /// `exec.prestart of db`
    typealias Maker = (parameter: String, commands: [Located<String>])

    private let jails: [String: ConfiguredJail]
    private let graph: DependencyGraph

    init(_ jails: [ConfiguredJail]) {
        self.jails = Dictionary(jails.map { ($0.name.value, $0) }, uniquingKeysWith: { first, _ in first })
        graph = DependencyGraph(jails)
    }

    /// What comes before anything is mounted.
    static func own(_ jail: ConfiguredJail) -> [Maker] {
        [("exec.prepare", jail.commands.prepare), ("exec.prestart", jail.commands.prestart)]
    }

    func ofOthers(before jail: ConfiguredJail) -> [Maker] { others(before: jail).flatMap(Self.all) }

    /// Whether there is any such command.
    func exist(before jail: ConfiguredJail) -> Bool {
        Self.own(jail).contains { !$0.commands.isEmpty } || existOfOthers(before: jail)
    }

    func existOfOthers(before jail: ConfiguredJail) -> Bool { ofOthers(before: jail).contains { !$0.commands.isEmpty } }

    private func others(before jail: ConfiguredJail) -> [ConfiguredJail] {
        let name = jail.name.value
        if graph.needs(of: name).isEmpty { return [] }
        return graph.dependencies(of: [name]).filter { $0 != name }.compactMap { jails[$0] }
    }

    private static func all(of jail: ConfiguredJail) -> [Maker] {
        let commands = jail.commands
        return [
            ("exec.prepare of \(jail.label)", commands.prepare), ("exec.prestart of \(jail.label)", commands.prestart),
            ("exec.created of \(jail.label)", commands.created),
            ("exec.poststart of \(jail.label)", commands.poststart),
        ]
    }
}
