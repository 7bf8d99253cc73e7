/// The parameters that a jail has while it runs, as opposed to those that only jail(8) reads: what jail_get(2) of FreeBSD tells,
/// jls(8) prints, and `jail -m` may change.
public enum KernelParameters {
    /// FreeBSD's that this version knows, and jailrun's own, in jls(8)'s order: those without a dot first, each by name.
    public static let all: [String] = names.filter(isKnown).sorted { left, right in
        let hasDots = (left.utf8.contains(.dot), right.utf8.contains(.dot))
        return hasDots.0 == hasDots.1 ? left < right : hasDots.1
    }

    /// Whether it may be asked for: one of `all`, or of a family such as `meta.KEY` and `cgroup.FILE`.
    public static func contains(_ name: String) -> Bool {
        all.contains(name) || isSettable(name)
            || families.contains { name.hasPrefix($0) && name.utf8.count > $0.utf8.count }
    }

    /// The boolean of which this is the other spelling: `persist` of `nopersist`, `allow.mount` of `allow.nomount`; nil of any
    /// other name. Asked by it, it is told what it is not, as of jailparam_get(3).
    public static func positive(of name: String) -> String? {
        let start = name.lastIndex(of: ".").map { name.index(after: $0) } ?? name.startIndex
        guard name[start...].hasPrefix("no"), !all.contains(name) else { return nil }
        let positive = name[..<start] + name[start...].dropFirst(2)
        guard all.contains(String(positive)) else { return nil }
        return ParameterTable.row(Bytes(positive.utf8))?.kind == .boolean ? String(positive) : nil
    }

    /// Whether it is of a family of which only those that were set are told: `cgroup.FILE`, `ulimit.NAME`, `sysctl.NAME`.
    public static func isSettable(_ name: String) -> Bool {
        settable.contains { name.hasPrefix($0) && name.utf8.count > $0.utf8.count }
    }

    /// Whether the value is told, and cannot be set.
    public static func isReadOnly(_ name: String) -> Bool { ParameterTable.row(Bytes(name.utf8))?.kind == .readOnly }

    /// Whether a running jail's can be changed: what a process of the jail already has, its capabilities, its filter or its root,
    /// cannot be taken away or given here.
    public static func isChangeable(_ name: String) -> Bool {
        if changeable.contains(name) || families.contains(where: { name.hasPrefix($0) }) { return true }
        if createOnly.contains(name) { return false }
        // Accepted without effect: then any other harmless value has none either.
        switch ParameterTable.row(Bytes(name.utf8))?.fate {
        case .noted, .withheld: return true
        case .done, .refused, nil: return false
        }
    }

    /// Whether FreeBSD's kernel takes it of a new jail only.
    public static func isCreateOnly(_ name: String) -> Bool { createOnly.contains(name) }

    /// FreeBSD's, whatever becomes of them here.
    private static let createOnly = ["jid", "path", "ip4", "ip6", "vnet", "osrelease", "osreldate", "linux", "host"]
    private static let changeable = [
        "name", "persist", "host.hostname", "ip4.addr", "ip6.addr", "interface", "meta", "env",
    ]
    private static let families = ["meta.", "env.", "cgroup."]
    private static let settable = ["cgroup.", "ulimit.", "sysctl."]

    private static func isKnown(_ name: String) -> Bool {
        guard let row = ParameterTable.row(Bytes(name.utf8)) else { return false }
        if row.kind == .readOnly { return true }
        switch row.fate {
        case .done, .noted, .withheld: return true
        case .refused: return false
        }
    }

    private static let names: [String] =
        [
            "children.cur", "children.max", "cpuset.id", "devfs_ruleset", "dying", "enforce_statfs", "env", "host",
            "host.domainname", "host.hostid", "host.hostname", "host.hostuuid", "ip4", "ip4.addr", "ip4.saddrsel",
            "ip6", "ip6.addr", "ip6.saddrsel", "jid", "linux", "linux.osname", "linux.osrelease",
            "linux.oss_version", "meta", "name", "osreldate", "osrelease", "parent", "path", "persist", "securelevel",
            "sysvmsg", "sysvsem", "sysvshm", "vnet",
        ]
        + ["cap.add", "cap.drop", "root.ephemeral", "root.readonly", "seccomp", "userns", "oom.score", "umask"]
        + ParameterTable.rows.map(\.name).filter { $0.hasPrefix("allow.") && $0 != "allow.dying" }
}
