import Foundation
import Glibc
import Testing

extension Kernel {
    /// What a start that is interrupted, refused or failed in part says and leaves; dependencies that are up.
    @Suite struct StartTests {
        private func configure(_ machine: Machine, db: String = "", web: String = "") {
            machine.write(
                """
                path = "\(machine.root)"; persist;
                db { \(db) }
                web { depend = db; \(web) }

                """, to: machine.conf)
        }

        private static let unhealthy = "health.command = \"test -e /var/well\"; health.start = 100;"

        private func link(_ machine: Machine) -> String {
            let jail = "\(machine.directory)/jail"
            symlink(Laboratory.program, jail)
            return jail
        }

        // MARK: Interrupted

        @Test(
            "a start that is interrupted while it waits for health takes back what it started, says so, and ends with 128 + n",
            arguments: [SIGINT, SIGTERM, SIGHUP])
        func interrupted(signal: Int32) throws {
            try Machine.with { machine in
                configure(machine, web: Self.unhealthy)
                let start = machine.start("start", machine.conf)
                #expect(eventually { machine.state(of: "web") == "starting" && machine.state(of: "db") == "up" })
                start.signal(signal)
                let outcome = start.wait(seconds: 15)
                #expect(outcome.status == 128 + signal, "\(outcome)")
                let name = [SIGINT: "SIGINT", SIGTERM: "SIGTERM", SIGHUP: "SIGHUP"][signal] ?? ""
                #expect(outcome.errors.contains("interrupted by \(name)"), "\(outcome)")
                #expect(machine.state(of: "db") == "none" && machine.state(of: "web") == "none")
            }
        }

        @Test("a start whose jail another command stops before it is up fails, says so, and takes back what it started")
        func stoppedElsewhere() throws {
            try Machine.with { machine in
                configure(machine, web: Self.unhealthy)
                let start = machine.start("start", machine.conf)
                #expect(eventually { machine.state(of: "web") == "starting" && machine.state(of: "db") == "up" })
                #expect(machine.jailrun("stop", "web").status == 0)
                let outcome = start.wait(seconds: 15)
                #expect(outcome.status == 125, "\(outcome)")
                #expect(outcome.errors.contains("web: another command stopped it before it was up"), "\(outcome)")
                #expect(machine.state(of: "db") == "none" && machine.state(of: "web") == "none")
            }
        }

