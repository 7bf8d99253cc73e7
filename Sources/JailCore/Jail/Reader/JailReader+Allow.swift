/// `allow.*`, `sysv*` and `securelevel`: what root inside may do, as far as Linux has a switch for it.
extension JailReader {
    // MARK: Granted

    /// Those that the jail gets. One that Linux could only give together with far more is left out, and the jail is tighter than it
    /// asks to be: that is said, and no error, as in jail.conf files of FreeBSD it stands beside what matters.
    mutating func granted(_ userNamespace: PrivilegeSpec.UserNamespace, _ seccomp: PrivilegeSpec.Seccomp)
        -> [Located<Permission>]
    {
        let asked = Permission.allCases.compactMap { permission in
            optionalBoolean(permission.parameter).flatMap { asked in
                asked.value ? Located(permission, asked.origin) : nil
            }
        }
        var granted: [Located<Permission>] = []
        for permission in asked {
            if let lack = lack(of: permission.value, userNamespace, seccomp) {
                withhold(permission, lack.why, hint: lack.hint)
            } else {
                granted.append(permission)
            }
        }
        checkMount(granted)
        return granted
    }

    private mutating func withhold(_ permission: Located<Permission>, _ why: String, hint: String?) {
        say(.note, "\(permission.value.parameter) is not granted: \(why)", at: permission.place, hint: hint)
    }

    private mutating func lack(
        of permission: Permission, _ userNamespace: PrivilegeSpec.UserNamespace, _ seccomp: PrivilegeSpec.Seccomp
    ) -> (why: String, hint: String?)? {
        if permission.needsHostIDs && userNamespace != .host {
            return (
                "the kernel requires the capability on the whole host",
                "userns = host grants it, and makes root inside root outside"
            )
        }
        if case .profile = seccomp, permission == .socketFamilies || permission == .readMessageBuffer {
            return ("the file has a seccomp profile of its own", "permit it there")
        }
        if permission.needsConfinement && (userNamespace == .host || seccomp != .standard) {
            return (
                "CAP_SYS_ADMIN would permit far more",
                "the default filter and a private user namespace limit it to this: leave out seccomp and userns"
            )
        }
        // ADJ_SETOFFSET of adjtimex(2) sets the clock, and stands where no filter can look.
        if permission == .adjustTime, optionalBoolean(Permission.setTime.parameter)?.value != true {
            return ("adjtimex(2) can set the clock, too", "add allow.settime")
        }
        // As jail(8) has it: each file system needs its own permission and `allow.mount`.
        if permission == .mountNullfs, optionalBoolean("allow.mount")?.value != true {
            return ("it also needs allow.mount", nil)
        }
        return nil
    }

    private mutating func checkMount(_ granted: [Located<Permission>]) {
        guard let mount = optionalBoolean("allow.mount"), mount.value,
            !granted.contains(where: { $0.value == .mountNullfs })
        else { return }
        say(
            .note, "allow.mount has no effect by itself", at: mount.place,
            hint: "with allow.mount.nullfs root inside may bind-mount folders; for other types: mount, mount.fstab")
    }

    /// What the security level, or `allow.suser = false`, takes from them.
    mutating func withhold(from privileges: inout PrivilegeSpec) {
        let level = privileges.securityLevel.value
        let taken = PrivilegeSpec.taken(by: level)
        let isPowerless = !privileges.keeps(.superuser)
        for permission in privileges.granted {
            let needed = permission.value.capabilities
            if !needed.isDisjoint(with: taken) {
                withhold(permission, "securelevel = \(level) takes it away", hint: nil)
            } else if isPowerless && !needed.isEmpty {
                withhold(permission, "with allow.suser = false root inside has no privileges", hint: nil)
            } else {
                continue
            }
            privileges.granted.removeAll { $0.value == permission.value }
        }
    }

    private static let networkCapabilities = [Capability.netBindService, .netAdmin, .netRaw].map(\.name)

    /// In the host's network its own user namespace counts: ids of a jail's own have no capability there.
    mutating func withholdNetwork(_ mode: Located<NetworkSpec.Mode>, from privileges: inout PrivilegeSpec) {
        guard mode.value == .inherit, privileges.userNamespace.value != .host, privileges.keeps(.superuser) else {
            return
        }
        let why = "in the host's network the kernel requires root of the host"
        let hint = "userns = host grants it, and makes root inside root outside; or give the jail an address of its own"
        for added in privileges.capAdd where Self.networkCapabilities.contains(added.value) {
            say(.warning, "cap.add: \(added.value) has no effect there: \(why)", at: added.place, hint: hint)
        }
        if privileges.allowsRawSockets.value {
            let place = privileges.allowsRawSockets.place
            say(.warning, "allow.raw_sockets is not granted: \(why)", at: place, hint: hint)
            privileges.allowsRawSockets.value = false
        }
        guard privileges.keeps(.reservedPorts) else { return }
        let asked = optionalBoolean(Privilege.reservedPorts.rawValue)
        say(
            .warning, "allow.reserved_ports is not granted: ports below 1024 cannot be bound: \(why)",
            at: asked?.place ?? mode.place, hint: hint)
        privileges.withdrawn.append(Located(.reservedPorts, asked?.origin ?? mode.origin))
    }

    // MARK: Withdrawn

    mutating func withdrawn(_ added: [Located<String>], _ seccomp: PrivilegeSpec.Seccomp) -> [Located<Privilege>] {
        var withdrawn: [Located<Privilege>] = []
        for privilege in [Privilege.reservedPorts, .superuser, .debugging] {
            guard let kept = optionalBoolean(privilege.rawValue), !kept.value else { continue }
            withdrawn.append(Located(privilege, kept.origin))
        }
        withdrawn += withdrawnInterprocess()
        for privilege in withdrawn where privilege.value.isKeptByFilter && seccomp != .standard {
            error(
                "\(privilege.value.rawValue): only the default filter can take it away, and seccomp names another",
                at: privilege.place)
        }
        if withdrawn.contains(where: { $0.value == .superuser }) {
            for case .configuration(let place) in added.map(\.origin) {
                error("allow.suser = false: root inside has no privileges, and this would give it one", at: place)
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
                "\(privilege.rawValue): new contradicts the host's, inherited in line \(inherited.place.line)",
                at: mode.place, hint: "use inherit or disable: the three share a namespace")
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
                "securelevel: \"\(shown)\" is not a security level", at: value.location, hint: "-1 to 3",
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
