import Testing

@testable import JailCore

/// What a parameter becomes in the plan.
@Suite("Parameters as steps")
struct ParameterPlanTests {
    static let path = "path = /j/a; persist;"

    static func spec(_ text: String) throws -> ConfiguredJail {
        let source = TextSource(files: ["www.conf": "a { \(path) \(text) }"])
        return try #require(try Configuration(path: "www.conf", source: source).specs().first)
    }

    static func plan(_ text: String, _ change: (inout StartFacts) -> Void = { _ in }) throws -> Plan {
        let jail = try spec(text)
        var facts = StartFacts()
        facts.capabilities = CapabilitySet(jail.privileges)
        change(&facts)
        let range = jail.privileges.userNamespace.value == .host ? nil : IDRange(first: 1000, count: 65536)
        return Planner(jail: jail, identity: JailIdentity(jid: 1, idRange: range, generation: 0), facts: facts).start()
    }

    static func lines(_ text: String, _ change: (inout StartFacts) -> Void = { _ in }) throws -> [String] {
        try plan(text, change).steps.map(\.operation.spelling)
    }

    static func errors(_ text: String) -> [String] {
        do throws(ConfigurationFailure) {
            let source = TextSource(files: ["www.conf": "a { \(path) \(text) }"])
            _ = try Configuration(path: "www.conf", source: source).specs()
            return []
        } catch { return error.diagnostics.map(\.message) }
    }

    private static let entry = StartCommand(
        name: "", line: JailCommand("true"), origin: .commandLine, timeoutSeconds: 0, isWatched: false)

    @Test(
        "each becomes these steps, in this order",
        arguments: [
            (
                "ulimit.nofile = \"10:20\";",
                ["prlimit64(child-pid, RLIMIT_NOFILE, {rlim_cur=10, rlim_max=20}, NULL)"]
            ),
            (
                "ulimit.memlock = 1M; allow.mlock;",
                ["prlimit64(child-pid, RLIMIT_MEMLOCK, {rlim_cur=1048576, rlim_max=1048576}, NULL)"]
            ),
            (
                "allow.mlock;",
                ["prlimit64(child-pid, RLIMIT_MEMLOCK, {rlim_cur=RLIM64_INFINITY, rlim_max=RLIM64_INFINITY}, NULL)"]
            ),
            (
                "oom.score = -1000;",
                [
                    "openat(child, \"oom_score_adj\", O_WRONLY|O_CLOEXEC, 0) = file",
                    "write(file, \"-1000\", 5)",
                ]
            ),
            ("umask = 077;", ["umask(077)"]),
            (
                "sysctl.net.ipv4.ip_forward = 1;",
                [
                    "openat(AT_FDCWD, \"/proc/sys/net/ipv4/ip_forward\", O_WRONLY|O_CLOEXEC, 0) = file",
                    "write(file, \"1\", 1)",
                ]
            ),
            ("host.domainname = d.example;", ["sethostname(\"a\", 1)", "setdomainname(\"d.example\", 9)"]),
        ] as [(String, [String])])
    func steps(parameters: String, expected: [String]) throws {
        var rest = try Self.lines(parameters)[...]
        for line in expected {
            let index = try #require(rest.firstIndex(of: line), "\(line) of \(parameters)")
            rest = rest[(index + 1)...]
        }
    }

    @Test("a limit that the file names replaces the caller's")
    func ownLimit() throws {
        func change(_ facts: inout StartFacts) {
            facts.limits = [.init(resource: 7, name: "RLIMIT_NOFILE", soft: 1, hard: 1)]
        }
        #expect(try Self.lines("", change).contains { $0.hasPrefix("prlimit64(0, RLIMIT_NOFILE") })
        #expect(try !Self.lines("ulimit.nofile = 5;", change).contains { $0.hasPrefix("prlimit64(0, RLIMIT_NOFILE") })
    }

    @Test("a score that jailrun has been given is not the jail's")
    func ownScore() throws {
        let written = "write(file, \"0\", 1)"
        #expect(try Self.lines("") { $0.ownOomScore = 500 }.contains(written))
        #expect(try !Self.lines("oom.score = 7;") { $0.ownOomScore = 500 }.contains(written))
        #expect(try Self.lines("oom.score = 7;") { $0.ownOomScore = 500 }.contains("write(file, \"7\", 1)"))
    }

