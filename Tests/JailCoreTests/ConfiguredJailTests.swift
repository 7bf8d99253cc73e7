import Testing

@testable import JailCore

/// Configuration files of a test, by path.
struct TextSource: ConfigurationSource {
    var files: [String: String]

    func contents(of path: String, isInclude: Bool) throws(ConfigurationReadError) -> Bytes {
        guard let text = files[path] else { throw ConfigurationReadError("No such file or directory") }
        return Bytes(text.utf8)
    }

    func names(in directory: String) -> [String] {
        let prefix = directory == "." ? "" : directory
        return files.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
    }
}

private func specs(_ text: String, of names: [String] = []) throws(ConfigurationFailure) -> [ConfiguredJail] {
    try Configuration(path: "www.conf", source: TextSource(files: ["www.conf": text])).specs(of: names)
}

private func spec(_ text: String) throws -> ConfiguredJail {
    try #require(try specs("a { path = /j/a; persist; \(text) }").first)
}

private func messages(_ text: String, of names: [String] = []) -> [String] {
    do throws(ConfigurationFailure) {
        _ = try specs(text, of: names)
        return []
    } catch { return error.diagnostics.map(\.message) }
}

@Suite("A jail, checked")
struct ConfiguredJailTests {
    @Test("a jail that says little has the documented defaults")
    func defaults() throws {
        let jail = try spec("")
        #expect(jail.name == Located("a", .configuration(SourceLocation(file: "www.conf", line: 1, column: 1))))
        #expect(jail.hostname == Located("a", .standard("host.hostname = NAME")))
        #expect(jail.jid == nil)
        #expect(jail.isPersistent.value)
        #expect(jail.pseudoFilesystems.procfs == Located(.ifPresent, .standard("mount.noprocfs")))
        #expect(jail.pseudoFilesystems.devfsRuleset == Located("4", .standard("devfs_ruleset = NUMBER")))
        #expect(jail.network.mode.value == .own)
        #expect(jail.network.addresses.isEmpty)
        #expect(jail.commands.stopTimeoutSeconds.value == 10)
        #expect(jail.commands.timeoutSeconds.value == 0)
        #expect(jail.privileges.seccomp.value == .standard)
        #expect(jail.privileges.userNamespace.value == .private)
        let limit = CgroupSetting(file: "pids.max", value: "4096", origin: .standard("cgroup.pids.max = max"))
        #expect(jail.cgroup == [limit])
    }

    @Test("every value knows its line and column")
    func origins() throws {
        let text = "a {\n\tpath = /j/a;\n\tpersist;\n\thost.hostname = \"www\";\n}\n"
        let jail = try #require(try specs(text).first)
        #expect(jail.path.origin.description == "www.conf:2:9")
        #expect(jail.isPersistent.origin.description == "www.conf:3:2")
        #expect(jail.hostname.origin.description == "www.conf:4:18")
    }

