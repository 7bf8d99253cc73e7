internal import CNamespaces

/// The default filter's table as Swift sees it: for documentation, and for tests that ask the compiled filter about
/// each row.
struct SeccompTable {
    enum Verdict: String {
        case allow, check, deny, absent
    }

    struct Row {
        var name: String
        var group: String
        /// Empty where the group's reason is enough.
        var why: String
        /// `cap.add` of one of these lets the call through.
        var capabilities: CapabilitySet
        /// Nil when this machine's architecture has no such call.
        var number: Int?
        var verdict: Verdict
        /// What of `allow.*` lets the call through, or what of `sysv*` and the like refuses it.
        var permission: SeccompPermissions
    }

    /// In the table's order.
    static let rows: [Row] = {
        var rows: [Row] = []
        var row = unsafe cns_seccomp_row()
        while unsafe cns_seccomp_row(rows.count, &row) == 0 {
            unsafe rows.append(Row(row))
        }
        return rows
    }()

    /// The highest number that the table knows.
    static var newestKnown: Int { Int(cns_seccomp_newest_known()) }
}

extension SeccompTable.Row {
    fileprivate init(_ row: cns_seccomp_row) {
        unsafe self.name = String(cString: row.name)
        unsafe self.group = String(cString: row.group)
        unsafe self.why = String(cString: row.why)
        unsafe self.capabilities = CapabilitySet(rawValue: row.capabilities)
        unsafe self.number = row.number >= 0 ? Int(row.number) : nil
        unsafe self.verdict = .init(row.verdict)
        unsafe self.permission = SeccompPermissions(rawValue: row.permission)
    }
}

extension SeccompTable.Verdict {
    fileprivate init(_ verdict: cns_seccomp_verdict) {
        switch verdict {
        case CNS_SECCOMP_ALLOW: self = .allow
        case CNS_SECCOMP_CHECK: self = .check
        case CNS_SECCOMP_DENY: self = .deny
        default: self = .absent
        }
    }
}
