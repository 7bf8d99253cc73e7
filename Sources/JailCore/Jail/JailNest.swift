/// The jails of a file that are in one of it, and what the kernel has to allow for them: each is a cgroup below that of the jail
/// around it, and a jail that others are in, or may be, has its own processes in one more.
struct JailNest {
    /// In the order of the file, at every depth.
    let names: [String]
    /// What `cgroup.max.descendants` and `cgroup.max.depth` of the outermost must be at least.
    let descendants: Int
    let depth: Int

    /// Nil when there are none.
    init?(in outer: String, among jails: [ConfiguredJail]) {
        let inner = jails.filter { $0.name.value.hasPrefix("\(outer).") }
        if inner.isEmpty { return nil }
        names = inner.map(\.name.value)
        var (count, deepest) = (1, 1)
        for jail in inner {
            let name = jail.name.value
            let hasLeaf =
                jail.privileges.allowsJails || inner.contains { $0.name.value.hasPrefix("\(name).") }
            let levels = name.utf8.dropFirst(outer.utf8.count).filter { $0 == .dot }.count
            count += hasLeaf ? 2 : 1
            deepest = max(deepest, levels + (hasLeaf ? 1 : 0))
        }
        (descendants, depth) = (count, deepest)
    }

    private static let mostShown = 5

    /// `a.b, a.c`, and how many more.
    var shown: String {
        let rest = names.count - Self.mostShown
        return names.prefix(Self.mostShown).joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    }
}

extension ConfigurationReading {
    /// Of jails that are in others of the file: `children.max` of those, and the limits of their cgroups.
    mutating func checkNesting() {
        if jails.allSatisfy({ JailName.parent(of: $0.spec.name.value) == nil }) { return }
        let specs = jails.map(\.spec)
        var outer: Set<String> = []
        for spec in specs {
            var name = spec.name.value
            while let around = JailName.parent(of: name) {
                outer.insert(around)
                name = around
            }
        }
        for index in jails.indices where outer.contains(specs[index].name.value) {
            guard let nest = JailNest(in: specs[index].name.value, among: specs) else { continue }
            if checkCount(of: nest, in: index) { checkCgroups(of: nest, in: index) }
        }
    }

    /// From outside, 0 is no limit.
    private mutating func checkCount(of nest: JailNest, in index: Int) -> Bool {
        let maximum = jails[index].spec.privileges.childrenMaximum
        if maximum.value == 0 || nest.names.count <= maximum.value { return true }
        jails[index].reader.error(
            "children.max: \(maximum.value) is too few for the \(nest.names.count) jails of the file that are in it: "
                + nest.shown, at: maximum.place,
            hint: "children.max must be at least \(nest.names.count): jails count at every depth",
            jailMessage: "prison limit exceeded")
        return false
    }

    private mutating func checkCgroups(of nest: JailNest, in index: Int) {
        for (file, least) in [(CgroupSetting.nestedCount, nest.descendants), (CgroupSetting.nestedDepth, nest.depth)] {
            guard let setting = jails[index].spec.cgroup.last(where: { $0.file == file }),
                let value = Int(setting.value), value < least
            else { continue }
            jails[index].reader.error(
                "cgroup.\(file): \(value) is too few for the jails of the file that are in it: \(nest.shown)",
                at: Located(value, setting.origin).place,
                hint: "it must be at least \(least): each jail is a cgroup, and a jail that has jails in it, or may "
                    + "have, keeps its processes in one more below it")
        }
    }
}
