import Testing

@testable import JailCore

@Suite("jails that share an address")
struct SharedAddressTests {
    private func facts() -> HostNetworkFacts {
        let alias = JailLink.alias(jail: "a", interface: "jail0", addresses: [InternetPrefix("10.77.0.5/24")!])
        var facts = HostNetworkFacts(
            links: [
                .init(index: 1, name: "lo", isLoopback: true),
                .init(index: 2, name: "jail0", isBridge: true, alias: JailLink.bridgeAlias),
                .init(index: 3, name: "vjail7", alias: alias, master: "jail0"),
            ], addresses: [.init(link: "jail0", prefix: InternetPrefix("10.77.0.1/24")!)])
        facts.jailAddresses = [.init(jail: "a", address: InternetAddress("10.77.0.5")!, link: "vjail7")]
        return facts
    }

    private func network(ports: [PortSpec] = []) -> NetworkSpec {
        NetworkSpec(
            mode: Located(.own, .commandLine),
            addresses: [
                AddressSpec(
                    family: .ipv4, address: "10.77.0.5", prefixLength: nil, interface: nil, origin: .commandLine)
            ], ports: ports)
    }

    @Test("who joins makes no link and no address: ports below 1024, and its own published ones")
    func joining() throws {
        let port = PortSpec(
            transport: .tcp, address: nil, hostPort: 8080, jailPort: 80, count: 1, origin: .commandLine)
        let plan = try NetworkPlan(
            joining: network(ports: [port]), jail: ("b", 7), facts: facts(), opensReservedPorts: true)
        let operations = plan.operations.map(\.value)
        #expect(operations.first?.shell.hasSuffix("sysctl -qw net/ipv4/ip_unprivileged_port_start=0") == true)
        let links = operations.filter {
            switch $0 {
            case .createVeth, .createBridge, .addAddress, .addRoute, .raiseLink: true
            default: false
            }
        }
        #expect(links == [])
        let rules = operations.compactMap { if case .publish(let rules) = $0 { rules } else { nil } }
        #expect(rules.map(\.jail) == ["b"])
        #expect(rules[0].script.contains { $0.contains("10.77.0.5:80") }, "\(rules[0].script)")
        #expect(operations.compactMap(\.undo).withdrawals == ["b"])
    }

    @Test("one that may use no port below 1024 anyway changes nothing of the network") func narrow() throws {
        let plan = try NetworkPlan(joining: network(), jail: ("b", 7), facts: facts(), opensReservedPorts: false)
        #expect(plan.operations == [])
    }

    @Test("the address of a link is nobody else's to whoever has that link's number") func own() throws {
        #expect(throws: NetworkPlanError.self) { try NetworkPlan(for: network(), jail: ("b", 8), facts: facts()) }
        #expect(throws: Never.self) { try NetworkPlan(for: network(), jail: ("b", 7), facts: facts()) }
    }

    @Test("the host's end of a pair tells the hardware address of the jail's end") func hardwareAddress() throws {
        let plan = try NetworkPlan(for: network(), jail: ("c", 7), facts: HostNetworkFacts(links: []))
        let pairs = plan.operations.compactMap { if case .createVeth(let pair) = $0.value { pair } else { nil } }
        let pair = try #require(pairs.first)
        #expect(NetworkPlanner.peerMAC(ofHostEnd: pair.mac) == pair.peerMAC)
    }

    @Test("a trace tells whose links its jail has, and an older one means its own") func trace() throws {
        let trace = JailTrace(
            name: "b", label: "b", identity: JailIdentity(jid: 9, idRange: nil, generation: 1), phase: .up,
            cgroup: "/c", isTransient: false, supervisor: 1, supervisorStartTime: 1, hasNetwork: true, network: 7)
        #expect(try JailTrace(text: trace.text) == trace)
        var elsewhere = trace
        elsewhere.home = NetworkNamespace(device: 4, inode: 4_026_531_840)
        #expect(try JailTrace(text: elsewhere.text) == elsewhere)
        var known = elsewhere
        known.home?.cookie = 17
        #expect(try JailTrace(text: known.text) == known)
        #expect(try JailTrace(text: RecordTests.older(known, without: ["cookie"])) == elsewhere)
        #expect(try JailTrace(text: RecordTests.older(trace, without: ["links"])).network == 9)
    }

    @Test("the plan enters the holder's network before the clone, which makes none, and leaves it right after")
    func order() throws {
        let (jail, _, _) = try ExplanationTests.plan("path = /j; persist; ip4.addr = 10.77.0.5;")
        var facts = StartFacts()
        facts.rootDirectories = ["sys"]
        facts.networkHolder = .init(jail: "a", pid: 77)
        let plan = Planner(
            jail: jail, identity: JailIdentity(jid: 9, idRange: IDRange(first: 1 << 20, count: 65536), generation: 1),
            facts: facts
        ).start()
        let calls = plan.steps.map(\.operation.spelling)
        let clone = try #require(calls.firstIndex { $0.hasPrefix("clone3") })
        #expect(!calls[clone].contains("CLONE_NEWNET") && calls[clone].contains("CLONE_NEWUSER"))
        // Around the clone alone, somebody else owns what is made.
        #expect(calls[clone + 1] == "setresuid(-1, 0, -1)" && calls[clone + 3] == "setns(host-network, CLONE_NEWNET)")
        let enter = try #require(calls.firstIndex(of: "setns(holder-network, CLONE_NEWNET)"))
        #expect(
            calls[enter..<clone].dropFirst().map { String($0.prefix { $0 != "(" }) } == [
                "fsopen", "fsconfig", "fsmount", "close", "prctl", "setresuid", "setfsuid",
            ])
        let child = plan.steps.filter { $0.side == .child }.map(\.operation.spelling)
        #expect(!child.contains { $0.contains("\"sysfs\"") } && child.contains { $0.hasPrefix("move_mount(sysfs-0") })
        #expect(!calls.contains { $0.contains("SIOCSIFFLAGS") })
    }
}
