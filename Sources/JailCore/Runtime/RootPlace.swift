/// Where a jail's root is, and where root inside writes: recorded, for other jails must not lie there.
struct RootPlace: Codable, Sendable, Equatable {
    var path: String
    /// Empty when what it writes to its root vanishes, or it may not.
    var written: String

    init(path: String, written: String) { (self.path, self.written) = (path, written) }

    init(_ jail: JailSpec) {
        path = RootSource(jail).path
        written = jail.writtenRoot?.value ?? ""
    }

    /// Whether one of the two can replace folders that lead to the other's root, or change what is in it. Nested jails lie in each
    /// other; who writes to the host's own root has all jails anyway.
    func conflicts(with other: RootPlace) -> Bool {
        Self.isBelow(path, other.written) || Self.isBelow(written, other.written) || Self.isBelow(other.path, written)
            || Self.isBelow(other.written, written)
    }

    private static func isBelow(_ inner: String, _ outer: String) -> Bool {
        let (inner, outer) = (MountSpec.components(inner), MountSpec.components(outer))
        return !outer.isEmpty && inner.count > outer.count && inner.starts(with: outer)
    }
}

extension JailSpec {
    /// - Throws: when its root lies in that of another jail, or the other way round.
    func checkRoot(_ place: RootPlace, beside others: [(name: String, place: RootPlace)]) throws(RuntimeError) {
        let name = name.value
        for other in others where other.name != name && place.conflicts(with: other.place) {
            if name.hasPrefix("\(other.name).") || other.name.hasPrefix("\(name).") { continue }
            throw .unsuitable(
                jail: label, origin: path.origin,
                "path: \(Terminal.escaped(place.path)) and the root of jail \"\(Terminal.escaped(other.name))\", "
                    + "\(Terminal.escaped(other.place.path)), lie in each other",
                hint:
                    "root of the outer jail writes to the inner one's: keep roots beside each other, or nest the jail: "
                    + "\(Terminal.escaped(other.name)).\(Terminal.escaped(label))")
        }
    }
}
