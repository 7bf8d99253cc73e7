import Testing

@testable import JailCore

/// Several jails of one file: what they share is decided once, and what each has of its own is its own alone.
struct FilePlanTests {
    static func jails(_ text: String) throws -> [ConfiguredJail] {
        let source = TextSource(files: ["www.conf": "path = /j; persist; userns = host;\n\(text)"])
        return try Configuration(path: "www.conf", source: source).specs()
    }

    static func plan(_ jails: [ConfiguredJail], numbers: [Int], _ host: HostNetworkFacts = NetworkPlannerTests.facts)
        throws -> FilePlan
    {
        FilePlan(
            try zip(jails, numbers).map { jail, number in
                var facts = StartFacts()
                let controllers = jail.cgroup.compactMap { $0.file.split(separator: ".").first.map(String.init) }
                facts.cgroupLevels = [
                    .init(path: "/sys/fs/cgroup", missingControllers: controllers),
                    .init(path: "/sys/fs/cgroup/jailrun", exists: false, missingControllers: controllers),
                ]
                let network = try NetworkPlan(for: jail.network, jail: (jail.name.value, number), facts: host)
                (facts.network, facts.sharedNetwork) = (network.own, network.lacking)
                let identity = JailIdentity(jid: number, idRange: nil, generation: 0)
                return FilePlan.Prepared(spec: jail, identity: identity, facts: facts)
            })
    }

    private static let several = """
        b { ip4.addr = 10.77.5.2; cgroup.pids.max = 50; }
        a { ip4.addr = 10.77.5.1; depend = b; cgroup.pids.max = 60; cgroup.memory.max = 64M; }
        c { ip4.addr = 10.78.0.9; nat; cgroup.pids.max = 70; }
        """

    private static func shell(_ plan: Plan) -> [String] {
        plan.parts.flatMap { part -> [String] in
            switch part.purpose {
            case .network, .cgroupLevel: part.purpose.shell
            default: []
            }
        }
    }

