import Testing

@testable import JailCore

/// What a file leaves open, and its figure.
@Suite("Posture")
struct PostureTests {
    static let plain: [DeviceNode] = [
        DeviceNode(path: "null", kind: .character, major: 1, minor: 3, mode: 0o666),
        DeviceNode(path: "tty", kind: .character, major: 5, minor: 0, mode: 0o666),
    ]

    /// One device of every kind.
    static let devices: [DeviceNode] =
        plain
        + [(1, 1), (1, 11), (10, 232), (10, 229), (10, 200), (13, 64), (226, 0), (116, 2), (4, 1), (250, 0)].map {
            DeviceNode(path: "d\($0.0)-\($0.1)", kind: .character, major: $0.0, minor: $0.1, mode: 0o660)
        } + [DeviceNode(path: "sda", kind: .block, major: 8, minor: 0, mode: 0o660)]

    static func posture(
        _ text: String, path: String = "/j/a", devices: [DeviceNode] = plain, user: StartFacts.User? = nil,
        leading: [String: String] = [:]
    ) throws -> Posture {
        let source = TextSource(files: ["www.conf": "a {\n path = \(path);\n persist;\n \(text)\n}"])
        let jail = try #require(try Configuration(path: "www.conf", source: source).specs().first)
        var tree = DeviceTree()
        tree.nodes = devices
        let filter = try SeccompFilter.filter(for: jail.privileges, cachedIn: nil)
        var facts = PostureFacts(filter: filter, devices: tree, user: user)
        facts.realPaths = leading
        return Posture(of: jail, facts)
    }

    static func part(_ subject: Posture.Subject, _ posture: Posture) throws -> Posture.Part {
        try #require(posture.parts.first { $0.subject == subject })
    }

    static let allCapabilities = "cap.add = \(Capability.allCases.map(\.name).joined(separator: ", "));"
    static let open = """
        userns = host; seccomp = none; ip4 = inherit; ip6 = inherit; host = inherit; cgroup.pids.max = max;
        sysvshm = inherit; sysvsem = inherit; sysvmsg = inherit; mount = "/etc /mnt nullfs rw 0 0"; \(allCapabilities)
        """
    static let closed = """
        root.readonly; cgroup.memory.max = 64M; cgroup.cpu.max = "1000 100000"; cgroup.io.max = "8:0 wbps=1000";
        allow.suser = false;
        """

    // MARK: What the host cannot give

    @Test("a limit that the host has no controller for is none in the posture")
    func unavailable() throws {
        let source = TextSource(files: ["www.conf": "a { path = /j/a; persist; }"])
        let jail = try #require(try Configuration(path: "www.conf", source: source).specs().first)
        var facts = PostureFacts(filter: nil, devices: DeviceTree())
        let held = try Self.part(.limits, Posture(of: jail, facts))
        facts.unavailableLimits = ["pids.max"]
        let lost = try Self.part(.limits, Posture(of: jail, facts))
        #expect(held.summary.contains("processes 4096") && !lost.summary.contains("4096"), "\(lost)")
        #expect(lost.exposure > held.exposure && lost.summary.contains("none of memory, cpu, processes"), "\(lost)")
        #expect(lost.findings.contains { $0.mend.contains("the cgroup controller pids") }, "\(lost.findings)")
    }

    // MARK: The figure

    @Test("a jail that has everything open is 10, and one of walls alone hardly more than the calls it makes")
    func ends() throws {
        let open = try Self.posture(Self.open, path: "/", devices: Self.devices)
        #expect(open.exposure == .everything, "\(open.parts.map { "\($0.subject) \($0.exposure)" })")
        #expect(open.parts.allSatisfy { $0.exposure == $0.subject.most })
        let closed = try Self.posture(Self.closed)
        #expect(closed.exposure.hundredths == CallRisk.ordinary.weight, "\(closed.parts.flatMap(\.findings))")
    }

