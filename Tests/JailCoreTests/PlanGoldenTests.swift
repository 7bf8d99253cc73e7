import Testing

@testable import JailCore

/// A folder below `Golden/Plan`: `jail.conf`, and what is planned for it on a made-up host, whose facts are those of the folder or
/// those of all.
struct PlanCase {
    /// Those of which there is no plan.
    static let refused = ["refused"]
    static let names = ((try? Golden.source.names(in: Golden.folder("Plan"))) ?? [])
        .filter { !$0.hasPrefix(".") && !$0.hasSuffix(".json") }.sorted()
    static let planned = names.filter { !refused.contains($0) }

    let name: String

    init(_ name: String) { self.name = name }

    func file(_ kind: String) -> GoldenFile { GoldenFile("JailCoreTests/Golden/Plan/\(name)/\(kind)") }

    func configuration() throws(ConfigurationFailure) -> Configuration {
        try Configuration(path: "jail.conf", source: FolderSource(folder: Golden.folder("Plan/\(name)")))
    }

    func host() throws -> Host {
        let hasOwn = try Golden.source.names(in: Golden.folder("Plan/\(name)")).contains("facts.json")
        return Host(assuming: try HostFacts.read(from: Golden.folder("Plan/\(hasOwn ? name + "/" : "")facts.json")))
    }

    func plan(isComplete: Bool = false) throws -> FilePlan {
        try DryRun(jails: configuration().specs(), host: host(), terminals: []).plan(isComplete: isComplete)
    }

    /// With facts that only a look at the machine itself finds.
    func plan(_ change: (inout StartFacts) -> Void) throws -> FilePlan {
        var prepared = try HostRequirements(jails: configuration().specs(), host: host()).preview(terminals: [])
        for index in prepared.indices { change(&prepared[index].facts) }
        return FilePlan(prepared)
    }

    func script() throws -> String {
        let (plan, configuration) = (try plan(isComplete: true), try configuration())
        let document = ExplanationDocument(of: plan) { configuration.line(at: $0)?.printable() }
        return FileScript(document, of: plan).text
    }

    /// As `--dry-run` prints it.
    static func lines(_ plan: FilePlan) -> String { text(of: plan) { $0.allSteps.map(\.operation.spelling) } }

    /// A plan after the other, under their names where there are several.
    static func text(of plan: FilePlan, _ lines: (Plan) -> [String]) -> String {
        let isOne = plan.jails.count == 1
        func titled(_ title: String, _ plan: Plan) -> [String] {
            (isOne || plan.allSteps.isEmpty ? [] : ["# \(title)"]) + lines(plan)
        }
        let all = titled("shared", plan.shared) + plan.jails.flatMap { titled($0.spec.label, $0.plan) }
        return GoldenFile.settled(all.map { "\($0)\n" }.joined())
    }
}

/// Whole plans of whole configurations, so that whoever moves the planner sees each line that changes. What `explain` says of them
/// is in CommandTests.
@Suite("Plans, line by line")
struct PlanGoldenTests {
    @Test("the dry run of a configuration is the one that was looked at", arguments: PlanCase.planned)
    func dryRun(name: String) throws {
        let golden = PlanCase(name)
        try golden.file("dry-run").expect(PlanCase.lines(try golden.plan()))
    }

    @Test("the script of a configuration is the one that was looked at", arguments: PlanCase.planned)
    func script(name: String) throws {
        let golden = PlanCase(name)
        try golden.file("script").expect(GoldenFile.settled(try golden.script()))
    }

    @Test("what takes a plan back is the list that was looked at", arguments: PlanCase.planned)
    func undo(name: String) throws {
        let golden = PlanCase(name)
        let text = PlanCase.text(of: try golden.plan()) { $0.undo.map(\.spelling) }
        try golden.file("undo").expect(text)
    }

    @Test("who performs a step, which line asked for it, and how a failure calls it", arguments: ["builder", "db"])
    func steps(name: String) throws {
        let golden = PlanCase(name)
        let text = PlanCase.text(of: try golden.plan()) { plan in
            plan.allSteps.map { "\($0.side.rawValue) \($0.origin) \($0.words)" }
        }
        try golden.file("steps").expect(text)
    }

    /// What is no step of a start, as `health.interval` and `exec.stop`, is seen here alone.
    @Test("what is recorded of a jail", arguments: ["builder", "db", "identity"])
    func record(name: String) throws {
        let golden = PlanCase(name)
        let specs = try golden.configuration().specs()
        try golden.file("record.json").expect(specs.map { JSONText.of($0) + "\n" }.joined())
    }

