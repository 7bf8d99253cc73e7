import Testing

@testable import JailCore

@Suite("A change of a running jail as steps")
struct ChangePlannerTests {
    private static let identity = JailIdentity(jid: 5, idRange: IDRange(first: 1000, count: 65536), generation: 0)

    private static func plan(
        _ before: String, _ after: String, name: String? = nil, _ look: (inout ChangeFacts) -> Void = { _ in }
    ) throws -> ChangePlan {
        let old = try ParameterPlanTests.spec("persist; \(before)")
        var new = try ParameterPlanTests.spec((after.contains("nopersist") ? "" : "persist; ") + after)
        if let name { new.name = Located(name, .commandLine) }
        var facts = ChangeFacts(process: 7, cgroup: "/sys/fs/cgroup/jailrun/a", owner: 0, networkNumber: 5)
        look(&facts)
        return try ChangePlanner(from: old, to: new, identity: identity, facts: facts).plan()
    }

    private static func lines(_ steps: [Step]) -> [String] { steps.map(\.operation.spelling) }
    private static func shell(_ steps: [Step]) -> [String] { shell(steps.map(\.operation)) }
    private static func shell(_ operations: [Operation]) -> [String] {
        operations.map { if case .network(let operation) = $0 { operation.shell } else { $0.spelling } }
    }

    @Test("what stays as it was has no step")
    func nothing() throws {
        let text = "host.hostname = n; ip4.addr = 10.77.0.10; cgroup.pids.max = 9; env = e; meta = m; port = 80:80;"
        #expect(try Self.plan(text, text).allSteps == [])
        #expect(try Self.plan("meta = m;", "exec.poststop = true; depend = \"\";").allSteps == [])
    }

