import Testing

@testable import JailCore

struct InstanceTests {
    static func jails(_ text: String) throws -> [ConfiguredJail] {
        try Configuration(path: "t.conf", source: TextSource(files: ["t.conf": text])).specs()
    }

    static func applied(_ text: String) throws -> [ConfiguredJail] { try applied(try jails(text)) }

    static func applied(_ jails: [ConfiguredJail]) throws -> [ConfiguredJail] {
        let instance = try #require(Instance("ci7"))
        let networks = instance.networks(of: jails).map { network in
            (
                from: network,
                to: InternetPrefix(network.address.family == .ipv4 ? "10.77.9.0/24" : "fd77:0:0:9::/64")!
            )
        }
        return try instance.applied(to: jails, networks: networks)
    }

    @Test(
        "names, addresses and what depends on them are the instance's own, and what the jails see of themselves is not")
    func applied() throws {
        let jails = try Self.applied(
            """
            path = /j; root.ephemeral; persist;
            db { ip4.addr = 10.77.0.10; ip6.addr = "fd77::10"; health.command = "ping 10.77.0.10:5432 10.77.0.101"; }
            web { ip4.addr = 10.77.0.11/24; depend = db; exec.start = "serve --db=10.77.0.10 --on 10.77.0.11,fd77::10"; }
            """)
        #expect(jails.map(\.name.value) == ["ci7-db", "ci7-web"])
        #expect(jails.map(\.hostname.value) == ["db", "web"])
        #expect(jails[1].depend.map(\.value) == ["ci7-db"])
        #expect(jails.flatMap(\.network.addresses).map(\.address) == ["10.77.9.10", "fd77:0:0:9::10", "10.77.9.11"])
        #expect(jails[0].health?.command.value == "ping 10.77.9.10:5432 10.77.0.101")
        #expect(jails[1].commands.start[0].value == "serve --db=10.77.9.10 --on 10.77.9.11,fd77:0:0:9::10")
        #expect(
            ServiceEnvironment.variables(of: [jails[1]]) == ["JAILRUN_WEB_NAME=ci7-web", "JAILRUN_WEB_IP=10.77.9.11"])
    }

    @Test(
        "what two instances would share is refused",
        arguments: [
            ("", "two instances would write to the same root"),
            ("root.ephemeral; jid = 7;", "two instances cannot both have jid 7"),
            ("root.readonly; log.file = /var/log/db;", "two instances would write to the same /var/log/db"),
            (
                "root.ephemeral; ip4.addr = \"eth0|192.0.2.7\";",
                "192.0.2.7 is an address of eth0's network; only one jail can have it"
            ),
        ])
    func refused(parameters: String, message: String) {
        #expect { try Self.applied("db { path = /j; persist; \(parameters) }") } throws: {
            ($0 as? Instance.Objection)?.message == message
        }
    }

    @Test(
        "an instance has a name that jails can begin with",
        arguments: ["", "a.b", "-a", "a b", "aaaaaaaaaaaaaaaaaaaaa"])
    func names(name: String) {
        #expect(Instance(name) == nil)
    }
}