    @Test("descriptors of the caller's are opened or replaced before anything else, in a start and in an entry")
    func handed() throws {
        func change(_ facts: inout StartFacts) {
            facts.handedDescriptors = [.init(0, .nothing), .init(1, .opened(mode: 0o622)), .init(2, .relayed)]
        }
        let wanted = ["dup3(relay-0, 0, 0)", "fchmod(1, 0622)", "dup3(relay-2, 2, 0)"]
        let lines = try Self.lines("", change)
        let first = try #require(lines.firstIndex(of: "close(supervisor-control)"))
        #expect(Array(lines[(first + 1)...(first + 3)]) == wanted)
        // The pipe is jailrun's own: root inside may do with it what it likes.
        let given = lines.filter { $0.hasPrefix("fchownat(relay") }
        #expect(given == ["fchownat(relay-2, \"\", 1000, 1000, AT_EMPTY_PATH)"])
        var facts = StartFacts()
        change(&facts)
        let planner = Planner(
            jail: try Self.spec(""), identity: JailIdentity(jid: 1, idRange: nil, generation: 0), facts: facts)
        let entry = planner.enter(Self.entry, directory: nil)
        #expect(Array(entry.spawn.map(\.operation.spelling)[1...3]) == wanted)
    }

    @Test("a pty belongs to the user whose commands have it")
    func ptyOwner() throws {
        func change(_ facts: inout StartFacts) {
            facts.terminals = [0, 1, 2]
            facts.jailUser = .init(name: "u", uid: 7, gid: 8, groups: [], home: "/", shell: "/bin/sh")
        }
        let step = "fchownat(terminal, \"\", 7, 5, AT_EMPTY_PATH)"
        #expect(try Self.lines("", change).contains(step))
        #expect(try !Self.lines("") { $0.terminals = [0, 1, 2] }.contains { $0.hasPrefix("fchownat(terminal") })
    }

    @Test("an entry has the same limits and score, set before it joins")
    func entry() throws {
        let jail = try Self.spec("ulimit.nofile = 5; oom.score = 7; umask = 027;")
        let planner = Planner(
            jail: jail, identity: JailIdentity(jid: 1, idRange: IDRange(first: 1, count: 1), generation: 0),
            facts: StartFacts())
        let entry = planner.enter(Self.entry, directory: nil)
        let spawn = entry.spawn.map(\.operation.spelling)
        #expect(spawn.contains("prlimit64(0, RLIMIT_NOFILE, {rlim_cur=5, rlim_max=5}, NULL)"))
        let enter = entry.enter.map(\.operation.spelling)
        // By the stage: the child that becomes it shares jailrun's memory, and with it the score.
        #expect(enter.first == "openat(AT_FDCWD, \"/proc/self/oom_score_adj\", O_WRONLY|O_CLOEXEC, 0) = file")
        #expect(enter.contains("umask(027)"))
    }

    @Test("a jail that uses none of it has no step more")
    func nothing() throws {
        let lines = try Self.lines("")
        #expect(lines.filter { $0.contains("/proc/sys") }.map { $0.contains("ping_group_range") } == [true])
        for word in ["prlimit64", "oom_score_adj", "setdomainname", "setfsuid(1000)", "overlay"] {
            #expect(!lines.contains { $0.contains(word) }, "\(word)")
        }
        let command = try Self.plan("command = true;").commands.first?.steps.map(\.operation.spelling) ?? []
        #expect(!command.contains { $0.contains("PR_CAPBSET_DROP") })
    }

    // MARK: Namespaces

    @Test("host and System V IPC that are inherited make no namespace")
    func namespaces() throws {
        func clone(_ text: String) throws -> String {
            try #require(try Self.lines(text).first { $0.hasPrefix("clone3") })
        }
        #expect(try clone("").contains("CLONE_NEWUTS"))
        #expect(try Self.lines("").contains("unshare(CLONE_NEWIPC)"))
        #expect(try !clone("host = inherit;").contains("CLONE_NEWUTS"))
        #expect(try !Self.lines("sysvshm = inherit;").contains { $0.contains("CLONE_NEWIPC") })
        #expect(try !Self.lines("host = inherit;").contains { $0.hasPrefix("sethostname") })
    }

    @Test("the files of the host's identity are covered where the root has them, and else nothing is done")
    func identity() throws {
        let text = "host.hostuuid = \"01234567-89AB-cdef-0123-456789abcdef\"; host.hostid = 1;"
        let lines = try Self.lines(text) {
            $0.identityFiles = ["etc/machine-id", "etc/hostid"].map { .init(path: $0) }
        }
        #expect(lines.contains("write(file, \"0123456789abcdef0123456789abcdef\\n\", 33)"))
        #expect(lines.contains { $0.contains("\"etc/hostid\"") })
        #expect(try !Self.lines(text).contains { $0.contains("hostid") || $0.contains("machine-id") })
    }

