internal import CNamespaces

/// The last steps of a script, and the two calls for which Debian has no program.
extension ShellScript {
    /// The third script: from the host's programs into the jail's root, with nothing of the host left.
    var enter: [String] {
        [
            "# What is in $work is read and opened now: afterwards only the file system of the host's root is seen.",
            "exec 6<\"$work/calls\"", "filter=$(od -An -v -tx1 \"$work/filter\" | tr -d ' \\n')",
        ] + (plan.created.isEmpty ? [] : ["exec 7<>\"$work/born\" 8<>\"$work/go\""]) + [""]
            + comments { place($0) == .root } + [
                "nsenter --mount=/proc/self/ns/mnt pivot_root \"$root\" \"$root\"",
                "umount --no-canonicalize --lazy .    # the host's tree, now on top of the jail's: this directory", "",
            ] + (plan.created.isEmpty ? [] : ["echo created >&7", "read -r _ <&8", "exec 7>&- 8>&-", ""])
            + (isCommandFirst ? ["# From here on the jail runs its command.", "echo runs >&9", "exec 9>&-", ""] : [])
            + narrow
    }

    private var commandSteps: [Step] { plan.commands.first?.steps ?? [] }

    private var user: StartFacts.User? {
        for step in commandSteps { if case .becomeUser(let user) = step.purpose { return user } }
        return nil
    }

    /// What stays in the bounding set.
    private var kept: CapabilitySet {
        for part in plan.parts { if case .boundingSet(let set) = part.purpose { return set } }
        return .all
    }

    /// chroot(1) is executed with the jail's capabilities, which may be too few for it.
    private var canChangeRoot: Bool { CapabilitySet([.sysChroot, .setuid, .setgid]).isSubset(of: kept) }

