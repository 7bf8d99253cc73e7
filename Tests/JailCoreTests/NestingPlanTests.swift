import Testing

@testable import JailCore

@Suite("Jails in jails as steps")
struct NestingPlanTests {
    private static func devices(_ facts: inout StartFacts) {
        facts.rootDirectories = ["dev", "proc", "sys"]
        facts.maskedPaths = [StartFacts.MaskedPath(path: "proc/kcore", isDirectory: false)]
        facts.readOnlyPaths = ["proc/sys"]
        facts.deviceTree.nodes = [DeviceNode(path: "null", kind: .character, major: 1, minor: 3, mode: 0o666)]
    }

    @Test("the cgroup is given away but for the files that limit it, and the first process enters the leaf")
    func delegation() throws {
        let lines = try ParameterPlanTests.lines("children.max = 3;", Self.devices)
        let owners = lines.filter { $0.hasPrefix("fchownat(cgroup, ") }
        let files = owners.map { String($0.split(separator: "\"", omittingEmptySubsequences: false)[1]) }
        let divided = ["", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"]
        #expect(files == divided + [".processes"] + divided.dropFirst().map { ".processes/\($0)" })
        #expect(owners.allSatisfy { $0.contains("1000, 1000") })
        let opened = try #require(lines.firstIndex { $0.hasPrefix("openat(cgroup, \".processes/cgroup.procs\"") })
        let cloned = try #require(lines.firstIndex { $0.hasPrefix("clone3") })
        let entered = try #require(lines.firstIndex(of: "write(leaf, \"0\", 1)"))
        let became = try #require(lines.firstIndex { $0 == "setresuid(0, 0, 0)" })
        #expect(opened < cloned && cloned < entered && entered < became)
        #expect(lines.contains("write(cgroup-file, \"7\", 1)") && lines.contains("write(cgroup-file, \"4\", 1)"))
    }

    @Test("/proc and /sys are whole, and the cgroups are to be written, where jails are made inside, and only there")
    func visible() throws {
        let (with, without) = (
            try ParameterPlanTests.lines("children.max = 3;", Self.devices),
            try ParameterPlanTests.lines("", Self.devices)
        )
        func covers(_ lines: [String]) -> Bool {
            lines.contains { $0.contains(", proc, \"kcore\"") } && lines.contains { $0.contains(", proc, \"sys\"") }
        }
        #expect(covers(without) && !with.contains { $0.contains(", proc, \"") })
        func mounted(_ lines: [String]) throws -> String {
            let opened = try #require(lines.firstIndex { $0.hasPrefix("fsopen(\"cgroup2\"") })
            return try #require(lines[opened...].first { $0.hasPrefix("fsmount") })
        }
        #expect(try mounted(without).contains("RDONLY") && !mounted(with).contains("RDONLY"))
        #expect(with.contains { $0.contains(", dev, \"jail/run\"") } && !without.contains { $0.contains("jail/run") })
        #expect(!without.contains { $0.contains("leaf") || $0.contains(".processes") })
    }

    @Test("the device program is there without a /dev, too, for nodev can be taken from the root")
    func program() throws {
        let lines = try ParameterPlanTests.lines("children.max = 1; mount.nodevfs;", Self.devices)
        #expect(lines.contains { $0.contains("BPF_PROG_ATTACH") })
        #expect(try !ParameterPlanTests.lines("mount.nodevfs;", Self.devices).contains { $0.contains("BPF_PROG") })
    }

    private static let authority: Authority = {
        let ids = [IDMapping(inside: 0, outside: 0x7000_0000, count: 65536)]
        return Authority(
            namespace: OwnUserNamespace(kind: .jail, users: ids, groups: ids), capabilities: .standard,
            cgroup: .delegated("/sys/fs/cgroup", by: .jail), stateDirectory: Planner.stateInside)
    }()

    @Test(
        "each answer has its own steps: devices are shown a second time, a program is loaded, a mark is the machine's")
    func answers() throws {
        let jail = try ParameterPlanTests.spec("")
        func lines(_ change: (inout Authority) -> Void) -> [String] {
            var facts = StartFacts()
            Self.devices(&facts)
            change(&facts.authority)
            let identity = JailIdentity(jid: 1, idRange: IDRange(first: 1000, count: 65536), generation: 0)
            return Planner(jail: jail, identity: identity, facts: facts).start().steps.map(\.operation.spelling)
        }
        let (usual, withoutNodes) = (lines { _ in }, lines { $0.canMakeNodes = false })
        #expect(withoutNodes.contains { $0.hasPrefix("open_tree(devices-around, ") })
        #expect(withoutNodes.contains { $0.contains("BPF_PROG") } && withoutNodes.contains { $0.contains("IDMAP") })
        #expect(
            lines { $0.canLoadPrograms = false }
                == usual.filter { !$0.contains("BPF_PROG") && $0 != "close(device-program)" })
        #expect(!lines { $0.canIdmap = false }.contains { $0.contains("IDMAP") })
        #expect(lines { $0.mark = .user } == usual.map { $0.replacing("trusted.jailrun", with: "user.jailrun") })
    }

    @Test("a part of the ids of the jail around is for a root that was given to it: nothing is idmapped there, either")
    func part() throws {
        let jail = try ParameterPlanTests.spec("userns = \"1000+1000\";")
        var facts = StartFacts()
        Self.devices(&facts)
        facts.authority = Self.authority
        let identity = JailIdentity(jid: 1, idRange: IDRange(first: 1000, count: 1000), generation: 0)
        let lines = Planner(jail: jail, identity: identity, facts: facts).start().steps.map(\.operation.spelling)
        #expect(!lines.contains { $0.contains("IDMAP") })
        #expect(lines.contains("write(map-file, \"0 1000 1000\", 11)"))
    }

    @Test("in a jail nothing is idmapped, no device is made and no program loaded")
    func nested() throws {
        let jail = try ParameterPlanTests.spec("")
        var facts = StartFacts()
        Self.devices(&facts)
        facts.authority = Self.authority
        let identity = JailIdentity(jid: 1, idRange: IDRange(first: 0, count: 65536), generation: 0)
        let lines = Planner(jail: jail, identity: identity, facts: facts).start().steps.map(\.operation.spelling)
        #expect(!lines.contains { $0.contains("IDMAP") || $0.contains("S_IFCHR") || $0.contains("BPF_PROG") })
        #expect(lines.contains { $0.hasPrefix("clone3") && $0.contains("CLONE_NEWUSER") })
        #expect(lines.contains("write(map-file, \"0 0 65536\", 9)"))
        #expect(lines.contains("fsetxattr(cgroup, \"user.jailrun\", \"a\", 1, 0)"))
        let place = try #require(lines.firstIndex { $0.hasPrefix("mknodat(dev, \"null\", S_IFREG") })
        let clone = try #require(lines.firstIndex { $0.hasPrefix("open_tree(devices-around, \"null\"") })
        let attached = try #require(lines.firstIndex { $0.hasPrefix("move_mount(device-0, ") })
        #expect(place < clone && clone < attached)
    }
}
