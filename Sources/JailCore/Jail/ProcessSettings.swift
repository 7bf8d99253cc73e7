/// What the jail's processes start with: `ulimit.NAME`, `oom.score`, `umask`, `sysctl.NAME`.
public struct ProcessSettings: Equatable, Sendable, Codable {
    /// One `ulimit.NAME`, as setrlimit(2) has it; `UInt64.max` is no limit.
    public struct Limit: Equatable, Sendable, Codable {
        public var resource: ResourceLimitName
        public var soft: UInt64
        public var hard: UInt64
        public var origin: Origin
    }

    /// One `sysctl.NAME`.
    public struct Setting: Equatable, Sendable, Codable {
        /// Below `/proc/sys`, with slashes: `net/ipv4/ip_forward`.
        public var path: String
        public var value: String
        public var origin: Origin

        /// Of which it is a parameter, if it is one interface's: `net/ipv4/conf/eth0/forwarding`.
        var interface: String? {
            let parts = path.split(separator: "/")
            guard parts.count > 4, parts[2] == "conf" || parts[2] == "neigh" else { return nil }
            return parts[3] == "all" || parts[3] == "default" ? nil : String(parts[3])
        }
    }

    public var limits: [Limit]
    /// `oom_score_adj` of proc(5), -1000 to 1000.
    public var oomScore: Located<Int>?
    public var umask: Located<UInt32>
    public var settings: [Setting]
}

/// A resource of getrlimit(2), by the word that limits.conf(5) and ulimit have for it.
public enum ResourceLimitName: String, CaseIterable, Sendable, Codable {
    case cpu, fsize, data, stack, core, rss, nproc, nofile, memlock
    case addressSpace = "as"
    case locks, sigpending, msgqueue, nice, rtprio, rttime

    /// RLIMIT_*; the cases stand in the order of the kernel's numbers.
    public var number: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    /// `RLIMIT_NOFILE`.
    public var name: String { "RLIMIT_" + rawValue.uppercased() }

    /// Counted in bytes, so that K, M, G and T make sense.
    var isSize: Bool {
        switch self {
        case .fsize, .data, .stack, .core, .rss, .memlock, .addressSpace, .msgqueue: true
        case .cpu, .nproc, .nofile, .locks, .sigpending, .nice, .rtprio, .rttime: false
        }
    }
}
