internal import CNamespaces

/// What jail.conf changes in the default filter beside capabilities: `enum cns_seccomp_permission`.
struct SeccompPermissions: OptionSet, Equatable {
    let rawValue: UInt32

    init(rawValue: UInt32) { self.rawValue = rawValue }
    private init(_ permission: cns_seccomp_permission) { self.init(rawValue: permission.rawValue) }

    static let setHostname = Self(CNS_PERMIT_HOSTNAME)
    static let bindMount = Self(CNS_PERMIT_BIND_MOUNT)
    static let setTime = Self(CNS_PERMIT_SET_TIME)
    static let adjustTime = Self(CNS_PERMIT_ADJUST_TIME)
    static let readMessages = Self(CNS_PERMIT_MESSAGES)
    static let allFamilies = Self(CNS_PERMIT_FAMILIES)
    static let jails = Self(CNS_PERMIT_JAILS)
    static let noDebugging = Self(CNS_REFUSE_DEBUGGING)
    static let noMessageQueues = Self(CNS_REFUSE_SYSVMSG)
    static let noSemaphores = Self(CNS_REFUSE_SYSVSEM)
    static let noSharedMemory = Self(CNS_REFUSE_SYSVSHM)

    init(_ privileges: PrivilegeSpec) {
        self = privileges.granted.reduce(into: []) { $0.formUnion(Self($1.value)) }
        if privileges.allowsJails { formUnion(.jails) }
        for privilege in privileges.withdrawn { formUnion(Self(withdrawing: privilege.value)) }
    }

    private init(_ permission: Permission) {
        switch permission {
        case .setHostname: self = .setHostname
        case .mountNullfs: self = .bindMount
        case .setTime: self = .setTime
        case .adjustTime: self = .adjustTime
        case .readMessageBuffer: self = .readMessages
        case .socketFamilies: self = .allFamilies
        case .chflags, .mlock, .setAudit, .setUserID: self = []
        }
    }

    private init(withdrawing privilege: Privilege) {
        switch privilege {
        case .debugging: self = .noDebugging
        case .messageQueues: self = .noMessageQueues
        case .semaphores: self = .noSemaphores
        case .sharedMemory: self = .noSharedMemory
        case .reservedPorts, .superuser: self = []
        }
    }
}
