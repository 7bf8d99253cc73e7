import FoundationEssentials
import Testing

@testable import JailCore

@Suite("What is recorded of a jail")
struct JailDetailsTests {
    private let origin = Origin.configuration(SourceLocation(file: "/a b.conf", line: 3, column: 5))
    private let text = "\"quoted\\\" \n\t\u{1} é / \u{1f40b}"

    private func located(_ text: String) -> Located<String> { Located(text, origin) }

    /// A jail that has all that can be left out: nothing in it is nil or empty.
    private func full() throws -> JailDetails {
        let configuration = "a { path = \"/j/a\"; command = \"x\"; meta = m; }"
        let source = TextSource(files: ["a.conf": configuration])
        var spec = try #require(try Configuration(path: "a.conf", source: source).specs().first)
        spec.jid = Located(7, origin)
        spec.host.domainName = located("d")
        spec.host.uuid = located("u")
        spec.host.id = Located(9, origin)
        spec.mounts = [
            MountSpec(
                kind: .unionfs, source: "/s", target: "/j/a/t", relativeTarget: "t", isReadOnly: true, isNoExec: false,
                isNoSetuid: true, isNoAccessTime: false,
                layers: .init(upper: "/u", work: "/w", makesWork: true, folders: ["/f"], includesTarget: true),
                data: ["x"], origin: .commandLine)
        ]
        spec.root.unmasked = [located("/e")]
        spec.network.addresses = [
            AddressSpec(family: .ipv6, address: "::1", prefixLength: 64, interface: "eth0", origin: origin)
        ]
        spec.network.interfaces = [located("eth1")]
        spec.network.lookup = located("")
        spec.network.gateways = ["10.77.0.1/24"]
        spec.network.ports = [
            PortSpec(transport: .udp, address: "127.0.0.1", hostPort: 1, jailPort: 2, count: 3, origin: origin)
        ]
        spec.network.masquerade = Located(true, origin)
        spec.network.leavesFirewall = Located(true, origin)
        spec.network.allowsSpoofing = Located(true, origin)
        spec.privileges.capAdd = [located("CAP_KILL")]
        spec.privileges.capDrop = [located("CAP_CHOWN")]
        spec.privileges.granted = [Located(.mlock, origin)]
        spec.privileges.withdrawn = [Located(.superuser, origin)]
        spec.process.limits = [.init(resource: .addressSpace, soft: 1, hard: .max, origin: origin)]
        spec.process.oomScore = Located(-5, origin)
        spec.process.settings = [.init(path: "net/x", value: "1", origin: origin)]
        spec.metadata.environment = located(text)
        spec.depend = [located("b")]
        spec.health = .init(command: located(text))
        spec.log.file = located("/l")
        spec.log.journal = Located(true, origin)
        spec.parent = located("p")
        spec.names = NameSpec(
            origin: origin, own: ["a"],
            neighbours: [.init(jail: "b", names: ["b"], addresses: spec.network.addresses)])
        spec.instance = "i"
        spec.commands = commands(spec.commands)
        return JailDetails(
            generation: 1 << 40, spec: spec, networkUndo: [.dropNamespace(file: "/n")], createdSeconds: 2,
            configuration: text, filter: "f")
    }

    private func commands(_ old: CommandSpec) -> CommandSpec {
        var commands = old
        for list: WritableKeyPath<CommandSpec, [Located<String>]> in [
            \.prepare, \.prestart, \.created, \.start, \.poststart, \.prestop, \.stop, \.poststop, \.release,
        ] { commands[keyPath: list] = [located(text), located("")] }
        commands.commandVector = Located(["a", text], .commandLine)
        commands.awaitsCommand = true
        commands.jailUser = located("u")
        commands.systemUser = located("v")
        commands.consoleLog = located("/c")
        return commands
    }

    /// Places of values that are nil, and of empty lists.
    private func gaps(_ value: Any, _ place: String) -> [String] {
        let mirror = Mirror(reflecting: value)
        if mirror.displayStyle == .optional || mirror.displayStyle == .collection, mirror.children.isEmpty {
            return [place]
        }
        return mirror.children.flatMap { gaps($0.value, "\(place).\($0.label ?? "")") }
    }

    private func read(_ details: JailDetails) throws -> JailDetails {
        let bytes = try details.json()
        let read = try JSONValueDecoder().decode(JailDetails.self, from: bytes)
        // What other programs make of it.
        #expect(try JSONDecoder().decode(JailDetails.self, from: Data(bytes)) == read)
        return read
    }

    @Test("a record is read as it was written, whatever is in it")
    func roundTrip() throws {
        var details = try full()
        details.networkChange = .init(name: "b", undo: details.networkUndo)
        // Or a field that is left out would go unnoticed. A setting has no value when the parameter has none.
        #expect(gaps(details, "details").allSatisfy { $0.hasSuffix(".values") })
        #expect(try read(details) == details)
    }

    @Test(
        "so is what excludes another",
        arguments: [PrivilegeSpec.Seccomp.standard, .none, .profile("/p \" q")],
        [PrivilegeSpec.UserNamespace.private, .host, .range(first: 1, count: .max)])
    func alternatives(seccomp: PrivilegeSpec.Seccomp, namespace: PrivilegeSpec.UserNamespace) throws {
        var details = try full()
        details.spec.privileges.seccomp.value = seccomp
        details.spec.privileges.userNamespace.value = namespace
        #expect(try read(details) == details)
    }

    @Test("a jail that says little has a record, too")
    func little() throws {
        let source = TextSource(files: ["a.conf": "a { path = /j/a; persist; }"])
        let spec = try #require(try Configuration(path: "a.conf", source: source).specs().first)
        let details = JailDetails(
            generation: 1, spec: spec, networkUndo: [], createdSeconds: 2, configuration: "-", filter: nil)
        #expect(try read(details) == details)
    }
}
