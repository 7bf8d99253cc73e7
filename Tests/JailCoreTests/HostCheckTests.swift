import Foundation
import Glibc
import JailCore
import Testing

@Suite("check, against the host")
final class HostCheckTests {
    private let directory: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "jailrun-check-\(UUID())")
        directory = url.path()
        for name in ["root/bin", "root/etc", "root/dev", "root/mnt"] {
            try FileManager.default.createDirectory(at: url.appending(path: name), withIntermediateDirectories: true)
        }
        // Or all that is said of each root is that others can reach it.
        chmod(directory, 0o700)
        let users = Data("root:x:0:0::/:/bin/sh\nwww:x:80:80::/:/bin/sh\n".utf8)
        try users.write(to: url.appending(path: "root/etc/passwd"))
        try Data("#!/bin/interpreter\n".utf8).write(to: url.appending(path: "root/bin/true"))
        // The head of a static program.
        var bytes: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1] + Array(repeating: 0, count: 57)
        #if arch(x86_64)
        bytes[18] = 62
        #else
        bytes[18] = 183
        #endif
        try Data(bytes).write(to: url.appending(path: "root/bin/interpreter"))
        for name in ["true", "interpreter"] { chmod("\(directory)/root/bin/\(name)", 0o755) }
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    /// What is said of a jail with these parameters; ROOT is its root.
    private func check(_ parameters: String, isWhole: Bool = false) throws -> [Diagnostic] {
        let text = isWhole ? parameters : "a { path = ROOT; command = /bin/true; \(parameters) }\n"
        let file = "\(directory)/jail.conf"
        try Data(text.replacing("ROOT", with: "\(directory)/root").utf8).write(to: URL(filePath: file))
        return try Configuration(path: file, source: FileConfigurationSource(trustedOwners: nil)).checkedOnHost()
            .diagnostics.filter { !$0.message.hasPrefix("without the default cgroup.") }
    }

    @Test("a jail that has all it needs gets no message")
    func nothing() throws {
        let found = try check(
            """
            mount.devfs; exec.jail_user = www; exec.prestart = "/bin/sh -c true"; mount = "/tmp ROOT/mnt nullfs ro";
            """)
        #expect(found == [], "\(found)")
    }

    @Test(
        "what a start would miss is an error, with its line and the likely word",
        arguments: [
            ("devfs_ruleset = devfsrules_jial;", "\"devfsrules_jial\": neither in", "\"devfsrules_jail\"?"),
            ("devfs_ruleset = 77;", "devfs ruleset \"77\": neither in", ""),
            ("mount.procfs;", "mount.procfs: ", "root/proc is not a directory"),
            ("mount = \"/no/such ROOT/mnt nullfs ro\";", "mount: /no/such: No such file or directory", ""),
            ("mount = \"tmpfs ROOT/none tmpfs rw\";", "root/none: No such file or directory", ""),
            ("exec.jail_user = wwww;", "exec.jail_user: wwww: no such user", "\"www\"?"),
            ("exec.system_user = roott;", "exec.system_user: roott: no such user", "\"root\"?"),
            ("exec.system_jail_user; exec.jail_user = nobodyy;", "nobodyy: no such user", "nobody"),
            ("exec.start = \"/bin/treu\";", "exec.start: /bin/treu: No such file", ""),
            ("exec.start = \"treu\";", "exec.start: treu: No such file", ""),
            ("exec.start = \"treu a 'b' &\";", "exec.start: treu a 'b' &: No such file", ""),
            ("exec.start = \"/etc\";", "exec.start: /etc: Permission denied", ""),
            (
                "exec.start = \"/usr/x\"; mount = \"/usr ROOT/mnt nullfs ro\";",
                "exec.start: /usr/x: No such", ""
            ),
            ("mount = \"tmpfs ROOT/bin tmpfs rw\";", "command: /bin/true: No such file", ""),
            (
                "mount = \"ROOT/bin ROOT/bin nullfs ro,noexec\";",
                "command: /bin/true: Permission", ""
            ),
            ("mount = \"ROOT/etc/passwd ROOT/mnt ext4 ro\";", "etc/passwd: Block device required", ""),
            ("exec.start = \"true | true\";", "exec.start: true | true: /bin/sh: No such file", ""),
            ("exec.poststop = \"/no/such x\";", "exec.poststop: /no/such x: No such file", ""),
            ("exec.consolelog = /no/such/log;", "open /no/such/log: No such file", ""),
            ("log.file = /no/such/log;", "cannot write the log /no/such/log: No such file", ""),
            ("log.file = /dev/null;", "cannot write the log /dev/null: not a regular file", ""),
            ("log.file = /usr;", "cannot write the log /usr: Is a directory", ""),
            ("exec.consolelog = /usr;", "open /usr: Is a directory", ""),
            ("exec.poststop = \"echo 'a\";", "exec.poststop: echo 'a: the quote ' is not closed", ""),
            ("interface = nolink0; ip4.addr = 10.0.0.1;", "nolink0: no such interface", ""),
            ("seccomp = /no/such.json;", "/no/such.json: No such file", ""),
        ])
    func missing(parameters: String, message: String, suggestion: String) throws {
        let found = try check(parameters)
        #expect(found.count == 1, "\(found)")
        let first = try #require(found.first)
        #expect(first.severity == .error && first.location?.line == 1 && first.sourceLine != nil)
        let isSuggested = suggestion.isEmpty || first.message.contains(suggestion)
        #expect(first.message.contains(message) && isSuggested, "\(first)")
    }

    @Test("a root that is not there, or is no directory, is an error", arguments: ["none", "etc/passwd"])
    func root(name: String) throws {
        let found = try check("a { path = ROOT/\(name); command = /bin/true; }", isWhole: true)
        #expect(found.count == 1 && found[0].message.hasPrefix("path ") && found[0].severity == .error, "\(found)")
    }

    @Test("what exec.prestart or an earlier command may make, or a disk may bring, is a warning")
    func later() throws {
        let made = try check("a { path = ROOT/x; command = /bin/true; exec.prestart = \"mkdir x\"; }", isWhole: true)
        #expect(made.map(\.severity) == [.warning], "\(made)")
        for parameters in [
            "exec.start = \"/mnt/x\"; mount = \"DISK ROOT/mnt ext4 ro\";", "exec.stop = \"/usr/x\";",
            "health.command = \"typo\";", "exec.start = \"typo\"; exec.prestart = true;",
            "exec.start = true; exec.start += \"typo &\";",
        ] {
            // Any device serves: none is mounted.
            let disks = try FileManager.default.contentsOfDirectory(atPath: "/sys/class/block")
            if parameters.contains("DISK"), !disks.contains(where: { access("/dev/\($0)", F_OK) == 0 }) { continue }
            let disk = disks.first { access("/dev/\($0)", F_OK) == 0 } ?? ""
            let brought = try check(parameters.replacing("DISK", with: "/dev/\(disk)"))
            #expect(brought.map(\.severity) == [.warning], "\(brought)")
            #expect(brought.first?.hint?.hasPrefix("needed unless ") == true, "\(brought)")
        }
    }

    @Test("so is what a command of the host makes for a jail that is up before; a log is opened before the jail's own")
    func others() throws {
        let jail = "path = ROOT; command = /bin/true;"
        for need in [
            "log.file = ROOT/logs/a;", "exec.consolelog = ROOT/logs/a;", "mount = \"ROOT/src ROOT/mnt nullfs\";",
        ] {
            for hook in ["exec.prestart", "exec.poststart"] {
                let file = "a { \(jail) depend = b; \(need) } b { \(jail) \(hook) = true; }"
                let found = try check(file, isWhole: true).filter { $0.message.contains("No such file") }
                #expect(found.map(\.severity) == [.warning], "\(need): \(found)")
                #expect(found.first?.hint == "needed unless \(hook) of b makes it")
            }
            let apart = try check("a { \(jail) \(need) } b { \(jail) exec.prestart = true; }", isWhole: true)
            #expect(apart.contains { $0.severity == .error && $0.message.contains("No such file") }, "\(apart)")
        }
        let own = try check("log.file = ROOT/logs/a; exec.prestart = true;")
        #expect(own.first { $0.message.contains("No such file") }?.severity == .error, "\(own)")
    }

    @Test("a mount point below an earlier mount is not looked for")
    func covered() throws {
        #expect(try check("mount = \"/usr ROOT/mnt nullfs\", \"tmpfs ROOT/mnt/deep/x tmpfs\";") == [])
    }

    @Test("a mistyped system call of a profile is a warning that names the likely one")
    func profile() throws {
        let profile = """
            {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["opennat"], "action": "SCMP_ACT_ERRNO"}]}
            """
        let file = "\(directory)/p.json"
        try Data(profile.utf8).write(to: URL(filePath: file))
        let found = try check("seccomp = \"\(file)\";")
        #expect(found.map(\.severity) == [.warning], "\(found)")
        #expect(found.first?.message.contains("\"opennat\" (did you mean \"openat\"?)") == true, "\(found)")
    }

    @Test("what is wrong in a profile is told where it stands in the profile, by check and by a start")
    func malformedProfile() throws {
        let file = "\(directory)/bad.json"
        try Data("{\n  \"defaultAction\": \"SCMP_ACT_ALOW\"\n}\n".utf8).write(to: URL(filePath: file))
        let found = try check("seccomp = \"\(file)\";")
        #expect(found.count == 1 && found.first?.severity == .error, "\(found)")
        #expect(found.first?.location == SourceLocation(file: file, line: 2, column: 20), "\(found)")
        #expect(found.first?.sourceLine == Bytes("  \"defaultAction\": \"SCMP_ACT_ALOW\"".utf8))
        let wrong = Diagnostic(
            "defaultAction: unknown value", at: found.first?.location, hint: "h", sourceLine: found.first?.sourceLine)
        let error = RuntimeError.file(jail: "web", wrong)
        #expect(error.message.hasPrefix("\(file):2:20: web: defaultAction: unknown value\n  \"defaultAction\""))
        #expect(error.message.hasSuffix("^") && error.hint == "h")
    }

    @Test(
        "what is wrong in the facts of a host is told where it stands",
        arguments: [
            ("{\"version\": 1,\n \"host\": 7}", "2:10: not facts of a host: host: expected a string, found a number"),
            (
                "{\"version\": 1,\n \"facts\": {\"version\": true}}",
                "2:23: not facts of a host: facts.version: expected a"
            ),
            ("{\"version\": 1,\n}", "1:14: not facts of a host: a comma after the last"),
            ("", "1:1: not facts of a host: expected a value, found the end"),
        ])
    func malformedFacts(text: String, message: String) throws {
        let file = "\(directory)/facts.json"
        try Data(text.utf8).write(to: URL(filePath: file))
        do throws(RuntimeError) {
            _ = try HostFacts.read(from: file)
            Issue.record("read")
        } catch {
            #expect(error.message.hasPrefix("\(file):\(message)"), "\(error.message)")
            #expect(error.message.hasSuffix("^") && error.hint != nil, "\(error.message)")
        }
    }

    @Test("everything is said at once, in the order of the file")
    func all() throws {
        let found = try check(
            """
            a { path = /no/such; command = x; depend = c; }
            b { path = ROOT; command = /bin/true; depend = bb;
                devfs_ruleset = 77; foo; }
            c { path = ROOT; command = /bin/true; depend = a; ip4.addr = 10.0.0.1; }
            d { path = ROOT; command = /bin/true; ip4.addr = 10.0.0.2, 10.0.0.1; }
            """, isWhole: true)
        #expect(found.map { $0.location?.line } == [1, 1, 2, 3, 3, 5], "\(found)")
    }

    @Test("a port that a program listens on is an error, and so is one that two jails want")
    func ports() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in(
            sin_family: sa_family_t(AF_INET), sin_port: 0, sin_addr: in_addr(s_addr: in_addr_t(0x7f00_0001).bigEndian),
            sin_zero: (0, 0, 0, 0, 0, 0, 0, 0))
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        try withUnsafeMutablePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                try #require(bind(listener, name, size) == 0 && listen(listener, 1) == 0)
                try #require(getsockname(listener, name, &size) == 0)
            }
        }
        let port = UInt16(bigEndian: address.sin_port)
        let found = try check("ip4.addr = 10.77.0.10; port = \"127.0.0.1:\(port):80\";")
        #expect(found.count == 1 && found[0].severity == .error, "\(found)")
        #expect(found.first?.message.contains("127.0.0.1:\(port)/tcp") == true, "\(found)")
        #expect(try check("ip4.addr = 10.77.0.10; port = \"127.0.0.1:\(port):80/udp\";") == [])
        #expect(try check("ip4.addr = 10.77.0.10; port = \"127.0.0.1:0:80\";") == [])

        let two = try check(
            """
            path = ROOT; command = /bin/true;
            a { ip4.addr = 10.77.0.10; port = "127.0.0.1:1:80"; }
            b { ip4.addr = 10.77.0.11; port = "1:80"; }
            """, isWhole: true)
        #expect(two.count == 1 && two[0].location?.line == 3, "\(two)")
    }

    @Test("what mount.resolvconf has nothing to cover in is an error, and a link or an ephemeral root is none")
    func names() throws {
        let found = try check("mount.resolvconf;")
        #expect(found.map(\.severity) == [.error, .error], "\(found)")
        #expect(found.first?.message.contains("the root has no file /etc/hosts") == true, "\(found)")
        #expect(try check("mount.resolvconf; root.ephemeral;") == [])
        try FileManager.default.createSymbolicLink(
            atPath: "\(directory)/root/etc/resolv.conf", withDestinationPath: "../run/none")
        try Data().write(to: URL(filePath: "\(directory)/root/etc/hosts"))
        #expect(try check("mount.resolvconf;") == [])
    }
}