    private var narrow: [String] {
        let user = user ?? .root
        let groups = user.groups.map(String.init).joined(separator: ",")
        return comments { place($0) == .narrowing } + ["umask 0\(String(jail.process.umask.value, radix: 8))"]
            + (canChangeRoot ? Shell.capabilities(kept) : []) + [
                "exec setsid env -i \(Shell.quoted(environment)) \\",
                "    setpriv --no-new-privs \(canChangeRoot ? "--bounding-set=\"$caps\" " : "")"
                    + "--inh-caps=-all --ambient-caps=-all \\",
                "    perl /dev/fd/6 \"$filter\" \\",
            ]
            + (canChangeRoot
                ? ["    chroot --userspec=+\(user.uid):+\(user.gid) --groups=\(groups.isEmpty ? "''" : groups) . \\"]
                : [])
            + ["    \(firstProcess)"]
    }

    /// chroot(1) and the rest of setpriv(1), for a jail that does not have what they need: first the root, then what is dropped.
    private var changeRoot: [String] {
        guard !canChangeRoot else { return [] }
        let user = user ?? .root
        let dropped = Capability.allCases.filter { !kept.contains($0) }.map { "\($0.rawValue)" }.joined(separator: ", ")
        let groups = user.groups.map(String.init).joined(separator: ", ")
        return [
            "# chroot(1) would need capabilities that this jail does not have.",
            "chroot '.' and chdir '/' or die \"chroot: $!\";",
            "syscall(\(cns_number_prctl), 24, $_) == 0 or die \"prctl: $!\" for \(dropped);    # PR_CAPBSET_DROP",
            "my $n = \(Capability.allCases.count);",
            "$n++ while syscall(\(cns_number_prctl), 24, $n) == 0;    # those of a newer kernel, without a name here",
            "my @groups = (\(groups));",
            "syscall(\(cns_number_setgroups), scalar @groups, pack 'L*', @groups) == 0 or die \"setgroups: $!\";",
            "syscall(\(cns_number_setresgid), (\(user.gid)) x 3) == 0 or die \"setresgid: $!\";",
            "syscall(\(cns_number_setresuid), (\(user.uid)) x 3) == 0 or die \"setresuid: $!\";",
        ]
    }

    private var environment: [String] {
        commandSteps.last?.operation.environment ?? ["PATH=\(Lowering.path)"]
    }

    private var isCommandFirst: Bool { plan.commands.count == 1 && plan.commands[0].parameter == "command" }

    /// A lone `command` is executed as pid 1. For more, a shell of the jail's is pid 1; jailrun has a program for that. Descriptor 9
    /// says that the jail is up, and is that shell's alone.
    private var firstProcess: String {
        if isCommandFirst {
            return Shell.quoted(plan.commands[0].line.arguments)
        }
        let lines = plan.commands.map {
            Shell.quoted($0.line.arguments) + " 9>&-" + ($0.line.isBackground ? " &" : " || exit $?")
        }
        let up = ["echo started >&9", "exec 9>&-"]
        let wait =
            jail.isPersistent.value ? "while :; do sleep 60; done" : "while kill -0 -1 2>/dev/null; do sleep 1; done"
        return "/bin/sh -c \(Shell.quoted((lines + up + [wait]).joined(separator: "\n")))"
    }

    // MARK: System calls without a program

    /// The files that the last program of the host's needs: the jail's root user reads them, but writes nothing here.
    var calls: [String] {
        let (program, flags) = filterProgram
        let call =
            program.isEmpty
            ? ["# No filter: this jail's file says seccomp = none."]
            : ["syscall(\(cns_number_seccomp), 1, \(flags), $program) == 0 or die \"seccomp: $!\";"]
        return comments { place($0) == .filter } + [
            "# setpriv --seccomp-filter would install it (util-linux 2.40), keyctl session would make the keyring",
            "# (keyutils), and no program closes descriptors: perl makes these calls, and executes what follows. It knows",
            "# what /dev/fd is where there is no /dev; with -e it would open /dev/null.",
            "base64 -d >\"$work/filter\" <<'END_OF_FILTER'",
        ] + Self.base64(program) + [
            "END_OF_FILTER", "cat >\"$work/calls\" <<'END_OF_CALLS'",
            "my $code = pack 'H*', shift;",
            "my $program = pack 'S x6 P', length($code) / 8, $code;    # struct sock_fprog",
            "syscall(\(cns_number_keyctl), 1, 0) >= 0 or die \"keyctl: $!\";    # KEYCTL_JOIN_SESSION_KEYRING",
        ] + closing + changeRoot + call + ["exec { $ARGV[0] } @ARGV or die \"$ARGV[0]: $!\";", "END_OF_CALLS", ""]
    }

    /// At the next execve(2).
    private var closing: [String] {
        let ranges = isCommandFirst ? ["3, 0xffffffff"] : ["3, 8", "10, 0xffffffff"]
        return ranges.map {
            "syscall(\(cns_number_close_range), \($0), 4) == 0 or die \"close_range: $!\";"
        }
    }

    private var filterProgram: (bytes: [UInt8], flags: String) {
        for step in commandSteps {
            guard case .filter = step.purpose, case .call(let call) = step.operation,
                case .structure(let structure) = call.arguments[2],
                case .pointer(_, let bytes)? = structure.patches.first
            else { continue }
            return (bytes, call.arguments[1].spelling)
        }
        return ([], "0")
    }

    /// bpftool(8) loads object files; these instructions are all there is.
    func loadDeviceProgram(_ tree: DeviceTree) -> [String] {
        let instructions = DeviceProgram.instructions(allowing: tree.nodes, hasTerminals: tree.hasTerminals)
        return [
            "# bpftool(8) would want an object file of a compiler: perl passes the instructions as they are.",
            "base64 -d >\"$work/devices\" <<'END_OF_DEVICES'",
        ] + Self.base64(instructions) + [
            "END_OF_DEVICES", "perl - \"$work/devices\" \"$cgroup\" <<'END_OF_PERL'",
            "open my $file, '<', shift or die \"device program: $!\";", "binmode $file;",
            "my $code = do { local $/; <$file> };", "my $license = \"\(DeviceProgram.license)\\0\";",
            "opendir my $cgroup, shift or die \"cgroup: $!\";",
            "# union bpf_attr of BPF_PROG_LOAD: BPF_PROG_TYPE_CGROUP_DEVICE, and a name",
            "my $load = pack 'L2 P P L2 Q L2 a16', 15, length($code) / 8, $code, $license, 0, 0, 0, 0, 0, 'devices';",
            "my $program = syscall \(cns_number_bpf), 5, $load, length $load;",
            "$program >= 0 or die \"bpf: $!\";",
            "# and of BPF_PROG_ATTACH: BPF_CGROUP_DEVICE, BPF_F_ALLOW_MULTI",
            "my $attach = pack 'L4', fileno($cgroup), $program, 6, 2;",
            "syscall(\(cns_number_bpf), 8, $attach, length $attach) == 0 or die \"bpf: $!\";", "END_OF_PERL",
        ]
    }

    /// In lines of 76.
    static func base64(_ bytes: [UInt8]) -> [String] {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".unicodeScalars)
        var line = String.UnicodeScalarView()
        var lines: [String] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let word = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for place in 0..<4 {
                line.append(place <= group.count ? digits[Int(word >> UInt32(18 - 6 * place) & 63)] : "=")
            }
            if line.count == 76 {
                lines.append(String(line))
                line = String.UnicodeScalarView()
            }
        }
        return lines + (line.isEmpty ? [] : [String(line)])
    }
}
