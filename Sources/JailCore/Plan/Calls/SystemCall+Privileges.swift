internal import CNamespaces

/// Ids, capabilities, seccomp and what else a process carries.
extension SystemCall {
    static func setGroups(_ groups: [UInt32]) -> Self {
        let list = groups.map(String.init).joined(separator: ", ")
        let structure = Structure(bytes: groups.flatMap(\.littleEndianBytes), spelling: "[\(list)]")
        return Self(
            "setgroups", cns_number_setgroups,
            [.integer(groups.count), groups.isEmpty ? .null : .structure(structure)])
    }

    static func setGroupIDs(_ gid: UInt32) -> Self {
        Self("setresgid", cns_number_setresgid, Array(repeating: .integer(Int(gid)), count: 3))
    }

    static func setUserIDs(_ uid: UInt32) -> Self {
        Self("setresuid", cns_number_setresuid, Array(repeating: .integer(Int(uid)), count: 3))
    }

    /// The effective user alone, and with it that of files: a user namespace belongs to who makes it.
    static func setEffectiveUser(_ uid: UInt32) -> Self {
        let same = CallArgument.integer(-1)
        return Self("setresuid", cns_number_setresuid, [same, .integer(Int(uid)), same])
    }

    /// The ids that new files get, and no others: setfsuid(2), setfsgid(2). They return the ones before.
    static func setFileOwner(uid: UInt32) -> Self { Self("setfsuid", cns_number_setfsuid, [.integer(Int(uid))]) }
    static func setFileOwner(gid: UInt32) -> Self { Self("setfsgid", cns_number_setfsgid, [.integer(Int(gid))]) }

    /// With SECBIT_NO_SETUID_FIXUP a change of ids takes no capability: capabilities(7).
    static func keepCapabilities(_ isOn: Bool) -> Self {
        Self(
            "prctl", cns_number_prctl,
            [
                .integer(28, spelled: "PR_SET_SECUREBITS"),
                isOn ? .integer(4, spelled: "SECBIT_NO_SETUID_FIXUP") : .integer(0),
            ])
    }

    static func setNoNewPrivileges() -> Self {
        Self(
            "prctl", cns_number_prctl,
            [.integer(38, spelled: "PR_SET_NO_NEW_PRIVS"), .integer(1), .integer(0), .integer(0), .integer(0)])
    }

    static func dropBounding(_ capability: Int, name: String) -> Self {
        Self(
            "prctl", cns_number_prctl,
            [.integer(24, spelled: "PR_CAPBSET_DROP"), .integer(Int64(capability), spelled: .text(name))])
    }

    static func clearAmbient() -> Self {
        Self(
            "prctl", cns_number_prctl,
            [
                .integer(47, spelled: "PR_CAP_AMBIENT"), .integer(4, spelled: "PR_CAP_AMBIENT_CLEAR_ALL"), .integer(0),
                .integer(0), .integer(0),
            ])
    }

    /// capset(2), version 3.
    static func setCapabilities(_ sets: CapabilitySets) -> Self {
        let header: [UInt8] = UInt32(0x2008_0522).littleEndianBytes + UInt32(0).littleEndianBytes
        let all = [sets.effective, sets.permitted, sets.inheritable].map(\.rawValue)
        let words = all.map { UInt32(truncatingIfNeeded: $0) } + all.map { UInt32(truncatingIfNeeded: $0 >> 32) }
        let inheritable = sets.inheritable.isEmpty ? "0" : sets.inheritable.description
        return Self(
            "capset", cns_number_capset,
            [
                .structure(Structure(bytes: header, spelling: "{version=_LINUX_CAPABILITY_VERSION_3, pid=0}")),
                .structure(
                    Structure(
                        bytes: words.flatMap(\.littleEndianBytes),
                        spelling: .text(
                            "{effective=\(sets.effective), permitted=\(sets.permitted), inheritable=\(inheritable)}"))),
            ])
    }

