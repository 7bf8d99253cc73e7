import Testing

@testable import JailCore

@Suite("Mounts where jailrun mounts something by itself")
struct MountPlaceTests {
    private static func mounts(_ lines: [String]) -> String { lines.map { "mount += \"\($0) 0 0\";" }.joined() }

    private static func lines(_ mounts: [String], _ parameters: String = "", files: [Int] = []) throws -> [String] {
        let text = "mount.devfs; mount.procfs; mount.sysfs;" + Self.mounts(mounts) + parameters
        return try ParameterPlanTests.lines(text) { facts in
            facts.rootDirectories = ["dev", "proc", "sys"]
            facts.deviceTree.hasTerminals = true
            facts.deviceTree.links = [DeviceLink(path: "stdout", target: "/proc/self/fd/1")]
            facts.maskedPaths = [.init(path: "proc/kcore", isDirectory: false)]
            facts.mountedFiles = files
        }
    }

    /// Where a line that begins so is among all.
    private static func place(_ beginning: String, in lines: [String]) throws -> Int {
        try #require(lines.firstIndex { $0.hasPrefix(beginning) }, "\(beginning) in \(lines.joined(separator: "\n"))")
    }

    @Test(
        "a mount at or below /dev, /proc or /sys comes after what jailrun mounts there",
        arguments: [
            "dev/shm", "dev/pts", "dev/mqueue", "dev/own", "proc/meminfo", "proc/kcore", "sys/fs/cgroup",
            "sys/kernel/x",
        ])
    func last(target: String) throws {
        let lines = try Self.lines(["/own /j/a/\(target) nullfs rw"])
        let point = try Self.place("openat2(root, \"\(target)\"", in: lines)
        for directory in ["dev", "proc", "sys"] {
            #expect(try Self.place("openat2(root, \"\(directory)\"", in: lines) < point)
        }
        let last = try #require(lines.lastIndex { $0.hasPrefix("move_mount(") && !$0.contains("source-0") })
        #expect(last < point && lines[point + 1].hasPrefix("move_mount(source-0"))
        #expect(try point < Self.place("pivot_root", in: lines))
    }

    @Test(
        "what the file mounts at one place is in the place of jailrun's own",
        arguments: [
            ("dev/shm", "\"mode\", \"1777\""), ("dev/pts", "fsopen(\"devpts\""), ("dev/mqueue", "fsopen(\"mqueue\""),
            ("sys/fs/cgroup", "fsopen(\"cgroup2\""), ("proc/kcore", "open_tree(mask, \"file\""),
        ])
    func instead(target: String, mark: String) throws {
        func hasOwn(_ lines: [String]) -> Bool { lines.contains { $0.contains(mark) } }
        #expect(try hasOwn(Self.lines([])))
        #expect(try !hasOwn(Self.lines(["/own /j/a/\(target) nullfs rw"])))
    }

    @Test("the options of a tmpfs at /dev/shm are the file's") func shared() throws {
        let lines = try Self.lines(["tmpfs /j/a/dev/shm tmpfs size=1g"])
        #expect(lines.filter { $0.contains("\"size\"") && $0.contains("\"1g\"") }.count == 1)
        #expect(lines.count { $0.contains("\"1777\"") } == 0)
    }

    @Test(
        "/dev/shm is half of memory.max, and as large as the kernel makes it without one",
        arguments: [
            ("", nil), ("cgroup.memory.max = 512M;", "268435456"), ("cgroup.memory.max = max;", nil),
            ("cgroup.memory.max = 4K;", "4096"),
        ])
    func size(parameters: String, expected: String?) throws {
        let lines = try Self.lines([], parameters)
        let first = try Self.place("fsconfig(filesystem, FSCONFIG_SET_STRING, \"mode\", \"1777\"", in: lines)
        let wanted = expected.map { "fsconfig(filesystem, FSCONFIG_SET_STRING, \"size\", \"\($0)\", 0)" }
        #expect(lines[first + 1] == wanted ?? "fsconfig(filesystem, FSCONFIG_CMD_CREATE, NULL, NULL, 0)")
    }

