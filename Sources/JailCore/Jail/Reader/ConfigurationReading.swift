/// All jails of a configuration while they are checked against each other.
struct ConfigurationReading {
    struct Jail {
        var label: Bytes
        var spec: ConfiguredJail
        var reader: JailReader
    }

    var jails: [Jail]

    var diagnostics: [Diagnostic] { jails.flatMap(\.reader.diagnostics) }

    /// In the order of the files. A global parameter is read for each jail: its errors are reported once, where the
    /// same mends them all.
    var distinctDiagnostics: [Diagnostic] {
        var seen: Set<[String]> = []
        let distinct = diagnostics.filter {
            seen.insert([$0.location?.description ?? "", $0.message, $0.hint ?? ""]).inserted
        }
        let files = distinct.compactMap(\.location?.file)
        let ranked = distinct.map { diagnostic in
            (diagnostic, Place(files.firstIndex { $0 == diagnostic.location?.file } ?? 0, diagnostic.location))
        }
        return ranked.sorted { $0.1 < $1.1 }.map(\.0)
    }

    private struct Place: Comparable {
        let numbers: [Int]

        init(_ file: Int, _ location: SourceLocation?) { numbers = [file, location?.line ?? 0, location?.column ?? 0] }

        static func < (left: Self, right: Self) -> Bool { left.numbers.lexicographicallyPrecedes(right.numbers) }
    }

    /// With what keeps the jails from being up together, which a start of one of them does not mind.
    var checked: [Diagnostic] {
        var reading = self
        reading.checkAddresses()
        reading.checkNesting()
        reading.checkInterfaces()
        for index in reading.jails.indices { reading.jails[index].reader.checkSecrets() }
        return reading.distinctDiagnostics
    }

    /// jail(8) takes `/` for the root of a jail that names none. Here root inside would write the host's files: whoever means that
    /// says so.
    mutating func requireRoots() {
        for index in jails.indices where !jails[index].reader.hasPath {
            jails[index].reader.error(
                "jail \"\(jails[index].spec.label)\" has no path: its root would be the host's own /",
                at: jails[index].reader.jail.location,
                hint:
                    "write path = \"/ROOT\"; or, if you mean the host's root, path = /; and probably root.ephemeral"
            )
        }
    }

    // MARK: Uniqueness

    /// Jails that have their own stacks do not share an address, unless each has only that one.
    private mutating func checkAddresses() {
        var owners: [String: (jail: Int, place: SourceLocation)] = [:]
        for index in jails.indices where jails[index].spec.network.mode.value == .own {
            for address in jails[index].spec.network.addresses {
                let entry = Located(address.address, address.origin)
                guard let owner = owners[entry.value] else {
                    owners[entry.value] = (index, entry.place)
                    continue
                }
                if owner.jail == index { continue }  // told when it was read
                guard let objection = jails[index].spec.objection(toSharingWith: jails[owner.jail].spec) else {
                    continue
                }
                let jail = jails[owner.jail].label.printable()
                jails[index].reader.error(
                    "\(entry.value): jail \"\(jail)\" has it, too", at: entry.place,
                    hint: "see line \(owner.place.line); \(objection)")
            }
        }
    }

    mutating func checkUniqueness() {
        if jails.count < 2 { return }
        var labels: [Bytes: Int] = [:]
        var names: [String: Int] = [:]
        var numbers: [Int: Int] = [:]
        for index in jails.indices {
            let jail = jails[index]
            if let first = labels.updateValue(index, forKey: jail.label) {
                report(index, first, "two blocks define the jail \(jail.label.printable())") { $0.reader.jail.location }
                continue
            }
            let name = jail.spec.name
            if let first = names.updateValue(index, forKey: name.value) {
                report(index, first, "two blocks name the jail \"\(name.value)\"") { $0.spec.name.place }
            }
            guard let jid = jail.spec.jid else { continue }
            if let first = numbers.updateValue(index, forKey: jid.value) {
                report(index, first, "two blocks name the jail \(jid.value)") { $0.spec.jid?.place }
            }
        }
    }

    /// Which of the two is meant, nobody knows: neither is started.
    private mutating func report(_ index: Int, _ first: Int, _ message: String, at place: (Jail) -> SourceLocation?) {
        let places = [first, index].map { place(jails[$0]) ?? jails[$0].reader.jail.location }
        for (jail, here, other) in [(first, places[0], places[1]), (index, places[1], places[0])] {
            let place = here.file == other.file ? "line \(other.line)" : "\(other.file):\(other.line)"
            jails[jail].reader.error(
                message, at: here,
                hint: "the other is in \(place); they are not merged, and neither is started; rename one")
        }
    }

    // MARK: Dependencies