    /// PR_SET_KEEPCAPS: a change of ids takes none of the permitted ones; execve(2) takes this back.
    static func keepPermitted() -> Self {
        Self("prctl", cns_number_prctl, [.integer(8, spelled: "PR_SET_KEEPCAPS"), .integer(1)])
    }

    static func raiseAmbient(_ capability: Capability) -> Self {
        Self(
            "prctl", cns_number_prctl,
            [
                .integer(47, spelled: "PR_CAP_AMBIENT"), .integer(2, spelled: "PR_CAP_AMBIENT_RAISE"),
                .integer(Int64(capability.rawValue), spelled: .text(capability.name)), .integer(0), .integer(0),
            ])
    }

    /// SECCOMP_SET_MODE_FILTER with a compiled program, `sock_filter` after `sock_filter`.
    static func installFilter(_ program: [UInt8], flags: UInt32) -> Self {
        let count = program.count / 8
        let structure = Structure(
            bytes: UInt16(count).littleEndianBytes + Array(repeating: 0, count: 14),
            patches: [.pointer(offset: 8, bytes: program)], spelling: "{len=\(count), filter=…}")
        return Self(
            "seccomp", cns_number_seccomp,
            [.integer(1, spelled: "SECCOMP_SET_MODE_FILTER"), .integer(Int(flags)), .structure(structure)])
    }

    static func joinSessionKeyring() -> Self {
        Self("keyctl", cns_number_keyctl, [.integer(1, spelled: "KEYCTL_JOIN_SESSION_KEYRING"), .null])
    }

    /// PR_SET_PDEATHSIG.
    static func dieWithParent(_ signal: Int32, spelled name: String) -> Self {
        Self(
            "prctl", cns_number_prctl,
            [.integer(1, spelled: "PR_SET_PDEATHSIG"), .integer(Int64(signal), spelled: .text(name))])
    }

    static func setDumpable(_ isOn: Bool) -> Self {
        Self("prctl", cns_number_prctl, [.integer(4, spelled: "PR_SET_DUMPABLE"), .integer(isOn ? 1 : 0)])
    }

    static func setMask(_ mask: UInt32) -> Self {
        Self("umask", cns_number_umask, [.integer(Int64(mask), spelled: .mask)])
    }

    static func startSession() -> Self { Self("setsid", cns_number_setsid, []) }

    static func setHostName(_ name: String) -> Self {
        Self("sethostname", cns_number_sethostname, [.text(name), .integer(name.utf8.count)])
    }

    static func setDomainName(_ name: String) -> Self {
        Self("setdomainname", cns_number_setdomainname, [.text(name), .integer(name.utf8.count)])
    }

    /// prlimit(2); `process` nil is the caller itself.
    static func setLimit(
        _ resource: Int, name: String, soft: UInt64, hard: UInt64, of process: Slot? = nil
    ) -> Self {
        func spell(_ value: UInt64) -> String { value == .max ? "RLIM64_INFINITY" : String(value) }
        let structure = Structure.words([soft, hard], spelling: "{rlim_cur=\(spell(soft)), rlim_max=\(spell(hard))}")
        return Self(
            "prlimit64", cns_number_prlimit64,
            [
                process.map(CallArgument.descriptor) ?? .integer(0), .integer(Int64(resource), spelled: .text(name)),
                .structure(structure), .null,
            ])
    }

    static func joinNamespaces(_ pidfd: Slot, _ flags: NamespaceFlags) -> Self {
        Self("setns", cns_number_setns, [.descriptor(pidfd), flags.argument])
    }

    static func unshare(_ flags: NamespaceFlags) -> Self { Self("unshare", cns_number_unshare, [flags.argument]) }
}

/// Running programs, and talking to jailrun.
extension SystemCall {
    static func executeDescriptor(_ slot: Slot, _ arguments: [String], environment: [String]) -> Self {
        Self(
            "execveat", cns_number_execveat,
            [.descriptor(slot), .text(""), .vector(arguments), .vector(environment), AtFlags.emptyPath.argument])
    }