    @Test("env is a file that nobody inside owns, its newest key first")
    func environment() throws {
        let lines = try Self.lines("env = \"whole\"; env.a = 1; env.b = 2; env.a = 3;") { $0.rootDirectories = ["dev"] }
        #expect(lines.contains("write(file, \"b=2\\na=3\\nwhole\\n\", 14)"))
        #expect(!lines.contains { $0.hasPrefix("fchownat") && $0.contains("jail/env") })
    }

    @Test("meta by key replaces, adds in front, and takes away")
    func metadata() throws {
        #expect(try Self.spec("meta = \"x=1\"; meta.y = 2; meta.x = 3;").metadata.meta?.value == "y=2\nx=3")
        #expect(try Self.spec("meta = \"x=1\"; meta.x;").metadata.meta?.value == "")
        #expect(try Self.spec("").metadata.meta == nil)
    }

    // MARK: Privileges

    @Test(
        "a permission gives exactly this capability",
        arguments: [
            ("allow.set_hostname;", Capability.sysAdmin), ("allow.mount; allow.mount.nullfs;", .sysAdmin),
            ("allow.chflags; userns = host;", .linuxImmutable), ("allow.settime; userns = host;", .sysTime),
            ("children.max = 1;", .sysAdmin), ("allow.read_msgbuf;", .syslog), ("vnet;", .netAdmin),
            ("allow.raw_sockets;", .netRaw),
        ] as [(String, Capability)])
    func capabilities(parameters: String, capability: Capability) throws {
        let set = CapabilitySet(try Self.spec(parameters).privileges)
        #expect(set == CapabilitySet.standard.union(CapabilitySet([capability])))
    }

    @Test("what is taken away is taken whatever gives it")
    func taken() throws {
        func set(_ text: String) throws -> CapabilitySet { CapabilitySet(try Self.spec(text).privileges) }
        #expect(try set("allow.suser = false;") == [])
        #expect(try !set("allow.noreserved_ports;").contains(.netBindService))
        #expect(try set("vnet; securelevel = 2;").contains(.netAdmin))
        #expect(try !set("vnet; securelevel = 3;").contains(.netAdmin))
        #expect(try set("securelevel = -1;") == .standard)
    }

    @Test("a capability that a newer kernel has, and that has no name here, is dropped like every other")
    func unnamed() throws {
        let newer = try Self.lines("") { $0.capabilityCount = 43 }
        let unnamed = newer.filter { $0.hasPrefix("prctl(PR_CAPBSET_DROP, 4") }
        #expect(unnamed == ["prctl(PR_CAPBSET_DROP, 41)", "prctl(PR_CAPBSET_DROP, 42)"])
        #expect(try Self.lines("") == newer.filter { !unnamed.contains($0) })
    }

    @Test("pid 1 keeps what it needs to start a command, and the command drops it first")
    func dropped() throws {
        let plan = try Self.plan("cap.drop = setuid, setgid, setpcap; command = true;")
        func drop(_ name: String) -> String { "prctl(PR_CAPBSET_DROP, \(name))" }
        let start = plan.steps.map(\.operation.spelling)
        let command = plan.commands[0].steps.map(\.operation.spelling)
        for name in ["CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP"] {
            #expect(!start.contains(drop(name)) && command.contains(drop(name)))
        }
        let last = try #require(command.firstIndex(of: drop("CAP_SETPCAP")))
        let groups = try #require(command.firstIndex { $0.hasPrefix("setgroups") })
        #expect(command.firstIndex(of: drop("CAP_SETUID"))! < last && last < groups)
    }