        @Test("a start of a jail that is being stopped starts it when it is down") func stopping() throws {
            try Machine.with { machine in
                machine.configure(
                    "persist; exec.stop = \"touch /var/at; while ! test -e /var/go; do sleep 0.1; done\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let stop = machine.start("stop", "t")
                #expect(eventually { machine.has("var/at") })
                let start = machine.start("start", machine.conf)
                usleep(300_000)
                machine.write("", to: "\(machine.root)/var/go")
                #expect(stop.wait(seconds: 15).status == 0)
                let outcome = start.wait(seconds: 15)
                #expect(outcome.status == 0 && machine.state() == "up", "\(outcome)")
                machine.stop()
            }
        }

        @Test("a start of a jail that is up and unhealthy says so, and fails") func unhealthy() throws {
            try Machine.with { machine in
                machine.configure(
                    "command = \"sleep 1000\"; health.command = \"test ! -e /var/sick\"; health.interval = 1; health.retries = 1;"
                )
                #expect(machine.jailrun("start", machine.conf).status == 0)
                machine.write("", to: "\(machine.root)/var/sick")
                #expect(eventually(seconds: 10) { machine.state() == "unhealthy" })
                let outcome = machine.jailrun("start", machine.conf)
                #expect(outcome.status == 125 && outcome.errors.contains("unhealthy: test ! -e"), "\(outcome)")
                machine.stop()
            }
        }

        @Test("a start beside another of the same file waits for it, and ends as it does", arguments: [true, false])
        func beside(isGood: Bool) throws {
            try Machine.with { machine in
                machine.configure("persist; exec.start = \"while ! test -e /var/go; do sleep 0.1; done; \(isGood)\";")
                let first = machine.start("start", machine.conf)
                #expect(eventually { machine.state() == "starting" })
                let second = machine.start("start", machine.conf)
                usleep(300_000)
                machine.write("", to: "\(machine.root)/var/go")
                let outcomes = [first.wait(seconds: 15), second.wait(seconds: 15)]
                #expect(outcomes.allSatisfy { ($0.status == 0) == isGood }, "\(outcomes)")
                #expect(outcomes[1].errors.contains("another command"), "\(outcomes[1])")
                #expect(machine.state() == (isGood ? "up" : "none"))
                if isGood { machine.stop() }
            }
        }

        @Test(
            "so is one that is interrupted in a command", arguments: ["exec.prestart", "exec.start", "exec.poststart"])
        func interruptedCommand(parameter: String) throws {
            try Machine.with { machine in
                let mark = "\(machine.directory)/mark"
                let command = parameter == "exec.start" ? "touch /var/mark" : "touch \(mark)"
                machine.configure("persist; \(parameter) = \"\(command); sleep 1000\";")
                for verb in ["start", "run"] {
                    unlink(mark)
                    unlink("\(machine.root)/var/mark")
                    let start = machine.start(verb, machine.conf)
                    #expect(eventually { access(mark, F_OK) == 0 || machine.has("var/mark") })
                    start.signal(SIGINT)
                    let outcome = start.wait(seconds: 15)
                    #expect(outcome.status == 128 + SIGINT, "\(verb): \(outcome)")
                    #expect(outcome.errors.contains("interrupted by SIG"), "\(verb): \(outcome)")
                    #expect(machine.state() == "none")
                }
            }
        }

        @Test("jail -c that is interrupted in exec.start fails, says so, and leaves no jail") func interruptedLink()
            throws
        {
            try Machine.with { machine in
                machine.configure("persist; exec.start = \"touch /var/mark; sleep 1000\";")
                let creation = Command([link(machine), "-q", "-f", machine.conf, "-c", "t"]).start()
                #expect(eventually { machine.has("var/mark") })
                creation.signal(SIGINT)
                let outcome = creation.wait(seconds: 15)
                #expect(outcome.status == 1 && outcome.errors.contains("jail: interrupted by SIGINT"), "\(outcome)")
                #expect(machine.state() == "none")
            }
        }

        @Test("what only waits ends with 128 + n too", arguments: ["wait", "logs -f", "top"]) func watchers(
            words: String
        )
            throws
        {
            try Machine.with { machine in
                machine.configure("persist; exec.start = \"echo ready\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let watching = Command([Laboratory.program] + words.split(separator: " ").map(String.init) + ["t"])
                    .start()
                if words == "wait" {
                    usleep(300_000)
                } else {
                    #expect(eventually { watching.output != "" })
                }
                watching.signal(SIGTERM)
                let outcome = watching.wait(seconds: 5)
                #expect(outcome.status == 128 + SIGTERM, "\(outcome)")
                machine.stop()
            }
        }

        // MARK: Dependencies that are up

        @Test("a dependency that is up is satisfied, and left alone", arguments: ["start", "jail", "services"])
        func satisfied(how: String) throws {
            try Machine.with { machine in
                configure(machine, db: "ip4.addr = 10.77.0.96;")
                #expect(machine.jailrun("start", machine.conf, "db").status == 0)
                let pid = machine.firstProcess(of: "db")
                let outcome =
                    switch how {
                    case "start": machine.jailrun("start", machine.conf, "web")
                    case "jail": Command([link(machine), "-q", "-f", machine.conf, "-c", "web"]).run()
                    default: machine.jailrun("run", machine.conf, "web", "--", "/bin/sh", "-c", "echo $JAILRUN_DB_IP")
                    }
                #expect(outcome.status == 0, "\(outcome)")
                #expect(machine.state(of: "db") == "up" && machine.firstProcess(of: "db") == pid)
                if how == "services" {
                    #expect(outcome.output == "10.77.0.96\n")
                } else {
                    #expect(machine.state(of: "web") == "up")
                }
                #expect(machine.jailrun("stop", machine.conf).status == 0)
            }
        }

        @Test("one that jail(8) or a foreground run has is satisfied, too", arguments: ["jail", "run"])
        func satisfiedElsewhere(how: String) throws {
            try Machine.with { machine in
                configure(machine)
                let holder =
                    how == "jail"
                    ? Command([link(machine), "-q", "-f", machine.conf, "-c", "db"]).start()
                    : machine.start("run", machine.conf, "db")
                #expect(eventually { machine.jailrun("exec", "db", "true").status == 0 })
                let start = machine.jailrun("start", machine.conf, "web")
                #expect(start.status == 0 && machine.state(of: "web") == "up", "\(start)")
                #expect(machine.jailrun("stop", machine.conf).status == 0)
                _ = holder.wait(seconds: 10)
            }
        }

        @Test("one that is up and not healthy yet is waited for", arguments: ["start", "jail"])
        func awaited(how: String) throws {
            try Machine.with { machine in
                configure(machine, db: Self.unhealthy, web: "exec.start = \"test -e /var/well\";")
                let first = machine.start("start", machine.conf, "db")
                #expect(eventually { machine.state(of: "db") == "starting" })
                // It is there: jail(8) asks for no more.
                #expect(eventually { machine.jailrun("exec", "db", "true").status == 0 })
                let second =
                    how == "jail"
                    ? Command([link(machine), "-q", "-f", machine.conf, "-c", "web"]).start()
                    : machine.start("start", machine.conf, "web")
                #expect(eventually { second.hasForked })
                usleep(300_000)
                machine.write("", to: "\(machine.root)/var/well")
                let outcome = second.wait(seconds: 15)
                #expect(outcome.status == 0 && first.wait(seconds: 15).status == 0, "\(outcome)")
                #expect(machine.jailrun("stop", machine.conf).status == 0)
            }
        }

        @Test("jail(8) waits for a dependency that another command has only begun to start") func begun() throws {
            try Machine.with { machine in
                let at = "\(machine.directory)/at"
                configure(machine, db: "exec.prestart = \"touch \(at); sleep 1\"; persist;", web: "persist;")
                let first = machine.start("start", machine.conf, "db")
                #expect(eventually { access(at, F_OK) == 0 })
                let second = Command([link(machine), "-q", "-f", machine.conf, "-c", "web"]).run()
                #expect(second.status == 0 && second.errors == "", "\(second)")
                #expect(first.wait(seconds: 15).status == 0)
                #expect(machine.state(of: "db") == "up" && machine.state(of: "web") == "up")
                #expect(machine.jailrun("stop", machine.conf).status == 0)
            }
        }

        @Test("a start that stop -f breaks off says that another command did it, and sends nobody a signal of its own")
        func broken() throws {
            try Machine.with { machine in
                machine.configure("exec.start = \"touch /var/at; sleep 1003\"; persist;")
                let start = machine.start("start", machine.conf)
                #expect(eventually { machine.has("var/at") })
                #expect(machine.jailrun("stop", "-f", "t").status == 0)
                let outcome = start.wait(seconds: 15)
                #expect(outcome.status == 125, "\(outcome)")
                #expect(outcome.errors.contains("t: another command stopped it before it was up"), "\(outcome)")
            }
        }

        @Test("of a jail that is being stopped no health command says that it is up", arguments: ["start", "run"])
        func stoppedWhileAsked(how: String) throws {
            try Machine.with { machine in
                machine.configure(
                    """
                    command = "sleep 1000"; stop.timeout = 2; health.timeout = 100; health.start = 100;
                    health.command = "/bin/sh -c 'trap \\"exit 0\\" TERM; touch /var/at; sleep 100 & wait'";
                    """)
                let start =
                    how == "start"
                    ? machine.start("start", machine.conf)
                    : machine.start(machine.conf, "--", "touch", "\(machine.directory)/never")
                #expect(eventually { machine.has("var/at") })
                #expect(machine.jailrun("stop", "t").status == 0)
                let outcome = start.wait(seconds: 20)
                #expect(outcome.status == 125, "\(outcome)")
                #expect(access("\(machine.directory)/never", F_OK) != 0)
            }
        }

        @Test("one that goes while it is waited for fails the start, by name") func gone() throws {
            try Machine.with { machine in
                configure(machine, db: Self.unhealthy)
                let first = machine.start("start", machine.conf, "db")
                #expect(eventually { machine.state(of: "db") == "starting" })
                let second = machine.start("start", machine.conf, "web")
                #expect(eventually { second.hasForked })
                first.signal(SIGTERM)
                let outcome = second.wait(seconds: 15)
                #expect(outcome.status == 125, "\(outcome)")
                #expect(outcome.errors.contains("web: skipped: db, which it depends on, is not up"), "\(outcome)")
                _ = first.wait(seconds: 15)
            }
        }

        @Test("one that came from another file, or from the file before a change, is said to be as it is")
        func otherwise() throws {
            try Machine.with { machine in
                let other = "\(machine.directory)/other.conf"
                machine.write("db { path = \"\(machine.root)\"; persist; }\n", to: other)
                configure(machine)
                #expect(machine.jailrun("start", other).status == 0)
                let start = machine.jailrun("start", machine.conf, "web")
                #expect(start.status == 0 && start.errors.contains("db: already up, from \(other)"), "\(start)")
                #expect(machine.jailrun("stop", machine.conf).status == 0)
                #expect(machine.jailrun("start", machine.conf, "db").status == 0)
                configure(machine, db: "host.hostname = changed;")
                let changed = machine.jailrun("start", "-q", machine.conf, "web")
                #expect(
                    changed.status == 0 && changed.errors.contains("db: already up, started before"), "\(changed)")
                #expect(machine.jailrun("stop", machine.conf).status == 0)
            }
        }

        @Test("a whole file is started but for what is up; a jail that is up is refused by name") func rest() throws {
            try Machine.with { machine in
                configure(machine)
                #expect(machine.jailrun("start", machine.conf, "db").status == 0)
                let named = machine.jailrun("start", machine.conf, "db", "web")
                #expect(named.status == 125 && named.errors.contains("\"db\" already exists"), "\(named)")
                #expect(machine.state(of: "web") == "none")
                let whole = machine.jailrun("start", machine.conf)
                #expect(whole.status == 0 && whole.errors.contains("db: already up"), "\(whole)")
                #expect(machine.state(of: "web") == "up")
                // Nothing is left to be started: what was asked for is so.
                for target in [[machine.conf], [machine.conf, "*"]] {
                    let again = Command([Laboratory.program, "start"] + target).run()
                    #expect(again.status == 0 && again.errors.contains("web: already up"), "\(again)")
                }
                #expect(machine.jailrun("stop", machine.conf).status == 0)
            }
        }

        // MARK: Failed in part

        @Test("a start that fails in part takes back what it started, and says what is up and what is not")
        func partly()
            throws
        {
            try Machine.with { machine in
                configure(machine, web: "exec.start = \"echo no >&2; exit 3\";")
                machine.write(machine.read(machine.conf) + "before { }\n", to: machine.conf)
                #expect(machine.jailrun("start", machine.conf, "before").status == 0)
                let outcome = machine.jailrun("start", machine.conf)
                #expect(outcome.status == 3, "\(outcome)")
                #expect(outcome.errors.contains("not up: db, web\n"), "\(outcome)")
                #expect(outcome.errors.contains("jailrun: up: before\n"), "\(outcome)")
                #expect(machine.state(of: "db") == "none" && machine.state(of: "before") == "up")
                let kept = machine.jailrun("start", "--keep", machine.conf)
                #expect(kept.status == 3 && kept.errors.contains("not up: web\n"), "\(kept)")
                #expect(kept.errors.contains("jailrun: up: db, before\n"), "\(kept)")
                #expect(machine.state(of: "db") == "up" && machine.state(of: "before") == "up")
                #expect(machine.jailrun("stop", machine.conf).status == 0)
            }
        }

        // MARK: Jails that do not stay up

        @Test("a start whose jail ends again and again fails, and leaves nothing", arguments: ["max = 0", "max = 3"])
        func unsteady(limit: String) throws {
            try Machine.with { machine in
                machine.write(
                    """
                    path = "\(machine.root)";
                    brief { command = "sleep 0.1; exit 3"; restart = always; restart.delay = 0; restart.\(limit); }
                    slow { exec.start = "sleep 3"; persist; }

                    """, to: machine.conf)
                let outcome = machine.jailrun("start", machine.conf)
                #expect(outcome.status != 0 && outcome.errors.contains("brief: restarting: exited with"), "\(outcome)")
                #expect(outcome.errors.contains("not up: brief, slow"), "\(outcome)")
                #expect(machine.state(of: "brief") == "none" && machine.state(of: "slow") == "none")
            }
        }

        @Test(
            "a start whose jail comes up and fails at once fails, by how it ended, and leaves nothing",
            arguments: [
                "command = false", "command = \"sleep 0.05; exit 3\"", "exec.start = \"(sleep 0.05; exit 3) &\"",
            ])
        func brief(program: String) throws {
            try Machine.with { machine in
                machine.configure("\(program);")
                let outcome = machine.jailrun("start", machine.conf)
                let status: Int32 = program.contains("false") ? 1 : 3
                #expect(outcome.status == status, "\(outcome)")
                #expect(outcome.errors.contains("t: exited with status \(status)"), "\(outcome)")
                #expect(machine.state() == "none")
                machine.configure("command = true;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                #expect(eventually { machine.state() == "ended" })
                _ = machine.jailrun("prune")
            }
        }

        @Test("a jail that has ended counts as up when it has been up for a second") func steady() throws {
            try Machine.with { machine in
                machine.write(
                    """
                    path = "\(machine.root)";
                    third { command = "test -e /var/two && exec sleep 1000; test -e /var/one && touch /var/two; touch /var/one; exit 3";
                        restart = always; restart.delay = 1; }
                    slow { exec.start = "sleep 2"; persist; }

                    """, to: machine.conf)
                let outcome = machine.jailrun("start", machine.conf)
                #expect(outcome.status == 0, "\(outcome)")
                #expect(machine.has("var/two") && machine.state(of: "third") == "up")
                #expect(machine.jailrun("stop", machine.conf).status == 0)
            }
        }

        // MARK: A run of what is up

        @Test(
            "a run of a file whose jails are up says who has them, and nothing of what they printed",
            arguments: [[], ["--", "true"]])
        func taken(command: [String]) throws {
            try Machine.with { machine in
                machine.write(
                    """
                    path = "\(machine.root)"; exec.start = "echo first run; sleep 1000 &";
                    a { health.command = true; } b { }

                    """, to: machine.conf)
                let first = machine.start("run", machine.conf, "--", "/bin/sh", "-c", "echo up; exec sleep 1000")
                #expect(eventually { first.output == "up\n" })
                let second = Command([Laboratory.program, "run", machine.conf] + command).run()
                #expect(second.status == 125 && second.errors.contains("\"a\" already exists: healthy"), "\(second)")
                #expect(second.errors.contains("in the foreground of pid"), "\(second)")
                #expect(second.errors.contains(machine.conf) && !second.errors.contains("first run"), "\(second)")
                #expect(machine.state(of: "a") == "healthy" && machine.state(of: "b") == "up")
                first.signal(SIGTERM)
                _ = first.wait()
            }
        }
    }
}

extension Running {
    /// It has a child: of a start that is the supervisor, which it forks when it has looked at what is up.
    var hasForked: Bool {
        ((try? String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8)) ?? "") != ""
    }
}
