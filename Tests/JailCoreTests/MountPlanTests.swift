import Testing

@testable import JailCore

@Suite("Mounts as steps")
struct MountPlanTests {
    private static func lines(_ mounts: String...) throws -> [String] {
        try ParameterPlanTests.lines(mounts.map { "mount += \"\($0) 0 0\";" }.joined())
    }

    private static func errors(_ mounts: String...) -> [String] {
        ParameterPlanTests.errors(mounts.map { "mount += \"\($0) 0 0\";" }.joined())
    }

    @Test(
        "a mount of any kind makes another plan: none is dropped",
        arguments: MountSpec.Kind.allCases.filter { $0.options != .linkedDescriptors })
    func kinds(kind: MountSpec.Kind) throws {
        let place = if case .devices(let only) = kind.provision { only } else { "mnt" }
        let options = kind.options == .folders ? "lowerdir=/low:/lower" : "rw"
        let plan = try ParameterPlanTests.plan("mount = \"/src /j/a/\(place) \(kind.rawValue) \(options) 0 0\";")
        #expect(plan.steps != (try ParameterPlanTests.plan("")).steps)
    }

    @Test("a folder mounted on path is the root, with its options, and path itself is not opened")
    func nullfsRoot() throws {
        let lines = try Self.lines("/base /j/a nullfs ro,nosuid", "/own /j/a/var nullfs rw")
        let root = lines.filter { $0.contains("root-directory") || $0.contains(" = root") }
        #expect(root.first == "openat2(AT_FDCWD, \"/base\", \(Self.withoutLinks)) = root-directory")
        #expect(!lines.contains { $0.contains("\"/j/a\"") })
        let attributes = "MOUNT_ATTR_RDONLY|MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV|MOUNT_ATTR_IDMAP"
        #expect(lines.contains { $0.hasPrefix("mount_setattr(root,") && $0.contains(attributes) })
        #expect(lines.contains { $0.hasPrefix("openat2(root, \"var\"") })
        #expect(!lines.contains { $0.hasPrefix("openat2(root, \"\"") })
    }

    /// A folder of the host.
    private static let withoutLinks =
        "{flags=O_CLOEXEC|O_PATH|O_DIRECTORY, resolve=RESOLVE_NO_MAGICLINKS|RESOLVE_NO_SYMLINKS}, 24"

    @Test("the last folder mounted on path wins")
    func twoRoots() throws {
        let lines = try Self.lines("/one /j/a nullfs rw", "/two /j/a nullfs rw")
        #expect(lines.contains { $0.contains("\"/two\"") } && !lines.contains { $0.contains("\"/one\"") })
    }

    @Test("unionfs on path is an overlay whose writes go to its source, made with the jail's ids")
    func unionfsRoot() throws {
        let lines = try Self.lines("/base /j/a nullfs ro", "/own/up /j/a unionfs rw")
        let wanted = [
            "openat2(AT_FDCWD, \"/own\", \(Self.withoutLinks)) = mount-point",
            "mkdirat(upper-1, \"up.work\", 0700)", "setfsuid(1000)",
            "fsconfig(filesystem, FSCONFIG_SET_STRING, \"lowerdir\", \"0/lower-0\", 0)",
            "fsconfig(filesystem, FSCONFIG_SET_STRING, \"upperdir\", \"0/over/up\", 0)",
            "fsconfig(filesystem, FSCONFIG_SET_STRING, \"workdir\", \"0/over/up.work\", 0)",
            "fsmount(filesystem, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV) = root", "setfsuid(0)",
        ]
        var rest = lines[...]
        for line in wanted {
            let index = try #require(rest.firstIndex(of: line), "\(line)")
            rest = rest[(index + 1)...]
        }
    }

    @Test("a source that ends in a slash has its work folder beside it, not in it")
    func trailingSlash() throws {
        #expect(try Self.lines("/own/up/ /j/a unionfs rw").contains("mkdirat(upper-0, \"up.work\", 0700)"))
    }

