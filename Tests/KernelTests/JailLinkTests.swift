import Foundation
import Glibc
import Testing

extension Machine {
    /// Runs the program by the name of one of FreeBSD's commands.
    func link(_ name: String, _ arguments: String..., seconds: Double = 30) -> Outcome {
        let path = "\(directory)/\(name)"
        if access(path, F_OK) != 0 { symlink(Laboratory.program, path) }
        return Command([path] + arguments).run(seconds: seconds)
    }

    /// jail -c of one jail `t` that persists, with those parameters, on this test's root.
    func create(_ parameters: String..., name: String = "t") -> Outcome {
        let path = "\(directory)/jail"
        if access(path, F_OK) != 0 { symlink(Laboratory.program, path) }
        return Command([path, "-c", "name=\(name)", "path=\(root)", "persist"] + parameters).run()
    }

    func remove(_ name: String = "t") { _ = link("jail", "-r", name) }
}

extension Kernel {
    @Suite struct JailLinkTests {
        // MARK: The command line

        @Test("a jail of the command line lives, is found by name and number, and goes in silence") func commandLine()
            throws
        {
            try Machine.with { machine in
                let created = machine.create()
                #expect(created.status == 0 && created.output == "" && created.errors == "", "\(created)")
                let jid = machine.link("jls", "-j", "t", "jid").lines.first ?? ""
                #expect(machine.link("jls", "-j", jid, "name").output == "t\n")
                let again = machine.create()
                #expect(again.status == 1 && again.errors == "jail: \"t\" already exists\n", "\(again)")
                let removed = machine.link("jail", "-r", jid)
                #expect(removed.status == 0 && removed.output == "" && removed.errors == "", "\(removed)")
                let gone = machine.link("jail", "-r", "t")
                #expect(gone.status == 1 && gone.errors == "jail: \"t\" not found\n", "\(gone)")
            }
        }

        @Test("command= takes the rest of the line as it is, and the jail is gone when it has ended") func command()
            throws
        {
            try Machine.with { machine in
                let outcome = machine.link(
                    "jail", "-c", "name=t", "path=\(machine.root)", "command=/bin/echo", "a  b", "$c;", "persist=no")
                #expect(outcome.status == 0 && outcome.output == "a  b $c; persist=no\n", "\(outcome)")
                #expect(machine.link("jls", "-c", "-j", "t").status == 1)
                let failed = machine.link("jail", "-c", "path=\(machine.root)", "command=/bin/false")
                #expect(failed.status == 1 && failed.errors == "jail: /bin/false: failed\n", "\(failed)")
                let missing = machine.link("jail", "-c", "path=\(machine.root)", "command=/bin/nothing", "x")
                #expect(missing.status == 1, "\(missing)")
                #expect(
                    missing.errors
                        == "jail: exec /bin/nothing: No such file or directory\njail: /bin/nothing x: failed\n",
                    "\(missing)")
            }
        }

        @Test("a command reads what the caller's input says") func input() throws {
            try Machine.with { machine in
                _ = machine.link("jls")
                symlink(Laboratory.program, "\(machine.directory)/jail")
                let outcome = Command.shell(
                    "echo hello | '\(machine.directory)/jail' -c path='\(machine.root)' command=/bin/cat"
                ).run()
                #expect(outcome.output == "hello\n", "\(outcome)")
            }
        }

        @Test("on a terminal a command has one of its own, which stays and is logged when the jail is up")
        func terminal() throws {
            try Machine.with { machine in
                _ = machine.link("jls")
                symlink(Laboratory.program, "\(machine.directory)/jail")
                let wait = "while [ ! -e /var/go ]; do sleep 0.1; done"
                machine.script("talk", "trap '' HUP; tty; (\(wait); echo later; sleep 1000) &")
                // An input that stays open: script(1) types the end of its own.
                var ends: [Int32] = [0, 0]
                pipe(&ends)
                defer { for end in ends { close(end) } }
                let words = "\(machine.directory)/jail -c name=t path=\(machine.root) command=/bin/talk"
                let outcome = Command(["script", "-qec", words, "/dev/null"], input: ends[0]).run()
                // script(1) may echo the end of its own input.
                let answer = outcome.output.split(whereSeparator: \.isNewline).first.map(String.init)
                #expect(outcome.status == 0 && answer == "/dev/pts/0", "\(outcome)")
                machine.write("", to: "\(machine.root)/var/go")
                #expect(eventually { machine.jailrun("logs", "t").output.contains("later") })
                machine.remove()
            }
        }