    @Test("commands keep their order and empty ones are skipped")
    func commands() throws {
        let jail = try spec(#"exec.start = "one", "", "two"; exec.start += "three"; exec.poststop = "p"; command = c;"#)
        #expect(jail.commands.start.map(\.value) == ["one", "two", "three"])
        #expect(jail.commands.poststop.map(\.value) == ["p"])
        #expect(jail.commands.command.map(\.value) == ["c"])
    }

    @Test("a mount line is decoded, and its target made relative to the root")
    func mounts() throws {
        let jail = try spec(#"mount = "/base\\040dir /j/a//usr/./local nullfs ro,nosuid,late 0 0";"#)
        let mount = try #require(jail.mounts.first)
        #expect(mount.kind == .nullfs)
        #expect(mount.source == "/base dir")
        #expect(mount.relativeTarget == "usr/local")
        #expect(mount.isReadOnly && mount.isNoSetuid && !mount.isNoExec && !mount.isNoAccessTime)
        #expect(mount.data.isEmpty)
    }

    @Test("tmpfs options reach the file system under Linux's names")
    func tmpfs() throws {
        let jail = try spec(#"mount = "tmpfs /j/a/tmp tmpfs rw,size=64m,mode=1777,inodes=100,noexec";"#)
        #expect(jail.mounts.first?.data == ["size=64m", "mode=1777", "nr_inodes=100"])
        #expect(jail.mounts.first?.isNoExec == true)
    }

    @Test("a # ends an fstab line, and each line is known by its place")
    func fstab() throws {
        let files = [
            "www.conf": "a { path = /j/a; persist; mount.fstab = fs; }",
            "fs": "# none\n\n/x /j/a/x nullfs ro # 0 0\n/y /j/a/y nullfs rw",
        ]
        let jail = try #require(try Configuration(path: "www.conf", source: TextSource(files: files)).specs().first)
        #expect(jail.mounts.map(\.target) == ["/j/a/x", "/j/a/y"])
        #expect(jail.mounts.map(\.origin.description) == ["fs:3:1", "fs:4:1"])
    }

    @Test("a file that the jail itself could change decides neither its mounts nor its filter")
    func filesInside() throws {
        #expect(
            messages("a { path = /j/a; persist; mount.fstab = /j/./a/etc/fstab; }") == [
                "mount.fstab: /j/./a/etc/fstab is inside the jail, which could change what is mounted"
            ])
        #expect(
            messages("a { path = /j/a/; persist; seccomp = /j/a/filter.json; }") == [
                "seccomp: /j/a/filter.json is inside the jail, which could change its own filter"
            ])
        func share(_ option: String) -> String { "mount = \"/srv/share /j/a/mnt nullfs \(option) 0 0\";" }
        #expect(
            messages("a { path = /j/a; persist; seccomp = /srv/./share/filter.json; \(share("rw")) }") == [
                "seccomp: /srv/./share/filter.json lies where root of the jail can write and could change its own filter"
            ])
        #expect(messages("a { path = /j/a; persist; seccomp = /srv/share2/filter.json; \(share("rw")) }") == [])
        #expect(messages("a { path = /j/a; persist; seccomp = /srv/share/filter.json; \(share("ro")) }") == [])
        #expect(try spec("seccomp = /j/abc/filter.json;").privileges.seccomp.value == .profile("/j/abc/filter.json"))
        #expect(messages("a { path = /; persist; seccomp = /etc/filter.json; }") == [])
    }

    @Test(
        "a configuration file that root of the jail could change is said",
        arguments: [
            ("/srv/app/www.conf", "mount = \"/srv/app /j/a/mnt nullfs rw 0 0\";", true),
            ("/srv/app/www.conf", "mount = \"/srv/app /j/a/mnt nullfs ro 0 0\";", false),
            ("/srv/apps/www.conf", "mount = \"/srv/app /j/a/mnt nullfs rw 0 0\";", false),
            ("../app/../app/www.conf", "mount = \"/app /j/a/mnt nullfs rw 0 0\";", true),
            ("/j/a/www.conf", "", true), ("/j/a/www.conf", "root.ephemeral;", false),
            ("/j/a/www.conf", "root.readonly;", false), ("/j/www.conf", "", false),
        ])
    func ownFile(file: String, parameters: String, isSaid: Bool) throws {
        let files = [file: "a { path = /j/a; persist; \(parameters) }"]
        let said = try Configuration(path: file, source: TextSource(files: files)).check().map(\.message)
        let words = "root of the jail can write here and could change \(file)"
        #expect(said.contains { $0.hasPrefix(words) } == isSaid, "\(said)")
    }

    @Test("addresses are canonical, with their own interface or the jail's")
    func addresses() throws {
        let jail = try spec(
            #"interface = eth0; ip4.addr = "10.0.0.1", "br0|10.0.0.2/255.255.240.0"; ip6.addr = "2001:DB8:0:0::1/64 nodad";"#
        )
        let found = jail.network.addresses
        #expect(found.map(\.address) == ["10.0.0.1", "10.0.0.2", "2001:db8::1"])
        #expect(found.map(\.interface) == ["eth0", "br0", "eth0"])
        #expect(found.map(\.prefixLength) == [nil, 20, 64])
    }