    @Test("a read-only unionfs has no work folder, and keeps the host's ids out of it")
    func readOnlyUnionfs() throws {
        let lines = try Self.lines("/over /j/a/etc unionfs ro")
        #expect(lines.contains { $0.contains("\"lowerdir\", \"0/lower-0:0/lower-1\"") })
        #expect(!lines.contains { $0.contains("workdir") || $0 == "setfsuid(1000)" || $0.contains(".work") })
        #expect(lines.contains { $0.hasPrefix("openat2(root-directory, \"etc\"") })
    }

    @Test("root.ephemeral lies over everything else")
    func ephemeral() throws {
        let lines = try ParameterPlanTests.lines("mount = \"/own/up /j/a unionfs rw 0 0\"; root.ephemeral;")
        let mounts = lines.filter { $0.hasPrefix("fsmount(filesystem") && $0.contains(" = root") }
        #expect(mounts.map { $0.split(separator: " ").last } == ["root-0", "root"])
        #expect(lines.contains { $0.contains("\"upperdir\", \"1/upper\"") })
    }

    @Test("an overlay takes its folders from its options")
    func overlay() throws {
        let lines = try Self.lines("none /j/a/x overlay lowerdir=/l1:/l2,upperdir=/w/u,workdir=/w/k")
        #expect(lines.contains { $0.contains("\"lowerdir\", \"0/lower-0:0/lower-1\"") })
        #expect(lines.contains { $0.contains("\"workdir\", \"0/over/k\"") })
        #expect(!lines.contains { $0.hasPrefix("mkdirat(upper") })
        #expect(lines.contains { $0.hasPrefix("openat2(root, \"x\"") })
    }

    @Test("a disk is mounted by the host, under the kernel's name of its type")
    func disk() throws {
        let lines = try Self.lines("/dev/vdb1 /j/a/mnt msdosfs ro,noatime,umask=022")
        let first = try #require(lines.firstIndex(of: "fsopen(\"vfat\", FSOPEN_CLOEXEC) = filesystem"))
        #expect(
            Array(lines[first...(first + 4)].dropFirst()) == [
                "fsconfig(filesystem, FSCONFIG_SET_STRING, \"source\", \"/dev/vdb1\", 0)",
                "fsconfig(filesystem, FSCONFIG_SET_FLAG, \"ro\", NULL, 0)",
                "fsconfig(filesystem, FSCONFIG_SET_STRING, \"umask\", \"022\", 0)",
                "fsconfig(filesystem, FSCONFIG_CMD_CREATE, NULL, NULL, 0)",
            ])
        #expect(first < (lines.firstIndex { $0.hasPrefix("sendmsg(control") } ?? 0))
        #expect(
            lines.contains {
                $0.hasPrefix("mount_setattr(source-0")
                    && $0.contains("attr_clr=MOUNT_ATTR_NOATIME|MOUNT_ATTR_STRICTATIME|0x40")
            })
    }

    @Test("lines of devfs and fdescfs ask for /dev, with the rule set that they name")
    func devices() throws {
        let jail = try ParameterPlanTests.spec(
            "mount = \"devfs /j/a/dev devfs rw,ruleset=7 0 0\"; mount += \"fdescfs /j/a/dev/fd fdescfs rw 0 0\";")
        #expect(jail.pseudoFilesystems.devfs.value == .always && jail.pseudoFilesystems.devfsRuleset.value == "7")
        #expect(jail.pseudoFilesystems.fdescfs.value == .always)
    }

    @Test(
        "what cannot be mounted so is an error",
        arguments: [
            ["tmpfs /j/a tmpfs rw"], ["/dev/x /j/a ext4 rw"], ["/x /j/a/etc nullfs ro", "/base /j/a nullfs ro"],
            ["devfs /j/a/other/dev devfs rw"], ["fdescfs /j/a/fd fdescfs rw"], ["up /j/a unionfs rw"],
            ["none /j/a/x overlay rw"], ["none /j/a/x overlay lowerdir=l"], ["none /j/a/x overlay lowerdir=/y,ro"],
            ["none /j/a/x overlay lowerdir=/l,upperdir=/u/u"],
            ["none /j/a/x overlay lowerdir=/l,upperdir=/u/u,workdir=/w/w"], ["/a,b /j/a unionfs rw"],
            ["/up /j/a unionfs rw", "/u /j/a/etc unionfs rw"], ["/up /j/a unionfs below"], ["/x/.. /j/a unionfs rw"],
            ["/ /j/a unionfs rw"],
            ["host:/x /j/a/x nfs rw"], ["/dev/x /j/a/x ext4 nocover"],
        ])
    func refused(mounts: [String]) {
        let text = mounts.map { "mount += \"\($0) 0 0\";" }.joined()
        #expect(!ParameterPlanTests.errors(text).isEmpty)
    }

    @Test("devices that securelevel closes are not there, and disks are not written to")
    func securityLevel() {
        var tree = DeviceTree()
        tree.nodes = [
            DeviceNode(path: "null", kind: .character, major: 1, minor: 3, mode: 0o666),
            DeviceNode(path: "mem", kind: .character, major: 1, minor: 1, mode: 0o640),
            DeviceNode(path: "vda", kind: .block, major: 254, minor: 0, mode: 0o660),
        ]
        #expect(tree.restricted(to: 0) == tree)
        #expect(tree.restricted(to: 1).nodes.map(\.path) == ["null", "vda"])
        #expect(tree.restricted(to: 1).nodes.map(\.isReadOnly) == [false, false])
        #expect(tree.restricted(to: 2).nodes.map(\.isReadOnly) == [false, true])
        #expect(tree.restricted(to: 2).nodes.map(\.mode) == [0o666, 0o440])
    }
}

