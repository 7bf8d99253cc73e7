internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// What the jail's processes are to have, and this kernel does not give. A jail that asks for nothing of it costs no look.
extension FactFinder {
    func checkProcess() throws(RuntimeError) {
        for setting in jail.process.settings { try check(setting) }
        for limit in jail.process.limits { try check(limit) }
        if let score = jail.process.oomScore { try check(score) }
        try checkCapabilities()
    }

    /// Parameters of one interface are there when the jail has it.
    private func check(_ setting: ProcessSettings.Setting) throws(RuntimeError) {
        try checkKeepsAddresses(setting)
        if setting.interface != nil { return }
        let isThere = try attempt("\(jail.label): /proc/sys/\(setting.path)") { () throws(Errno) in
            try Files.isThere("/proc/sys/\(setting.path)")
        }
        if isThere { return }
        try refuse(
            "sysctl.\(setting.path.split(separator: "/").joined(separator: ".")): this kernel has no such parameter",
            setting.origin,
            hint: "sysctl -a lists those that it has; some need a module")
    }

    /// ipv6(7): a link where IPv6 is disabled loses its addresses, when the jail has them.
    private func checkKeepsAddresses(_ setting: ProcessSettings.Setting) throws(RuntimeError) {
        let parts = setting.path.split(separator: "/")
        guard parts.count == 5, parts[1] == "ipv6", parts[4] == "disable_ipv6", setting.value != "0",
            !["default", "lo"].contains(parts[3]),
            let address = jail.network.addresses.first(where: { $0.family == .ipv6 })
        else { return }
        try refuse(
            "sysctl.\(parts.joined(separator: ".")): would take the jail's address \(address.address) away",
            setting.origin,
            hint: "leave out one of them")
    }

    /// A command's own process performs these behind its filter, and tells nobody when it may not.
    func checkExecution(_ filter: SeccompFilter?, _ path: String) throws(RuntimeError) {
        if filter == nil || jail.startCommands.isEmpty { return }
        let reach = FilterReach(filter)
        let forbidden = SeccompTable.rows.first { row in
            guard row.name == "execve" || row.name == "close_range", let number = row.number else { return false }
            return reach.answer(to: number) == .never
        }
        guard let forbidden else { return }
        try refuse(
            "seccomp: \(path): the profile forbids \(forbidden.name)(2), without which no command can be started",
            jail.privileges.seccomp.origin,
            hint: "it must allow execve and close_range, and what the program itself needs")
    }

    private func check(_ limit: ProcessSettings.Limit) throws(RuntimeError) {
        if limit.resource == .nofile { try checkMost(limit) }
        try checkRaised(limit)
        guard let least = least(limit.resource), limit.soft < least else { return }
        try refuse(
            "ulimit.\(limit.resource.rawValue): \(limit.soft) is less than this jail needs to start, \(least)",
            limit.origin,
            hint: "the limit applies to the jail's first process, too")
    }

    /// setrlimit(2): no process may have more than that, whoever it is.
    private func checkMost(_ limit: ProcessSettings.Limit) throws(RuntimeError) {
        let text = try attempt("\(jail.label): fs.nr_open") { () throws(Errno) in
            try Files.text("/proc/sys/fs/nr_open").trimmed
        }
        guard let most = UInt64(text), limit.hard > most else { return }
        try refuse(
            "ulimit.nofile: \(Self.spelled(limit.hard)) is more than this host lets a process open, \(most)",
            limit.origin,
            hint: "sysctl fs.nr_open raises that")
    }

    /// setrlimit(2): only CAP_SYS_RESOURCE raises a hard limit. The jail's first process begins with jailrun's own limits, or
    /// with less: what `limits()` sets.
    private func checkRaised(_ limit: ProcessSettings.Limit) throws(RuntimeError) {
        if try raisesLimits() { return }
        var (soft, own): (UInt64, UInt64) = (0, 0)
        guard unsafe cns_limit(Int32(limit.resource.number), &soft, &own) == 0 else { return }
        let most = try Self.limits().first { $0.resource == limit.resource.number }?.hard ?? own
        if limit.hard <= most { return }
        try refuse(
            "ulimit.\(limit.resource.rawValue): \(Self.spelled(limit.hard)) is more than jailrun may give, \(Self.spelled(most))",
            limit.origin,
            hint: "raising a limit needs CAP_SYS_RESOURCE, which root does not have here")
    }