    @Test("cgroup sizes become bytes, other values stay")
    func cgroup() throws {
        let jail = try spec(
            #"cgroup.memory.max = 256M; cgroup.cpu.max = "5000 10000"; cgroup.pids.max = max; cgroup.io.max = "8:0 rbps=1", "8:1 wbps=2";"#
        )
        #expect(jail.cgroup.map(\.file) == ["memory.max", "cpu.max", "pids.max", "io.max", "io.max"])
        #expect(jail.cgroup.map(\.value) == ["268435456", "5000 10000", "max", "8:0 rbps=1", "8:1 wbps=2"])
    }

    @Test("capabilities are canonical, in the order of their numbers, once each")
    func capabilities() throws {
        let jail = try spec("cap.add = sys_time, CAP_NET_ADMIN, cap_sys_time; cap.drop = Chown;")
        #expect(jail.privileges.capAdd.map(\.value) == ["CAP_NET_ADMIN", "CAP_SYS_TIME"])
        #expect(jail.privileges.capDrop.map(\.value) == ["CAP_CHOWN"])
    }

    @Test("userns and seccomp take their words, a range and a path")
    func privileges() throws {
        let jail = try spec("userns = 100000+65536; seccomp = /etc/p.json;")
        #expect(jail.privileges.userNamespace.value == .range(first: 100_000, count: 65536))
        #expect(jail.privileges.seccomp.value == .profile("/etc/p.json"))
    }

    @Test("no before the last component negates, and no with false affirms")
    func negation() throws {
        let jail = try spec("mount.noprocfs; mount.nodevfs = false; allow.noraw_sockets = 0; exec.noclean;")
        #expect(jail.pseudoFilesystems.procfs.value == .never)
        #expect(jail.pseudoFilesystems.devfs.value == .always)
        #expect(jail.privileges.allowsRawSockets.value)
        #expect(!jail.commands.isClean.value)
    }

    @Test("the errors of all jails are thrown at once, warnings are not errors")
    func allErrors() {
        let text = "a { path = x; persist; } b { path = /j; persist; zzz; } c { path = /j; persist; osrelease = 1; }"
        #expect(messages(text) == ["path: \"x\" is not an absolute path", "unknown parameter \"zzz\""])
    }

    @Test("a log whose path ends with a slash is refused", arguments: ["log.file", "exec.consolelog"])
    func folderAsLog(parameter: String) {
        let text = "j { path = /r; persist; \(parameter) = /var/log/; }"
        #expect(messages(text) == ["\(parameter): /var/log/ is the path of a folder"])
    }

    @Test("as jail, the messages are FreeBSD's and repeated for each jail")
    func jailMessages() {
        do throws(ConfigurationFailure) {
            _ = try specs("path = x; a { persist; } b { persist; mount.prcfs; }")
            Issue.record("nothing was thrown")
        } catch {
            let lines = error.jailDiagnostics.map { String(decoding: $0.jailLine, as: UTF8.self) }
            #expect(
                lines == [
                    "jail: a: path x: not an absolute pathname\n", "jail: b: unknown parameter: mount.prcfs\n",
                    "jail: b: path x: not an absolute pathname\n",
                ])
        }
    }

    @Test("naming a jail checks and returns it with what it needs, in file order")
    func selection() throws {
        let text =
            "bad { } a { path = /j; persist; depend = c; } b { path = /j; persist; } c { path = /j; persist; d { path = /j; persist; } }"
        #expect(try specs(text, of: ["a"]).map(\.name.value) == ["a", "c"])
        #expect(try specs(text, of: ["c.*"]).map(\.name.value) == ["c", "c.d"])
        #expect(messages(text, of: ["cc"]) == ["the configuration has no jail \"cc\" (did you mean \"c\"?)"])
    }

    @Test("a dependency on a renamed jail is known by its name")
    func renamedDependency() throws {
        let jails = try specs("5 { path = /j; persist; name = db; } a { path = /j; persist; depend = 5; }")
        #expect(jails.map { $0.depend.map(\.value) } == [[], ["db"]])
        #expect(jails.map(\.label) == ["5", "a"])
        #expect(jails[0].jid?.value == 5)
    }
}

