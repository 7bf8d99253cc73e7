import Foundation
import Glibc
import Testing

extension Kernel {
    @Suite struct JlsLinkTests {
        private static let long = "a-name-that-is-longer-than-its-column-by-far"

        @Test("the columns are FreeBSD's, to the blank") func columns() throws {
            try Machine.with { machine in
                #expect(machine.create("ip4.addr=10.77.0.10,10.77.0.11", "host.hostname=\(Self.long)").status == 0)
                let jid = machine.link("jls", "-j", "t", "jid").lines.first ?? ""
                let number = String(repeating: " ", count: 6 - jid.count) + jid
                #expect(
                    machine.link("jls").output == """
                           JID  IP Address      Hostname                      Path
                        \(number)  10.77.0.10      \(Self.long.prefix(29)) \(machine.root)

                        """)
                #expect(
                    machine.link("jls", "-N").output == """
                         JID             IP Address      Hostname                      Path
                         t               10.77.0.10      \(Self.long.prefix(29)) \(machine.root)

                        """)
                #expect(
                    machine.link("jls", "-v").output == """
                           JID  Hostname                      Path
                                Name                          State
                                CPUSetID
                                IP Address(es)
                        \(number)  \(Self.long.prefix(29)) \(machine.root)
                                t                             ACTIVE
                                \(jid)
                                10.77.0.10
                                10.77.0.11

                        """)
                machine.remove()
            }
        }

        @Test("named parameters are values between blanks; -n, -h and -q change how they stand") func parameters()
            throws
        {
            try Machine.with { machine in
                #expect(machine.create("meta=a \"b\"", "env=it's").status == 0)
                let names = ["name", "persist", "ip4.addr", "host.hostname", "meta", "meta.none", "children.max"]
                func jls(_ flags: String...) -> String {
                    Command(["\(machine.directory)/jls"] + flags + ["-j", "t"] + names).run().output
                }
                _ = machine.link("jls")
                #expect(jls() == "t true - t a \"b\"  0\n")
                #expect(jls("-h") == names.joined(separator: " ") + "\nt true - t a \"b\"  0\n")
                #expect(jls("-n") == "name=t persist ip4.addr= host.hostname=t meta=a \"b\" meta.none children.max=0\n")
                #expect(
                    jls("-nq")
                        == "name=t persist ip4.addr=\"\" host.hostname=t meta='a \"b\"' meta.none children.max=0\n")
                #expect(machine.link("jls", "-q", "-j", "t", "env", "meta").output == "\"it's\" 'a \"b\"'\n")
                let values = machine.link("jls", "-j", "t", "nopersist", "allow.nomount", "allow.mount")
                #expect(values.output == "false true false\n", "\(values)")
                let named = machine.link("jls", "-n", "-j", "t", "nopersist", "allow.nomount", "allow.mount")
                #expect(named.output == "persist allow.nomount allow.nomount\n", "\(named)")
                let unknown = machine.link("jls", "foo")
                #expect(unknown.status == 1 && unknown.errors == "jls: unknown parameter: foo\n", "\(unknown)")
                machine.remove()
            }
        }

        @Test("-n names every parameter that jail(8) passes to the kernel, in jls's order") func all() throws {
            try Machine.with { machine in
                #expect(machine.create().status == 0)
                let words = machine.link("jls", "-n").output.split(whereSeparator: \.isWhitespace).map(String.init)
                let names = words.map { $0.split(separator: "=")[0] }
                #expect(names.contains("persist") && names.contains("nodying") && names.contains("allow.nomount"))
                let dotted = names.firstIndex { $0.contains(".") } ?? 0
                #expect(names[dotted...].allSatisfy { $0.contains(".") } && names.count > 50)
                machine.remove()
            }
        }

        @Test("limits that were set are told, and those that were not are when they are asked for") func limits() throws
        {
            try Machine.with { machine in
                // Linux 6.1 does not show net.core in a user namespace.
                let set = ["ulimit.nofile=100:200", "sysctl.net.ipv4.ip_forward=1", "umask=027", "oom.score=5"]
                let path = "\(machine.directory)/jail"
                #expect(machine.create(name: "u").status == 0)
                let made = Command([path, "-c", "name=t", "path=\(machine.root)", "persist"] + set).run()
                try #require(made.status == 0, "\(made)")
                let all = machine.link("jls", "-n", "-j", "t").lines[0].split(separator: " ").map(String.init)
                for word in set { #expect(all.contains(word), "\(word): \(all)") }
                let asked = machine.link("jls", "-n", "name", "ulimit.nofile", "umask", "oom.score", "ulimit.core")
                #expect(
                    asked.lines == [
                        "name=u ulimit.nofile umask=022 oom.score=0 ulimit.core",
                        "name=t ulimit.nofile=100:200 umask=027 oom.score=5 ulimit.core",
                    ], "\(asked)")
                let line = machine.link("jls", "-s", "-j", "t").output
                machine.remove()
                let again = Command.shell("'\(path)' -c \(line)").run()
                #expect(again.status == 0, "\(again)")
                #expect(machine.jailrun("exec", "t", "sh", "-c", "ulimit -n; umask").lines == ["100", "0027"])
                let fixed = machine.link("jail", "-m", "name=t", "ulimit.nofile=300")
                #expect(fixed.errors == "jail: ulimit.nofile cannot be changed after creation\n", "\(fixed)")
                machine.remove()
                machine.remove("u")
            }
        }

        @Test(
            "what -s prints makes the same jail again, by a shell and by jail.conf",
            arguments: ["plain", "it's", "say \"x\"", "both ' and \"", "$HOME `id` \\ ;&|<>(){}*?#", "two\nlines", ""])
        func feedback(meta: String) throws {
            try Machine.with { machine in
                #expect(machine.create("meta=\(meta)", "ip4.addr=10.77.0.10", "host.hostname=h").status == 0)
                let line = machine.link("jls", "-s", "-j", "t").output
                machine.remove()
                let script = "eval \"'\(machine.directory)/jail' -c $(cat)\""
                machine.write(line, to: "\(machine.directory)/line")
                let file = open("\(machine.directory)/line", O_RDONLY)
                defer { close(file) }
                let outcome = Command(["/bin/sh", "-c", script], input: file).run()
                #expect(outcome.status == 0, "\(outcome)\n\(line)")
                #expect(machine.link("jls", "-s", "-j", "t").output == line)
                let expected = meta.isEmpty ? "\"\"" : meta
                #expect(machine.link("jls", "-j", "t", "meta").output == expected + "\n")
                machine.remove()
            }
        }

        @Test("JSON and XML have libxo's shape") func structured() throws {
            try Machine.with { machine in
                #expect(machine.create("ip4.addr=10.77.0.10", "meta=<a> \"b\"").status == 0)
                #expect(machine.create(name: "u").status == 0)
                let numbers = machine.link("jls", "jid").lines
                let head = "{\"__version\": \"2\", \"jail-information\": {\"jail\": ["
                let root = machine.root
                #expect(
                    machine.link("jls", "--libxo", "json").output == head
                        + "{\"jid\":\(numbers[0]),\"ipv4\":\"10.77.0.10\",\"hostname\":\"t\",\"path\":\"\(root)\"}, "
                        + "{\"jid\":\(numbers[1]),\"ipv4\":\"\",\"hostname\":\"u\",\"path\":\"\(root)\"}]}}\n")
                #expect(
                    machine.link("jls", "-n", "--libxo=json", "-j", "t", "jid", "persist", "ip4.addr", "meta").output
                        == head
                        + "{\"jid\":\"\(numbers[0])\",\"persist\":true, \"ip4.addr\": [\"10.77.0.10\"],"
                        + "\"meta\":\"<a> \\\"b\\\"\"}]}}\n")
                #expect(
                    machine.link("jls", "--libxo:X", "-j", "t", "name", "ip4.addr", "meta").output
                        == "<jail-information version=\"2\"><jail><name>t</name><ipv4_addr>10.77.0.10</ipv4_addr>"
                        + "<meta>&lt;a&gt; \"b\"</meta></jail></jail-information>")
                for arguments in [["-v"], ["-N"], ["-n"], []] {
                    for style in ["json", "json,pretty"] {
                        let text = Command(["\(machine.directory)/jls", "--libxo", style] + arguments).run().output
                        let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
                        let jails = (object?["jail-information"] as? [String: Any])?["jail"] as? [Any]
                        #expect(jails?.count == 2, "\(style) \(arguments): \(text)")
                    }
                }
                machine.remove("u")
                machine.remove()
            }
        }

        @Test("the columns' heads stand before it is told that a jail is not there") func missing() throws {
            try Machine.with { machine in
                let outcome = machine.link("jls", "-N", "-j", "nobody")
                #expect(outcome.status == 1 && outcome.errors == "jls: jail \"nobody\" not found\n", "\(outcome)")
                #expect(outcome.output == " JID             IP Address      Hostname                      Path\n")
                let structured = machine.link("jls", "--libxo", "json", "-j", "nobody")
                #expect(structured.status == 1 && structured.output == "", "\(structured)")
            }
        }

        @Test("-c tells by its status alone whether a jail is there") func existence() throws {
            try Machine.with { machine in
                #expect(machine.create().status == 0)
                for (name, status) in [("t", Int32(0)), ("nobody", 1), ("999", 1)] {
                    let outcome = machine.link("jls", "-cj", name)
                    #expect(outcome.status == status && outcome.output == "" && outcome.errors == "", "\(outcome)")
                }
                for number in ["999", "0999"] {
                    let outcome = machine.link("jls", "-j", number)
                    #expect(outcome.status == 1 && outcome.errors == "jls: jail 999 not found\n", "\(outcome)")
                }
                let jid = machine.link("jls", "-j", "t", "jid").output
                #expect(machine.link("jls", "-j", "0\(jid.trimmingCharacters(in: .newlines))", "name").output == "t\n")
                machine.remove()
            }
        }
    }

    @Suite struct JexecLinkTests {
        @Test("a user is looked up in the jail with -U, on the host with -u") func users() throws {
            try Machine.with { machine in
                #expect(machine.create().status == 0)
                #expect(machine.link("jexec", "t", "id", "-u").output == "0\n")
                #expect(machine.link("jexec", "-U", "user", "t", "id", "-u").output == "1000\n")
                #expect(machine.link("jexec", "-U", "user", "t", "id", "-G").output == "1000 1001\n")
                #expect(machine.link("jexec", "-u", "nobody", "t", "id", "-u").output == "65534\n")
                for arguments in [["-U", "nobody"], ["-u", "user"]] {
                    let outcome = Command(["\(machine.directory)/jexec"] + arguments + ["t", "id"]).run()
                    #expect(
                        outcome.status == 1 && outcome.errors == "jexec: \(arguments[1]): no such user\n", "\(outcome)")
                }
                machine.remove()
            }
        }

        @Test("-d and -l say where it starts, and the environment is a clean one") func directory() throws {
            try Machine.with { machine in
                #expect(machine.create().status == 0)
                #expect(machine.link("jexec", "t", "pwd").output == "/\n")
                #expect(machine.link("jexec", "-d", "/var", "t", "pwd").output == "/var\n")
                #expect(machine.link("jexec", "-l", "-U", "user", "t", "pwd").output == "/tmp\n")
                let missing = machine.link("jexec", "-d", "/no", "t", "pwd")
                #expect(
                    missing.status == 1 && missing.errors == "jexec: chdir: /no: No such file or directory\n",
                    "\(missing)")
                let environment = machine.link("jexec", "-l", "-e", "A=b c", "-U", "user", "t", "env").lines
                #expect(environment.contains("HOME=/tmp") && environment.contains("USER=user"))
                #expect(environment.contains("SHELL=/bin/sh") && environment.contains("A=b c"))
                #expect(!environment.contains { $0.hasPrefix("JAILRUN") })
                machine.remove()
            }
        }

        @Test("without a command it runs the user's shell") func shell() throws {
            try Machine.with { machine in
                machine.script("myshell", "echo shell of $USER with $1")
                machine.write(
                    "root:x:0:0::/:/bin/sh\nuser:x:1000:1000::/tmp:/bin/myshell\n", to: "\(machine.root)/etc/passwd")
                #expect(machine.create().status == 0)
                let outcome = machine.link("jexec", "-U", "user", "t")
                #expect(outcome.status == 0 && outcome.output == "shell of user with -i\n", "\(outcome)")
                unlink("\(machine.root)/bin/myshell")
                let missing = machine.link("jexec", "-U", "user", "t")
                #expect(missing.status == 1, "\(missing)")
                #expect(missing.errors == "jexec: execlp: /bin/myshell: No such file or directory\n", "\(missing)")
                machine.remove()
            }
        }

        @Test("the status is the command's; what cannot be run is told as execvp(3) tells it") func statuses() throws {
            try Machine.with { machine in
                #expect(machine.create().status == 0)
                #expect(machine.link("jexec", "t", "sh", "-c", "exit 7").status == 7)
                #expect(machine.link("jexec", "t", "sh", "-c", "kill -KILL $$").status == 137)
                #expect(machine.link("jexec", "t", "ls", "-d", "/etc").output == "/etc\n")
                let outcome = machine.link("jexec", "t", "nothing", "-x")
                #expect(
                    outcome.status == 1 && outcome.errors == "jexec: execvp: nothing: No such file or directory\n",
                    "\(outcome)")
                machine.remove()
            }
        }
    }
}