        @Test("-r ends the wait of a jail that is to be started again") func removalOfWaiting() throws {
            try Machine.with { machine in
                machine.configure("restart = always; restart.delay = 60; command = \"true\";")
                #expect(machine.link("jail", "-f", machine.conf, "-qc").status == 0)
                #expect(eventually { machine.state() == "restarting" })
                #expect(machine.link("jail", "-r", "t").status == 0)
                #expect(machine.state() == "none")
            }
        }

        @Test("all that commands print at a start arrives, however much it is") func output() throws {
            try Machine.with { machine in
                machine.configure("exec.start = \"seq 1 30000\"; persist;")
                let outcome = machine.link("jail", "-f", machine.conf, "-qc")
                #expect(outcome.lines.count == 30000 && outcome.lines.last == "30000", "\(outcome.lines.count) lines")
                machine.remove()
            }
        }

        @Test("a path may be relative, and a jail without a name has its number's") func relativePath() throws {
            try Machine.with { machine in
                symlink(Laboratory.program, "\(machine.directory)/jail")
                let outcome = Command.shell("cd '\(machine.directory)' && ./jail -ic path=root persist").run()
                let jid = outcome.lines.first ?? ""
                #expect(outcome.status == 0 && Int(jid) != nil, "\(outcome)")
                #expect(machine.link("jls", "-j", jid, "name", "path").output == "\(jid) \(machine.root)\n")
                machine.remove(jid)
            }
        }

        @Test("the form without names makes a jail with path, hostname, addresses and command") func oldStyle() throws {
            try Machine.with { machine in
                let file = "\(machine.directory)/jid"
                let outcome = machine.link(
                    "jail", "-J", file, machine.root, "old.example", "192.0.2.7", "/bin/sh", "-c",
                    "hostname; ip addr show eth0 | grep -c 192.0.2.7")
                #expect(outcome.status == 0 && outcome.output == "old.example\n1\n", "\(outcome)")
                let line = machine.read(file).split(separator: "\t", omittingEmptySubsequences: false)
                #expect(line.count == 5 && line[1...3] == [machine.root[...], "old.example", "192.0.2.7"], "\(line)")
            }
        }

