import Glibc
import Testing

@testable import JailCore

struct PortTests {
    static func port(_ text: String) throws -> PortSpec { try PortSpec(text, .standard("")) }

    @Test(
        "a port reads as it is published again",
        arguments: [
            ("8080:80", "8080/tcp", 80, 1), ("127.0.0.1:8080:80/tcp", "127.0.0.1:8080/tcp", 80, 1),
            ("[2001:db8::1]:53:5353/udp", "[2001:db8::1]:53/udp", 5353, 1),
            ("8000-8010:9000-9010/tcp", "8000-8010/tcp", 9000, 11), ("[::]:1:1", "[::]:1/tcp", 1, 1),
            ("0:80", "0/tcp", 80, 1), ("1-65535:1-65535/udp", "1-65535/udp", 1, 65535),
        ])
    func forms(text: String, published: String, jailPort: Int, count: Int) throws {
        let port = try Self.port(text)
        #expect(port.published == published)
        #expect(port.jailPort == jailPort)
        #expect(port.count == count)
    }

    @Test(
        "what is no port is refused, and told why",
        arguments: [
            ("80", "is not a host port and a jail port"), ("a:80", "has a port that is not a number up to 65535"),
            ("65536:80", "has a port that is not a number up to 65535"),
            ("+1:80", "has a port that is not a number up to 65535"),
            ("8080:0", "has port 0"), ("0-5:0-5", "has port 0"), ("9-8:9-8", "has a range that ends before it begins"),
            ("1-2:1-3", "has 2 ports of the host for 3 of the jail"),
            ("1-257:2-258", "has 257 ports of other numbers in the jail"),
            ("80:80/sctp", "has a protocol that cannot be published"),
            ("localhost:80:80", "has no address of the host"),
            ("[10.0.0.1]:80:80", "has no IPv6 address in its brackets"),
            (
                "[::1]:8080:80",
                "cannot be published: the kernel routes nothing for ::1 out of the host; IPv6 has no route_localnet"
            ),
        ])
    func objections(text: String, message: String) {
        #expect { try Self.port(text) } throws: { ($0 as? PortSpec.Objection)?.message == message }
    }

    @Test("ports overlap when one packet could be meant for both")
    func overlaps() throws {
        func overlap(_ left: String, _ right: String) throws -> Bool {
            try Self.port(left).overlaps(Self.port(right))
        }
        #expect(try overlap("8080:80", "127.0.0.1:8080:81"))
        #expect(try overlap("8000-8010:1-11", "8010:80"))
        #expect(try overlap("0.0.0.0:80:80", "10.0.0.1:80:80"))
        #expect(try !overlap("8080:80/udp", "8080:80"))
        #expect(try !overlap("127.0.0.1:80:80", "127.0.0.2:80:80"))
        #expect(try !overlap("0.0.0.0:80:80", "[::]:80:80"))
        #expect(try !overlap("0:80", "0:80"))
    }

    @Test("what proc(5) says of a listener is its port")
    func listeners() {
        #expect(Listeners.port("0100007F:1F90", .tcp)?.published == "127.0.0.1:8080/tcp")
        #expect(Listeners.port("00000000000000000000000000000000:0016", .tcp)?.published == "22/tcp")
        #expect(Listeners.port("0000000000000000FFFF00000100007F:0050", .tcp)?.published == "127.0.0.1:80/tcp")
        #expect(Listeners.port("B80D0120000000000000000001000000:0035", .udp)?.published == "[2001:db8::1]:53/udp")
    }

    @Test("of a host with any number of connections the listeners are found") func busy() throws {
        let folder = "/tmp/jailrun-proc-\(getpid())"
        defer { _ = system("rm -rf '\(folder)'") }
        try Files.makeDirectories("\(folder)/thread-self/net", mode: 0o700)
        func line(_ port: String, _ state: String) -> String {
            "   0: 0100007F:\(port) 00000000:0000 \(state) 00000000:00000000 00:00000000 00000000     0        0 0 1 0 100\n"
        }
        let text = "  sl  local_address\n" + String(repeating: line("1F90", "01"), count: 20000) + line("0050", "0A")
        #expect(text.utf8.count > Files.mostBytes)
        try Files.replace("\(folder)/thread-self/net/tcp", with: Array(text.utf8))
        let proc = try Files.open(folder)
        let taken = try Listeners(proc: proc.number).ports(overlapping: [Self.port("80:80"), Self.port("8080:80")])
        #expect(taken.map(\.port.published) == ["127.0.0.1:80/tcp"])
    }

