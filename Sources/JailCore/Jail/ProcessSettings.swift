/// What the jail's processes start with: `ulimit.NAME`, `oom.score`, `umask`, `sysctl.NAME`.
package struct ProcessSettings: Equatable, Sendable, Codable {
    /// One `ulimit.NAME`, as setrlimit(2) has it; `UInt64.max` is no limit.
    package struct Limit: Equatable, Sendable, Codable {
        package var resource: ResourceLimitName
        package var soft: UInt64
        package var hard: UInt64
        package var origin: Origin
    }

    /// One `sysctl.NAME`.
    package struct Setting: Equatable, Sendable, Codable {
        /// Below `/proc/sys`, with slashes: `net/ipv4/ip_forward`.
        package var path: String
        package var value: String
        package var origin: Origin

        /// Of which it is a parameter, if it is one interface's: `net/ipv4/conf/eth0/forwarding`.
        var interface: String? {
            let parts = path.split(separator: "/")
            guard parts.count > 4, parts[2] == "conf" || parts[2] == "neigh" else { return nil }
            return parts[3] == "all" || parts[3] == "default" ? nil : String(parts[3])
        }
    }

    package var limits: [Limit]
    /// `oom_score_adj` of proc(5), -1000 to 1000.
    package var oomScore: Located<Int>?
    package var umask: Located<UInt32>
    package var settings: [Setting]
}

/// A resource of getrlimit(2), by the word that limits.conf(5) and ulimit have for it.
package enum ResourceLimitName: String, CaseIterable, Sendable, Codable {
    case cpu, fsize, data, stack, core, rss, nproc, nofile, memlock
    case addressSpace = "as"
    case locks, sigpending, msgqueue, nice, rtprio, rttime

    /// RLIMIT_*; the cases stand in the order of the kernel's numbers.
    package var number: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    /// `RLIMIT_NOFILE`.
    package var name: String { "RLIMIT_" + rawValue.uppercased() }

    /// Counted in bytes, so that K, M, G and T make sense.
    var isSize: Bool {
        switch self {
        case .fsize, .data, .stack, .core, .rss, .memlock, .addressSpace, .msgqueue: true
        case .cpu, .nproc, .nofile, .locks, .sigpending, .nice, .rtprio, .rttime: false
        }
    }
}
