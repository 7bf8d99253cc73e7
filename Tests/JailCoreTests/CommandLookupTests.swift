import Foundation
import Glibc
import SystemPackage
import Testing

@testable import JailCore

@Suite("The programs of commands")
final class CommandLookupTests {
    private let directory: String

    init() throws {
        directory = FileManager.default.temporaryDirectory.appending(path: "jailrun-lookup-\(UUID())").path()
        for name in ["bin", "usr/bin", "etc", "lib64"] {
            try FileManager.default.createDirectory(
                atPath: "\(directory)/\(name)", withIntermediateDirectories: true)
        }
        try write("bin/sh", Self.program())
        try write("usr/bin/env", Self.program())
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    private func write(_ name: String, _ bytes: [UInt8], mode: mode_t = 0o755) throws {
        try Data(bytes).write(to: URL(filePath: "\(directory)/\(name)"))
        chmod("\(directory)/\(name)", mode)
    }

    private func write(_ name: String, _ text: String, mode: mode_t = 0o755) throws {
        try write(name, Array(text.utf8), mode: mode)
    }

    /// The head of an ELF program of 64 bits.
    private static func program(interpreter: String? = nil, machine: UInt8? = nil) -> [UInt8] {
        #if arch(x86_64)
        let native: UInt8 = 62
        #else
        let native: UInt8 = 183
        #endif
        var bytes: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + Array(repeating: 0, count: 57)
        bytes[18] = machine ?? native
        bytes[32] = 64
        bytes[54] = 56
        guard let interpreter else { return bytes }
        bytes[56] = 1
        var segment = [UInt8](repeating: 0, count: 56)
        segment[0] = 3
        segment[8] = 120
        segment[32] = UInt8(interpreter.utf8.count + 1)
        return bytes + segment + Array(interpreter.utf8) + [0]
    }

    private func lacks(_ command: String) throws -> [CommandLookup.Lack] {
        let text = "t { path = \"\(directory)\"; persist; }\n"
        let spec = try #require(
            try Configuration(path: "t.conf", source: TextSource(files: ["t.conf": text])).specs().first)
        return CommandLookup(rootOf: spec).lacks(of: JailCommand(command))
    }

    @Test("what is there, along PATH or by a link that stays in the root, is not missed")
    func there() throws {
        try write("bin/script", "#! /usr/bin/env sh\n")
        try write("usr/bin/dynamic", Self.program(interpreter: "/lib64/ld.so"))
        try write("lib64/ld.so", Self.program())
        symlink("/bin/script", "\(directory)/usr/bin/link")
        for command in ["sh", "script a b", "dynamic &", "/usr/bin/link", "link | link", "bin/sh"] {
            #expect(try lacks(command) == [], "\(command)")
        }
    }

    @Test("a link out of the root is looked for in it")
    func escape() throws {
        symlink("/etc/passwd", "\(directory)/bin/out")
        symlink("../../../../../../bin/cat", "\(directory)/bin/up")
        #expect(try lacks("out").map(\.message) == ["out: No such file or directory"])
        #expect(try lacks("up").map(\.message) == ["up: No such file or directory"])
    }

    @Test(
        "what cannot be executed is told with its cause",
        arguments: [
            ("/typo x", "/typo: No such file or directory"), ("typo &", "typo: No such file or directory"),
            ("/bin/sh/x", "/bin/sh/x: No such file or directory"), ("/etc", "/etc: Permission denied"),
            ("/bin/plain", "/bin/plain: Permission denied"), ("text", "text: Exec format error"),
            ("empty", "empty: Exec format error"),
            ("script", "script: its interpreter /no/such: No such file or directory"),
            ("dos", "dos: its interpreter /bin/sh\\x0d: No such file or directory"),
            ("python", "python: its interpreter python3: No such file or directory"),
            ("nested", "nested: its interpreter /no/such: No such file or directory"),
            ("dynamic", "dynamic: its interpreter /lib64/none.so: No such file or directory"),
            ("typo 'a b' &", "typo: No such file or directory"),
        ])
    func lacking(command: String, message: String) throws {
        try write("bin/plain", Self.program(), mode: 0o644)
        try write("bin/text", "echo hello\n")
        try write("bin/empty", "")
        try write("bin/script", "#!/no/such -x\n")
        try write("bin/dos", "#!/bin/sh\r\necho\r\n")
        try write("bin/python", "#!/usr/bin/env python3\n")
        try write("bin/nested", "#!/bin/script\n")
        try write("bin/dynamic", Self.program(interpreter: "/lib64/none.so"))
        let found = try lacks(command)
        #expect(found.map(\.message) == [message])
        #expect(found.allSatisfy { $0.isCertain })
    }