        @Test("-J writes the number and the parameters of each jail, -i prints the number alone") func jidFile() throws
        {
            try Machine.with { machine in
                machine.configure("persist; host.hostname = \"h\";")
                let file = "\(machine.directory)/jid"
                let outcome = machine.link("jail", "-f", machine.conf, "-i", "-J", file, "-c", "t")
                let jid = outcome.output.trimmingCharacters(in: .newlines)
                #expect(
                    machine.read(file) == "jid=\(jid)\tname=t\tpath=\(machine.root)\tpersist\thost.hostname=h\n",
                    "\(machine.read(file))")
                machine.remove()
            }
        }

        @Test("exec.poststart finds a jail whose command has ended, which is gone afterwards") func poststart() throws {
            try Machine.with { machine in
                symlink(Laboratory.program, "\(machine.directory)/jexec")
                let outcome = machine.link(
                    "jail", "-c", "name=t", "path=\(machine.root)", "exec.start=true",
                    "exec.poststart=\(machine.directory)/jexec t touch /var/found")
                #expect(outcome.status == 0 && machine.has("var/found"), "\(outcome)")
                #expect(eventually { machine.link("jls", "-c", "-j", "t").status == 1 })
            }
        }

        // MARK: Jails of a file

        private static let ordered = """
            path = "ROOT"; persist;
            exec.prestart = "echo start $name >>LOG"; exec.poststop = "echo stop $name >>LOG";
            web { depend = db; } db { } other { depend = web; }

            """

        private func write(_ text: String, _ machine: Machine) -> String {
            let log = "\(machine.directory)/log"
            let text = text.replacingOccurrences(of: "ROOT", with: machine.root)
            machine.write(text.replacingOccurrences(of: "LOG", with: log), to: machine.conf)
            return log
        }

        @Test("depend orders starts and stops; naming one jail starts what it needs and stops what needs it")
        func dependencies() throws {
            try Machine.with { machine in
                let log = write(Self.ordered, machine)
                let started = machine.link("jail", "-f", machine.conf, "-c", "other")
                #expect(started.output == "db: created\nweb: created\nother: created\n", "\(started)")
                #expect(machine.read(log) == "start db\nstart web\nstart other\n")
                let stopped = machine.link("jail", "-f", machine.conf, "-r", "db")
                #expect(stopped.output == "other: removed\nweb: removed\ndb: removed\n", "\(stopped)")
                #expect(machine.read(log).hasSuffix("stop other\nstop web\nstop db\n"))
            }
        }

        @Test("a jail whose dependency fails is skipped, the others start, and the status is 1") func skipped() throws {
            try Machine.with { machine in
                _ = write(
                    "path = \"ROOT\"; persist; a { exec.start = \"false\"; } b { depend = a; } c { } d { foo; } e { depend = d; }",
                    machine)
                let outcome = machine.link("jail", "-f", machine.conf, "-c")
                #expect(outcome.status == 1, "\(outcome)")
                #expect(Set(outcome.lines) == ["a: created", "a: removed", "c: created"], "\(outcome)")
                let errors = Set(outcome.errors.split(separator: "\n").map(String.init))
                #expect(
                    errors == [
                        "jail: d: unknown parameter: foo", "jail: e: skipped", "jail: a: false: failed",
                        "jail: b: skipped",
                    ], "\(outcome)")
                machine.remove("c")
            }
        }

        @Test("a nested jail starts when the one around it exists, before that is up") func weakParent() throws {
            try Machine.with { machine in
                let wait = "for i in 1 2 3 4 5 6 7 8 9; do [ -e /var/child ] && exit 0; sleep 1; done; exit 1"
                _ = write(
                    "path = \"ROOT\"; persist; a { exec.start = '\(wait)'; } a.b { exec.start = \"touch /var/child\"; }",
                    machine)
                let outcome = machine.link("jail", "-f", machine.conf, "-c")
                #expect(outcome.status == 0, "\(outcome)")
                let stopped = machine.link("jail", "-f", machine.conf, "-r", "a")
                #expect(stopped.output == "a.b: removed\na: removed\n", "\(stopped)")
            }
        }

        @Test("jails start at once, and with -p 1 one after the other") func parallel() throws {
            try Machine.with { machine in
                let start =
                    "'mkdir /var/$0; for i in 1 2 3; do [ -e /var/a ] && [ -e /var/b ] && exit 0; sleep 1; done; exit 1'"
                _ = write(
                    "path = \"ROOT\"; persist; a { exec.start = \"sh -c \(start) a\"; } b { exec.start = \"sh -c \(start) b\"; }",
                    machine)
                let together = machine.link("jail", "-f", machine.conf, "-c")
                #expect(together.status == 0, "\(together)")
                _ = machine.link("jail", "-f", machine.conf, "-r", "*")
                rmdir("\(machine.root)/var/a")
                rmdir("\(machine.root)/var/b")
                let alone = machine.link("jail", "-f", machine.conf, "-p", "1", "-c")
                // The first waits in vain; the second finds what the first has left.
                #expect(alone.status == 1 && alone.errors.contains("jail: a: "), "\(alone)")
                #expect(alone.lines.contains("b: created") && !alone.lines.contains("b: removed"), "\(alone)")
                machine.remove("b")
            }
        }

        @Test("-r runs the file's commands of now, -R none, and a wildcard removes all in reverse order") func removal()
            throws
        {
            try Machine.with { machine in
                let text = "path = \"ROOT\"; persist; exec.poststop = \"echo WHEN $name >>LOG\"; a { } b { } c { }"
                let log = write(text.replacingOccurrences(of: "WHEN", with: "then"), machine)
                _ = machine.link("jail", "-f", machine.conf, "-qc")
                _ = write(text.replacingOccurrences(of: "WHEN", with: "now"), machine)
                #expect(machine.link("jail", "-f", machine.conf, "-R", "a").status == 0)
                #expect(machine.read(log) == "")
                let outcome = machine.link("jail", "-f", machine.conf, "-p", "1", "-r", "*")
                #expect(outcome.output == "c: removed\nb: removed\n" && outcome.status == 0, "\(outcome)")
                #expect(machine.read(log) == "now c\nnow b\n")
            }
        }

        @Test("what fails before the end keeps the jail, what fails after it does not; both are status 1")
        func failures()
            throws
        {
            try Machine.with { machine in
                machine.configure("persist; exec.prestop = \"false\"; exec.poststop = \"sh -c 'exit 4'\";")
                _ = machine.link("jail", "-f", machine.conf, "-qc")
                let kept = machine.link("jail", "-f", machine.conf, "-r", "t")
                #expect(kept.status == 1 && kept.errors == "jail: t: false: failed\n" && kept.output == "", "\(kept)")
                machine.configure("persist; exec.poststop = \"sh -c 'exit 4'\";")
                let gone = machine.link("jail", "-f", machine.conf, "-r", "t")
                #expect(gone.status == 1 && gone.output == "t: removed\n", "\(gone)")
                #expect(gone.errors == "jail: t: /bin/sh -c sh -c 'exit 4': failed\n", "\(gone)")
            }
        }

        @Test("-C runs what follows the end of a jail, for one that is gone") func cleanup() throws {
            try Machine.with { machine in
                let log = write(
                    "path = \"ROOT\"; persist; a { exec.poststop = \"echo poststop >>LOG\"; exec.release = \"echo release >>LOG\"; }",
                    machine)
                #expect(machine.link("jail", "-f", machine.conf, "-C", "a").status == 0)
                #expect(machine.read(log) == "poststop\nrelease\n")
                _ = machine.link("jail", "-f", machine.conf, "-qc")
                let running = machine.link("jail", "-f", machine.conf, "-C", "a")
                #expect(running.status == 1 && running.errors == "jail: \"a\" already exists\n", "\(running)")
                machine.remove("a")
            }
        }

        @Test("-rc makes a new jail; of one that does not run it is an error") func restart() throws {
            try Machine.with { machine in
                machine.configure("persist; exec.start = \"echo once >>/var/starts\";")
                let missing = machine.link("jail", "-f", machine.conf, "-rc", "t")
                #expect(missing.status == 1 && missing.errors == "jail: \"t\" not found\n", "\(missing)")
                _ = machine.link("jail", "-f", machine.conf, "-qc")
                let outcome = machine.link("jail", "-f", machine.conf, "-rc", "t")
                #expect(outcome.status == 0 && outcome.output == "t: created\n", "\(outcome)")
                #expect(machine.read("\(machine.root)/var/starts") == "once\nonce\n")
                machine.remove()
            }
        }

        @Test("-v tells each command, the parameters and the signals, in FreeBSD's words") func verbose() throws {
            try Machine.with { machine in
                machine.configure(
                    """
                    persist; meta = "a b"; exec.prestart = "true"; exec.start = "true"; exec.start += "sleep 100 &";
                    exec.jail_user = user; exec.stop = "echo $x";
                    """.replacingOccurrences(of: "$x", with: "\\$x"))
                let started = machine.link("jail", "-f", machine.conf, "-vc", "t")
                #expect(
                    started.lines == [
                        "t: run command: true",
                        "t: jail_set(JAIL_CREATE) name=t path=\(machine.root) persist meta=\"a b\"", "t: created",
                        "t: run command in jail as user: true", "t: run command in jail as user: sleep 100",
                    ], "\(started.output)")
                let changed = machine.link("jail", "-f", machine.conf, "-vm", "t").lines
                #expect(changed.first?.hasPrefix("t: jail_set(JAIL_UPDATE) jid=") == true)
                #expect(changed.last == "t: updated")
                #expect(changed.first?.hasSuffix(" name=t persist meta=\"a b\"") == true, "\(changed)")
                let stopped = machine.link("jail", "-f", machine.conf, "-vr", "t")
                #expect(stopped.lines.count == 3, "\(stopped.output)")
                #expect(stopped.lines[0] == "t: run command in jail as user: /bin/sh -c echo $x")
                #expect(stopped.lines[1].hasPrefix("t: sent SIGTERM to: ") && stopped.lines[2] == "t: removed")
            }
        }

        @Test("what fails is told as jail(8) tells it, behind the jail's name", arguments: Self.objections)
        func objection(parameters: String, objection: String) throws {
            try Machine.with { machine in
                let filled = { (text: String) in text.replacingOccurrences(of: "ROOT", with: machine.root) }
                machine.configure("persist; \(filled(parameters))")
                let outcome = machine.link("jail", "-f", machine.conf, "-qc", "t")
                #expect(outcome.status == 1 && outcome.output == "", "\(outcome)")
                let expected = filled(objection).split(separator: "|").map { "jail: t: \($0)\n" }.joined()
                #expect(outcome.errors == expected, "\(outcome)")
            }
        }

        private static let objections: [(String, String)] = [
            ("exec.start = \"nothing a b\";", "exec nothing: No such file or directory|nothing a b: failed"),
            ("exec.prestart = \"nothing a\";", "exec nothing: No such file or directory|nothing a: failed"),
            ("exec.jail_user = nobodyy; exec.start = \"true\";", "nobodyy: no such user"),
            ("exec.consolelog = log;", "exec.consolelog: log: not an absolute pathname"),
            ("exec.consolelog = /nothing/log;", "open /nothing/log: No such file or directory"),
            ("exec.consolelog = ROOT/nothing/log;", "exec.consolelog: ROOT/nothing/log: No such file or directory"),
            ("mount = \"tmpfs tmp tmpfs rw\";", "mount: tmp: not an absolute pathname"),
            ("mount = \"tmpfs tmp\";", "mount: tmpfs tmp: missing information"),
            ("ip4.addr = \"em0|10.0.0/24\";", "ip4.addr: not an IPv4 address: 10.0.0"),
            ("ip6.addr = 10.0.0.1;", "ip6.addr: not an IPv6 address: 10.0.0.1"),
            ("securelevel = high;", "securelevel: non-integer value \"high\""),
        ]

        @Test("with -q a jail of the file that is not up is status 1, and no message") func quietRemoval() throws {
            try Machine.with { machine in
                machine.configure("persist;")
                let quiet = machine.link("jail", "-f", machine.conf, "-qr", "t")
                #expect(quiet.status == 1 && quiet.errors == "", "\(quiet)")
                let unknown = machine.link("jail", "-f", machine.conf, "-qr", "u")
                #expect(unknown.status == 1 && unknown.errors == "jail: \"u\" not found\n", "\(unknown)")
            }
        }

        @Test("of -q, -v and -i the last one counts") func verbosity() throws {
            try Machine.with { machine in
                machine.configure("persist; exec.prestart = \"true\";")
                let lines = { (flags: String) in
                    let outcome = machine.link("jail", "-f", machine.conf, flags, "t")
                    _ = machine.link("jail", "-R", "t")
                    return outcome.lines
                }
                #expect(lines("-qvc").first == "t: run command: true")
                #expect(lines("-vqc") == [])
                #expect(lines("-vic").count == 1)
                #expect(lines("-ivc").contains("t: created"))
            }
        }

        @Test("a jail of the command line needs jails that run") func running() throws {
            try Machine.with { machine in
                let depend = machine.create("depend=a,b")
                #expect(
                    depend.errors
                        == "jail: depends on nonexistent jail \"a\"\njail: depends on nonexistent jail \"b\"\n"
                        && depend.status == 1, "\(depend)")
                let nested = machine.create(name: "a.b")
                #expect(nested.errors == "jail: jail \"a\" not found\n" && nested.status == 1, "\(nested)")
                #expect(machine.create(name: "a").status == 0)
                #expect(machine.create(name: "a.b").status == 0)
                #expect(machine.link("jls", "-n", "-j", "a", "children.cur").output == "children.cur=1\n")
                #expect(machine.link("jail", "-R", "a").status == 0)
                #expect(machine.link("jls", "-N").lines.count == 1)
            }
        }
    }
}
