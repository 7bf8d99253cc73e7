import Testing

@testable import JailCore

/// `mount.resolvconf`: who finds whom.
@Suite("Names of jails")
struct NameTests {
    private static let file = """
        path = /j; root.ephemeral; persist; mount.resolvconf;
        db { host.hostname = db.example.org; ip4.addr = 10.77.0.10; ip6.addr = "fd77::10"; }
        web { ip4.addr = 10.77.0.11; nat; }
        lone { }
        twin { host.hostname = web; ip4.addr = 10.77.0.12; }
        """

    private static func files(
        _ jail: ConfiguredJail, resolvers: [StartFacts.Resolver] = [], ground: IdentityFile.Ground = .file
    ) -> [String: String] {
        var facts = StartFacts()
        facts.resolvers = resolvers
        facts.identityFiles = Lowering.nameFiles.map { .init(path: $0, ground: ground) }
        let identity = JailIdentity(jid: 1, idRange: IDRange(first: 1000, count: 65536), generation: 0)
        let plan = Planner(jail: jail, identity: identity, facts: facts).start()
        for case .identityFiles(let files) in plan.steps.map(\.purpose) {
            let texts = files.map { ($0.path, String(decoding: $0.bytes, as: UTF8.self)) }
            return Dictionary(uniqueKeysWithValues: texts)
        }
        return [:]
    }

    private static func jail(_ name: String, _ text: String = file) throws -> ConfiguredJail {
        try #require(try InstanceTests.jails(text).first { $0.label == name })
    }

    private static func hosts(_ jail: ConfiguredJail) -> [String] {
        (files(jail)["etc/hosts"] ?? "").split(separator: "\n").map(String.init)
    }

    private static let local = ["127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback"]

    @Test("a jail finds itself first, then the others by hostname and name, at addresses of the families that it has")
    func hosts() throws {
        #expect(
            Self.hosts(try Self.jail("web")) == Self.local + [
                "10.77.0.11\tweb", "10.77.0.10\tdb.example.org db", "10.77.0.12\ttwin",
            ])
        #expect(
            Self.hosts(try Self.jail("db")) == Self.local + [
                "10.77.0.10\tdb.example.org db", "fd77::10\tdb.example.org db", "10.77.0.11\tweb",
                "10.77.0.12\tweb twin",
            ])
        #expect(Self.hosts(try Self.jail("lone")) == Self.local + ["127.0.1.1\tlone"])
        #expect(Self.files(try Self.jail("db"))["etc/hostname"] == "db.example.org\n")
    }

    @Test("jails that are not started with it are in its file all the same")
    func selection() throws {
        let source = TextSource(files: ["t.conf": Self.file])
        let web = try Configuration(path: "t.conf", source: source).specs(of: ["web"])
        #expect(Self.hosts(web[0]).contains("10.77.0.10\tdb.example.org db"))
    }

    @Test("in an instance the names are those of the file, and the addresses the instance's")
    func instance() throws {
        let jails = try InstanceTests.applied(Self.file)
        #expect(
            Self.hosts(jails[1]) == Self.local + [
                "10.77.9.11\tweb", "10.77.9.10\tdb.example.org db", "10.77.9.12\ttwin",
            ])
        let two = try InstanceTests.applied(Array(InstanceTests.jails(Self.file)[1...2]))
        #expect(Self.hosts(two[0]) == Self.local + ["10.77.9.11\tweb"], "db is not of this instance")
    }

    @Test("a jail whose file does not ask has the files of its root")
    func unasked() throws {
        let text = Self.file.replacing("mount.resolvconf;", with: "")
        #expect(Self.files(try Self.jail("web", text)) == [:])
        #expect(Self.files(try Self.jail("web", text + "web2 { mount.noresolvconf; }")) == [:])
    }

    // MARK: resolv.conf

    private static let stub = StartFacts.Resolver(
        path: "/etc/resolv.conf", text: "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch example.org\n")
    private static let uplink = StartFacts.Resolver(
        path: "/run/systemd/resolve/resolv.conf",
        text: "# by systemd\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\nnameserver 2001:db8::53\nsearch lan\n")

    @Test(
        "a jail is told the servers that it can reach, and none when there is none",
        arguments: [
            ("ip4.addr = 10.77.0.2; nat;", ["nameserver 192.0.2.53", "search lan"]),
            (
                "ip4.addr = 10.77.0.2; ip6.addr = \"fd77::2\"; nat;",
                ["nameserver 192.0.2.53", "nameserver 2001:db8::53", "search lan"]
            ),
            ("ip4.addr = \"eth0|192.0.2.2/24\";", ["nameserver 192.0.2.53", "search lan"]),
            ("vnet;", ["nameserver 192.0.2.53", "nameserver 2001:db8::53", "search lan"]),
            ("ip4.addr = 10.77.0.2;", []), ("ip4 = disable;", []),
            (
                "ip4 = inherit; ip6 = inherit;",
                ["nameserver 127.0.0.53", "search example.org", "options edns0 trust-ad"]
            ),
        ])
    func resolver(parameters: String, lines: [String]) throws {
        let jail = try Self.jail("a", "a { path = /j; persist; mount.resolvconf; \(parameters) }")
        let text = try #require(Self.files(jail, resolvers: [Self.stub, Self.uplink])["etc/resolv.conf"])
        #expect(text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map(String.init) == lines)
    }

    // MARK: What is covered

    @Test("a link is covered itself, and a file that is missing is made first where writes vanish")
    func ground() throws {
        func lines(_ ground: IdentityFile.Ground) throws -> [String] {
            try ParameterPlanTests.lines("mount.resolvconf; root.ephemeral;") {
                $0.identityFiles = [.init(path: "etc/hosts", ground: ground)]
            }
        }
        let opening = { (flags: String) in
            "openat2(root, \"etc/hosts\", {flags=\(flags), resolve=RESOLVE_NO_MAGICLINKS|RESOLVE_NO_SYMLINKS|RESOLVE_IN_ROOT}, 24) = mount-point"
        }
        #expect(try lines(.file).contains(opening("O_CLOEXEC|O_PATH")))
        #expect(try lines(.link).contains(opening("O_NOFOLLOW|O_CLOEXEC|O_PATH")))
        let made = "mknodat(mount-point, \"hosts\", S_IFREG|0444, makedev(0x0, 0x0))"
        #expect(try lines(.nothing).contains(made))
        #expect(try !lines(.link).contains(made) && !lines(.file).contains(made))
    }
}