    @Test("mount points below /dev are made, as what is mounted on them") func points() throws {
        let lines = try Self.lines(["/own /j/a/dev/a/b nullfs rw", "/file /j/a/dev/c/d nullfs ro"], files: [1])
        for line in ["mkdirat(dev, \"a\", 0755)", "mkdirat(dev, \"a/b\", 0755)", "mkdirat(dev, \"c\", 0755)"] {
            #expect(lines.contains { $0.hasPrefix(line) }, "\(line)")
        }
        #expect(!lines.contains { $0.hasPrefix("mkdirat(dev, \"c/d\"") })
        #expect(lines.contains { $0.hasPrefix("mknodat(dev, \"c/d\", S_IFREG|0644") })
    }

    @Test("a mount on a link of /dev is no link") func link() throws {
        #expect(try Self.lines([]).contains { $0.contains("\"stdout\"") && $0.hasPrefix("symlinkat") })
        #expect(try !Self.lines(["/x /j/a/dev/stdout nullfs rw"]).contains { $0.hasPrefix("symlinkat") })
    }

    @Test("procfs at /proc is mount.procfs, with its masks and the line's options, once") func procfs() throws {
        let lines = try Self.lines(["proc /j/a/proc linprocfs ro"])
        #expect(lines.count { $0.hasPrefix("fsopen(\"proc\"") } == 1)
        #expect(lines.contains { $0.hasPrefix("fsmount(") && $0.contains("RDONLY") && $0.contains("NOEXEC") })
        #expect(lines.contains { $0.hasPrefix("open_tree(mask, \"file\"") })
    }

    @Test("another file system at /dev, /proc or /sys is what is there", arguments: ["dev", "proc", "sys"])
    func other(target: String) throws {
        let line = "mount = \"/own /j/a/\(target) nullfs rw 0 0\";"
        let lines = try ParameterPlanTests.lines(line) { $0.rootDirectories = ["dev", "proc", "sys"] }
        #expect(lines.count { $0.hasPrefix("openat2(root, \"\(target)\"") } == 1)
        let errors = ParameterPlanTests.errors("mount.\(target == "dev" ? "devfs" : target + "fs");" + line)
        #expect(errors.count == 1 && errors[0].contains("is where mount."), "\(errors)")
    }

    @Test("a mount that a later line covers is an error") func covered() {
        let errors = ParameterPlanTests.errors(
            Self.mounts(["/x /j/a/var/lib nullfs rw", "tmpfs /j/a/dev/shm/x tmpfs rw", "/y /j/a/var nullfs rw"]))
        #expect(errors.count == 1, "\(errors)")
        #expect(errors.first?.contains("/j/a/var/lib is covered by the mount on /j/a/var in line") == true, "\(errors)")
        #expect(ParameterPlanTests.errors(Self.mounts(["/y /j/a/var nullfs rw", "/x /j/a/var/lib nullfs rw"])) == [])
        #expect(ParameterPlanTests.errors(Self.mounts(["/y /j/a/var nullfs rw", "/x /j/a/variable nullfs rw"])) == [])
    }

    @Test(
        "a second mount on one target is an error, however it is spelled; one on the root is none",
        arguments: [
            ("tmpfs /j/a/tmp tmpfs size=1m", "tmpfs /j/a/tmp tmpfs size=2m"),
            ("tmpfs /j/a/tmp tmpfs rw", "/x /j/a/./tmp/ nullfs ro"),
            ("/x /j/a/var nullfs rw", "/x /j/a//var nullfs rw"),
            ("devfs /j/a/dev devfs rw", "tmpfs /j/a/dev tmpfs rw"),
            ("proc /j/a/proc procfs rw", "/x /j/a/proc nullfs rw"),
            ("/x /j/a/var nullfs rw", "overlay /j/a/var overlay lowerdir=/y:/z,ro"),
            // It has what the root has there, not what is mounted.
            ("/x /j/a/var nullfs rw", "/y /j/a/var unionfs rw"),
        ])
    func twice(first: String, second: String) {
        let errors = ParameterPlanTests.errors(Self.mounts([first, second]))
        #expect(errors.count == 1 && errors[0].contains(" is covered by the mount on /j/a/"), "\(errors)")
        #expect(ParameterPlanTests.errors(Self.mounts(["/x /j/a nullfs rw", "/y /j/a unionfs rw"])) == [])
        #expect(ParameterPlanTests.errors(Self.mounts(["/x /j/a nullfs rw", "tmpfs /j/a/tmp tmpfs rw"])) == [])
    }
}
