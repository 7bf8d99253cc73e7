internal import SystemPackage

extension Authority {
    /// Looks for it. In the machine's first user namespace nothing is asked but where the cgroups are: its root may do all of this.
    /// A user who is not root, who starts nothing, is told what root would do.
    static func ofThisProcess() throws(RuntimeError) -> Authority {
        let namespace = try attempt("/proc/self/ns/user") { () throws(Errno) in try OwnUserNamespace.ofThisProcess }
        let capabilities = try attempt("cannot look at jailrun's own capabilities") { () throws(Errno) in
            namespace.kind == .initial ? [] : try CapabilitySet.ofThisProcess()
        }
        return Authority(
            namespace: namespace, capabilities: capabilities, cgroup: try cgroupPlace(in: namespace),
            stateDirectory: StateDirectory.path(in: namespace))
    }

    private static func cgroupPlace(in namespace: OwnUserNamespace) throws(RuntimeError) -> CgroupPlace {
        let found = try attempt("cannot look for cgroups") { () throws(Errno) in try Cgroup.mountPoint() }
        guard let mountPoint = found else { return .none }
        if namespace.kind != .initial { return .delegated(mountPoint, by: .jail) }
        let service = try attempt("cannot look at this process's cgroup") { () throws(Errno) in
            try Cgroup.delegated(under: mountPoint)
        }
        return service.map { .delegated($0.path, by: .service) } ?? .root(mountPoint)
    }
}

extension Authority.Delegator {
    /// Where the processes go that a delegated cgroup holds: one that holds some gives no controllers to those below it.
    var leaf: String { self == .jail ? CgroupMark.leaf : ".supervisor" }
}