    /// execve(2) of the first candidate that exists.
    static func execute(_ candidates: [String], _ arguments: [String], environment: [String]) -> Self {
        execute(candidates, arguments, environment: .vector(environment))
    }

    /// execvp(3): a name without a slash is looked for along the PATH of the environment that it will have.
    static func execute(_ arguments: [String], environment variables: [String], shown environment: CallArgument) -> Self
    {
        execute(candidates(arguments, variables), arguments, environment: environment)
    }

    /// Whether there is what `execute` of the same would execute.
    static func find(_ arguments: [String], environment variables: [String]) -> Self {
        Self("faccessat", CNS_FIND.rawValue, [.vector(candidates(arguments, variables))])
    }

    private static func candidates(_ arguments: [String], _ variables: [String]) -> [String] {
        let name = arguments.first ?? ""
        let path = variables.first { $0.hasPrefix("PATH=") }.map { String($0.dropFirst(5)) } ?? Lowering.path
        let isPath = name.utf8.contains(UInt8(ascii: "/"))
        return isPath ? [name] : path.split(separator: ":").map { "\($0)/\(name)" }
    }

    private static func execute(
        _ candidates: [String], _ arguments: [String], environment: CallArgument
    ) -> Self {
        Self("execve", CNS_EXECUTE.rawValue, [.vector(candidates), .vector(arguments), environment])
    }

    /// Waits until jailrun has done its part; it may pass descriptors.
    static func receive(_ slots: [Slot], from control: Slot) -> Self {
        Self("recvmsg", CNS_RECEIVE.rawValue, [.descriptor(control)] + slots.map(CallArgument.descriptor))
    }

    static func send(_ slot: Slot, kind: UInt32, over control: CallArgument) -> Self {
        Self("sendmsg", CNS_SEND.rawValue, [control, .integer(Int(kind)), .descriptor(slot)])
    }

    /// ioctl_tty(2).
    static func controlTerminal(
        _ terminal: CallArgument, request: UInt64, name: String, _ argument: CallArgument, into result: Slot? = nil
    ) -> Self {
        Self(
            "ioctl", cns_number_ioctl, [terminal, .integer(Int64(request), spelled: .text(name)), argument],
            into: result)
    }
}

extension SystemCall {
    /// jailrun blocks signals to read them from a descriptor; its children must not.
    static func clearSignalMask() -> Self {
        Self(
            "rt_sigprocmask", cns_number_rt_sigprocmask,
            [
                .integer(2, spelled: "SIG_SETMASK"), .structure(.words([0], spelling: "[]")), .null, .integer(8),
            ])
    }
}

/// Network interfaces: netdevice(7).
extension SystemCall {
    static func openDatagramSocket(into slot: Slot) -> Self {
        Self(
            "socket", cns_number_socket,
            [
                .integer(2, spelled: "AF_INET"), .integer(2 | 0o2000000, spelled: "SOCK_DGRAM|SOCK_CLOEXEC"),
                .integer(0, spelled: "IPPROTO_IP"),
            ], into: slot)
    }

    /// SIOCSIFFLAGS with IFF_UP, in a `struct ifreq` of 40 bytes.
    static func raiseLink(_ name: String, over socket: Slot) -> Self {
        let title = Array(name.utf8.prefix(15))
        let bytes = title + Array(repeating: 0, count: 16 - title.count) + [1] + Array(repeating: 0, count: 23)
        let request = Structure(bytes: bytes, spelling: "{ifr_name=\"\(name)\", ifr_flags=IFF_UP}")
        return Self(
            "ioctl", cns_number_ioctl,
            [.descriptor(socket), .integer(0x8914, spelled: "SIOCSIFFLAGS"), .structure(request)])
    }
}
