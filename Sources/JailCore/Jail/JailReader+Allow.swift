/// `allow.*`, `sysv*` and `securelevel`: what root inside may do, as far as Linux has a switch for it.
extension JailReader {
    // MARK: Granted

    mutating func granted(_ userNamespace: PrivilegeSpec.UserNamespace, _ seccomp: PrivilegeSpec.Seccomp)
        -> [Located<Permission>]
    {
        let granted = Permission.allCases.compactMap { permission in
            optionalBoolean(permission.parameter).flatMap { asked in
                asked.value ? Located(permission, asked.origin) : nil
            }
        }
        for permission in granted { check(permission, userNamespace, seccomp) }
        checkTime(granted)
        checkMount(granted)
        return granted
    }

    private mutating func check(
        _ granted: Located<Permission>, _ userNamespace: PrivilegeSpec.UserNamespace, _ seccomp: PrivilegeSpec.Seccomp
    ) {
        let permission = granted.value
        if permission.needsHostIDs && userNamespace != .host {
            error(
                "\(permission.parameter): the kernel asks for the capability over the whole machine", at: granted.place,
                hint: "userns = host gives it, and makes root inside root outside")
        }
        if case .profile = seccomp, permission == .socketFamilies || permission == .readMessageBuffer {
            error("\(permission.parameter): the filter is the profile's", at: granted.place, hint: "permit it there")
        }
        if permission.needsConfinement && (userNamespace == .host || seccomp != .standard) {
            error(
                "\(permission.parameter): CAP_SYS_ADMIN would permit far more", at: granted.place,
                hint: "the default filter and user ids of the jail's own hold it to this: leave seccomp and userns out")
        }
    }

    /// ADJ_SETOFFSET of adjtimex(2) sets the clock, and stands where no filter can look.
    private mutating func checkTime(_ granted: [Located<Permission>]) {
        guard let adjust = granted.first(where: { $0.value == .adjustTime }),
            !granted.contains(where: { $0.value == .setTime })
        else { return }
        error(
            "allow.adjtime: adjtimex(2) can set the clock, too", at: adjust.place, hint: "say so: allow.settime as well"
        )
    }

    /// As jail(8) has it: each file system needs its own permission and `allow.mount`.
    private mutating func checkMount(_ granted: [Located<Permission>]) {
        let mount = optionalBoolean("allow.mount")
        let nullfs = granted.first { $0.value == .mountNullfs }
        if let nullfs, mount?.value != true {
            error("allow.mount.nullfs: needs allow.mount, too", at: nullfs.place)
        }
        if let mount, mount.value, nullfs == nil {
            say(
                .warning, "allow.mount has no effect: alone it permits nothing", at: mount.place,
                hint: "with allow.mount.nullfs root inside may bind folders; other types: mount, mount.fstab")
        }
    }

    // MARK: Withdrawn

    mutating func withdrawn(
        _ added: [Located<String>], _ granted: [Located<Permission>], _ seccomp: PrivilegeSpec.Seccomp
    ) -> [Located<Privilege>] {
        var withdrawn: [Located<Privilege>] = []
        for privilege in [Privilege.reservedPorts, .superuser, .debugging] {
            guard let kept = optionalBoolean(privilege.rawValue), !kept.value else { continue }
            withdrawn.append(Located(privilege, kept.origin))
        }
        withdrawn += withdrawnInterprocess()
        for privilege in withdrawn where privilege.value.isKeptByFilter && seccomp != .standard {
            error(
                "\(privilege.value.rawValue): the default filter takes it away, and seccomp names another",
                at: privilege.place)
        }
        if withdrawn.contains(where: { $0.value == .superuser }) {
            let contradictions = added.map(\.origin) + granted.filter { !$0.value.capabilities.isEmpty }.map(\.origin)
            for case .configuration(let place) in contradictions {
                error("allow.suser = false: root inside has no privileges, and this gives one", at: place)
            }
        }
        return withdrawn
    }

    private static let interprocess = [Privilege.messageQueues, .semaphores, .sharedMemory]

    /// What is disabled; and, where another is the host's, what the file says nothing of: FreeBSD's default.
    private mutating func withdrawnInterprocess() -> [Located<Privilege>] {
        let inherited = inheritedInterprocess()
        return Self.interprocess.compactMap { privilege in
            guard let mode = jailsys(privilege.rawValue) else { return inherited.map { Located(privilege, $0) } }
            return mode.value == .disable ? Located(privilege, mode.origin) : nil
        }
    }

    /// Where one of them is said to be the host's.
    private mutating func inheritedInterprocess() -> Origin? {
        for privilege in Self.interprocess {
            if let mode = jailsys(privilege.rawValue), mode.value == .inherit { return mode.origin }
        }
        return nil
    }

    /// One IPC namespace has queues, semaphores and shared memory: they are the host's together, or not at all.
    mutating func interprocess() -> Located<Bool> {
        guard let inherited = inheritedInterprocess() else { return Located(false, .standard("sysvshm = inherit")) }
        for privilege in Self.interprocess {
            guard let mode = jailsys(privilege.rawValue), mode.value == .new else { continue }
            error(
                "\(privilege.rawValue): an own one cannot be beside the host's, inherited in line \(inherited.place.line)",
                at: mode.place, hint: "inherit or disable: the three share a namespace")
        }
        return Located(true, inherited)
    }

    // MARK: securelevel

    /// Any value below 1 takes nothing away.
    mutating func securityLevel() -> Located<Int> {
        let standard = Located(-1, Origin.standard("securelevel = LEVEL"))
        guard let parameter = jail.parameter("securelevel"), let value = parameter.lastValue else { return standard }
        let isNegative = value.bytes.first == UInt8(ascii: "-")
        guard let level = DigitsOnly.value(isNegative ? value.bytes.dropFirst() : value.bytes[...], in: 0...9999),
            (-1...3).contains(isNegative ? -level : level)
        else {
            let shown = value.bytes.printable()
            error(
                "securelevel: \"\(shown)\" is no security level", at: value.location, hint: "-1 to 3",
                jailMessage: DigitsOnly.isInteger(value.bytes) ? nil : "securelevel: non-integer value \"\(shown)\"")
            return standard
        }
        return Located(isNegative ? -level : level, .configuration(value.location))
    }
}

extension PrivilegeSpec {
    /// What the security level takes from everybody inside.
    static func taken(by level: Int) -> CapabilitySet {
        var taken = CapabilitySet()
        if level >= 1 { taken.formUnion(CapabilitySet([.linuxImmutable, .sysModule, .sysRawio])) }
        if level >= 2 { taken.formUnion(CapabilitySet([.sysTime])) }
        if level >= 3 { taken.formUnion(CapabilitySet([.netAdmin])) }
        return taken
    }

    func keeps(_ privilege: Privilege) -> Bool { !withdrawn.contains { $0.value == privilege } }
}
