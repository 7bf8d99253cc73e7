/// A user namespace as its own processes see it: user_namespaces(7).
package struct OwnUserNamespace: Equatable, Sendable, Codable {
    package enum Kind: String, Sendable, Codable {
        /// The machine's first.
        case initial
        /// Another one: made by whoever runs jailrun, or by a program around it.
        case own
        /// That of a jail with `children.max`.
        case jail
    }

    package var kind: Kind
    package var users: [IDMapping]
    package var groups: [IDMapping]

    package init(kind: Kind, users: [IDMapping], groups: [IDMapping]) {
        (self.kind, self.users, self.groups) = (kind, users, groups)
    }

    /// - Parameters: the texts of `/proc/self/uid_map` and `gid_map`.
    package init(kind: Kind, userMap: String, groupMap: String) {
        self.init(kind: kind, users: IDMapping.read(userMap), groups: IDMapping.read(groupMap))
    }

    package static let initial = OwnUserNamespace(kind: .initial, users: .everything, groups: .everything)

    /// Whether root here is the machine's root: what it makes on disk belongs to id 0 for all users of the machine, and
    /// what only id 0 can read is a secret of the machine.
    package var hasMachinesRoot: Bool { kind == .initial }

    /// Whether every file that can be seen belongs to somebody who has an id here: CAP_FOWNER and CAP_CHOWN apply to no
    /// others, capabilities(7).
    package var hasEveryID: Bool { kind == .initial }

    /// Whether CAP_SYS_RESOURCE applies: setrlimit(2) and proc(5) require that of the machine's root.
    package var raisesLimits: Bool { kind == .initial }

    /// Whether all rules of this network can be read by its root. Elsewhere some may belong to an outer namespace.
    package var seesEveryRule: Bool { kind == .initial }
}
