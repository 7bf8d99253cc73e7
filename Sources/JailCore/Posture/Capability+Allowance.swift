extension Capability {
    /// Over what a capability counts.
    enum Reach {
        /// Over what belongs to the process's user namespace: with ids of the jail's own, the jail's files and namespaces.
        case namespace
        /// The kernel asks for it in the host's user namespace: with ids of the jail's own it allows nothing.
        case machine
    }

    /// What it allows, what it counts over, and its share of the part in hundredths with the host's ids: capabilities(7).
    /// Those that are root by themselves weigh most; the sum is the part's.
    private var judgement: (allows: String, reach: Reach, weight: Int) {
        switch self {
        case .chown: ("give files to any user", .namespace, 3)
        case .dacOverride: ("read, write and execute files regardless of their permissions", .namespace, 5)
        case .dacReadSearch: ("read all files and folders, and open files by handle", .namespace, 10)
        case .fowner: ("change modes, times and attributes of others' files", .namespace, 3)
        case .fsetid: ("keep set-user-id bits on files that change", .namespace, 1)
        case .kill: ("signal processes of every user", .namespace, 2)
        case .setgid: ("become any group", .namespace, 3)
        case .setuid: ("become any user", .namespace, 3)
        case .setpcap: ("drop capabilities for good, and pass them on", .namespace, 2)
        case .linuxImmutable: ("set and clear the immutable flags of files", .machine, 2)
        case .netBindService: ("listen on ports below 1024", .namespace, 1)
        case .netBroadcast: ("nothing; the kernel does not check it", .namespace, 1)
        case .netAdmin: ("configure links, addresses, routes and packet filters", .namespace, 12)
        case .netRaw: ("send and see raw packets", .namespace, 6)
        case .ipcLock: ("lock memory without limit", .machine, 2)
        case .ipcOwner: ("use System V objects of every user", .namespace, 3)
        case .sysModule: ("load code into the kernel", .machine, 17)
        case .sysRawio: ("reach hardware ports and the machine's memory", .machine, 17)
        case .sysChroot: ("chroot(2)", .namespace, 1)
        case .sysPtrace: ("read and control every process of the jail", .namespace, 8)
        case .sysPacct: ("write a record of every process of the machine", .machine, 2)
        case .sysAdmin: ("mount, make and enter namespaces, and much else", .namespace, 17)
        case .sysBoot: ("load another kernel; reboot(2) by itself ends only the jail", .machine, 8)
        case .sysNice: ("raise priorities, choose processors and memory nodes", .namespace, 3)
        case .sysResource: ("exceed limits and quotas", .machine, 6)
        case .sysTime: ("set the clock of the machine", .machine, 6)
        case .sysTtyConfig: ("hang up and configure terminals", .machine, 2)
        case .mknod: ("make device nodes", .machine, 5)
        case .lease: ("take leases on others' files", .machine, 1)
        case .auditWrite: ("write to the machine's audit log", .machine, 2)
        case .auditControl: ("configure auditing", .machine, 4)
        case .setfcap: ("set capabilities on files", .namespace, 3)
        case .macOverride: ("bypass mandatory access control", .machine, 5)
        case .macAdmin: ("change mandatory access control", .machine, 5)
        case .syslog: ("read the kernel's messages and addresses", .machine, 4)
        case .wakeAlarm: ("wake the machine", .machine, 1)
        case .blockSuspend: ("keep the machine awake", .machine, 1)
        case .auditRead: ("read the audit log", .machine, 2)
        case .perfmon: ("watch performance of the whole machine", .machine, 6)
        case .bpf: ("load programs into the kernel", .machine, 10)
        case .checkpointRestore: ("choose process ids, and open what processes have mapped", .namespace, 5)
        }
    }

    var reach: Reach { judgement.reach }
    var weight: Int { judgement.weight }

    /// `listen on ports below 1024`: after "can".
    func allowance(overMachine: Bool) -> String {
        let judgement = judgement
        if overMachine || judgement.reach == .namespace { return judgement.allows }
        return "nothing: the kernel requires it on the whole machine"
    }
}

extension CapabilitySet {
    /// Capabilities with which root of the host's ids takes the machine, where the calls for it pass.
    static let ofMachine = CapabilitySet([.dacReadSearch, .sysModule, .sysRawio, .sysAdmin])

    /// Hundredths. Over the jail's own namespaces a capability weighs a fifth, and one that counts over the machine only,
    /// nothing.
    func exposure(overMachine: Bool) -> Int {
        let counted = capabilities.filter { overMachine || $0.reach == .namespace }.reduce(0) { $0 + $1.weight }
        return overMachine || counted == 0 ? counted : max(1, (counted + 2) / 5)
    }
}