    /// `depend` names blocks; a nested jail depends on the one around it.
    mutating func readDependencies() {
        let labels = Labels(jails)
        for index in jails.indices {
            var depend = jails[index].reader.strings("depend")
            depend = depend.flatMap { entry in
                entry.value.split { $0 == "," || $0 == " " }.map { Located(String($0), entry.origin) }
            }
            // On a command line they are jails that run.
            for (place, entry) in depend.enumerated().reversed() where !jails[index].label.isEmpty {
                if let other = labels.index(of: Bytes(entry.value.utf8)) {
                    depend[place].value = jails[other].spec.name.value
                } else {
                    depend.remove(at: place)
                    reportUndefined(entry, for: index)
                }
            }
            jails[index].spec.depend = depend
            jails[index].spec.parent = parent(of: index, labels)
        }
        reportLoops()
    }

    /// The jails by their labels: thousands of them are looked for. Not a dictionary, whose types are made at every start:
    /// docs/design/0009.
    private struct Labels {
        private let sorted: [(label: Bytes, index: Int)]

        init(_ jails: [Jail]) {
            let labels = jails.enumerated().map { ($1.label, $0) }
            sorted = labels.count < 2 ? labels : labels.sorted { Self.isBefore($0, $1) }
        }

        private static func isBefore(_ left: (Bytes, Int), _ right: (Bytes, Int)) -> Bool {
            left.0 == right.0 ? left.1 < right.1 : left.0.lexicographicallyPrecedes(right.0)
        }

        /// The first of the file.
        func index(of label: Bytes) -> Int? {
            var (low, high) = (0, sorted.count)
            while low < high {
                let middle = (low + high) / 2
                if sorted[middle].label.lexicographicallyPrecedes(label) { low = middle + 1 } else { high = middle }
            }
            return low < sorted.count && sorted[low].label == label ? sorted[low].index : nil
        }
    }

    private func parent(of index: Int, _ labels: Labels) -> Located<String>? {
        guard let dot = jails[index].label.lastIndex(of: .dot),
            let other = labels.index(of: Bytes(jails[index].label[..<dot]))
        else { return nil }
        return Located(jails[other].spec.name.value, .configuration(jails[index].reader.jail.location))
    }

    private mutating func reportUndefined(_ entry: Located<String>, for index: Int) {
        let labels = jails.map { $0.label.printable() }
        let near = Spelling(entry.value).closest(in: labels).map { "did you mean \"\($0)\"?" }
        jails[index].reader.error("depends on undefined jail \"\(entry.shown)\"", at: entry.place, hint: near)
    }

    private mutating func reportLoops() {
        if jails.allSatisfy({ $0.spec.depend.isEmpty && $0.spec.parent == nil }) { return }
        for loop in DependencyGraph(jails.map(\.spec)).loops {
            guard let index = jails.firstIndex(where: { $0.spec.name.value == loop[0] }) else { continue }
            let entry = jails[index].spec.depend.first { loop.contains($0.value) }
            jails[index].reader.error(
                "dependency loop: \((loop + [loop[0]]).joined(separator: " needs "))",
                at: entry?.place ?? jails[index].reader.jail.location, jailMessage: "dependency loop")
        }
    }

    // MARK: Names

    /// Tells each jail that asks for it who the others are, whether they are started with it or not.
    mutating func introduceJails() {
        if jails.allSatisfy({ $0.spec.names == nil }) { return }
        let all = jails.map(\.spec).filter { !$0.network.addresses.isEmpty }.map(\.asNeighbour)
        for index in jails.indices {
            let name = jails[index].spec.name.value
            jails[index].spec.names?.neighbours = all.filter { $0.jail != name }
        }
    }

    // MARK: Selection

    /// Keeps the named jails and what they need.
    mutating func select(_ names: [String]) throws(ConfigurationFailure) {
        var chosen: [String] = []
        for name in names {
            let matching = jails.filter { Self.matches($0, name) }.map(\.spec.name.value)
            guard !matching.isEmpty else { throw ConfigurationFailure([notFound(name)]) }
            chosen += matching
        }
        let needed = Set(DependencyGraph(jails.map(\.spec)).dependencies(of: chosen))
        jails = jails.filter { needed.contains($0.spec.name.value) }
    }

    private static func matches(_ jail: Jail, _ name: String) -> Bool {
        let bytes = Bytes(name.utf8)
        if let pattern = JailWildcard(bytes) { return pattern.matches(jail.label) }
        return jail.label == bytes || jail.spec.name.value == name
    }

    private func notFound(_ name: String) -> Diagnostic {
        let near = Spelling(name).closest(in: jails.map(\.spec.name.value)).map { " (did you mean \"\($0)\"?)" } ?? ""
        let shown = Bytes(name.utf8).printable()
        return Diagnostic(
            "the configuration has no jail \"\(shown)\"\(near)", at: nil,
            jailMessage: Bytes("\"\(shown)\" not found".utf8))
    }
}
