import Testing

@testable import JailCore

struct FirewallDoorTests {
    /// As Docker's policy drops all of it.
    static func obstacles(
        of network: NetworkSpec, _ facts: HostNetworkFacts, family: AddressSpec.Family? = nil
    ) -> [FirewallObstacle] {
        network.firewallProbes(facts) { _ in false }.filter { family == nil || $0.family == family }.map { probe in
            FirewallObstacle(
                chain: "chain FORWARD of table ip filter", probe: probe, mend: "", hasDoor: true, isDoubtful: false)
        }
    }

    private static func network(
        _ addresses: [String], _ ports: [String] = [], masquerades: Bool = false
    ) throws -> NetworkSpec {
        var network = NetworkPlannerTests.spec(addresses)
        network.ports = try ports.map { try PortSpec($0, NetworkPlannerTests.origin(9)) }
        if masquerades { network.masquerade = Located(true, NetworkPlannerTests.origin(8)) }
        return network
    }

    /// The uplink `lan` alone, and a bridge of containers.
    private static var facts: HostNetworkFacts {
        var facts = NetworkPlannerTests.facts
        facts.links = [
            .init(index: 1, name: "lo", isLoopback: true), .init(index: 2, name: "lan"),
            .init(index: 3, name: "docker0", isBridge: true),
            .init(index: 4, name: "veth1", master: "docker0", leadsInside: true),
        ]
        facts.addresses = ["lan 192.0.2.1/24", "docker0 172.17.0.1/16", "lan 2001:db8::1/64"].map { text in
            let words = text.split(separator: " ").map(String.init)
            return .init(link: words[0], prefix: InternetPrefix(words[1])!)
        }
        return facts
    }

    private static func plan(_ network: NetworkSpec, _ facts: HostNetworkFacts) throws -> [NetworkOperation] {
        try NetworkPlan(for: network, jail: ("www", 5), facts: facts).operations.map(\.value)
    }

    private static func doors(_ plan: [NetworkOperation]) -> [String] {
        plan.flatMap { operation -> [String] in
            if case .openDoor(let door) = operation { door.script } else { [] }
        }
    }

    private static func gates(_ plan: [NetworkOperation]) -> [String] {
        PortTests.rules(plan).filter { $0.hasSuffix("\"www gate\"") }
    }