    // MARK: Configuration

    static func errors(_ parameters: String) -> [String] {
        let text = "www { path = /jail; persist;\n\(parameters) }\n"
        let source = TextSource(files: ["t.conf": text])
        let found = try? Configuration(path: "t.conf", source: source).check().filter { $0.severity == .error }
        return found?.map { "\($0.location?.description ?? ""): \($0.message)" } ?? ["no configuration"]
    }

    @Test(
        "what is wrong with a port or nat is told with its line and column",
        arguments: [
            (#"ip4.addr = 10.0.0.1; port = "8080:80";"#, []),
            (
                #"ip4.addr = 10.0.0.1; port = "8080:80"; port += "80";"#,
                [#"t.conf:2:48: port: "80" is not a host port and a jail port"#]
            ),
            (#"port = "8080:80";"#, ["t.conf:2:8: port: the jail has no address to send anything to"]),
            (
                "ip4 = inherit; ip6 = inherit; nat;",
                ["t.conf:2:31: nat: the jail is in the host's network, and its ports are the host's"]
            ),
            (
                #"ip4.addr = 10.0.0.1; port = "[2001:db8::1]:80:80";"#,
                [#"t.conf:2:29: port: "[2001:db8::1]:80:80": the jail has no IPv6 address"#]
            ),
            (
                #"ip4.addr = 10.0.0.1; port = "80:80", "127.0.0.1:80:81";"#,
                [#"t.conf:2:38: port: "127.0.0.1:80:81" is published twice"#]
            ),
            (
                #"ip4.addr = "eth0|10.0.0.1"; nat;"#,
                ["t.conf:2:29: nat: none of the jail's addresses is on the bridge jail0"]
            ),
        ])
    func configuration(parameters: String, errors: [String]) {
        #expect(Self.errors(parameters) == errors)
    }

    // MARK: Plan

    static func plan(
        _ ports: [String], masquerade: Bool = false, addresses: [String] = ["10.77.0.10"],
        facts: HostNetworkFacts = NetworkPlannerTests.facts
    ) throws -> [NetworkOperation] {
        var spec = NetworkPlannerTests.spec(addresses)
        spec.ports = try ports.map { try PortSpec($0, NetworkPlannerTests.origin(9)) }
        if masquerade { spec.masquerade = Located(true, NetworkPlannerTests.origin(8)) }
        return try NetworkPlan(for: spec, jail: ("www", 5), facts: facts).operations.map(\.value)
    }

    static func rules(_ operations: [NetworkOperation]) -> [String] {
        operations.flatMap { operation -> [String] in
            guard case .publish(let rules) = operation else { return [] }
            return rules.rules.map { "\($0.chain): \($0.text)" }
        }
    }

    static func settings(_ operations: [NetworkOperation]) -> [String] {
        operations.compactMap { if case .setSysctl(let sysctl) = $0, sysctl.users != nil { sysctl.path } else { nil } }
    }

    @Test(
        "a port on 127.0.0.1 is for the host alone: nothing is forwarded, and nothing from outside may speak to 127/8")
    func loopback() throws {
        let plan = try Self.plan(["127.0.0.1:8080:80"])
        #expect(
            Self.rules(plan) == [
                #"output: ip daddr 127.0.0.1/32 tcp dport 8080 dnat ip to 10.77.0.10:80 comment "www 127.0.0.1:8080/tcp""#,
                #"postrouting: ip saddr 10.77.0.0/24 ip daddr 10.77.0.10/32 ct status & dnat != 0 masquerade comment "www""#,
                #"postrouting: ip saddr 127.0.0.0/8 ip daddr 10.77.0.10/32 masquerade comment "www""#,
                #"raw: iifname != "lo" ip daddr 127.0.0.0/8 drop comment "www""#,
            ])
        let settings = Self.settings(plan)
        #expect(settings == ["net/ipv4/conf/jail0/route_localnet"])
        #expect(plan.last?.undo == .withdraw(jail: "www", count: 4))
    }

    @Test("a port on all addresses forwards, and where forwarding was off, nothing else is forwarded")
    func all() throws {
        let plan = try Self.plan(["8080:8080"])
        let settings = Self.settings(plan)
        #expect(
            settings == [
                "net/ipv4/conf/jail0/route_localnet", "net/ipv4/conf/jail0/forwarding", "net/ipv4/conf/lan/forwarding",
                "net/ipv4/conf/br0/forwarding",
            ])
        let guards = Self.rules(plan).filter { $0.hasPrefix("forward") }
        #expect(guards.count == 3)
        #expect(guards.contains { $0.hasSuffix(#"drop comment "www guard lan""#) }, "\(guards)")
        // What br_netfilter shows of a bridge's own traffic is let alone.
        #expect(guards.contains { $0.contains(#"iifname "br0" oifname != "br0""#) }, "\(guards)")
        var facts = NetworkPlannerTests.facts
        facts.sysctls += ["default", "lan", "br0"].map {
            HostNetworkFacts.Sysctl(path: "net/ipv4/conf/\($0)/forwarding", value: "1")
        }
        #expect(Self.rules(try Self.plan(["8080:8080"], facts: facts)).filter { $0.hasPrefix("forward") } == [])
    }

    @Test(
        "forwarding is needed by published ports, nat and what guards it, not by gates alone",
        arguments: [
            ("prerouting", "www 8080/tcp", true), ("forward", "www nat", true), ("postrouting", "www nat", true),
            ("forward", "www guard lan", true), ("forward", "www gate", false), ("raw", "www", false),
        ])
    func forwarding(chain: String, comment: String, isNeeded: Bool) {
        #expect(PacketTable.Rule(chain: chain, handle: 1, comment: comment).needsForwarding == isNeeded)
    }

    @Test("the record says how many rules a jail has always, and how many beside its door; guards are neither")
    func counts() {
        let comments = ["www 8080/tcp", "www", "www gate", "www gate", "www guard lan"]
        let rules = comments.map { PacketRule(chain: .forward, conditions: [], verdict: .drop, comment: $0) }
        let publish = NetworkOperation.publish(PacketRules(jail: "www", rules: rules))
        #expect(publish.undo == .withdraw(jail: "www", count: 2, gates: 2))
    }

    @Test("what another jail made forward is guarded as if this one had")
    func originals() throws {
        var facts = NetworkPlannerTests.facts
        let path = "net/ipv4/conf/lan/forwarding"
        facts.sysctls.append(HostNetworkFacts.Sysctl(path: path, value: "1"))
        func isGuarded() throws -> Bool {
            Self.rules(try Self.plan([], masquerade: true, facts: facts)).contains {
                $0.hasPrefix("forward") && $0.contains("\"lan\"")
            }
        }
        #expect(try !isGuarded())
        facts.originals = [HostNetworkFacts.Sysctl(path: path, value: "0")]
        #expect(try isGuarded())
    }

    @Test("a port that is taken is an error that names who has it")
    func taken() throws {
        func error(_ taken: HostNetworkFacts.TakenPort) -> NetworkPlanError? {
            var facts = NetworkPlannerTests.facts
            facts.takenPorts = [taken]
            do { _ = try Self.plan(["8080:80"], facts: facts) } catch { return error as? NetworkPlanError }
            return nil
        }
        let port = try Self.port("127.0.0.1:8080:80")
        #expect(error(.init(port: port, jail: "db"))?.description == #"port 8080/tcp: taken by jail "db""#)
        #expect(
            error(.init(port: port, program: "nginx (pid 7)"))?.description == "port 8080/tcp: taken by nginx (pid 7)")
        #expect(error(.init(port: port, jail: "www")) == nil, "its own, of a start before")
        #expect(throws: NetworkPlanError.self) { try Self.plan(["203.0.113.1:80:80"]) }
    }

    @Test("a range of other numbers is a rule for each port, one of the same numbers a rule")
    func ranges() throws {
        #expect(Self.rules(try Self.plan(["8000-8009:8000-8009"])).filter { $0.contains("dnat ip to") }.count == 2)
        let shifted = Self.rules(try Self.plan(["127.0.0.1:8000-8009:9000-9009"])).filter { $0.contains("dnat ip to") }
        #expect(shifted.count == 10)
        #expect(shifted[9].contains("dport 8009 dnat ip to 10.77.0.10:9009"))
    }
}

extension [NetworkOperation] {
    /// The jails whose rules are taken away.
    var withdrawals: [String] { compactMap { if case .withdraw(let jail, _, _) = $0 { jail } else { nil } } }
}