@Suite("Interfaces that are moved")
struct VnetPlanTests {
    private static func plan(_ interfaces: String...) throws(NetworkPlanError) -> [NetworkOperation] {
        var network = NetworkPlannerTests.spec([])
        network.interfaces = interfaces.map { Located($0, .commandLine) }
        return try NetworkPlan(
            for: network, jail: ("www", 5), facts: NetworkPlannerTests.facts, namespaceFile: "/run/net/www"
        ).operations.map(\.value)
    }

    @Test("the namespace is kept before anything is moved, and given up after all is back")
    func order() throws {
        let plan = try Self.plan("lan")
        #expect(
            plan.map(\.shell) == [
                "nsenter --target $JAIL --net ip link set lo up",
                "mkdir -p /run/net && : >/run/net/www && mount --bind /proc/$JAIL/ns/net /run/net/www",
                "ip link set lan netns $JAIL",
            ])
        #expect(
            plan.reversed().compactMap(\.undo) == [
                .returnLink(name: "lan", index: nil, file: "/run/net/www"), .dropNamespace(file: "/run/net/www"),
            ])
    }

    @Test("a link that is not there, lo, a bridge and its port stay", arguments: ["none", "lo", "br0", "port"])
    func refused(name: String) {
        #expect(throws: NetworkPlanError.self) { try Self.plan(name) }
    }

    @Test("a trace tells what is to be given back")
    func trace() throws {
        let trace = JailTrace(
            name: "a", label: "a", identity: JailIdentity(jid: 1, idRange: nil, generation: 1), phase: .up,
            cgroup: "/c",
            isTransient: true, supervisor: 1, supervisorStartTime: 1, hasNetwork: true, interfaces: ["eth0", "epair0b"])
        #expect(try JailTrace(text: trace.text) == trace)
        let old = RecordTests.older(trace, without: ["interfaces"])
        #expect(try JailTrace(text: old).interfaces == [])
    }
}
