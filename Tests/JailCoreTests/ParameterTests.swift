import Testing

@testable import JailCore

@Suite("The table of parameters")
struct ParameterTableTests {
    @Test("no name stands twice")
    func unique() {
        #expect(Set(ParameterTable.rows.map(\.name)).count == ParameterTable.rows.count)
    }

    @Test("every row says what it means and how, in one line", arguments: ParameterTable.rows)
    func complete(row: ParameterTable.Row) {
        #expect(!row.meaning.isEmpty && !row.mechanism.isEmpty)
        #expect(!row.meaning.contains("\n") && !row.meaning.hasSuffix("."))
    }

    @Test("every row that can be set has an example that is accepted", arguments: ParameterTable.rows)
    func examples(row: ParameterTable.Row) {
        let isSettable =
            switch row.fate {
            case .done: true
            case .noted: true
            case .withheld: false
            case .refused: false
            }
        guard isSettable else { return }
        #expect(!row.example.isEmpty)
        let text = row.example.contains("{") ? row.example : "www { \(row.example) }"
        let files = [
            "f": "path = /j; exec.start = x; $v = 1; db { } cache { } \(text)", "/etc/fstab.www": "",
        ]
        do throws(ConfigurationFailure) {
            _ = try Configuration(path: "f", source: TextSource(files: files)).specs()
        } catch { Issue.record("\(row.example): \(error.diagnostics.map(\.message))") }
    }

    /// FreeBSD 15's manual, the core parameters first, then those of modules, then jail(8)'s own.
    private static let manual = """
        jid name path ip4.addr ip4.saddrsel ip4 ip6.addr ip6.saddrsel ip6 vnet host.hostname host.domainname host.hostuuid
        host.hostid host securelevel devfs_ruleset children.max children.cur enforce_statfs persist cpuset.id cpuset.parent
        dying parent osrelease osreldate meta meta.key env env.key
        allow.set_hostname allow.sysvipc allow.raw_sockets allow.chflags allow.mount allow.mount.devfs allow.quotas
        allow.read_msgbuf allow.socket_af allow.mlock allow.nfsd allow.reserved_ports allow.unprivileged_parent_tampering
        allow.unprivileged_proc_debug allow.suser allow.extattr allow.adjtime allow.settime allow.routing allow.setaudit
        allow.mount.fdescfs allow.mount.fusefs allow.mount.nullfs allow.mount.procfs allow.mount.linprocfs
        allow.mount.linsysfs allow.mount.tmpfs allow.mount.zfs allow.vmm linux linux.osname linux.osrelease
        linux.oss_version sysvmsg sysvsem sysvshm zfs zfs.mount_snapshot
        exec.prepare exec.prestart exec.created exec.start command exec.poststart exec.prestop exec.stop exec.poststop
        exec.release exec.clean exec.jail_user exec.system_jail_user exec.system_user exec.timeout exec.consolelog exec.fib
        stop.timeout interface vnet.interface zfs.dataset ip_hostname mount mount.fstab mount.devfs mount.fdescfs
        mount.procfs allow.dying depend
        """

    @Test("every parameter that FreeBSD's jail(8) describes has a row")
    func manual() {
        let names = Self.manual.split(whereSeparator: \.isWhitespace).map(String.init)
        #expect(names.filter { ParameterTable.row(Bytes($0.utf8)) == nil } == [])
    }

    @Test("a name is found with and without no, and by its family")
    func lookup() {
        #expect(ParameterTable.row(Bytes("allow.nomount".utf8))?.name == "allow.mount")
        #expect(ParameterTable.row(Bytes("cgroup.memory.max".utf8))?.name == "cgroup.*")
        #expect(ParameterTable.row(Bytes("cgroup.".utf8)) == nil)
        #expect(ParameterTable.row(Bytes("mount.prcfs".utf8)) == nil)
    }

