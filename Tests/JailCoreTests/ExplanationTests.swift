import Foundation
import Testing

@testable import JailCore

/// What is said of a plan. That each purpose has an explanation is the compiler's to see; here, that it is one.
@Suite struct ExplanationTests {
    /// Every kind of mount, of limit, of user, and both kinds of root.
    static let plain = """
        path = "/srv/jail"; command = "/bin/true"; exec.start = "a"; exec.start += "b &"; exec.jail_user = user;
        mount.devfs; mount.procfs; root.readonly; root.ephemeral; cap.drop = CHOWN;
        mount = "/etc $path/etc nullfs ro 0 0"; mount += "tmpfs $path/tmp tmpfs rw,size=1m 0 0";
        cgroup.memory.max = 64M; exec.consolelog = /tmp/log;
        """
    static let shared = """
        path = "/"; command = "/bin/true"; userns = host; seccomp = none; ip4 = inherit;
        mount = "/etc /etc bind ro,noexec,nosuid 0 0";
        """

    static func filePlan(_ parameters: String, networked: Bool = false) throws -> (FilePlan, Configuration) {
        let path = "/tmp/jailrun-explanation.\(getpid()).\(UInt64.random(in: 0 ... .max)).conf"
        try "j {\n\(parameters)\n}\n".write(toFile: path, atomically: false, encoding: .utf8)
        defer { unlink(path) }
        let configuration = try Configuration(path: path)
        let jail = try #require(try configuration.specs().first)
        var facts = StartFacts()
        facts.rootDirectories = ["proc", "sys", "dev"]
        facts.jailUser = .init(name: "user", uid: 1000, gid: 1000, groups: [1001], home: "/", shell: "/bin/sh")
        facts.maskedPaths = [
            .init(path: "proc/kcore", isDirectory: false), .init(path: "sys/firmware", isDirectory: true),
        ]
        facts.readOnlyPaths = ["proc/sys"]
        facts.cgroupLevels = [.init(path: "/sys/fs/cgroup/jailrun", exists: false, missingControllers: ["memory"])]
        facts.limits = [.init(resource: 4, name: "RLIMIT_CORE", soft: 1, hard: .max)]
        facts.capabilities = CapabilitySet(jail.privileges)
        facts.filter = jail.privileges.seccomp.value == .none ? [] : Array(repeating: 0, count: 16)
        facts.terminals = networked ? [0, 1, 2] : []
        facts.isOutputPiped = networked
        if networked {
            let host = HostNetworkFacts(links: [.init(index: 2, name: "eth9")])
            let network = try NetworkPlan(for: jail.network, jail: ("j", 1), facts: host)
            (facts.network, facts.sharedNetwork) = (network.own, network.lacking)
        }
        let range = jail.privileges.userNamespace.value == .host ? nil : IDRange(first: 100_000, count: 65536)
        let identity = JailIdentity(jid: 1, idRange: range, generation: 1)
        return (FilePlan([FilePlan.Prepared(spec: jail, identity: identity, facts: facts)]), configuration)
    }

    static func plan(_ parameters: String, networked: Bool = false) throws -> (ConfiguredJail, Plan, Configuration) {
        let (plan, configuration) = try filePlan(parameters, networked: networked)
        return (plan.jails[0].spec, plan.jails[0].plan, configuration)
    }

    static let networked = """
        path = "/srv/jail"; command = "/bin/true"; ip4.addr = 10.77.0.10, "eth9|192.0.2.10/24"; ip6.addr = "eth9|2001:db8::5/64";
        """

    static func plans() throws -> [Plan] {
        try [filePlan(plain), filePlan(shared), filePlan(networked, networked: true)].flatMap { file, _ in
            [file.shared, file.jails[0].plan]
        }
    }

    @Test("each part says in a sentence what it does and what is otherwise without it, and where to read on")
    func sentences() throws {
        for part in try Self.plans().flatMap(\.parts) {
            let explanation = part.purpose.explanation
            for sentence in [explanation.does, explanation.without] {
                // A name of the system keeps its own spelling.
                let begins = sentence.firstMatch(of: /^([A-Z]|[a-z0-9_]+(\([1-8]\)|,| would))/) != nil
                #expect(sentence.hasSuffix(".") && begins, "\(sentence)")
                #expect(!sentence.contains(". "), "more than one sentence: \(sentence)")
            }
            #expect(!explanation.manual.isEmpty)
            for page in explanation.manual { #expect(page.wholeMatch(of: /[a-z0-9_.-]+\([1-8]\)/) != nil, "\(page)") }
            #expect(part.purpose.shell.allSatisfy { !$0.isEmpty } && !part.purpose.shell.isEmpty, "\(explanation.does)")
        }
    }

    @Test("every step belongs to one part, and every subject is spoken of") func parts() throws {
        var subjects: Set<String> = []
        for plan in try Self.plans() {
            #expect(plan.parts.flatMap(\.steps).sorted() == Array(plan.allSteps.indices))
            subjects.formUnion(plan.parts.map(\.purpose.subject.rawValue))
        }
        #expect(subjects == Set(Step.Subject.allCases.map(\.rawValue)))
    }

    @Test("what can be turned off is turned off by a parameter that exists") func turnedOff() throws {
        for part in try Self.plans().flatMap(\.parts) {
            let words = part.purpose.explanation.turnedOff ?? ""
            guard let name = words.firstMatch(of: /^[a-z0-9_.]+(?= =|$)/) else { continue }
            #expect(ParameterTable.row(Array(String(name.0).utf8)) != nil, "\(words)")
        }
    }

    @Test("a part names the line that asked for it") func origins() throws {
        let (jail, plan, configuration) = try Self.plan("\n\npath = \"/srv/jail\";\n persist;")
        let explanation = JailExplanation(of: jail, plan: plan) { configuration.line(at: $0)?.printable() }
        let root = try #require(explanation.parts.first { $0.does.hasPrefix("Opens /srv/jail once") })
        #expect(root.origins.map(\.line) == [4] && root.origins.map(\.text) == ["path = \"/srv/jail\";"])
        #expect(root.turnedOff == nil)
        let ids = try #require(explanation.parts.first { $0.subject == "ids" })
        #expect(ids.origins.map(\.kind) == [.standard] && ids.turnedOff == "userns = host")
    }

    @Test("the JSON document is the same each time, and reads back") func document() throws {
        let (plan, configuration) = try Self.filePlan(Self.plain)
        func document() -> ExplanationDocument {
            ExplanationDocument(of: plan) { configuration.line(at: $0)?.printable() }
        }
        let json = document().json()
        #expect(json == document().json())
        let read = try JSONValueDecoder().decode(ExplanationDocument.self, from: Array(json.utf8))
        #expect(read == document())
        #expect(read.jails[0].steps.map(\.number) == Array(1...plan.jails[0].plan.allSteps.count))
        #expect(read.shared?.steps.map(\.number) == Array(1...plan.shared.allSteps.count))
        #expect(read.jails[0].steps.allSatisfy { read.jails[0].parts[$0.part].steps.contains($0.number) })
    }
}