    /// proc(5): only CAP_SYS_RESOURCE goes below a least value, which no file shows. This process tries, and goes back.
    private func check(_ score: Located<Int>) throws(RuntimeError) {
        if try raisesLimits() { return }
        do throws(Errno) {
            let own = try Files.text("/proc/self/oom_score_adj").trimmed
            guard let number = Int(own), score.value < number else { return }
            let file = try Files.open("/proc/self/oom_score_adj", O_WRONLY)
            for value in ["\(score.value)", own] { try Files.write(Array(value.utf8), to: file.number) }
        } catch {
            try refuse(
                "oom.score: \(score.value) is less than jailrun may give: \(error.description)", score.origin,
                hint: "lowering it needs CAP_SYS_RESOURCE, which root does not have here")
        }
    }

    private func raisesLimits() throws(RuntimeError) -> Bool {
        if !host.authority.namespace.raisesLimits { return false }
        return try attempt("\(jail.label): cannot look at jailrun's own capabilities") { () throws(Errno) in
            try CapabilitySet.ofThisProcess().contains(.sysResource)
        }
    }

    private static func spelled(_ limit: UInt64) -> String { limit == .max ? "unlimited" : String(limit) }

    /// With less no start gets as far as the jail's first command: tried, and rounded up to what no change of a step undoes.
    private func least(_ resource: ResourceLimitName) -> UInt64? {
        switch resource {
        case .nofile: 32 + UInt64(jail.mounts.count)
        // One process waits for the other. The kernel does not count those of the host's own root.
        case .nproc: jail.privileges.userNamespace.value == .host || jail.startCommands.isEmpty ? nil : 2
        case .cpu: 1
        case .data, .stack: 128 << 10
        case .addressSpace: 1 << 20
        case .fsize, .core, .rss, .memlock, .locks, .sigpending, .msgqueue, .nice, .rtprio, .rttime: nil
        }
    }

    /// setresuid(2), setgroups(2) and file systems that are made for the jail take only ids that it has.
    func checkIDs(_ facts: StartFacts) throws(RuntimeError) {
        guard let count = IdentityRegistry.ids(of: jail, host.authority)?.count else { return }
        let (user, asked) = (facts.jailUser, jail.privileges.userNamespace.origin)
        let most = user.groups.reduce(max(user.uid, user.gid), max)
        if most >= count {
            let name = "exec.jail_user: \(Terminal.escaped(user.name)) has the user or group id"
            try object(tooFew(count, most, jail.commands.jailUser?.origin ?? asked, name))
        }
        if hasDevices(facts), facts.deviceTree.hasTerminals, Planner.terminalGroup >= count {
            try object(tooFew(count, Planner.terminalGroup, asked, "userns: the jail's terminals have the group id"))
        }
        for mount in jail.mounts where mount.kind == .tmpfs {
            for option in mount.data where option.hasPrefix("uid=") || option.hasPrefix("gid=") {
                guard let id = UInt32(option.dropFirst(4)), id >= count else { continue }
                try object(tooFew(count, id, mount.origin, "mount: \(option.prefix(3)) is"))
            }
        }
    }

    private func tooFew(_ count: UInt32, _ id: UInt32, _ origin: Origin, _ what: String) -> RuntimeError {
        .unsuitable(
            jail: jail.label, origin: origin, "\(what) \(id), and the jail has \(count) ids",
            hint: "userns = FIRST+\(max(IdentityRegistry.rangeCount, id &+ 1)) gives it enough")
    }

    /// In a user namespace of its own root has all of them; in the host's, no more than jailrun.
    private func checkCapabilities() throws(RuntimeError) {
        guard jail.privileges.userNamespace.value == .host, geteuid() == 0 else { return }
        let own = try attempt("cannot look at jailrun's own capabilities") { () throws(Errno) in
            try CapabilitySet.ofThisProcess()
        }
        let lacking = CapabilitySet(jail.privileges).subtracting(own)
        guard let first = lacking.capabilities.first else { return }
        let asked = jail.privileges.capAdd.first { $0.value == first.name }
        try refuse(
            "\(lacking.description): jailrun itself does not have this capability",
            asked?.origin ?? jail.privileges.userNamespace.origin,
            hint: "the caller of jailrun has fewer capabilities than root: see CapBnd in /proc/self/status")
    }
}
