import Testing

@testable import JailCore

@Suite("config.json of a bundle")
struct RuntimeConfigurationTests {
    private func read(_ text: String) throws(Diagnostic) -> RuntimeConfiguration {
        try RuntimeConfiguration(Array(text.utf8), file: "config.json")
    }

    private func whole(_ linux: String = "", _ more: String = "") -> String {
        """
        {"ociVersion":"1.2.0","root":{"path":"rootfs"},\(more)
        "linux":{"namespaces":[{"type":"mount"},{"type":"pid"}]\(linux)}}
        """
    }

    private func message(_ text: String) -> String {
        do throws(Diagnostic) {
            _ = try read(text)
            return ""
        } catch { return error.description.split(separator: "\n").first.map(String.init) ?? "" }
    }

    @Test("unknown members are ignored, and null is none")
    func unknown() throws {
        let read = try read(whole(",\"seccomp\":null", "\"windows\":{},\"x\":1,\"process\":null,"))
        #expect(read.process == nil && read.seccomp == nil && read.namespaces.count == 2)
    }

    @Test(
        "what is wrong is named with its place",
        arguments: [
            (#"{"ociVersion":"2.0.0","root":{"path":"r"}}"#, "config.json:1:15: ociVersion: version 2.0.0"),
            (#"{"root":{"path":"r"}}"#, "config.json:1:1: ociVersion: missing"),
            (
                #"{"ociVersion":"1.0.0","root":{"path":"r"}}"#,
                "config.json:1:1: linux.namespaces has no mount namespace"
            ),
            (
                #"{"ociVersion":"1.0.0","root":{"path":"r"},"linux":{"namespaces":[{"type":"pids"}]}}"#,
                "config.json:1:74: linux.namespaces[0].type: unknown value \"pids\" (did you mean \"pid\"?)"
            ),
            (
                #"{"ociVersion":"1.0.0","root":{"path":"r"},"mounts":[{"destination":"/a","type":"bind"}]}"#,
                "config.json:1:53: mounts[0]: a bind mount needs a source"
            ),
            (
                #"{"ociVersion":"1.0.0","root":{"path":"r"},"process":{"args":["a"],"cwd":"x"}}"#,
                "config.json:1:73: process.cwd: \"x\" is not an absolute path"
            ),
        ])
    func wrong(text: String, words: String) {
        #expect(message(text).hasPrefix(words), "\(message(text))")
    }

    @Test("values of cgroup v1 become those of v2")
    func resources() throws {
        let read = try read(
            whole(
                #","resources":{"memory":{"limit":100000000,"swap":150000000,"reservation":-1},"cpu":{"shares":1024,"quota":50000,"period":100000},"pids":{"limit":0},"blockIO":{},"unified":{"memory.high":"max"}}"#
            ))
        #expect(
            read.resources.settings.map { "\($0.file)=\($0.value)" } == [
                "memory.swap.max=50000000", "memory.max=100000000", "memory.low=max", "cpu.weight=39",
                "cpu.max=50000 100000", "pids.max=0", "memory.high=max",
            ])
    }

    @Test("options of mounts: the last word counts, and what is no option of mount(8) is the file system's")
    func options() {
        let options = MountOptions(["rbind", "ro", "rw", "nosuid", "rro", "rslave", "size=1m", "tmpcopyup", "noatime"])
        #expect(
            options.bind == .recursive && options.set == [.noSetuid, .noAccessTime] && options.cleared == .readOnly)
        #expect(options.setBelow == .readOnly && options.data == ["size=1m"] && options.copiesUp)
        #expect(options.propagations == [Mount.Change(propagation: .slave, isRecursive: true)])
    }

    @Test("the last device rule that speaks of an access decides, and no instruction is out of reach")
    func devices() {
        let all = DeviceRule(isAllowed: false)
        let null = DeviceRule(isAllowed: true, kind: .character, major: 1, minor: 3)
        #expect(DeviceRule.allowsAll([all, DeviceRule(isAllowed: true)]))
        #expect(!DeviceRule.allowsAll([DeviceRule(isAllowed: true), all, null]) && !DeviceRule.allowsAll([]))
        // The rule about all devices ends the program: six loads, null's five instructions, its two.
        #expect(DeviceProgram.instructions([null, all, null]).count / 8 == 6 + 5 + 2)
        #expect(DeviceProgram.instructions([null]).count / 8 == 6 + 5 + 2)
    }

    @Test("places of mounts follow links inside the root, as earlier mounts leave them")
    func lowering() throws {
        let read = try read(
            whole(
                #","maskedPaths":["/proc/keys"]"#,
                #""process":{"args":["a"],"cwd":"/","env":["A=b"]},"mounts":[{"destination":"/proc","type":"proc"},{"destination":"/dev","type":"tmpfs","options":["mode=755","ro"]},{"destination":"/dev/pts","type":"devpts"}],"#
            ))
        let ground = ContainerGround(
            root: "/r", home: "/h",
            places: [.init(target: "proc"), .init(target: "dev", missing: ["dev"]), .init(target: "dev/pts")])
        let lowering = ContainerLowering(
            configuration: read, id: "t", process: read.process, ground: ground)
        let spec = lowering.spec(cgroup: nil)
        #expect(!spec.hasCgroup && spec.becomesCommand && !spec.ownsFiles && spec.ids.value == nil)
        #expect(spec.process.environment == ["A=b", "HOME=/h"])
        #expect(spec.devices?.isReadOnly == true && spec.devices?.options == ["source=tmpfs", "mode=755"])
        #expect(
            spec.mounts.map(\.place) == [
                .walked(missing: [], isFile: false), .walked(missing: ["dev"], isFile: false), .made(isFile: false),
                .root,
            ])
    }
}