    @Test("a jail that says nothing is well confined, and what is open of it are limits, calls, root and capabilities")
    func standard() throws {
        let posture = try Self.posture("")
        #expect(posture.exposure.hundredths == 90 && posture.verdict == "well confined")
        #expect(
            posture.parts.filter { $0.exposure > .nothing }.map(\.subject) == [.capabilities, .calls, .files, .limits])
    }

    @Test("the parts' mosts add up to 10, and the weights within a part to its most")
    func weights() {
        #expect(Posture.Subject.allCases.reduce(0) { $0 + $1.most.hundredths } == 1000)
        #expect(Capability.allCases.reduce(0) { $0 + $1.weight } == Posture.Subject.capabilities.most.hundredths)
        #expect(CallRisk.allCases.reduce(0) { $0 + $1.weight } == Posture.Subject.calls.most.hundredths)
        let devices = DeviceRisk.allCases.filter { $0 != .readOnlyDisk }.reduce(0) { $0 + $1.weight }
        #expect(devices == Posture.Subject.devices.most.hundredths)
    }

    @Test(
        "a parameter that opens more raises the figure, in its part alone",
        arguments: [
            ("userns = 1000+65536;", .ids), ("cap.add = sys_nice;", .capabilities),
            ("cap.add = net_admin;", .capabilities),
            ("vnet;", .capabilities), ("allow.raw_sockets;", .capabilities), ("ip4.addr = 10.77.0.9;", .network),
            ("ip4 = inherit; ip6 = inherit;", .network), ("host = inherit;", .namespaces),
            ("sysvshm = inherit; sysvsem = inherit; sysvmsg = inherit;", .namespaces),
            ("cgroup.pids.max = max;", .limits),
            ("mount = \"/srv/data /j/a/mnt nullfs rw 0 0\";", .files),
            ("mount = \"/etc /j/a/mnt nullfs ro 0 0\";", .files),
            ("mount = \"/dev/sdb1 /j/a/mnt ext4 rw 0 0\";", .files), ("mount = \"proc /j/a/p procfs rw 0 0\";", .files),
            ("allow.socket_af;", .network),
        ] as [(String, Posture.Subject)])
    func raises(text: String, subject: Posture.Subject) throws {
        let (before, after) = (try Self.posture(""), try Self.posture(text))
        #expect(after.exposure > before.exposure)
        for (old, new) in zip(before.parts, after.parts) where old.subject != .calls {
            #expect(old.subject == subject ? new.exposure > old.exposure : new.exposure == old.exposure, "\(new)")
        }
    }

    @Test("what is published beyond the host, and masquerade, are more than an address") func doors() throws {
        func figure(_ text: String) throws -> Exposure { try Self.posture("ip4.addr = 10.77.0.9; " + text).exposure }
        let alone = try figure("")
        #expect(try figure("port = \"8080:80\";") > alone && figure("nat;") > alone)
        #expect(try figure("port = \"127.0.0.1:8080:80\";") == alone)
    }

    @Test("who shares an address is told whose network it is in, and one alone is not") func neighbours() throws {
        let text = """
            path = /j; persist; exec.clean;
            a { ip4.addr = 10.77.0.9; }
            b { ip4.addr = 10.77.0.9; }
            c { ip4.addr = 10.77.0.9, 10.77.0.10; }
            d { ip4.addr = 10.77.0.11; }
            e { }
            f { }
            """
        let jails = try Configuration(path: "www.conf", source: TextSource(files: ["www.conf": text])).specs()
        let sharing = jails.map { jail in
            jails.filter { $0.name.value != jail.name.value && jail.sharesNetwork(with: $0) }
        }
        #expect(sharing.map { $0.map(\.label) } == [["b"], ["a"], [], [], [], []])
        var facts = PostureFacts(filter: nil, devices: DeviceTree())
        let alone = Posture(of: jails[0], facts)
        facts.neighbours = ["b"]
        let shared = Posture(of: jails[0], facts)
        #expect(shared.exposure > alone.exposure)
        let finding = try Self.part(.network, shared).findings.first { $0.text.contains("localhost") }
        #expect(finding?.text.contains(" of b,") == true && finding?.origin.description.contains("www.conf:2") == true)
    }

    @Test(
        "a parameter that closes something lowers the figure",
        arguments: [
            "root.readonly;", "root.ephemeral;", "cap.drop = chown, setuid;", "allow.suser = false;",
            "cgroup.memory.max = 1G;", "cgroup.cpu.max = \"100000 100000\";", "cgroup.io.max = \"8:0 rbps=1000\";",
            "allow.nounprivileged_proc_debug;",
        ])
    func lowers(text: String) throws {
        #expect(try Self.posture(text).exposure < Self.posture("").exposure)
    }

    @Test("of two ways to the same end the wider one weighs more")
    func order() throws {
        func figure(_ text: String) throws -> Exposure { try Self.posture(text).exposure }
        for (narrow, wide) in [
            ("ip4.addr = 10.77.0.9;", "ip4.addr = \"eth0|192.0.2.1/24\";"),
            ("ip4.addr = \"eth0|192.0.2.1/24\";", "ip4 = inherit; ip6 = inherit;"),
            ("mount = \"/srv/d /j/a/m nullfs ro 0 0\";", "mount = \"/srv/d /j/a/m nullfs rw 0 0\";"),
            ("mount = \"/srv/d /j/a/m nullfs rw 0 0\";", "mount = \"/etc/ssl /j/a/m nullfs rw 0 0\";"),
            ("mount = \"/etc/ssl /j/a/m nullfs rw 0 0\";", "mount = \"/etc /j/a/m nullfs rw 0 0\";"),
            ("cap.add = sys_admin;", "cap.add = sys_admin; userns = host;"),
            ("userns = 100000+65536;", "userns = 1000+65536;"), ("userns = 1000+65536;", "userns = host;"),
            ("cap.add = bpf;", "seccomp = none;"), ("root.ephemeral;", ""), ("root.readonly;", "root.ephemeral;"),
        ] {
            #expect(try figure(narrow) < figure(wide), "\(narrow) \(wide)")
        }
    }

    // MARK: Root of the host

    @Test(
        "what gives the machine away by itself raises the figure to 8 and more",
        arguments: [
            "mount = \"/ /j/a/host nullfs rw 0 0\";", "mount = \"/etc /j/a/etc nullfs rw 0 0\";",
            "mount = \"/run/docker.sock /j/a/docker.sock nullfs ro 0 0\";", "userns = host; cap.add = sys_admin;",
            "userns = host; cap.add = sys_module;", "userns = host; cap.add = dac_read_search;",
            "userns = host; mount = \"proc /j/a/p procfs rw 0 0\";",
        ])
    func waysOut(text: String) throws {
        let posture = try Self.posture(text)
        #expect(posture.givesMachine && posture.exposure.hundredths >= 800 && posture.exposure > posture.sum)
    }

    @Test(
        "what only comes near does not",
        arguments: [
            "mount = \"/ /j/a/host nullfs ro 0 0\";", "mount = \"/etc/ssl /j/a/ssl nullfs rw 0 0\";",
            "mount = \"/j/a/x /j/a/y nullfs rw 0 0\";", "cap.add = sys_admin, sys_module;", "userns = host;",
            "seccomp = none;",
            "mount = \"proc /j/a/p procfs rw 0 0\";",
        ])
    func nearMisses(text: String) throws {
        let posture = try Self.posture(text)
        #expect(!posture.givesMachine && posture.exposure == posture.sum && posture.exposure.hundredths < 800)
    }

    @Test("the host's own root gives the machine away, unless what is written there vanishes")
    func hostRoot() throws {
        #expect(try Self.posture("", path: "/").givesMachine)
        #expect(try !Self.posture("root.ephemeral;", path: "/").givesMachine)
        #expect(try !Self.posture("root.readonly;", path: "/").givesMachine)
        #expect(try Self.posture("root.readonly;", path: "/").exposure > Self.posture("root.readonly;").exposure)
    }

    @Test("the layers of a root are its root, unless the host's system is among them") func layers() throws {
        func files(_ options: String) throws -> Posture.Part {
            try Self.part(.files, Self.posture("mount = \"none /j/a overlay \(options)\";"))
        }
        let plain = try Self.part(.files, Self.posture(""))
        #expect(try files("lowerdir=/srv/base,upperdir=/srv/u/up,workdir=/srv/u/work").exposure == plain.exposure)
        #expect(try files("lowerdir=/usr,upperdir=/srv/u/up,workdir=/srv/u/work").exposure.hundredths == 35)
        #expect(try files("lowerdir=/srv/base:/srv/more").exposure == .nothing)
    }

    @Test("a program of the host that reads core dumps is within reach of every jail") func coreHandler() throws {
        let source = TextSource(files: ["www.conf": "a { path = /j/a; persist; }"])
        let jail = try #require(try Configuration(path: "www.conf", source: source).specs().first)
        var facts = PostureFacts(filter: nil, devices: DeviceTree())
        let before = try Self.part(.namespaces, Posture(of: jail, facts))
        facts.coreHandler = "/usr/lib/systemd/systemd-coredump"
        let after = try Self.part(.namespaces, Posture(of: jail, facts))
        #expect(before.findings.isEmpty && after.findings.count == 1)
        #expect(after.findings[0].text.contains("systemd-coredump"))
    }

    @Test("a link is judged by where it leads") func links() throws {
        let mount = "mount = \"/srv/link /j/a/m nullfs rw 0 0\";"
        #expect(try !Self.posture(mount).givesMachine)
        #expect(try Self.posture(mount, leading: ["/srv/link": "/etc"]).givesMachine)
        #expect(try Self.posture(mount, leading: ["/srv/link": "/run/docker.sock"]).givesMachine)
        #expect(try Self.posture("", path: "/srv/link", leading: ["/srv/link": "/usr"]).givesMachine)
    }

    @Test("a disk that can be written gives the machine away, one that can only be read does not") func disks() throws {
        var disk = try #require(Self.devices.last)
        #expect(try Self.posture("", devices: [disk]).givesMachine)
        disk.isReadOnly = true
        let posture = try Self.posture("", devices: [disk])
        #expect(!posture.givesMachine)
        #expect(try Self.part(.devices, posture).exposure.hundredths == DeviceRisk.readOnlyDisk.weight)
        #expect(try Self.part(.devices, Self.posture("mount.nodevfs;", devices: [disk])).findings.isEmpty)
    }

    // MARK: Capabilities

    @Test("every capability has something to say for itself, over a jail and over the machine") func allowances() throws
    {
        let texts = Capability.allCases.map { $0.allowance(overMachine: true) }
        #expect(Set(texts).count == Capability.allCases.count)
        for capability in Capability.allCases {
            #expect(capability.weight > 0 && capability.allowance(overMachine: true).utf8.count < 76, "\(capability)")
            let own = capability.allowance(overMachine: false)
            #expect(own.hasPrefix("nothing") == (capability.reach == .machine || capability == .netBroadcast))
        }
    }

    @Test("each capability that is added is a finding with its line, if the jail's ids let it count")
    func added() throws {
        for capability in Capability.allCases where !CapabilitySet.standard.contains(capability) {
            for userns in ["private", "host"] {
                let posture = try Self.posture("userns = \(userns);\n cap.add = \(capability.name);")
                let finding = try Self.part(.capabilities, posture).findings.first {
                    $0.text.hasPrefix(capability.name + ":")
                }
                #expect((finding != nil) == (userns == "host" || capability.reach == .namespace), "\(capability)")
                #expect(finding.map { $0.origin.line } ?? 5 == 5)
                #expect(posture.capabilities.contains { $0.name == capability.shortName })
            }
        }
    }

    @Test("commands of a user who is not root have no capability") func user() throws {
        let user = StartFacts.User(name: "redis", uid: 100, gid: 100, groups: [], home: "/", shell: "/bin/sh")
        let part = try Self.part(.capabilities, Self.posture("cap.add = sys_admin; userns = host;", user: user))
        #expect(part.findings.isEmpty && part.summary == "none: its commands run as redis")
        #expect(try !Self.posture("cap.add = sys_admin; userns = host;", user: user).givesMachine)
        #expect(try Self.part(.capabilities, Self.posture("", user: .root)).exposure > .nothing)
    }

    // MARK: System calls

    @Test("each call of the table has a risk") func risks() {
        for row in SeccompTable.rows { #expect(CallRisk(row) != nil, "\(row.name) of \(row.group)") }
    }

    @Test("the walk through a filter says of each call what the filter does") func walk() throws {
        let filter = SeccompFilter.standard
        let reach = FilterReach(filter)
        for row in SeccompTable.rows {
            guard let number = row.number else { continue }
            let answers = try [[UInt64](repeating: 0, count: 6), [UInt64](repeating: .max, count: 6)].map {
                try filter.answer(to: SeccompCall(number: UInt32(number), arguments: $0))
            }
            switch reach.answer(to: number) {
            case .always: #expect(answers == [.allow, .allow] && row.verdict == .allow, "\(row.name)")
            case .never: #expect(!answers.contains(.allow) && row.verdict != .allow, "\(row.name)")
            case .byArguments: #expect(row.verdict == .check, "\(row.name)")
            }
        }
        #expect(reach.foreign.isEmpty)
    }

    @Test("without a filter all passes, in every ABI") func noFilter() throws {
        let reach = FilterReach(nil)
        #expect(reach.answer(to: 0) == .always && reach.answer(to: 4000) == .always)
        #expect(reach.foreign == FilterReach.Architecture.foreign.map(\.name))
        #expect(try Self.part(.calls, Self.posture("seccomp = none;")).exposure == Posture.Subject.calls.most)
    }

    @Test("a call that a parameter opened leads to that parameter's line") func callOrigins() throws {
        for (text, call, mend) in [
            ("cap.add = sys_ptrace;", "kcmp", "leave sys_ptrace out of cap.add"),
            ("allow.set_hostname;", "sethostname", "leave out allow.set_hostname"),
            ("seccomp = none;", "bpf", "seccomp = default"),
        ] {
            let findings = try Self.part(.calls, Self.posture("\n\(text)")).findings
            let finding = findings.first { $0.text.contains(call) || call == "bpf" && $0.text.contains("io_uring") }
            #expect(finding?.mend == mend && finding?.origin.line == 5, "\(findings)")
        }
    }

    // MARK: What is said

    @Test("each finding has points, a place and a mend") func findings() throws {
        for posture in [try Self.posture(""), try Self.posture(Self.open, path: "/", devices: Self.devices)] {
            for finding in posture.parts.flatMap(\.findings) {
                #expect(finding.exposure > .nothing && !finding.text.isEmpty && !finding.mend.isEmpty, "\(finding)")
                #expect(!finding.text.hasSuffix("."))
            }
        }
    }

    @Test("a mend that is a parameter is one that jailrun takes, and it lowers the figure") func mends() throws {
        for finding in try Self.part(.limits, Self.posture("cgroup.pids.max = max;")).findings {
            let mend = finding.mend.replacing("MAJOR:MINOR", with: "8:0").replacing("BYTES", with: "1000")
            #expect(try Self.posture(mend + ";").exposure < Self.posture("cgroup.pids.max = max;").exposure, "\(mend)")
        }
        for (open, mend) in [
            ("userns = host;", "userns = private;"), ("seccomp = none;", "seccomp = default;"),
            ("host = inherit;", "host = new;"),
            (
                "sysvshm = inherit; sysvsem = inherit; sysvmsg = inherit;",
                "sysvshm = new; sysvsem = new; sysvmsg = new;"
            ),
        ] {
            let before = try Self.posture(open)
            let promised = String(mend.prefix { $0 != ";" })
            #expect(before.parts.flatMap(\.findings).contains { $0.mend.hasPrefix(promised) }, "\(promised)")
            #expect(try Self.posture(mend).exposure < before.exposure)
        }
    }

    @Test(
        "a path of the host is the machine's, a part of its system, or data",
        arguments: [
            ("/", .machine), ("/etc", .machine), ("/etc/", .machine), ("/usr", .machine), ("/var", .machine),
            ("/var/lib", .machine), ("/run", .machine), ("/run/docker.sock", .machine), ("/etc/ssl", .system),
            ("/usr/bin/env", .system), ("/run/dbus", .system), ("/usr/jail/base", .plain), ("/usr/share/doc", .plain),
            ("/var/lib/postgresql", .plain), ("/etcetera", .plain), ("/srv", .plain), ("/home/a", .plain),
            ("/srv/../etc", .machine), ("/./srv", .plain),
        ] as [(String, HostPath)])
    func paths(path: String, kind: HostPath) {
        #expect(HostPath(path) == kind)
    }

    @Test("an exposure is read as it is written") func exposures() {
        for text in ["0.00", "1.05", "9.99", "10.00"] { #expect(Exposure(text)?.description == text) }
        #expect(Exposure("3") == Exposure(hundredths: 300) && Exposure("3.5") == Exposure(hundredths: 350))
        for text in ["", "-1", "10.01", "11", "1.", ".5", "1.234", "1.2.3", "x", "1e1", " 1", "1.+5"] {
            #expect(Exposure(text) == nil, "\(text)")
        }
    }
}

extension Origin {
    fileprivate var line: Int? { if case .configuration(let location) = self { location.line } else { nil } }
}