    @Test(
        "a typing mistake is guessed, nonsense is not",
        arguments: [
            ("mount.prcfs", "mount.procfs"), ("exec.strat", "exec.start"), ("ip4.adr", "ip4.addr"),
            ("presist", "persist"), ("allow.nomout", "allow.nomount"), ("qwertyuiop", nil),
        ] as [(String, String?)])
    func suggestion(name: String, expected: String?) {
        #expect(ParameterTable.suggestion(for: Bytes(name.utf8)) == expected)
    }

    @Test("a swap of neighbours is one mistake")
    func distance() {
        #expect(Spelling("ab").distance(to: "ba") == 1)
        #expect(Spelling("kitten").distance(to: "sitting") == 3)
        #expect(Spelling("").distance(to: "abc") == 3)
    }
}

/// A jail that a row's example makes, and what it is without that parameter.
private struct RowExample {
    let with: ConfiguredJail
    let without: ConfiguredJail
    let change: JailChange
    /// The name that the example has: `meta.owner` of `meta.*`.
    let name: String

    init(_ row: ParameterTable.Row) throws {
        // An interface alone is nobody's.
        let base = "path = /j; exec.start = x;" + (row.name == "interface" ? "ip4.addr = 10.77.0.9;" : "")
        let text = row.example.contains("{") ? row.example : "www { \(row.example) }"
        let files = ["f": "\(base) \(text)", "/etc/fstab.www": "/a /j/a nullfs rw 0 0\n"]
        let configuration = try Configuration(path: "f", source: TextSource(files: files))
        let whole = configuration.jails[0]
        var (rest, changes) = (whole, whole)
        rest.parameters.removeAll { ParameterTable.row($0.name) == row }
        changes.parameters.removeAll { ParameterTable.row($0.name) != row }
        (with, without) = (Self.spec(whole, configuration), Self.spec(rest, configuration))
        change = try JailChange(of: without, by: changes, in: configuration)
        name = try #require(change.names.last)
    }

    private static func spec(_ jail: EffectiveJail, _ configuration: Configuration) -> ConfiguredJail {
        var reader = JailReader(jail, configuration)
        return ConfiguredJail(&reader)
    }
}

@Suite("What a running jail makes of a parameter")
struct ParameterColumnTests {
    private static let rows = ParameterTable.rows.filter { $0.fate == .done }

    @Test("what a row says becomes another while a jail runs does, and nothing else", arguments: rows)
    func changes(row: ParameterTable.Row) throws {
        let example = try RowExample(row)
        var result = example.change.result
        result.parameters = example.without.parameters
        switch row.change {
        case .whileUp: #expect(result != example.without)
        case .atStart, .atCreation, .atNextStart, .withoutEffect: #expect(result == example.without)
        }
    }

    @Test("jail -m says what only the next start reads", arguments: rows)
    func nextStart(row: ParameterTable.Row) throws {
        let example = try RowExample(row)
        let names = example.change.namesWithoutEffect(on: example.without)
        #expect(names == (row.change == .atNextStart ? [row.name] : []))
    }

