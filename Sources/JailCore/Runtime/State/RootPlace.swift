/// Where a jail's root is, and where root inside writes: recorded, for other jails must not lie there.
struct RootPlace: Codable, Sendable, Equatable {
    var path: String
    /// Empty when what it writes to its root vanishes, or it may not.
    var written: String

    init(path: String, written: String) { (self.path, self.written) = (Self.plain(path), Self.plain(written)) }

    init(_ jail: ConfiguredJail) { self.init(path: RootSource(jail).path, written: jail.writtenRoot?.value ?? "") }

    /// Without slashes and dots that mean nothing: each start compares its own with all others.
    private static func plain(_ path: String) -> String {
        path.isEmpty ? "" : "/" + MountSpec.components(path).joined(separator: "/")
    }

    /// Whether one of the two can replace folders that lead to the other's root, or change what is in it. Nested jails lie in each
    /// other; who writes to the host's own root has all jails anyway.
    func conflicts(with other: RootPlace) -> Bool {
        Self.isBelow(path, other.written) || Self.isBelow(written, other.written) || Self.isBelow(other.path, written)
            || Self.isBelow(other.written, written)
    }

    private static func isBelow(_ inner: String, _ outer: String) -> Bool {
        outer.utf8.count > 1 && inner.utf8.count > outer.utf8.count && inner.utf8.starts(with: outer.utf8)
            && inner.utf8.dropFirst(outer.utf8.count).first == .slash
    }
}

/// Of many jails, found by the folders that they lie in.
struct RootPlaces {
    typealias Entry = (name: String, place: RootPlace)
    private var byWritten: [String: [Entry]] = [:]
    private var byFolder: [String: [Entry]] = [:]

    mutating func add(_ name: String, _ place: RootPlace) {
        if place.written.utf8.count > 1 { byWritten[place.written, default: []].append((name, place)) }
        for folder in Self.folders(of: place) { byFolder[folder, default: []].append((name, place)) }
    }

    /// All that conflict with it are among these.
    func near(_ place: RootPlace) -> [Entry] {
        Self.folders(of: place).flatMap { byWritten[$0] ?? [] } + (byFolder[place.written] ?? [])
    }

    /// All that lead to the root, and to where it is written; `/` is none.
    private static func folders(of place: RootPlace) -> Set<String> {
        var folders: Set<String> = []
        for path in [place.path, place.written] {
            var rest = path.utf8[...]
            while let slash = rest.lastIndex(of: .slash), slash > path.startIndex {
                rest = rest[..<slash]
                folders.insert(String(Substring(rest)))
            }
        }
        return folders
    }
}

extension ConfiguredJail {
    /// - Throws: when its root lies in that of another jail, or the other way round.
    func checkRoot(_ place: RootPlace, beside others: [(name: String, place: RootPlace)]) throws(RuntimeError) {
        let name = name.value
        for other in others where other.name != name && place.conflicts(with: other.place) {
            if name.hasPrefix("\(other.name).") || other.name.hasPrefix("\(name).") { continue }
            throw .unsuitable(
                jail: label, origin: path.origin,
                "path: \(Terminal.escaped(place.path)) and the root of jail \"\(Terminal.escaped(other.name))\", "
                    + "\(Terminal.escaped(other.place.path)), overlap",
                hint:
                    "root of the outer jail can write to the inner one: keep the roots apart, or nest the jail: "
                    + "\(Terminal.escaped(other.name)).\(Terminal.escaped(label))")
        }
    }
}