    @Test("a jail with nat is let through to the uplink and among its neighbours, and not to networks of containers")
    func uplinks() throws {
        let network = try Self.network(["10.77.0.10"], masquerades: true)
        var facts = Self.facts
        facts.obstacles = Self.obstacles(of: network, facts)
        let plan = try Self.plan(network, facts)
        #expect(
            Self.doors(plan)
                == [
                    "iifname \"jail0\" oifname \"lan\" ip saddr", "iifname \"lan\" oifname \"jail0\" ip daddr",
                    "iifname \"jail0\" oifname \"jail0\" ip saddr", "iifname \"jail0\" oifname \"jail0\" ip daddr",
                ].map { "add rule ip filter DOCKER-USER \($0) 10.77.0.10 accept comment \"jailrun:www\"" })
        #expect(Self.gates(plan).count == 1 && Self.gates(plan)[0].contains("ip daddr 10.77.0.10/32 iifname \"lan\""))
    }

    @Test("where a bridge of containers is all that there is, it is named as an obstacle and gets no door")
    func onlyContainers() throws {
        let network = try Self.network(["10.77.0.10"], masquerades: true)
        var facts = Self.facts
        facts.addresses.removeAll { $0.link == "lan" }
        facts.obstacles = Self.obstacles(of: network, facts)
        #expect(facts.obstacles?.isEmpty == false)
        #expect(Self.doors(try Self.plan(network, facts)) == [])
        #expect(network.obstaclesWithoutDoor(facts).count == 2)
    }

    @Test("a family that nobody drops has no door, and no gates")
    func families() throws {
        let network = try Self.network(["10.77.0.10", "fd77::10"], ["8080:80"])
        var facts = Self.facts
        facts.obstacles = Self.obstacles(of: network, facts, family: .ipv4)
        let plan = try Self.plan(network, facts)
        let lines = Self.doors(plan) + Self.gates(plan)
        #expect(lines.count == 6 && !lines.contains { $0.contains("ip6") || $0.contains("fd77") }, "\(lines)")
    }

    @Test("every address and every port is asked about, where it leads")
    func probes() throws {
        func probes(_ addresses: [String]) throws -> [String] {
            try Self.network(addresses, ["8080:80", "53:53/udp", "127.0.0.1:1:1"])
                .firewallProbes(Self.facts) { _ in false }.filter(\.isNew).map {
                    "\($0.input)>\($0.output) \($0.address.map { "\($0)" } ?? "") \($0.port ?? 0)"
                }
        }
        #expect(
            try probes(["10.77.0.10", "lan|192.0.2.10", "10.77.0.11"]) == [
                "lan>jail0 10.77.0.10 80", "lan>jail0 10.77.0.10 53", "lan> 192.0.2.10 0", ">lan 192.0.2.10 0",
            ])
        #expect(
            try probes(["lan|192.0.2.10"]) == [
                "lan> 192.0.2.10 80", "lan> 192.0.2.10 53", "lan> 192.0.2.10 0", ">lan 192.0.2.10 0",
            ])
    }

    @Test("what was found for a whole file is in the way of those jails alone whose own packets it drops")
    func shared() throws {
        var facts = Self.facts
        let published = try Self.network(["10.77.0.10"], ["8080:80"])
        facts.obstacles = Self.obstacles(of: published, facts)
        #expect(try Self.plan(published, facts).contains { if case .openDoor = $0 { true } else { false } })
        #expect(try Self.doors(Self.plan(Self.network(["10.77.0.11"]), facts)) == [])
        var left = published
        left.leavesFirewall = Located(true, NetworkPlannerTests.origin(7))
        #expect(try Self.doors(Self.plan(left, facts)) == [] && left.obstacles(facts) == [])
    }

    @Test("a door is closed by its jail's whole name, in which a dot stands for itself")
    func closing() {
        #expect(NetworkOperation.closeDoor(jail: "a.b").shell.contains("/comment \"jailrun:a[.]b\"/"))
    }

    @Test("a drop behind rules that look at what is not known is no certain one")
    func doubt() throws {
        let network = try Self.network(["10.77.0.10"], ["8080:80"])
        var obstacle = Self.obstacles(of: network, Self.facts)[0]
        let packets = "what other machines send to port 8080/tcp: chain FORWARD of table ip filter"
        #expect(FirewallWarning.all([("t", obstacle)])[0].message == "the host's firewall drops \(packets)")
        obstacle.isDoubtful = true
        #expect(FirewallWarning.all([("t", obstacle)])[0].message == "the host's firewall may drop \(packets)")
    }

    @Test("a port of a bridge gets back what it sent only where the packet filter sees what bridges pass")
    func hairpin() throws {
        let network = try Self.network(["10.77.0.10"], ["8080:80"])
        var facts = Self.facts
        func ports() throws -> Int {
            try Self.plan(network, facts).count { if case .reflect = $0 { true } else { false } }
        }
        for (families, count) in [([], 0), ([.ipv6], 0), ([.ipv4], 1), (nil, 1)] as [([AddressSpec.Family]?, Int)] {
            facts.filteredFamilies = families
            #expect(try ports() == count)
        }
    }

    @Test("what one chain drops and one command lets pass is one warning, for all jails that are started together")
    func warnings() throws {
        let network = try Self.network(["10.77.0.10"], ["8080:80", "53:53/udp"])
        let obstacles = Self.obstacles(of: network, Self.facts)
        #expect(obstacles.count >= 4)
        var other = obstacles[0]
        other.mend = "another command"
        let told = FirewallWarning.all(
            obstacles.map { ("t", $0) } + obstacles.map { ("u", $0) } + [("t", other)])
        #expect(told.map(\.jails) == [["t", "u"], ["t"]])
        #expect(
            told[0].message
                == "the host's firewall drops what other machines send to port 8080/tcp, what answers at port"
                + " 8080/tcp, what other machines send to port 53/udp and what answers at port 53/udp: chain FORWARD of"
                + " table ip filter")
    }
}