    @Test(
        "what would permit more than it says is an error",
        arguments: [
            "allow.suser = 0; cap.add = chown;", "sysvmsg = disable; seccomp = none;",
            "allow.nounprivileged_proc_debug; seccomp = none;",
            "sysvmsg = new; sysvshm = inherit;", "securelevel = 1; cap.add = sys_rawio;", "securelevel = 4;",
            "children.max = 1; userns = host;", "children.max = 1; cap.drop = sys_admin;", "children.max = -1;",
            "children.max = 1; root.readonly;", "children.max = 2; cgroup.cgroup.max.depth = 0;",
            "children.max = 2; cgroup.cgroup.max.descendants = 0;", "children.max = 1; allow.suser = 0;",
            "host = inherit; host.hostname = x;", "host = disable;",
            "sysctl.kernel.panic = 1;", "sysctl.net.ipv4.ip_forward;", "sysctl.net = 1;",
            "sysctl.net.ipv4.ip_forward = 1; ip4 = inherit; ip6 = inherit;",
            "sysctl.kernel.sem = 1; sysvsem = inherit;",
            "\"sysctl.net/../kernel/panic\" = 1;", "ulimit.nofile = 20:10;", "ulimit.nofiles = 1;", "ulimit.cpu = 1K;",
            "ulimit.nofile = 1:2:3;", "ulimit.nofile;", "umask = 1000;", "umask = 8;", "oom.score = 1001;",
            "oom.score = x;", "vnet.interface = eth0;", "vnet; vnet.interface = lo;", "vnet; vnet.interface = a,a;",
            "vnet; vnet.interface = \"a/b\";",
            "ip_hostname;", "ip_hostname; host.hostname = \"-x\";", "ip_hostname; host.hostname = x; vnet;",
            "ip_hostname; host.hostname = x; ip4 = inherit; ip6 = inherit;", "host.hostuuid = x;", "host.hostid = -1;",
            "host.domainname = \"a b\";",
        ])
    func refused(parameters: String) {
        #expect(!Self.errors(parameters).isEmpty)
    }

