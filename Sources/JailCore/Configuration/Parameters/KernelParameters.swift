/// The parameters that a jail has while it runs, as opposed to those that only jail(8) reads: what FreeBSD's
/// jail_get(2) returns, jls(8) prints, and `jail -m` may change.
package enum KernelParameters {
    /// FreeBSD's that this version knows, and jailrun's own, in jls(8)'s order: those without a dot first, each by name.
    package static let all: [String] = ParameterTable.rows.filter { $0.listing == .always }.map(\.name).sorted {
        let hasDots = ($0.utf8.contains(.dot), $1.utf8.contains(.dot))
        return hasDots.0 == hasDots.1 ? $0 < $1 : hasDots.1
    }

    /// Whether it may be asked for: one of `all`, or of a family such as `meta.KEY` and `cgroup.FILE`.
    package static func contains(_ name: String) -> Bool {
        switch ParameterTable.row(exactly: name)?.listing {
        case .always, .whenSet, .byName: true
        case .never, nil: false
        }
    }

    /// The boolean of which this is the other spelling: `persist` of `nopersist`, `allow.mount` of `allow.nomount`; nil
    /// for any other name. Under that name its value is negated, as in jailparam_get(3).
    package static func positive(of name: String) -> String? {
        let start = name.lastIndex(of: ".").map { name.index(after: $0) } ?? name.startIndex
        guard name[start...].hasPrefix("no"), !all.contains(name) else { return nil }
        let positive = name[..<start] + name[start...].dropFirst(2)
        guard all.contains(String(positive)) else { return nil }
        return ParameterTable.row(Bytes(positive.utf8))?.kind == .boolean ? String(positive) : nil
    }

    /// Whether it belongs to a family of which only those that were set are listed: `cgroup.FILE`, `ulimit.NAME`,
    /// `sysctl.NAME`.
    package static func isSettable(_ name: String) -> Bool {
        ParameterTable.row(exactly: name)?.listing == .whenSet
    }

    /// Whether the value can be read but not set.
    package static func isReadOnly(_ name: String) -> Bool { ParameterTable.row(Bytes(name.utf8))?.kind == .readOnly }

    /// Whether it says whose a part is, `ip4` of `ip4.addr`: the jail's own, the host's, or nobody's.
    package static func isPart(_ name: String) -> Bool { ParameterTable.row(exactly: name)?.kind == .jailsys }

    /// Whether a jail keeps it from its start to its end.
    package static func isFixed(_ name: String) -> Bool {
        switch ParameterTable.row(exactly: name)?.change {
        case .atStart, .atCreation: true
        case .whileUp, .atNextStart, .withoutEffect, nil: false
        }
    }

    /// Whether FreeBSD's kernel accepts it only for a new jail.
    package static func isCreateOnly(_ name: String) -> Bool {
        ParameterTable.row(exactly: name)?.change == .atCreation
    }
}
