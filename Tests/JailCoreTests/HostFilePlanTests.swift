import Testing

@testable import JailCore

@Suite("Files of the host, and what shares a number with root")
struct HostFilePlanTests {
    @Test(
        "every folder of the host is opened without following a link",
        arguments: [
            "", "mount = \"/own /j/a/var nullfs rw 0 0\";", "mount = \"/own/up /j/a/var unionfs rw 0 0\";",
            "mount = \"overlay /j/a/var overlay lowerdir=/one:/two 0 0\";", "root.ephemeral;",
        ])
    func withoutLinks(parameters: String) throws {
        let opened = try ParameterPlanTests.lines(parameters).filter { line in
            ["/j/a", "/own", "/one", "/two"].contains { line.contains("AT_FDCWD, \"\($0)") }
        }
        #expect(!opened.isEmpty)
        #expect(opened.allSatisfy { $0.hasPrefix("openat2(") && $0.contains("RESOLVE_NO_SYMLINKS") }, "\(opened)")
    }

    @Test("where links were followed before, the step has the path without them")
    func realPath() throws {
        let lines = try ParameterPlanTests.lines("mount = \"/own /j/a/var nullfs rw 0 0\";") { facts in
            facts.realPaths = [StartFacts.RealPath(path: "/own", real: "/disk/own")]
        }
        #expect(lines.contains { $0.hasPrefix("openat2(AT_FDCWD, \"/disk/own\",") })
        #expect(!lines.contains { $0.contains("\"/own\"") })
    }

    private static func place(_ path: String, _ written: String) -> RootPlace {
        RootPlace(path: path, written: written)
    }

    @Test("roots conflict where one of them can be written and lies around the other, and nowhere else")
    func conflicts() {
        let outer = Self.place("/j/a", "/j/a")
        #expect(outer.conflicts(with: Self.place("/j/a/b", "")))
        #expect(Self.place("/j/a/b", "").conflicts(with: outer))
        #expect(Self.place("/base", "/j/a/up").conflicts(with: outer))
        #expect(!Self.place("/j/a", "").conflicts(with: Self.place("/j/a/b", "/j/a/b")))
        #expect(!outer.conflicts(with: outer))
        #expect(!outer.conflicts(with: Self.place("/j/ab", "/j/ab")))
        #expect(!Self.place("/", "/").conflicts(with: outer))
    }

    @Test("of many roots, those that conflict with one are found by the folders they lie in")
    func near() {
        let paths = ["", "/", "/j", "/j/a", "/j/a/b", "/j/ab", "/j/a/b/c", "/k", "/k/a", "/j/a/up"]
        let all = paths.dropFirst().flatMap { path in paths.map { Self.place(path, $0) } }
        var places = RootPlaces()
        for (index, place) in all.enumerated() { places.add("\(index)", place) }
        for place in all {
            let wanted = Set(all.indices.filter { place.conflicts(with: all[$0]) }.map { "\($0)" })
            let found = places.near(place)
            #expect(wanted.isSubset(of: found.map(\.name)), "\(place)")
            #expect(place.written == "/" || found.allSatisfy { $0.place.conflicts(with: place) }, "\(place)")
        }
    }

    @Test("a record has the root, and one of before, which has none, is read")
    func record() throws {
        var trace = JailTrace(
            name: "a", label: "a", identity: JailIdentity(jid: 1, idRange: nil, generation: 2), phase: .up,
            cgroup: "/c",
            isTransient: false, supervisor: 1, supervisorStartTime: 2, hasNetwork: false)
        trace.root = Self.place("/j/a b", "/j/a b")
        #expect(try JailTrace(text: trace.text) == trace)
        let newer = ["jailrun", "root", "written", "sum"]
        let older = trace.text.split(separator: "\n").filter { line in !newer.contains { line.hasPrefix("\($0) ") } }
        let read = try JailTrace(text: "jailrun 1\n" + older.joined(separator: "\n") + "\n")
        #expect(read.root == nil && read.name == "a")
    }

    // MARK: The host's own root

    private static let hidden = [
        HiddenPath(path: "etc", kind: .way, mode: 0o755, uid: 0, gid: 0),
        HiddenPath(path: "etc/shadow", kind: .file, mode: 0o640, uid: 0, gid: 42),
        HiddenPath(path: "root", kind: .folder, mode: 0o700, uid: 0, gid: 0),
    ]

    @Test("what is root's alone is covered in the layer that vanishes, with the owners that the jail would see")
    func layer() throws {
        let lines = try ParameterPlanTests.lines("root.ephemeral;") { $0.hidden = Self.hidden }
        let wanted = [
            "mkdirat(layers, \"0/upper/etc\", 0700)",
            "fchownat(layers, \"0/upper/etc\", 1000, 1000, AT_SYMLINK_NOFOLLOW)",
            "fchmodat(layers, \"0/upper/etc\", 0755)",
            "mknodat(layers, \"0/upper/etc/shadow\", S_IFREG|0600, makedev(0x0, 0x0))",
            "fchownat(layers, \"0/upper/etc/shadow\", 1000, 1042, AT_SYMLINK_NOFOLLOW)",
            "fsetxattr(mount-point, \"trusted.overlay.opaque\", \"y\", 1, 0)",
        ]
        var rest = lines[...]
        for line in wanted {
            let index = try #require(rest.firstIndex(of: line), "\(line)")
            rest = rest[(index + 1)...]
        }
        #expect(rest.contains { $0.hasPrefix("fsopen(\"overlay\"") })
    }