    @Test(
        "a permission that is not given leaves a tighter jail: it is noted, named, and no error",
        arguments: [
            ("allow.set_hostname; userns = host;", ["allow.set_hostname"]),
            ("allow.set_hostname; seccomp = none;", ["allow.set_hostname"]),
            ("allow.mount; allow.mount.nullfs; seccomp = /p.json;", ["allow.mount.nullfs"]),
            ("allow.mount.nullfs;", ["allow.mount.nullfs"]),
            ("allow.socket_af; seccomp = /p.json;", ["allow.socket_af"]),
            ("allow.read_msgbuf; seccomp = /p.json;", ["allow.read_msgbuf"]), ("allow.chflags;", ["allow.chflags"]),
            ("allow.settime;", ["allow.settime"]), ("allow.setaudit;", ["allow.setaudit"]),
            ("allow.adjtime; userns = host;", ["allow.adjtime"]),
            ("allow.suser = 0; allow.set_hostname;", ["allow.set_hostname"]),
            ("securelevel = 2; allow.settime; userns = host;", ["allow.settime"]),
            ("securelevel = 1; allow.chflags; userns = host;", ["allow.chflags"]),
            ("allow.routing;", ["allow.routing"]),
            ("allow.mount; allow.mount.tmpfs; allow.mount.zfs = 1;", ["allow.mount.tmpfs", "allow.mount.zfs"]),
            (
                "allow.quotas; allow.extattr; allow.nfsd; allow.vmm;",
                [
                    "allow.quotas", "allow.extattr", "allow.nfsd", "allow.vmm",
                ]
            ), ("allow.unprivileged_parent_tampering;", ["allow.unprivileged_parent_tampering"]),
            ("ip4 = inherit; ip6 = inherit; allow.raw_sockets;", ["allow.raw_sockets", "allow.reserved_ports"]),
        ])
    func withheld(parameters: String, names: [String]) throws {
        #expect(Self.errors(parameters) == [])
        let source = TextSource(files: ["www.conf": "a { \(Self.path) \(parameters) }"])
        let found = try Configuration(path: "www.conf", source: source).check().map(\.message)
        for name in names { #expect(found.contains { $0.hasPrefix("\(name) is not granted: ") }, "\(name): \(found)") }
        let privileges = try Self.spec(parameters).privileges
        #expect(privileges.granted.allSatisfy { !names.contains($0.value.parameter) })
        #expect(privileges.allowsRawSockets.value == false)
    }

    @Test(
        "what is not asked for in so many words is answered in those that were",
        arguments: [
            ("vnet = 0;", "vnet: unknown jailsys value \"0\""), ("novnet;", "vnet: unknown jailsys value \"novnet\""),
            ("host = 0;", "host: unknown jailsys value \"0\""),
            ("vnet = disable;", "vnet: unknown jailsys value \"disable\""),
            ("ip4 = 0; ip4.addr = 10.0.0.1;", "ip4 = 0 contradicts ip4.addr"),
            ("noip4; ip6 = inherit;", "noip4: the other family is inherited, and both share a namespace"),
        ])
    func words(parameters: String, message: String) { #expect(Self.errors(parameters) == [message]) }

    @Test("what the resolver says becomes addresses, each once, and none that a jail cannot have")
    func lookup() {
        let answer = """
            127.0.0.1       STREAM www
            192.0.2.7       STREAM www
            192.0.2.7       DGRAM
            2001:db8::7     STREAM
            fe80::1%eth0    STREAM
            nonsense
            """
        #expect(HostnameLookup.addresses(in: answer).map(\.description) == ["192.0.2.7", "2001:db8::7"])
        #expect(HostnameLookup.addresses(in: "") == [])
    }

    // MARK: The filter

    @Test(
        "a permission opens these calls and no others",
        arguments: [
            ("allow.set_hostname;", ["sethostname"]),
            ("allow.settime; userns = host;", ["settimeofday", "clock_settime"]),
            (
                "allow.settime; allow.adjtime; userns = host;",
                ["settimeofday", "clock_settime", "adjtimex", "clock_adjtime"]
            ),
            (
                "children.max = 1;",
                [
                    "mount", "umount2", "pivot_root", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount",
                    "mount_setattr", "setns", "unshare", "sethostname", "setdomainname", "pidfd_getfd",
                ]
            ),
            ("children.max = 0;", []),
            ("allow.mount; allow.mount.nullfs;", ["umount2"]), ("allow.read_msgbuf;", []), ("allow.mlock;", []),
        ] as [(String, [String])])
    func opened(parameters: String, expected: [String]) throws {
        let filter = try #require(
            try SeccompFilter.filter(for: try Self.spec(parameters).privileges, cachedIn: nil))
        for row in SeccompTable.rows where row.verdict == .deny {
            guard let number = row.number else { continue }
            let isOpen = try filter.answer(to: SeccompCall(number: UInt32(number))) == .allow
            #expect(isOpen == expected.contains(row.name), "\(row.name)")
        }
    }

    @Test("allow.mount.nullfs lets mount(2) bind, and neither mount anew nor mount again")
    func bind() throws {
        let privileges = try Self.spec("allow.mount; allow.mount.nullfs;").privileges
        let filter = try #require(try SeccompFilter.filter(for: privileges, cachedIn: nil))
        let (remount, bind, readOnly, move): (UInt64, UInt64, UInt64, UInt64) = (32, 4096, 1, 8192)
        #expect(try filter.answer(to: "mount", 0, 0, 0, bind) == .allow)
        #expect(try filter.answer(to: "mount", 0, 0, 0, bind | 16384 | readOnly) == .allow)
        for flags in [0, readOnly, remount, remount | bind, remount | bind | readOnly, move, 1 << 18] {
            #expect(try filter.answer(to: "mount", 0, 0, 0, flags) == .forbidden, "\(flags)")
        }
        // Or mount(8) would not fall back on mount(2).
        #expect(try filter.answer(to: "open_tree") == .absent)
        #expect(try filter.answer(to: "move_mount") == .forbidden)
        #expect(try filter.answer(to: "unshare", 0x1000_0000) == .forbidden)
    }

    @Test("allow.read_msgbuf reads, and neither clears nor silences")
    func messages() throws {
        let filter = try #require(
            try SeccompFilter.filter(for: try Self.spec("allow.read_msgbuf;").privileges, cachedIn: nil))
        for action in UInt64(0)...11 {
            #expect(try filter.answer(to: "syslog", action) == ([3, 10].contains(action) ? .allow : .forbidden))
        }
    }

    @Test("allow.socket_af opens every family, and nothing else")
    func families() throws {
        let filter = try #require(
            try SeccompFilter.filter(for: try Self.spec("allow.socket_af;").privileges, cachedIn: nil))
        for family in UInt64(1)...45 {
            #expect(try filter.answer(to: "socket", family) == .allow)
            #expect(try filter.answer(to: "socketpair", family) == .allow)
        }
    }

    @Test("what is disabled is absent, and debugging is forbidden")
    func closed() throws {
        let text = "sysvmsg = disable; sysvshm = inherit; allow.nounprivileged_proc_debug;"
        let filter = try #require(try SeccompFilter.filter(for: try Self.spec(text).privileges, cachedIn: nil))
        for name in ["msgget", "msgsnd", "msgrcv", "msgctl", "semget", "semop"] {
            #expect(try filter.answer(to: name) == .absent, "\(name)")
        }
        #expect(try filter.answer(to: "shmget") == .allow)
        for name in ["ptrace", "process_vm_readv", "process_vm_writev"] {
            #expect(try filter.answer(to: name) == .forbidden, "\(name)")
        }
    }
}
