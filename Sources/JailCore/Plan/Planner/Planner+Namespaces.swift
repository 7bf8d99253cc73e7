/// Namespaces that are there, by their paths: setns(2). What the first process gets of its own belongs to the user namespace that
/// it is born in, and so do its rights over that: a process of a moment joins what is given, and clones the first one there.
extension Planner {
    private var named: [(space: NamespaceSpec, path: String)] {
        jail.namespaces.compactMap { space in
            if case .path(let path) = space.source { (space, path) } else { nil }
        }
    }

    private func named(_ kind: NamespaceFlags) -> (space: NamespaceSpec, path: String)? {
        named.first { $0.space.kind == kind }
    }

    /// The user namespace, if it is not the jail's own: its ids are written already.
    var joinedUser: NamespaceSpec? { named(.user)?.space }

    func openNamespaces() -> [Step] {
        named.map { space, path in
            host(.open(path, [.closeOnExec], into: space.slot), .join(space.kind), space.origin, "open \(path)")
        }
    }

    /// The user namespace last: it takes the rights to those that do not belong to it. A pid namespace is that of children only.
    func joinBeforeBirth() -> [Step] {
        let order: [NamespaceFlags] = [.network, .ipc, .uts, .pid, .user]
        return hideMemory() + order.compactMap { join($0, .between) }
    }

    /// Who clones shares jailrun's memory: root of the user namespace is not to trace that. ptrace(2)
    private func hideMemory() -> [Step] {
        guard let user = joinedUser else { return [] }
        return [
            Step(
                operation: .call(.setDumpable(false)), side: .between, purpose: .join(.user), origin: user.origin,
                words: "keep others from tracing it")
        ]
    }

    /// By the child: who is in another cgroup namespace may clone nobody into a cgroup outside it.
    func joinCgroups() -> [Step] { [.cgroup].compactMap { join($0, .child) } }

    private func join(_ kind: NamespaceFlags, _ side: Step.Side) -> Step? {
        guard let (space, path) = named(kind) else { return nil }
        return Step(
            operation: .call(.joinNamespaces(space.slot, kind)), side: side, purpose: .join(kind),
            origin: space.origin, words: "join \(path)")
    }

    /// By a process that enters: those that others made may belong to another user namespace than the jail's.
    func joinJail() -> [Step] {
        let flags = jail.namespaces.flags
        let isMixed = !named.isEmpty && flags.contains(.user)
        let parts = isMixed ? [flags.subtracting(.user), .user] : [flags]
        return parts.map { child(.joinNamespaces(.joined, $0), .join($0), .standard(""), "join the jail's namespaces") }
    }
}

extension NamespaceSpec {
    /// Its file, opened by its path.
    var slot: Slot { kind == .user ? .userNamespace : Slot("namespace-\(kind)") }
}
