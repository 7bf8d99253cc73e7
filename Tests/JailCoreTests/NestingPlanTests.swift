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

    @Test("in a jail nothing is idmapped, no device is made and no program loaded")
    func nested() throws {
        let jail = try ParameterPlanTests.spec("")
        var facts = StartFacts()
        Self.devices(&facts)
        facts.isNested = true
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