    @Test("without such a layer it is masked, but for where the file mounts something")
    func masked() throws {
        let parameters = "root.readonly; mount = \"tmpfs /j/a/root tmpfs rw 0 0\";"
        let lines = try ParameterPlanTests.lines(parameters) { $0.hidden = Self.hidden }
        #expect(lines.contains { $0.hasPrefix("open_tree(mask, \"file\"") })
        #expect(lines.contains { $0.hasPrefix("openat2(root, \"etc/shadow\"") })
        #expect(!lines.contains { $0.hasPrefix("open_tree(mask, \"directory\"") })
    }

    @Test("root.unmask is a list of absolute paths, for path = / alone")
    func unmask() throws {
        #expect(ParameterPlanTests.errors("root.unmask = etc;") == ["root.unmask: etc: not an absolute pathname"])
        let source = TextSource(files: ["www.conf": "a { path = /j/a; persist; root.unmask = /etc; }"])
        let said = try Configuration(path: "www.conf", source: source).check()
        #expect(said.contains { $0.severity == .warning && $0.message.hasPrefix("root.unmask has no effect") })
    }

    // MARK: Rights

    @Test("the user namespace belongs to the jail's first id, who is root again right after the clone")
    func owner() throws {
        let lines = try ParameterPlanTests.lines("")
        let clone = try #require(lines.firstIndex { $0.hasPrefix("clone3") })
        #expect(lines[clone - 2] == "setresuid(-1, 1000, -1)" && lines[clone - 1] == "setfsuid(0)")
        #expect(lines[clone + 1] == "setresuid(-1, 0, -1)")
        #expect(!(try ParameterPlanTests.lines("userns = host;")).contains { $0.hasPrefix("setresuid(-1") })
    }

    @Test("allow.suid leaves no_new_privs and nosuid out, and installs the filter while that is permitted")
    func setuid() throws {
        func steps(_ parameters: String) throws -> (start: [String], command: [String]) {
            let plan = try ParameterPlanTests.plan("exec.start = \"/bin/true\"; \(parameters)") {
                $0.filter = [0, 0, 0, 0, 0, 0, 0, 0]
            }
            return (plan.steps.map(\.operation.spelling), plan.commands[0].steps.map(\.operation.spelling))
        }
        let (start, command) = try steps("")
        #expect(
            start.contains { $0.contains("PR_SET_NO_NEW_PRIVS") }
                && start.contains { $0.contains("MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV|MOUNT_ATTR_IDMAP") })
        let filter = try #require(command.firstIndex { $0.hasPrefix("seccomp(") })
        #expect(try filter > #require(command.firstIndex { $0.hasPrefix("capset(") }))
        let (open, other) = try steps("allow.suid;")
        #expect(
            !open.contains {
                $0.contains("PR_SET_NO_NEW_PRIVS") || $0.contains("MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV|MOUNT_ATTR_IDMAP")
            })
        let early = try #require(other.firstIndex { $0.hasPrefix("seccomp(") })
        #expect(try early < #require(other.firstIndex { $0.hasPrefix("setgroups(") }))
        #expect(other.contains { $0.contains("PR_CAPBSET_DROP, CAP_SYS_ADMIN") })
    }

    @Test("every group inside may ping, unless the file says otherwise or the network is another's")
    func ping() throws {
        func writes(_ parameters: String) throws -> [String] {
            try ParameterPlanTests.lines(parameters).filter { $0.hasPrefix("write(file, ") }
        }
        #expect(try writes("") == ["write(file, \"0 65535\", 7)"])
        #expect(try writes("sysctl.net.ipv4.ping_group_range = \"1 0\";") == ["write(file, \"1 0\", 3)"])
        #expect(try writes("ip4 = inherit;") == [])
    }

    // MARK: Output

    @Test("a flood is read for as long as the burst, then at the rate, and what is dropped is counted once")
    func budget() {
        var budget = OutputBudget()
        var (now, spent) = (0, 0)
        while budget.resumesMilliseconds == nil {
            budget.spend(700, now)
            spent += 700
        }
        #expect(spent >= OutputBudget.burstMicroseconds && spent < OutputBudget.burstMicroseconds + 1400)
        var dropped = 0
        repeat {
            now += OutputBudget.pauseMilliseconds
            dropped += 1000
        } while !budget.drop(1000, now)
        #expect(now <= 1100 && budget.takeDropped() == dropped && budget.takeDropped() == 0)
        budget.spend(700, now)
        #expect(budget.resumesMilliseconds == nil)
    }
}