    @Test("a program of another machine, or of no kind, is certain to fail unless the kernel was taught to run it")
    func foreign() throws {
        let wine: [UInt8] = [0x4d, 0x5a, 0x90, 0, 3]
        try write("bin/arm", Self.program(machine: 40))
        try write("bin/wine", wine)
        #expect(try lacks("arm").map(\.message) == ["arm: built for another machine: arm"])
        #expect(try lacks("wine").map(\.message) == ["wine: Exec format error"])
        #expect(try lacks("arm").map(\.isCertain) == [!KnownFormats.mayTake(Self.program(machine: 40))])
        #expect(try lacks("wine").map(\.isCertain) == [!KnownFormats.mayTake(wine)])
    }

    @Test(
        "a format that the kernel was taught is known by its magic, where its mask has a bit",
        arguments: [
            ("enabled\ninterpreter /usr/bin/qemu-arm\nflags: \noffset 0\nmagic 7f454c46\n", true),
            ("enabled\ninterpreter /x\nflags: \noffset 18\nmagic 2800\nmask ffff\n", true),
            ("enabled\ninterpreter /x\nflags: \noffset 18\nmagic 2900\nmask feff\n", true),
            ("enabled\ninterpreter /x\nflags: \noffset 18\nmagic 2900\n", false),
            ("enabled\ninterpreter /x\nflags: \noffset 900\nmagic 2800\n", false),
            ("disabled\ninterpreter /x\nflags: \noffset 0\nmagic 7f454c46\n", false),
            ("enabled\ninterpreter /x\nflags: \nextension .exe\n", true),
        ])
    func format(text: String, isTaken: Bool) {
        #expect(KnownFormats.mayTake(Self.program(machine: 40), text) == isTaken)
    }