    @Test("what jails share is one list: each thing once, with the first line that asks for it, before all jails")
    func shared() throws {
        let plan = try Self.plan(try Self.jails(Self.several), numbers: [1, 2, 3])
        #expect(
            Self.shell(plan.shared) == [
                "echo +pids >/sys/fs/cgroup/cgroup.subtree_control",
                "echo +memory >/sys/fs/cgroup/cgroup.subtree_control",
                "mkdir -p /sys/fs/cgroup/jailrun", "echo +pids >/sys/fs/cgroup/jailrun/cgroup.subtree_control",
                "echo +memory >/sys/fs/cgroup/jailrun/cgroup.subtree_control",
                "ip link add jail0 address 02:22:05:0c:ca:54 type bridge",
                "sysctl -qw net/ipv6/conf/jail0/accept_ra=0", "sysctl -qw net/ipv6/conf/jail0/accept_dad=0",
                "sysctl -qw net/ipv4/conf/jail0/rp_filter=1", "ip link set jail0 alias \"jailrun: bridge\" up",
                "ip address add 10.77.5.254/24 dev jail0", "ip address add 10.78.0.1/24 dev jail0",
            ])
        let memory = plan.shared.steps.first { $0.operation.spelling.contains("+memory") }
        #expect("\(try #require(memory).origin)".hasPrefix("www.conf:3:"))
        for jail in plan.jails {
            let shell = Self.shell(jail.plan)
            #expect(!shell.contains { $0.hasPrefix("ip link add jail0") || $0.hasPrefix("mkdir -p /sys/fs/cgroup") })
            #expect(shell.contains { $0.hasPrefix("ip link add vjail") })
        }
    }

    @Test("a jail's own steps are the same alone or with others, first or last, whoever is up already")
    func own() throws {
        let jails = try Self.jails(Self.several)
        let together = try Self.plan(jails, numbers: [1, 2, 3])
        let backwards = try Self.plan(jails.reversed(), numbers: [3, 2, 1])
        var host = NetworkPlannerTests.facts
        host.links += [
            .init(index: 8, name: "jail0", isBridge: true, alias: JailLink.bridgeAlias),
            .init(
                index: 9, name: "vjail9",
                alias: JailLink.alias(
                    jail: "z", interface: "jail0", addresses: [InternetPrefix("10.77.5.9/24")!]), master: "jail0"),
        ]
        host.addresses.append(.init(link: "jail0", prefix: InternetPrefix("10.77.5.254/24")!))
        for (index, jail) in jails.enumerated() {
            let own = together.jails[index].plan
            #expect(try Self.plan([jail], numbers: [index + 1]).jails[0].plan == own)
            #expect(try Self.plan([jail], numbers: [index + 1], host).jails[0].plan == own)
            #expect(backwards.jails[2 - index].plan == own)
        }
        #expect(try Self.plan([jails[0]], numbers: [1], host).shared.steps.allSatisfy { $0.subject == .limits })
    }

    @Test("what IPv6 needs of the host's links is the same for the jail that comes second")
    func forwarding() throws {
        var host = NetworkPlannerTests.facts
        let jail = try Self.jails("a { ip6.addr = \"lan|2001:db8::10\"; }")[0]
        let first = try NetworkPlan(for: jail.network, jail: ("a", 1), facts: host).own
        // The kernel has overwritten what each link had.
        host.originals = [
            .init(path: "net/ipv6/conf/lan/accept_ra", value: "1"),
            .init(path: "net/ipv6/conf/all/forwarding", value: "0"),
            .init(path: "net/ipv6/conf/lan/proxy_ndp", value: "0"),
            .init(path: "net/ipv6/neigh/lan/proxy_delay", value: "80"),
        ]
        host.sysctls = ["all", "lan", "br0"].map { .init(path: "net/ipv6/conf/\($0)/forwarding", value: "1") }
        #expect(try NetworkPlan(for: jail.network, jail: ("a", 1), facts: host).own == first)
    }

    // MARK: The gateway

    @Test("the gateway is an address that no jail of the file has, whichever is started")
    func gateways() throws {
        let jails = try Self.jails(
            """
            b { ip4.addr = 10.77.5.2; ip6.addr = "fd77::2"; }
            a { ip4.addr = 10.77.5.1/24; ip6.addr = "fd77::1"; }
            c { ip4.addr = 10.77.5.254, "eth9|192.0.2.1"; }
            """)
        #expect(
            jails.map(\.network.gateways) == [
                ["10.77.5.253/24", "fd77::ffff:ffff:ffff:ffff/64"], ["10.77.5.253/24", "fd77::ffff:ffff:ffff:ffff/64"],
                ["10.77.5.253/24"],
            ])
        #expect(try Self.jails("a { ip4.addr = 10.77.5.1; }")[0].network.gateways == nil)
    }

    @Test("of two networks in one another neither has its gateway on a jail of the other")
    func nestedNetworks() throws {
        let jails = try Self.jails("a { ip4.addr = 10.77.0.1/24; }\nb { ip4.addr = 10.77.3.4/16; }")
        #expect(jails.map(\.network.gateways) == [["10.77.0.254/24"], ["10.77.255.254/16"]])
    }

    @Test("a file that leaves the host no address is an error at each jail of that network, whichever is to be started")
    func full() {
        let source = TextSource(files: [
            "www.conf": "path = /j; persist;\na { ip4.addr = 10.9.0.1/30; }\nb { ip4.addr = 10.9.0.2/30; }"
        ])
        let errors = try? Configuration(path: "www.conf", source: source).check().filter { $0.severity == .error }
        #expect(
            errors?.map(\.message) == [
                "10.9.0.0/30: the jails use all of its addresses, and the host needs one of them",
                "10.9.0.0/30: the jails use all of its addresses, and the host needs one of them",
            ])
        #expect(errors?.first?.location?.line == 2)
    }

    @Test("an instance's gateways are in its own networks") func instance() throws {
        let jails = try InstanceTests.applied(
            "path = /j; root.ephemeral; persist; a { ip4.addr = 10.77.0.1; } b { ip4.addr = 10.77.0.2; }")
        #expect(jails.map(\.network.gateways) == [["10.77.9.254/24"], ["10.77.9.254/24"]])
    }

    @Test("the host's address on the bridge is refused to a jail, with those that need it, and what mends it")
    func taken() throws {
        var host = NetworkPlannerTests.facts
        let alias = JailLink.alias(jail: "b", interface: "jail0", addresses: [InternetPrefix("10.77.5.2/24")!])
        host.links += [
            .init(index: 8, name: "jail0", isBridge: true, alias: JailLink.bridgeAlias),
            .init(index: 9, name: "vjail9", alias: alias, master: "jail0"),
        ]
        host.addresses.append(.init(link: "jail0", prefix: InternetPrefix("10.77.5.1/24")!))
        let error = NetworkPlannerTests.error(["10.77.5.1"], host)
        #expect(
            error == .addressOfGateway(address: "10.77.5.1", jails: ["\"b\""], NetworkPlannerTests.origin(1)))
        #expect(error?.description == "10.77.5.1: the host has it on jail0, as the gateway of \"b\"")
        #expect(error?.hint?.contains("stop \"b\" and start this jail first") == true)
    }
}
