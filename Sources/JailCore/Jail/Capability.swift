/// One capability of capabilities(7). The raw value is its number in the kernel, a bit of the sets in
/// `/proc/PID/status`.
package enum Capability: UInt8, CaseIterable, Sendable {
    case chown = 0
    case dacOverride = 1
    case dacReadSearch = 2
    case fowner = 3
    case fsetid = 4
    case kill = 5
    case setgid = 6
    case setuid = 7
    case setpcap = 8
    case linuxImmutable = 9
    case netBindService = 10
    case netBroadcast = 11
    case netAdmin = 12
    case netRaw = 13
    case ipcLock = 14
    case ipcOwner = 15
    case sysModule = 16
    case sysRawio = 17
    case sysChroot = 18
    case sysPtrace = 19
    case sysPacct = 20
    case sysAdmin = 21
    case sysBoot = 22
    case sysNice = 23
    case sysResource = 24
    case sysTime = 25
    case sysTtyConfig = 26
    case mknod = 27
    case lease = 28
    case auditWrite = 29
    case auditControl = 30
    case setfcap = 31
    case macOverride = 32
    case macAdmin = 33
    case syslog = 34
    case wakeAlarm = 35
    case blockSuspend = 36
    case auditRead = 37
    case perfmon = 38
    case bpf = 39
    case checkpointRestore = 40

    /// Takes the kernel's spelling in either case, with or without `CAP_`: `CAP_NET_RAW`, `net_raw`. Nil for any other
    /// word.
    package init?(name: String) {
        let upper = name.uppercased()
        let bare = upper.hasPrefix("CAP_") ? upper : "CAP_" + upper
        guard let found = Self.allCases.first(where: { $0.name == bare }) else { return nil }
        self = found
    }

    /// The canonical name, `CAP_NET_RAW`.
    package var name: String { Self.names[Int(rawValue)] }

    /// By number.
    private static let names = [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
        "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
        "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO",
        "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
        "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE",
        "CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
        "CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
    ]
}

extension Capability: CustomStringConvertible {
    package var description: String { name }
}

/// A set of capabilities, bit n for capability n, as capset(2) and `/proc/PID/status` have them.
package struct CapabilitySet: OptionSet, Hashable, Sendable, Codable {
    package var rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    package init(_ capabilities: some Sequence<Capability>) {
        self.init(rawValue: capabilities.reduce(0) { $0 | 1 << UInt64($1.rawValue) })
    }

    /// Every capability that is named here.
    package static let all = CapabilitySet(Capability.allCases)

    /// What root in a jail has when the configuration says nothing: enough to run a distribution's services as they
    /// come, and nothing that reaches beyond the jail's own files, processes and addresses.
    package static let standard = CapabilitySet([
        .chown, .dacOverride, .fowner, .fsetid, .kill, .setgid, .setuid, .setpcap, .netBindService, .sysChroot,
        .setfcap,
    ])

    package func contains(_ capability: Capability) -> Bool { rawValue & 1 << UInt64(capability.rawValue) != 0 }

    /// The members in the order of their numbers.
    package var capabilities: [Capability] { Capability.allCases.filter(contains) }

    /// As a line of `/proc/PID/status` shows it: 16 hexadecimal digits.
    package var procDescription: String {
        let digits = String(rawValue, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension CapabilitySet: CustomStringConvertible {
    /// The names in the order of their numbers, which is the order of `/proc`; `none` for the empty set.
    package var description: String {
        isEmpty ? "none" : capabilities.map(\.name).joined(separator: " ")
    }
}

extension CapabilitySet {
    /// The bounding, permitted and effective set of a jail: the standard set, what `allow.*`, `vnet` and `cap.add` give,
    /// less what `cap.drop` and `securelevel` take. A name that is not a capability adds nothing: `PrivilegeSpec` holds
    /// canonical names only.
    package init(_ privileges: PrivilegeSpec) {
        self = Self(openedBy: privileges)
        for permission in privileges.granted { formUnion(permission.value.capabilities) }
        if privileges.allowsJails { formUnion(CapabilitySet([.sysAdmin])) }
        subtract(Self(takenBy: privileges))
    }

    /// The part of the set that also opens the system calls that need it. The rest, which `allow.*` gave, opens those
    /// that the permission names.
    init(openedBy privileges: PrivilegeSpec) {
        var set = CapabilitySet.standard
        if privileges.allowsRawSockets.value { set.formUnion(CapabilitySet([.netRaw])) }
        if privileges.ownsNetwork.value { set.formUnion(CapabilitySet([.netAdmin])) }
        set.formUnion(CapabilitySet(named: privileges.capAdd))
        set.subtract(Self(takenBy: privileges))
        self = set
    }

    private init(takenBy privileges: PrivilegeSpec) {
        if !privileges.keeps(.superuser) {
            self = .all
            return
        }
        var set = CapabilitySet(named: privileges.capDrop)
        if !privileges.keeps(.reservedPorts) { set.formUnion(CapabilitySet([.netBindService])) }
        set.formUnion(PrivilegeSpec.taken(by: privileges.securityLevel.value))
        self = set
    }

    private init(named names: [Located<String>]) {
        self.init(names.compactMap { Capability(name: $0.value) })
    }
}