    /// What the root lacks of a command with these mounts; ROOT is the root, DIR a folder beside it.
    private func lacks(_ command: String, with mounts: String) throws -> [CommandLookup.Lack] {
        let text = "t { path = \"ROOT\"; persist; \(mounts) }\n".replacing("ROOT", with: directory)
            .replacing("DIR", with: "\(directory)-beside")
        let spec = try #require(
            try Configuration(path: "t.conf", source: TextSource(files: ["t.conf": text])).specs().first)
        return CommandLookup(rootOf: spec).lacks(of: JailCommand(command))
    }

    @Test(
        "programs are looked for through what the file mounts",
        arguments: [
            ("mount = \"DIR/empty ROOT/bin nullfs ro\";", ["sh: No such file or directory"]),
            ("mount = \"tmpfs ROOT/bin tmpfs rw\";", ["sh: No such file or directory"]),
            ("mount = \"DIR/bin ROOT/bin nullfs ro,noexec\";", ["sh: Permission denied"]),
            ("mount = \"DIR/bin ROOT/bin nullfs ro\";", []),
            ("mount = \"DIR/bin ROOT/usr/bin nullfs ro\";", []),
            ("mount = \"DIR/bin/sh ROOT/bin/sh nullfs ro\";", []),
            ("mount = \"DIR/bin/sh ROOT/bin/sh nullfs ro,noexec\";", ["sh: Permission denied"]),
            ("mount = \"DIR/empty ROOT/bin unionfs ro\";", []),
            (
                "mount = \"overlay ROOT/bin overlay lowerdir=DIR/empty:DIR/empty,ro\";",
                ["sh: No such file or directory"]
            ),
            ("mount = \"overlay ROOT/bin overlay lowerdir=DIR/empty:DIR/bin,ro\";", []),
            ("mount = \"DIR/empty ROOT/bin nullfs ro\", \"DIR/bin ROOT/usr/bin nullfs ro\";", []),
            ("mount = \"DIR ROOT nullfs ro\";", []),
            ("mount = \"DIR/empty ROOT nullfs ro\";", ["sh: No such file or directory"]),
            ("mount = \"DIR ROOT nullfs ro,noexec\";", ["sh: Permission denied"]),
        ])
    func mounted(mounts: String, messages: [String]) throws {
        let beside = "\(directory)-beside"
        defer { try? FileManager.default.removeItem(atPath: beside) }
        for name in ["bin", "empty"] {
            try FileManager.default.createDirectory(atPath: "\(beside)/\(name)", withIntermediateDirectories: true)
        }
        try Data(Self.program()).write(to: URL(filePath: "\(beside)/bin/sh"))
        chmod("\(beside)/bin/sh", 0o755)
        let found = try lacks("sh", with: mounts)
        #expect(found.map(\.message) == messages && found.allSatisfy(\.isCertain), "\(found)")
    }

    @Test("a link leads into a mount, and one in a mount out of it") func links() throws {
        try FileManager.default.createDirectory(atPath: "\(directory)/opt", withIntermediateDirectories: true)
        let beside = "\(directory)-beside"
        defer { try? FileManager.default.removeItem(atPath: beside) }
        try FileManager.default.createDirectory(atPath: beside, withIntermediateDirectories: true)
        try Data(Self.program()).write(to: URL(filePath: "\(beside)/tool"))
        chmod("\(beside)/tool", 0o755)
        symlink("/bin/sh", "\(beside)/out")
        symlink("../usr/../bin/sh", "\(beside)/up")
        symlink("/opt/tool", "\(directory)/bin/tool")
        symlink("loop", "\(beside)/loop")
        let mount = "mount = \"DIR ROOT/opt nullfs ro\";"
        for command in ["tool", "/opt/tool", "/opt/out", "/opt/up"] {
            #expect(try lacks(command, with: mount) == [], "\(command)")
        }
        #expect(try lacks("/opt/loop", with: mount).map(\.errno.rawValue) == [ELOOP])
        #expect(try lacks("tool").map(\.message) == ["tool: No such file or directory"])
    }

    @Test("an interpreter is looked for in the mounts, too, and nothing is claimed of what cannot be seen")
    func interpreters() throws {
        try write("bin/script", "#!/opt/tool\n")
        try FileManager.default.createDirectory(atPath: "\(directory)/opt", withIntermediateDirectories: true)
        try write("opt/tool", Self.program())
        #expect(try lacks("script") == [])
        let covered = try lacks("script", with: "mount = \"tmpfs ROOT/opt tmpfs rw\";")
        #expect(covered.map(\.message) == ["script: its interpreter /opt/tool: No such file or directory"])
        let disk = try lacks("/opt/tool", with: "mount = \"/dev/sda1 ROOT/opt ext4 ro\";")
        #expect(disk.map(\.problem) == [.unseen] && disk.allSatisfy { !$0.isCertain })
        #expect(try lacks("sh", with: "mount = \"/dev/sda1 ROOT/opt ext4 ro\";") == [])
    }

    @Test("no file of the kernel's is a program, but where a link leads to one")
    func kernelTrees() throws {
        for command in [
            "/dev/null", "/dev", "/dev/shm/x", "/proc", "/proc/version", "/proc/sys/kernel/ostype", "/sys/kernel/notes",
        ] {
            let lacks = try lacks(command)
            #expect(lacks.map(\.message) == ["\(command): Permission denied"] && lacks.allSatisfy(\.isCertain))
        }
        for command in ["/proc/self/exe", "/proc/1/root/bin/sh", "/dev/fd/3", "/dev/stdin"] {
            #expect(try lacks(command).map(\.problem) == [.unseen], "\(command)")
        }
        try write("dev", Self.program())
        #expect(try lacks("/dev", with: "mount.nodevfs;") == [])
        let mounted = try lacks("/opt/version", with: "mount = \"proc ROOT/opt procfs rw\";")
        #expect(mounted.map(\.errno) == [.permissionDenied])
    }

    @Test("no number in a program leads out of it, nor to endless work")
    func hostile() throws {
        var bytes = Self.program(interpreter: "/lib64/ld.so")
        for place in [32..<40, 56..<58, 72..<80, 96..<104] {
            var changed = bytes
            for index in place { changed[index] = 0xff }
            try write("bin/x", changed)
            #expect(try lacks("x") == [], "\(place)")
        }
        bytes.removeLast(20)
        try write("bin/x", bytes)
        #expect(try lacks("x") == [])
        try write("bin/loop", "#!/bin/loop\n")
        #expect(try lacks("loop") == [])
        mkfifo("\(directory)/bin/fifo", 0o755)
        #expect(try lacks("fifo").map(\.message) == ["fifo: Permission denied"])
    }

    @Test(
        "of a shell's line the first program is known, where the text tells",
        arguments: [
            ("a | b", "a"), ("  (sleep 1; x) &", "sleep"), ("A=1 B=2 prog >f", "prog"), ("exec prog \"$@\"", "prog"),
            ("if prog; then x; fi", "prog"), ("! prog && x", "prog"), ("{ prog; }", "prog"), ("/a/b>f", "/a/b"),
            ("prog;x", "prog"),
        ])
    func firstProgram(line: String, program: String) {
        #expect(
            JailCommand(line).programs == [
                .init(name: "/bin/sh", isCertain: true), .init(name: program, isCertain: false),
            ])
    }

    @Test(
        "of what a shell has itself, or makes of an expansion, nothing is claimed",
        arguments: [
            "$prog x", "`prog`", "cd /x && prog", "[ -e x ]", "f() { x; }; f", "f () { x; }", "PATH=/x prog;", "*",
            ">f prog", "2>f prog", "# x;", "for i in a; do $i; done", "(( 1 ))", "A='x y' prog", "~/prog", "'my prog'",
        ])
    func unknown(line: String) {
        #expect(JailCommand(line).programs == [.init(name: "/bin/sh", isCertain: true)], "\(JailCommand(line))")
    }

    @Test("a busybox shell may have what no file tells of")
    func busybox() throws {
        unlink("\(directory)/bin/sh")
        try write("bin/busybox", Self.program())
        symlink("busybox", "\(directory)/bin/sh")
        #expect(try lacks("typo | x") == [])
        #expect(try lacks("/typo | x").map(\.message) == ["/typo: No such file or directory"])
        #expect(try lacks("/typo | x").allSatisfy { !$0.isCertain })
    }
}