@Suite("The order of jails")
struct DependencyGraphTests {
    private static let text = """
        path = /j; persist;
        web { depend = db, cache; } db { depend = net; } cache { } net { } other { depend = web; } db.slave { }
        """

    @Test("jails that do not need each other are in one wave")
    func waves() throws {
        let graph = DependencyGraph(try specs(Self.text))
        #expect(graph.waves(of: graph.names) == [["cache", "net"], ["db"], ["web", "db.slave"], ["other"]])
        #expect(graph.waves(of: ["other", "db"]) == [["db", "other"]])
    }

    @Test("starting takes what is needed, by dependence or nesting")
    func closures() throws {
        let graph = DependencyGraph(try specs(Self.text))
        #expect(graph.dependencies(of: ["db"]) == ["db", "net"])
        #expect(graph.needed == ["web", "db", "cache", "net"])
    }
}

@Suite("Reading configurations")
struct ConfigurationReadingTests {
    @Test("standard input is STDIN in messages, and its includes are relative to the working directory")
    func standardInput() throws {
        let good = TextSource(files: ["-": ".include \"x.conf\";", "x.conf": "a { }"])
        #expect(try Configuration(path: "-", source: good).jails.map(\.label) == [Bytes("a".utf8)])
        do throws(ConfigurationFailure) {
            _ = try Configuration(path: "-", source: TextSource(files: ["-": "a {"]))
            Issue.record("nothing was thrown")
        } catch {
            #expect(error.jailDiagnostics.map(\.jailLine) == [Bytes("jail: STDIN: unexpected EOF\n".utf8)])
        }
    }

    @Test("an include is relative to the file that has it")
    func relativeInclude() throws {
        let source = TextSource(files: [
            "d/a.conf": ".include \"e/b.conf\";", "d/e/b.conf": ".include c.conf;", "d/e/c.conf": "x { }",
        ])
        #expect(try Configuration(path: "d/a.conf", source: source).jails.count == 1)
    }

    @Test("32 files deep is allowed, 33 is not")
    func depth() {
        func chain(_ count: Int) -> TextSource {
            var files = (0..<count).reduce(into: [String: String]()) { $0["\($1)"] = ".include \"\($1 + 1)\";" }
            files["\(count)"] = "a { }"
            return TextSource(files: files)
        }
        #expect(throws: Never.self) { try Configuration(path: "0", source: chain(32)) }
        #expect(throws: ConfigurationFailure.self) { try Configuration(path: "0", source: chain(33)) }
    }

    @Test("files that include each other many times end with an error, not with the memory")
    func explosion() {
        let source = TextSource(files: [
            "a": String(repeating: ".include \"b\";", count: 1000),
            "b": String(repeating: ".include \"c\";", count: 1000), "c": "",
        ])
        #expect(throws: ConfigurationFailure.self) { try Configuration(path: "a", source: source) }
    }

    @Test("values that double again and again end with an error of the jail")
    func expansion() throws {
        let doubling = (1...40).map { "$v\($0) = \"$v\($0 - 1)$v\($0 - 1)\";" }.joined()
        let text = "$v0 = \"0123456789\"; \(doubling) a { x = $v40; }"
        let jails = try Configuration(path: "f", source: TextSource(files: ["f": text])).jails
        #expect(jails[0].errors.first?.message.hasSuffix("value too long after substitution") == true)
    }

    @Test("a missing file is told in FreeBSD's words")
    func missing() {
        do throws(ConfigurationFailure) {
            _ = try Configuration(path: "/etc/jail.conf", source: TextSource(files: [:]))
            Issue.record("nothing was thrown")
        } catch {
            let line = Bytes("jail: /etc/jail.conf: No such file or directory\n".utf8)
            #expect(error.jailDiagnostics.map(\.jailLine) == [line])
        }
    }

    @Test("the caret stands under its column, tabs kept and control bytes escaped")
    func caret() {
        let location = SourceLocation(file: "f", line: 1, column: 6)
        let diagnostic = Diagnostic("wrong", at: location, hint: "right", sourceLine: Bytes("\ta\u{1b}b c".utf8))
        #expect(diagnostic.description == "f:1:6: wrong\n\ta\\033b c\n\t       ^\nhint: right")
    }
}
