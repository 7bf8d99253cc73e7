/// Which jails need which: `depend`, and nesting.
package struct DependencyGraph: Sendable {
    /// In file order.
    package let names: [String]
    private let needs: [String: [String]]

    package init(_ specs: [ConfiguredJail]) {
        names = specs.map(\.name.value)
        let needs = specs.map { ($0.name.value, $0.depend.map(\.value) + ($0.parent.map { [$0.value] } ?? [])) }
        self.needs = Dictionary(needs, uniquingKeysWith: { first, _ in first })
    }

    /// What a jail needs directly: those that must be up, and its outer jail, which must exist.
    package func needs(of name: String) -> [String] { needs[name] ?? [] }

    /// Jails that another one needs directly.
    package var needed: Set<String> {
        Set(names.flatMap { name in needs(of: name).filter { $0 != name } })
    }

    /// The jails and all that they need, in file order: what is started when they are started.
    package func dependencies(of chosen: [String]) -> [String] {
        var found: Set<String> = []
        var waiting = chosen
        while let name = waiting.popLast() {
            if found.insert(name).inserted { waiting += needs(of: name) }
        }
        return names.filter { found.contains($0) }
    }

    /// Jails that can start at once, wave after wave: each needs only jails of earlier waves; file order within a wave.
    ///
    /// Stopping goes through the waves backwards. Needs outside `chosen` do not count; jails in a loop are in no wave.
    package func waves(of chosen: [String]) -> [[String]] {
        eliminate(chosen).waves
    }

    /// Takes the jails away in waves, each without needs among those that are left. What remains is in a loop, or needs one.
    private func eliminate(_ chosen: [String]) -> (waves: [[String]], rest: Set<String>) {
        var rest = Set(chosen)
        var lacking: [String: Int] = [:]
        var users: [String: [String]] = [:]
        for name in names where rest.contains(name) && lacking[name] == nil {
            let inside = Set(needs(of: name)).intersection(rest)
            lacking[name] = inside.count
            for need in inside { users[need, default: []].append(name) }
        }
        let places = Dictionary(zip(names, names.indices), uniquingKeysWith: { first, _ in first })
        var wave = names.filter { lacking[$0] == 0 }
        var waves: [[String]] = []
        while !wave.isEmpty {
            waves.append(wave)
            rest.subtract(wave)
            var next: [String] = []
            for user in wave.flatMap({ users[$0] ?? [] }) {
                lacking[user, default: 0] -= 1
                if lacking[user] == 0 { next.append(user) }
            }
            wave = next.sorted { places[$0, default: 0] < places[$1, default: 0] }
        }
        return (waves, rest)
    }

    /// The places in the file, each after those that it needs: wave after wave.
    package var startOrder: [Int] {
        let places = Dictionary(zip(names, names.indices), uniquingKeysWith: { first, _ in first })
        return waves(of: names).flatMap { $0 }.compactMap { places[$0] }
    }

    /// One loop for each group of jails that need each other, each beginning with its first jail in file order.
    var loops: [[String]] {
        let suspects = eliminate(names).rest
        var told: Set<String> = []
        return names.filter(suspects.contains).compactMap { name in
            guard !told.contains(name), let loop = loop(through: name) else { return nil }
            told.formUnion(loop)
            return loop
        }
    }

    /// The shortest way from a jail back to itself.
    private func loop(through name: String) -> [String]? {
        var paths = [[name]]
        var seen: Set<String> = []
        while !paths.isEmpty {
            let path = paths.removeFirst()
            for next in needs(of: path[path.count - 1]) {
                if next == name { return path }
                if seen.insert(next).inserted { paths.append(path + [next]) }
            }
        }
        return nil
    }
}
