import Testing

@testable import JailCore

@Suite("/dev as a ruleset leaves it")
struct DeviceTreeTests {
    static let host = [
        HostDevice(name: "vda", kind: .block, major: 254, minor: 0),
        HostDevice(name: "mem", kind: .character, major: 1, minor: 1),
        HostDevice(name: "dri/renderD128", kind: .character, major: 226, minor: 128),
        HostDevice(name: "dri/card0", kind: .character, major: 226, minor: 0),
        HostDevice(name: "net/tun", kind: .character, major: 10, minor: 200),
        HostDevice(name: "fuse", kind: .character, major: 10, minor: 229),
        HostDevice(name: "ttyS0", kind: .character, major: 4, minor: 64),
        HostDevice(name: "console", kind: .character, major: 5, minor: 1),
        HostDevice(name: "null", kind: .character, major: 99, minor: 99),
    ]

    private func tree(_ ruleset: String, _ text: String = "") throws -> DeviceTree {
        let rules = try DevfsRules(reading: Array(text.utf8), file: "devfs.rules")
        return try DeviceTree(
            applying: rules.ruleset(ruleset), of: rules, host: Self.host,
            names: .init(uid: { $0 == "alice" ? 1000 : nil }, gid: { $0 == "video" ? 44 : nil }))
    }

    @Test("ruleset 4 leaves what every Linux program expects, fuse, and no other device of the machine")
    func jailRuleset() throws {
        let tree = try tree("4")
        #expect(tree.nodes.map(\.path) == ["null", "zero", "full", "random", "urandom", "tty", "fuse"])
        let numbers: [[UInt32]] = [[1, 3], [1, 5], [1, 7], [1, 8], [1, 9], [5, 0], [10, 229]]
        #expect(tree.nodes.map { [$0.major, $0.minor] } == numbers)
        #expect(tree.nodes.allSatisfy { $0.kind == .character && $0.mode == 0o666 && $0.uid == 0 && $0.gid == 0 })
        #expect(try self.tree("5").nodes == tree.nodes)
        #expect(tree.links.map(\.path) == ["ptmx", "fd", "stdin", "stdout", "stderr"])
        #expect(tree.links.map(\.target).first == "pts/ptmx")
        #expect(tree.hasTerminals)
        #expect(tree.directories.isEmpty)
    }

    @Test("ruleset 0 hides nothing but the host's console, and baseline numbers are never the host's")
    func emptyRuleset() throws {
        let tree = try tree("0")
        #expect(tree.nodes.first == DeviceNode(path: "null", kind: .character, major: 1, minor: 3, mode: 0o666))
        #expect(
            tree.nodes.map(\.path).dropFirst(6) == [
                "dri/card0", "dri/renderD128", "fuse", "mem", "net/tun", "ttyS0", "vda",
            ])
        #expect(tree.directories == ["dri", "net"])
    }

    @Test("only what is unhidden is there: one node, no terminal, no link")
    func oneNode() throws {
        let tree = try tree("one", "[one=10]\nadd include $devfsrules_hide_all\nadd path null unhide\n")
        #expect(tree.nodes.map(\.path) == ["null"])
        #expect(tree.links.isEmpty && !tree.hasTerminals && tree.directories.isEmpty)
    }

    @Test("a hidden directory hides what is in it")
    func hiddenDirectory() throws {
        let inside = try tree("gpu", "[gpu=10]\nadd hide\nadd path 'dri/*' unhide\n")
        #expect(inside.nodes.isEmpty && inside.directories.isEmpty)
        let both = try tree("gpu", "[gpu=10]\nadd hide\nadd path 'dri*' unhide\nadd path 'dri/render*' unhide\n")
        #expect(both.nodes.map(\.path) == ["dri/renderD128"])
        #expect(both.directories == ["dri"])
    }

    @Test("FreeBSD's names mean their Linux counterparts")
    func translations() throws {
        let tree = try tree(
            "vpn", "[vpn=10]\nadd hide\nadd path 'tun*' unhide\nadd path 'bpf*' unhide\nadd path zero unhide\n")
        #expect(tree.nodes.map(\.path) == ["zero", "full", "net/tun"])
        #expect(tree.directories == ["net"])
    }

    @Test("later rules win, and set mode and owner")
    func laterRulesWin() throws {
        let text = """
            [own=10]
            add path null hide
            add path null unhide mode 600 user 7 group video
            add path null mode 640 user alice
            add path 'r*' mode 444

            """
        let nodes = try tree("own", text).nodes
        #expect(
            nodes[0] == DeviceNode(path: "null", kind: .character, major: 1, minor: 3, mode: 0o640, uid: 1000, gid: 44))
        #expect(nodes.filter { $0.mode == 0o444 }.map(\.path) == ["random"])
    }

    @Test("includes inside an included set are not followed")
    func includesAreShallow() throws {
        let tree = try tree("outer", "[outer=10]\nadd include $devfsrules_jail\n")
        #expect(tree.nodes.contains { $0.path == "vda" })
    }

    @Test(
        "conditions on the type select disks, memory and terminals",
        arguments: [
            ("disk", ["vda"]), ("mem", ["mem"]), ("tty", ["tty", "ttyS0"]), ("tape", []),
        ])
    func types(type: String, hidden: [String]) throws {
        let all = try tree("0").nodes.map(\.path)
        let left = try tree("t", "[t=10]\nadd type \(type) hide\n").nodes.map(\.path)
        #expect(all.filter { !left.contains($0) } == hidden)
    }

    @Test("unknown users, groups and included sets are errors at their rule")
    func unknownNames() {
        let at = SourceLocation(file: "devfs.rules", line: 2, column: 1)
        #expect(throws: DevfsRulesError.unknownUser("bob", at: at)) { try tree("t", "[t=10]\nadd user bob\n") }
        #expect(throws: DevfsRulesError.unknownGroup("bob", at: at)) { try tree("t", "[t=10]\nadd group bob\n") }
        #expect(throws: DevfsRulesError.unknownInclude(77, at: at)) { try tree("t", "[t=10]\nadd include 77\n") }
    }

    @Test(
        "a host list with paths that climb adds nothing",
        arguments: ["../etc/x", "a//b", "/abs", "", "pts/0", "a/../b", "."])
    func hostilePaths(name: String) throws {
        let rules = DevfsRules.standard
        let device = HostDevice(name: name, kind: .character, major: 1, minor: 1)
        let tree = try DeviceTree(
            applying: rules.ruleset("0"), of: rules, host: [device], names: .init(uid: { _ in nil }, gid: { _ in nil }))
        #expect(tree.nodes.count == 6 && tree.directories.isEmpty)
    }
}