    @Test("a fixed parameter is listed: jls tells what jail -m refuses to change", arguments: rows)
    func fixed(row: ParameterTable.Row) {
        if row.change == .atStart || row.change == .atCreation { #expect(row.listing != .never) }
    }

    /// What the kernel tells, or the record, or what another parameter says as well.
    private static let others: [ParameterTable.Row.Reading] = [
        .jid, .name, .parent, .jailsInside, .isDying, .cgroupFile, .ownMounts, .kernelRelease, .modeOfIPv4, .modeOfIPv6,
    ]

    @Test(
        "a listed parameter is read back as the example sets it",
        arguments: rows.filter { $0.listing != .never && !others.contains($0.reading) })
    func reading(row: ParameterTable.Row) throws {
        let example = try RowExample(row)
        let values = try [example.with, example.without].map { spec in
            try JailValues(Self.record(of: spec), among: []).value(of: example.name)
        }
        #expect(values[0] != values[1] && values[0] != .none)
    }

    private static func record(of spec: ConfiguredJail) -> JailRecord {
        let trace = JailTrace(
            name: "www", label: "www", identity: JailIdentity(jid: 1, idRange: nil, generation: 1), phase: .up,
            cgroup: "/nowhere", isTransient: true, supervisor: 1, supervisorStartTime: 1, hasNetwork: false)
        let details = JailDetails(
            generation: 1, spec: spec, networkUndo: [], createdSeconds: 0, configuration: "f", filter: nil)
        return JailRecord(trace: trace, details: details)
    }
}

@Suite("Internet addresses")
struct InternetAddressTests {
    @Test(
        "an IPv6 address is shown as inet_ntop(3) shows it",
        arguments: [
            ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"),
            ("1:0:0:2:0:0:0:3", "1:0:0:2::3"), ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"),
            ("::ffff:1.2.3.4", "::ffff:1.2.3.4"),
            ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("0:0:1::", "0:0:1::"),
        ])
    func canonical(text: String, shown: String) {
        #expect(InternetAddress(text)?.description == shown)
    }

    @Test(
        "what inet_pton(3) refuses is refused",
        arguments: [
            "", ":", ":::", "1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "g::", "::1.2.3",
            "::1.2.3.4:5",
            "1.2.3.4::", "1:2:3:4:5:6:7::8", ":1::", "1:", "::1%eth0", " ::1",
        ])
    func refused(text: String) {
        #expect(InternetAddress(text) == nil)
    }

    @Test(
        "an IPv4 address has four decimal numbers and nothing else",
        arguments: ["1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.", "+1.2.3.4", "1.2.3.4 ", "", "0x1.2.3.4"])
    func refused4(text: String) {
        #expect(InternetAddress(text) == nil)
    }
}

@Suite("Names and wildcards")
struct JailWildcardTests {
    @Test(
        "a star is a whole component; the last one matches one or more",
        arguments: [
            ("*", "a", true), ("*", "a.b", true), ("a.*", "a", false), ("a.*", "a.b.c", true), ("*.b", "a.b", true),
            ("*.b", "a.b.c", false), ("a.*.c", "a.b.c", true), ("a.*.c", "a.c", false), ("*.*", "a", false),
        ])
    func matches(pattern: String, name: String, expected: Bool) {
        #expect(JailWildcard(Bytes(pattern.utf8))?.matches(Bytes(name.utf8)) == expected)
    }

    @Test("a star inside a component makes no wildcard", arguments: ["f*o", "a*", "*b.c", "a.b*"])
    func ordinary(name: String) {
        #expect(JailWildcard(Bytes(name.utf8)) == nil)
    }
}

@Suite("Patterns of .include")
struct IncludePatternTests {
    private struct Names: ConfigurationSource {
        var names: [String]

        func contents(of path: String, isInclude: Bool) throws(ConfigurationReadError) -> Bytes { [] }

        func names(in directory: String) -> [String] { names }
    }

    @Test(
        "a pattern matches as glob(3) does",
        arguments: [
            ("*.conf", ["a.conf", "b.conf"]), ("[!a].conf", ["b.conf"]), ("?.conf", ["a.conf", "b.conf"]),
            ("a*", ["a.conf", "a[b"]), (".*", [".hidden.conf"]), ("*a*f", ["a.conf"]), ("*[*", ["a[b"]),
            ("[a-b].conf", ["a.conf", "b.conf"]),
        ])
    func matches(pattern: String, expected: [String]) throws {
        let names = Names(names: ["b.conf", "a.conf", ".hidden.conf", "a[b"])
        #expect(IncludePattern(pattern: pattern).isPattern)
        #expect(try IncludePattern(pattern: pattern).matches(in: names) == expected)
    }

    @Test("a bracket without its fellow is no pattern")
    func plain() {
        #expect(!IncludePattern(pattern: "/etc/a[b").isPattern)
    }
}
