/// A namespace of the jail that is not the host's: namespaces(7).
package struct NamespaceSpec: Equatable, Sendable {
    package enum Source: Equatable, Sendable {
        /// Made for this jail.
        case own
        /// That of another jail, which runs.
        case shared(with: StartFacts.NetworkHolder)
        /// A file of ns(7), as written.
        case path(String)
    }

    /// One flag.
    package var kind: NamespaceFlags
    package var source: Source
    package var origin: Origin
}

extension [NamespaceSpec] {
    /// What setns(2) joins, and what unshare(2) or clone3(2) makes.
    var flags: NamespaceFlags { reduce(into: []) { $0.insert($1.kind) } }

    subscript(kind: NamespaceFlags) -> NamespaceSpec? { first { $0.kind == kind } }

    /// Whether the jail has one that nobody else has.
    func hasOwn(_ kind: NamespaceFlags) -> Bool { self[kind]?.source == .own }
}

/// Which ids of the namespace around the jail's are: user_namespaces(7). In the order of `/proc/PID/uid_map`.
package struct IDMaps: Equatable, Sendable {
    package var users: [IDMapping]
    package var groups: [IDMapping]

    /// Of its users from root on.
    var range: IDRange { IDRange(first: users.first?.outside ?? 0, count: users.first?.count ?? 0) }

    /// The id around that is a user of the jail's; nil for one that it does not have.
    func outside(_ user: UInt32) -> UInt32? {
        users.first { user >= $0.inside && user - $0.inside < $0.count }.map { $0.outside + (user - $0.inside) }
    }
}

extension IDMaps {
    /// One range, from 0 inside on, for both.
    init(_ range: IDRange) {
        let map = [IDMapping(inside: 0, outside: range.first, count: range.count)]
        self.init(users: map, groups: map)
    }
}
