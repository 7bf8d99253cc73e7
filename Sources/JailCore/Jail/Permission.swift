/// A permission of `allow.*` that is off unless the file gives it. The raw value is the name behind `allow.`.
package enum Permission: String, CaseIterable, Sendable, Codable {
    case setHostname = "set_hostname"
    case setUserID = "suid"
    case chflags
    case mlock
    case socketFamilies = "socket_af"
    case readMessageBuffer = "read_msgbuf"
    case mountNullfs = "mount.nullfs"
    case setTime = "settime"
    case adjustTime = "adjtime"
    case setAudit = "setaudit"

    package var parameter: String { "allow.\(rawValue)" }

    /// What the kernel asks for. With ids of the jail's own it is a capability over the jail's namespaces only.
    var capabilities: CapabilitySet {
        switch self {
        case .setHostname, .mountNullfs: CapabilitySet([.sysAdmin])
        case .chflags: CapabilitySet([.linuxImmutable])
        case .readMessageBuffer: CapabilitySet([.syslog])
        case .setTime, .adjustTime: CapabilitySet([.sysTime])
        case .setAudit: CapabilitySet([.auditWrite, .auditControl])
        case .mlock, .socketFamilies, .setUserID: []
        }
    }

    /// The kernel asks for the capability in the host's user namespace: `userns = host` is needed.
    var needsHostIDs: Bool {
        switch self {
        case .chflags, .setTime, .adjustTime, .setAudit: true
        case .setHostname, .mlock, .socketFamilies, .readMessageBuffer, .mountNullfs, .setUserID: false
        }
    }

    /// CAP_SYS_ADMIN is held to this permission by the default filter, and by ids of the jail's own: it needs both.
    var needsConfinement: Bool { capabilities.contains(.sysAdmin) }
}

/// What a jail has unless the file takes it away.
package enum Privilege: String, CaseIterable, Sendable, Codable {
    case reservedPorts = "allow.reserved_ports"
    case superuser = "allow.suser"
    case debugging = "allow.unprivileged_proc_debug"
    case messageQueues = "sysvmsg"
    case semaphores = "sysvsem"
    case sharedMemory = "sysvshm"

    /// No capability stands for it.
    var isKeptByFilter: Bool { self != .reservedPorts && self != .superuser }
}