    @Test("the hostname is set from the jail's namespace, and each step is taken back by its opposite")
    func hostname() throws {
        let plan = try Self.plan("host.hostname = one;", "host.hostname = two;")
        #expect(
            Self.lines(plan.steps) == [
                "openat(AT_FDCWD, \"/proc/7/ns/uts\", O_RDONLY|O_CLOEXEC, 0) = jail-uts",
                "openat(AT_FDCWD, \"/proc/thread-self/ns/uts\", O_RDONLY|O_CLOEXEC, 0) = host-uts",
                "setns(jail-uts, CLONE_NEWUTS)", "sethostname(\"two\", 3)", "setns(host-uts, CLONE_NEWUTS)",
            ])
        #expect(
            plan.steps.reversed().flatMap(\.undo).map(\.spelling) == [
                "setns(jail-uts, CLONE_NEWUTS)", "sethostname(\"one\", 3)", "setns(host-uts, CLONE_NEWUTS)",
                "close(host-uts)", "close(jail-uts)",
            ])
        #expect(Self.lines(plan.last) == ["close(jail-uts)", "close(host-uts)"])
        #expect(plan.steps.allSatisfy { "\($0.origin)".hasPrefix("www.conf:1:") && $0.subject == .namespaces })
    }

    @Test(
        "a limit is written and read back by the steps of a start, its controller enabled, and gets its old value again"
    )
    func limits() throws {
        let plan = try Self.plan("cgroup.pids.max = 9;", "cgroup.pids.max = 9; cgroup.memory.max = 8192;") { facts in
            facts.limits = [CgroupSetting(file: "memory.max", value: "max", origin: .commandLine)]
            facts.cgroupLevels = [
                StartFacts.CgroupLevel(path: "/sys/fs/cgroup/jailrun", missingControllers: ["memory"])
            ]
        }
        let lines = Self.lines(plan.steps)
        #expect(lines.contains("write(controller-file, \"+memory\", 7)"))
        #expect(
            lines.contains("openat(AT_FDCWD, \"/sys/fs/cgroup/jailrun/a\", O_RDONLY|O_CLOEXEC|O_DIRECTORY, 0) = cgroup")
        )
        #expect(
            lines.suffix(6) == [
                "openat(cgroup, \"memory.max\", O_WRONLY|O_CLOEXEC, 0) = cgroup-file",
                "write(cgroup-file, \"8192\", 4)", "close(cgroup-file)",
                "openat(cgroup, \"memory.max\", O_RDONLY|O_CLOEXEC, 0) = cgroup-file",
                "read(cgroup-file, \"8192\\n\", 4096)", "close(cgroup-file)",
            ])
        #expect(!lines.contains { $0.contains("pids.max") })
        #expect(
            plan.steps.reversed().flatMap(\.undo).map(\.spelling) == [
                "openat(cgroup, \"memory.max\", O_WRONLY|O_CLOEXEC, 0) = cgroup-file",
                "write(cgroup-file, \"max\", 3)", "close(cgroup-file)", "close(cgroup)",
            ])
    }

    @Test(
        "a limit whose file is yet to be made gets the kernel's own value again",
        arguments: [("memory.high", "max"), ("memory.low", "0"), ("cpu.weight", "100")])
    func untouched(file: String, value: String) throws {
        let undo = try Self.plan("", "cgroup.\(file) = 70;").steps.flatMap(\.undo).map(\.spelling)
        #expect(undo.contains("write(cgroup-file, \"\(value)\", \(value.utf8.count))"))
    }

    @Test("env is replaced whole, in a folder that nobody inside can have made, and comes back")
    func environment() throws {
        let plan = try Self.plan("env = old;", "env = new;")
        let lines = Self.lines(plan.steps)
        #expect(lines.first == "openat(AT_FDCWD, \"/proc/7/root\", O_CLOEXEC|O_PATH|O_DIRECTORY, 0) = root")
        #expect(lines.filter { $0.hasPrefix("openat2") }.allSatisfy { $0.contains("RESOLVE_NO_SYMLINKS") })
        let checked = try #require(lines.firstIndex(of: "fstat(dev-jail, {st_uid=0})"))
        #expect(lines.contains("fstatfs(dev, {f_type=TMPFS_MAGIC})"))
        #expect(lines.contains("fstatfs(dev-jail, {f_type=TMPFS_MAGIC})"))
        #expect(try checked < #require(lines.firstIndex(of: "write(file, \"new\\n\", 4)")))
        #expect(lines.last == "renameat2(dev-jail, \"env.new\", dev-jail, \"env\", 0)")
        #expect(plan.steps.last?.undo.map(\.spelling).contains("write(file, \"old\\n\", 4)") == true)
        let first = try Self.plan("", "env = new;")
        #expect(first.steps.last?.undo.map(\.spelling) == ["unlinkat(dev-jail, \"env\", 0)"])
    }

    @Test("pid 1 is reached before anything else and told after the record, and a jail with jails in it lives on")
    func persistence() throws {
        let plan = try Self.plan("", "nopersist; command = true; host.hostname = two;")
        #expect(Self.lines(plan.steps).first == "pidfd_open(7, 0) = pidfd")
        #expect(Self.lines(plan.last).prefix(2) == ["pidfd_send_signal(pidfd, SIGRT_32, NULL, 0)", "close(pidfd)"])
        let around = try Self.plan("", "nopersist; command = true;") { $0.hasJails = true }
        #expect(Self.lines(around.last).first == "pidfd_send_signal(pidfd, SIGRT_31, NULL, 0)")
    }

    // MARK: Network

    /// - Parameter doors: who is let through a firewall that drops what it does not know; nil for none.
    private static func network(
        _ before: String, _ after: String, name: String? = nil, others: [HostNetworkFacts.Link] = [],
        doors: [String]? = nil
    ) throws -> ChangePlan {
        let old = try ParameterPlanTests.spec("persist; \(before)")
        let addresses = old.network.addresses.map { InternetPrefix("\($0.address)/24")! }
        var host = NetworkPlannerTests.facts
        host.links += others
        if !addresses.isEmpty {
            host.links += [
                HostNetworkFacts.Link(index: 8, name: "jail0", isBridge: true, alias: JailLink.bridgeAlias),
                HostNetworkFacts.Link(
                    index: 9, name: "vjail5",
                    alias: JailLink.alias(jail: "a", interface: "jail0", addresses: addresses), master: "jail0"),
            ]
            host.addresses.append(.init(link: "jail0", prefix: InternetPrefix("10.77.0.1/24")!))
        }
        host.jailAddresses = host.jailLinks.flatMap { link in
            link.addresses.map { HostNetworkFacts.JailAddress(jail: link.jail, address: $0.address) }
        }
        if doors != nil {
            host.doors = doors
            host.obstacles = try [old, ParameterPlanTests.spec("persist; \(after)")].flatMap {
                FirewallDoorTests.obstacles(of: $0.network, host)
            }
        }
        let undo = try NetworkPlan(for: old.network, jail: ("a", 5), facts: host).operations.map(\.value).undo
        return try plan(before, after, name: name) {
            $0.network = host
            $0.networkUndo = undo
        }
    }

    private static let disconnection = [
        "ip neighbour delete 10.77.0.10 dev jail0", "ip link delete vjail5", LinkHold.release(of: "vjail5"),
    ]

    @Test("other addresses take the links away and make them anew; what fails then makes the old ones again, whole")
    func addresses() throws {
        let plan = try Self.network("ip4.addr = 10.77.0.10;", "ip4.addr = 10.77.0.11;")
        let shell = Self.shell(plan.steps)
        #expect(Array(shell.prefix(3)) == Self.disconnection)
        #expect(shell.contains("nsenter --target $JAIL --net ip address add 10.77.0.11/24 dev eth0"))
        #expect(!shell.dropFirst(3).contains { $0.contains("10.77.0.10") })
        #expect(!shell.contains("ip link delete jail0") && !shell.contains { $0.hasPrefix("ip address delete") })
        let again = Self.shell(plan.steps[0].undo)
        let start = try NetworkPlan(
            for: ParameterPlanTests.spec("ip4.addr = 10.77.0.10; persist;").network, jail: ("a", 5),
            facts: NetworkPlannerTests.facts
        ).operations.map(\.value.shell)
        #expect(again == start)
        let last = try #require(plan.steps.last { $0.operation.spelling.contains("veth") })
        #expect(Self.shell(last.undo) == ["ip link delete vjail5", LinkHold.release(of: "vjail5")])
        #expect(plan.networkUndo.contains(.removeLink(name: "vjail5")))
        #expect("\(last.origin)".hasPrefix("www.conf:1:") && plan.steps.allSatisfy { $0.subject == .network })
    }

    @Test("without addresses the bridge goes, too, and its gateway, unless another jail is there")
    func bridge() throws {
        let alone = Self.shell(try Self.network("ip4.addr = 10.77.0.10;", "").steps)
        #expect(
            alone == Self.disconnection + ["ip address delete 10.77.0.1/24 dev jail0", "ip link delete jail0"])
        let neighbour = HostNetworkFacts.Link(
            index: 7, name: "vjail4",
            alias: JailLink.alias(jail: "b", interface: "jail0", addresses: [InternetPrefix("10.77.0.20/24")!]),
            master: "jail0")
        let beside = try Self.network("ip4.addr = 10.77.0.10;", "", others: [neighbour])
        #expect(Self.shell(beside.steps) == Self.disconnection)
        #expect(Self.shell(try Self.network("", "ip4.addr = 10.77.0.10;").steps).contains { $0.contains("veth") })
    }

    @Test("what is wrong with an address is said before there is a step")
    func refused() throws {
        let neighbour = HostNetworkFacts.Link(
            index: 7, name: "vjail4",
            alias: JailLink.alias(jail: "b", interface: "jail0", addresses: [InternetPrefix("10.77.0.20/24")!]),
            master: "jail0")
        #expect(throws: NetworkPlanError.self) {
            try Self.network("ip4.addr = 10.77.0.10;", "ip4.addr = 10.77.0.20;", others: [neighbour])
        }
    }

    @Test("other ports replace the rules in one batch, the links stay, and what was there comes back")
    func ports() throws {
        let old = "ip4.addr = 10.77.0.10; port = \"192.0.2.1:8080:80\";"
        let plan = try Self.network(old, "ip4.addr = 10.77.0.10; port = \"192.0.2.1:8081:80\";")
        #expect(plan.steps.count == 1)
        let step = try #require(plan.steps.first)
        #expect(step.operation.spelling.contains("dport 8081") && !step.operation.spelling.contains("8080"))
        #expect(step.undo.count == 1 && step.undo[0].spelling.contains("dport 8080"))
        let none = try Self.network(old, "ip4.addr = 10.77.0.10;")
        #expect(Self.lines(none.steps).first?.contains("delete rules of \"a\"") == true)
        #expect(none.steps[0].undo[0].spelling.contains("dport 8080"))
        #expect(Self.lines(none.steps).contains("write(\"/proc/sys/net/ipv4/conf/jail0/forwarding\", \"0\")"))
        #expect(Self.shell(none.steps).last == "bridge link set dev vjail5 hairpin off")
        #expect(none.networkUndo.withdrawals.isEmpty && plan.networkUndo.withdrawals == ["a"])
    }

    @Test("firewall = no closes the jail's door, and is a change of the network")
    func leavingFirewall() throws {
        let text = "ip4.addr = 10.77.0.10; port = \"192.0.2.1:8080:80\";"
        let specs = try [text, "\(text) firewall = no;"].map { try ParameterPlanTests.spec("persist; \($0)") }
        #expect(specs[0].isNetworkChanged(to: specs[1]) && specs[1].isNetworkChanged(to: specs[0]))
        #expect(!specs[1].isNetworkChanged(to: specs[1]))
        let plan = try Self.network(text, "\(text) firewall = no;", doors: ["a"])
        #expect(Self.lines(plan.steps).contains { $0.contains("delete rules of \"a\" in DOCKER-USER") })
        #expect(!plan.networkUndo.contains(.closeDoor(jail: "a")))
    }

    private static let port = "ip4.addr = 10.77.0.10; port = \"8080:80\";"

    @Test("without a port the door of another's firewall is closed first, and what fails opens it behind its gates")
    func closing() throws {
        let plan = try Self.network(Self.port, "ip4.addr = 10.77.0.10;", doors: ["a"])
        let lines = Self.lines(plan.steps)
        #expect(lines.first?.contains("delete rules of \"a\" in DOCKER-USER") == true, "\(lines)")
        #expect(plan.steps[0].undo.map(\.spelling).first?.contains("add rule ip filter DOCKER-USER") == true)
        let withdrawn = try #require(plan.steps.first { $0.operation.spelling.contains("{delete rules of \"a\"}") })
        #expect(withdrawn.undo[0].spelling.contains("\"a gate\""))
    }

    @Test("a jail that had no door gets none, and no gates, by a change that fails")
    func opening() throws {
        for before in ["ip4.addr = 10.77.0.10;", "ip4.addr = 10.77.0.10; nat;"] {
            let plan = try Self.network(before, "\(Self.port) nat;", doors: [])
            let lines = Self.lines(plan.steps)
            #expect(lines.last?.contains("add rule ip filter DOCKER-USER") == true, "\(lines)")
            #expect(lines.contains { $0.contains("\"a gate\"") })
            let undo = plan.steps.flatMap(\.undo).map(\.spelling)
            #expect(!undo.contains { $0.contains("gate") || $0.contains("add rule ip filter") }, "\(undo)")
        }
    }

    @Test("other addresses go through another's firewall by a door of their own, and back by the old one")
    func doorOfAddress() throws {
        let after = "ip4.addr = 10.77.0.11; port = \"8080:80\";"
        let plan = try Self.network(Self.port, after, doors: ["a"])
        func doors(_ lines: [String]) -> [String] { lines.filter { $0.contains("add rule ip filter DOCKER-USER") } }
        let opened = doors(Self.lines(plan.steps))
        #expect(opened.count == 1 && opened[0].contains("10.77.0.11") && !opened[0].contains("10.77.0.10"))
        let again = doors(plan.steps[0].undo.map(\.spelling))
        #expect(again.count == 1 && again[0].contains("10.77.0.10") && !again[0].contains("10.77.0.11"))
    }

    @Test("a new name is set on the cgroup, the links and the rules, and the old one again when a step fails")
    func name() throws {
        let text = "ip4.addr = 10.77.0.10; port = \"192.0.2.1:8080:80\";"
        let plan = try Self.network(text, text, name: "b")
        let lines = Self.lines(plan.steps)
        #expect(lines.count == 4)
        #expect(lines[0] == "sendmsg(rtnetlink, RTM_NEWLINK, {\"vjail5\" alias \"jailrun:b jail0 10.77.0.10/24\" up})")
        #expect(lines[1].contains("comment \"b 192.0.2.1:8080/tcp\""))
        #expect(lines[2].contains("delete rules of \"a\""))
        #expect(
            lines[3] == "setxattr(\"/sys/fs/cgroup/jailrun/a\", \"trusted.jailrun\", \"b\", 1, 0)")
        let undo = plan.steps.map { $0.undo.map(\.spelling) }
        #expect(undo[0][0].contains("\"jailrun:a jail0") && undo[1][0].contains("delete rules of \"b\""))
        #expect(undo[2][0].contains("comment \"a 192.0.2.1:8080/tcp\"") && undo[3][0].contains("\"a\", 1, 0)"))
        #expect(plan.networkUndo.withdrawals == ["b"])
    }

    @Test("a new name and other addresses at once: the links are made with both")
    func nameAndAddress() throws {
        let plan = try Self.network("ip4.addr = 10.77.0.10;", "ip4.addr = 10.77.0.10, 10.77.0.11;", name: "b")
        let aliases = Self.lines(plan.steps).filter { $0.contains("alias \"jailrun:") && $0.contains("vjail5") }
        #expect(aliases.count == 1 && aliases[0].contains("jailrun:b jail0 10.77.0.10/24 10.77.0.11/24"))
    }
}