    /// What has no effect here is seen here alone.
    @Test("what check says of a configuration is what was looked at", arguments: PlanCase.planned)
    func check(name: String) throws {
        let golden = PlanCase(name)
        try golden.file("check").expect(try golden.configuration().check().map { "\($0)\n" }.joined())
    }

    @Test("what cannot be kept has no plan, and each line of it says what to do instead", arguments: PlanCase.refused)
    func refused(name: String) throws {
        let golden = PlanCase(name)
        do throws(ConfigurationFailure) {
            _ = try golden.configuration().specs()
            Issue.record("\(name) is not refused")
        } catch { try golden.file("errors").expect(error.diagnostics.map { "\($0)\n" }.joined()) }
    }

    @Test("with a terminal the jail gets a pty of its own")
    func terminal() throws {
        let golden = PlanCase("smallest")
        let plan = try golden.plan { ($0.terminals, $0.terminalType) = ([0, 1, 2], "xterm") }
        try golden.file("dry-run.terminal").expect(PlanCase.lines(plan))
    }

    @Test("descriptors that programs inside could not open by name are replaced or opened")
    func descriptors() throws {
        let golden = PlanCase("smallest")
        let plan = try golden.plan { facts in
            facts.handedDescriptors = [.init(0, .nothing), .init(1, .opened(mode: 0o622)), .init(2, .relayed)]
            facts.ownOomScore = 300
        }
        try golden.file("dry-run.descriptors").expect(PlanCase.lines(plan))
    }

    @Test("of the host's own files those that are root's alone are hidden, and links are followed before")
    func hidden() throws {
        let golden = PlanCase("host-files")
        let plan = try golden.plan { facts in
            facts.hidden = [
                HiddenPath(path: "etc", kind: .way, mode: 0o755, uid: 0, gid: 0),
                HiddenPath(path: "etc/shadow", kind: .file, mode: 0o640, uid: 0, gid: 42),
                HiddenPath(path: "root", kind: .folder, mode: 0o700, uid: 0, gid: 0),
            ]
        }
        try golden.file("dry-run.hidden").expect(PlanCase.lines(plan))
        let linked = try PlanCase("db").plan { $0.realPaths = [.init(path: "/srv/db", real: "/disk/db")] }
        #expect(
            PlanCase.lines(linked)
                == PlanCase.lines(try PlanCase("db").plan { _ in }).replacing("/srv/db", with: "/disk/db"))
    }

    // MARK: What the configurations are

    @Test("every parameter is used by one of them")
    func parameters() throws {
        var used: Set<String> = []
        for name in PlanCase.names {
            for parameter in try PlanCase(name).configuration().jails.flatMap(\.parameters) where !parameter.isImplied {
                if let row = ParameterTable.row(parameter.name) { used.insert(row.name) }
            }
        }
        #expect(ParameterTable.rows.map(\.name).filter { !used.contains($0) } == [])
    }

    @Test("each has no error but for those that are refused, and says in its first line what it shows")
    func kinds() throws {
        #expect(PlanCase.planned.count >= 12)
        for name in PlanCase.names {
            let configuration = try PlanCase(name).configuration()
            let errors = configuration.check().filter { $0.severity == .error }
            #expect(errors.isEmpty != PlanCase.refused.contains(name), "\(name): \(errors)")
            let first = Bytes(
                try Golden.source.contents(of: Golden.folder("Plan/\(name)/jail.conf"), isInclude: false).prefix(2))
            #expect(first == Bytes("# ".utf8), "\(name)")
        }
    }

    @Test("every subject that explain has is in one of them")
    func subjects() throws {
        var subjects: Set<String> = []
        for name in PlanCase.planned {
            let plan = try PlanCase(name).plan()
            subjects.formUnion(
                ([plan.shared] + plan.jails.map(\.plan)).flatMap(\.parts).map(\.purpose.subject.rawValue))
        }
        #expect(subjects == Set(Step.Subject.allCases.map(\.rawValue)))
    }

    // MARK: How a difference is said

    @Test("a difference is the lines that differ, with two neighbours on each side")
    func difference() {
        let old = (1...40).map(String.init).joined(separator: "\n")
        let new = old.replacing("\n20\n", with: "\ntwenty\n").replacing("\n31\n", with: "\n")
        #expect(
            "\(LineDifference(from: old, to: new))"
                == "@@ line 18\n 18\n 19\n-20\n+twenty\n 21\n 22\n@@ line 29\n 29\n 30\n-31\n 32\n 33")
        let other = (1...400).map { "line \($0)" }.joined(separator: "\n")
        #expect("\(LineDifference(from: old, to: other))".hasSuffix(" more lines that differ"))
    }
}
