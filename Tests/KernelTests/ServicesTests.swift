import Foundation
import Glibc
import Testing

extension Kernel {
    /// `jailrun FILE -- COMMAND`.
    @Suite struct ServicesTests {
        /// Two jails; `web` needs `db`, which is healthy a while after its start.
        private func configureTwo(_ machine: Machine, db: String = "", web: String = "") {
            machine.write(
                """
                path = "\(machine.root)"; persist; stop.timeout = 1;
                db {
                    exec.start = "(sleep 0.3; echo up >/var/db-up) &"; health.command = "test -e /var/db-up";
                    ip4.addr = 10.77.0.98; \(db)
                }
                web-1 { depend = db; exec.start = "test -e /var/db-up"; \(web) }

                """, to: machine.conf)
        }

        private func beside(_ machine: Machine, _ options: [String] = [], _ script: String) -> Command {
            Command([Laboratory.program, "run"] + options + [machine.conf, "--", "/bin/sh", "-c", script])
        }

        /// The processes that run the program, but those of jails.
        private func supervisors() -> [Int32] {
            ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }.filter {
                (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\($0)/exe")) == Laboratory.program
            }
        }

        @Test("the command runs when all jails are healthy, knows them, and its status is jailrun's") func command()
            throws
        {
            try Machine.with { machine in
                configureTwo(machine)
                let script = "env | grep ^JAILRUN_ | grep -v LAB | sort | grep -e DB -e WEB; echo e >&2; exit 7"
                let outcome = beside(machine, ["-q"], script).run()
                #expect(outcome.status == 7, "\(outcome)")
                #expect(
                    outcome.lines == ["JAILRUN_DB_IP=10.77.0.98", "JAILRUN_DB_NAME=db", "JAILRUN_WEB_1_NAME=web-1"])
                #expect(outcome.errors.split(separator: "\n").last == "e")
            }
        }

        @Test("a run that ends stops first what another run has started and depends on its jails")
        func sharedDependency() throws {
            try Machine.with { machine in
                machine.write(
                    "path = \"\(machine.root)\"; persist; stop.timeout = 1; db { } w1 { depend = db; } w2 { depend = db; }\n",
                    to: machine.conf)
                let (ready, end) = ("\(machine.directory)/ready", "\(machine.directory)/end")
                let wait = "touch \(ready); until test -e \(end); do sleep 0.1; done"
                let first = Command(
                    [Laboratory.program, "run", machine.conf, "w1", "--", "/bin/sh", "-c", wait]
                ).start()
                try #require(eventually { access(ready, F_OK) == 0 })
                let second = Command([
                    Laboratory.program, "run", "--fail-fast", machine.conf, "w2", "--", "/bin/sleep", "1000",
                ]).start()
                #expect(eventually { machine.state(of: "w2") == "up" })
                machine.write("", to: end)
                let (one, other) = (first.wait(), second.wait())
                #expect(one.status == 0, "\(one)")
                #expect(one.errors.contains("w2, which depends on db, is stopped before it"), "\(one)")
                #expect(other.status != 0 && other.errors.contains("w2: ended"), "\(other)")
                #expect(other.errors.contains("db: already up, and ends with the foreground run"), "\(other)")
            }
        }

        @Test("a command that is deaf ends with a jailrun that is killed, with all that it has started")
        func deaf() throws {
            try Machine.with { machine in
                configureTwo(machine)
                let deaf = """
                    trap '' TERM; setsid sleep 3232 & (while :; do sleep 3333; done) & touch \(machine.directory)/at
                    while :; do sleep 3434; done
                    """
                let running = beside(machine, [], deaf).start()
                let words = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -x '3[234]3[234]'"
                func left() -> [String] { Command.shell(words).run().lines }
                #expect(eventually { access("\(machine.directory)/at", F_OK) == 0 && left().count == 3 })
                running.signal(SIGKILL)
                _ = running.wait()
                #expect(eventually(seconds: 2) { left().isEmpty }, "\(left())")
            }
        }

        @Test("what a shell waited for as a command ends with a jailrun that is killed, and gets SIGTERM first")
        func orphaned() throws {
            try Machine.with { machine in
                configureTwo(machine)
                machine.write(
                    "trap 'touch \(machine.directory)/heard; exit' TERM\nsleep 3636 &\ntouch \(machine.directory)/at\nwait\n",
                    to: "\(machine.directory)/script")
                let running = beside(machine, [], "sh \(machine.directory)/script; true").start()
                #expect(eventually { access("\(machine.directory)/at", F_OK) == 0 })
                running.signal(SIGKILL)
                _ = running.wait()
                #expect(eventually(seconds: 2) { access("\(machine.directory)/heard", F_OK) == 0 })
                #expect(
                    eventually(seconds: 2) { Command.shell("ps -eo args | grep '[s]leep 3636'").run().output == "" })
            }
        }

        @Test(
            "jails that the command has started by a start of their own go on with their supervisor, whoever is killed")
        func detached() throws {
            try Machine.with { machine in
                configureTwo(machine)
                let conf = "\(machine.directory)/own.conf"
                machine.write("own { path = \"\(machine.root)\"; persist; }\n", to: conf)
                let script = "'\(Laboratory.program)' -q start \(conf) && touch \(machine.directory)/at; sleep 3737"
                let running = beside(machine, [], script).start()
                #expect(eventually { access("\(machine.directory)/at", F_OK) == 0 })
                let supervisor = try #require(machine.supervisor(of: "own"))
                running.signal(SIGKILL)
                _ = running.wait()
                #expect(
                    eventually(seconds: 3) { Command.shell("ps -eo args | grep '[s]leep 3737'").run().output == "" })
                usleep(300_000)
                #expect(kill(supervisor, 0) == 0 && machine.state(of: "own") == "up")
                machine.stop("own")
            }
        }

        @Test("a stop of a jail does not wait for the command that the jail was beside") func stopped() throws {
            try Machine.with { machine in
                configureTwo(machine)
                let running = beside(machine, [], "touch \(machine.directory)/at; exec sleep 3838").start()
                #expect(eventually { access("\(machine.directory)/at", F_OK) == 0 })
                let begin = Date()
                #expect(machine.jailrun("stop", "db").status == 0)
                #expect(Date().timeIntervalSince(begin) < 8)
                running.signal(SIGTERM)
                _ = running.wait()
            }
        }

        @Test("what jails print is not mixed into the command's output; -q leaves nothing but errors") func untouched()
            throws
        {
            try Machine.with { machine in
                machine.configure("exec.prestart = \"echo host\"; exec.start = \"echo jail\"; persist;")
                let outcome = beside(machine, ["-q"], "printf 'a\\0b'").run()
                #expect(outcome.status == 0 && outcome.output == "a\0b", "\(outcome)")
                #expect(!outcome.errors.contains("jail\n"))
            }
        }

        @Test(
            "128 + n for signal n, 127 and 126 for what cannot be run",
            arguments: [("kill -9 $$", 137), ("kill -TERM $$", 143), ("exec /nothing", 127)])
        func status(script: String, status: Int) throws {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(beside(machine, [], script).run().status == Int32(status))
                for (command, expected) in [("/nothing", 127), ("/etc/passwd", 126)] {
                    let outcome = machine.jailrun(machine.conf, "--", command)
                    #expect(outcome.status == Int32(expected) && outcome.errors.contains(command), "\(outcome)")
                }
            }
        }

        @Test("progress is plain lines where nobody looks at a terminal") func progress() throws {
            try Machine.with { machine in
                configureTwo(machine)
                let outcome = beside(machine, [], "true").run()
                let lines = outcome.errors.split(separator: "\n").map(String.init)
                #expect(outcome.status == 0 && !outcome.errors.contains("\u{1b}"), "\(outcome)")
                let healthy = lines.firstIndex { $0.hasPrefix("jailrun: db: healthy after ") }
                let starting = lines.firstIndex { $0 == "jailrun: web-1: starting" }
                #expect(healthy != nil && starting != nil && healthy! < starting!, "\(outcome)")
            }
        }

        @Test("signals reach the command, and the jails stop when it has ended", arguments: [SIGTERM, SIGINT, SIGHUP])
        func signal(number: Int32) throws {
            try Machine.with { machine in
                machine.configure("persist;")
                let name = number == SIGTERM ? "TERM" : number == SIGINT ? "INT" : "HUP"
                let script = "trap 'echo got; exit 5' \(name); echo ready; while :; do sleep 0.05; done"
                let running = beside(machine, [], script).start()
                #expect(eventually { running.output == "ready\n" })
                running.signal(number)
                let outcome = running.wait(seconds: 15)
                #expect(outcome.status == 5 && outcome.output == "ready\ngot\n", "\(outcome)")
            }
        }

        @Test("a signal while jails start ends the run without the command") func earlySignal() throws {
            try Machine.with { machine in
                machine.configure("persist; health.command = \"false\";")
                let running = beside(machine, [], "echo command").start()
                #expect(eventually { machine.jailrun("list").output.contains("starting") })
                running.signal(SIGTERM)
                let outcome = running.wait(seconds: 15)
                #expect(outcome.status == 143 && outcome.output == "", "\(outcome)")
            }
        }

        @Test("a jail that cannot start ends the run with 125, its line and what it said") func failingStart() throws {
            try Machine.with { machine in
                configureTwo(machine, web: "exec.start += \"echo sorry; exit 3\";")
                let outcome = beside(machine, [], "echo command").run()
                #expect(outcome.status == 125 && outcome.output == "", "\(outcome)")
                #expect(
                    outcome.errors.contains("jail.conf:6") && outcome.errors.contains("web-1 | sorry"), "\(outcome)")
                let told = outcome.errors.split(separator: "\n").filter { $0.contains("exit 3: exited with status 3") }
                #expect(told.count == 1, "\(outcome)")
            }
        }

        @Test("--timeout names what it waited for") func timeout() throws {
            try Machine.with { machine in
                machine.write(
                    """
                    path = "\(machine.root)"; persist;
                    sick { health.command = "echo no answer; false"; exec.start = "echo its console"; }
                    slow { exec.start = "sleep 1000"; }
                    late { depend = slow; }

                    """, to: machine.conf)
                // By then they must have been started.
                let seconds = Laboratory.isVirtualMachine ? 10 : 2
                let begin = Date()
                let outcome = beside(machine, ["--timeout", "\(seconds)"], "echo command").run()
                #expect(outcome.status == 125 && outcome.output == "", "\(outcome)")
                #expect(Date().timeIntervalSince(begin) < 10 * Laboratory.patience)
                #expect(
                    outcome.errors.contains("sick: timed out after \(seconds) s waiting for health.command: echo no"),
                    "\(outcome)")
                #expect(outcome.errors.contains("tries: no answer") && outcome.errors.contains("sick | its console"))
                #expect(
                    outcome.errors.contains("slow: timed out after \(seconds) s waiting for exec.start: sleep 1000\n"))
                #expect(
                    outcome.errors.contains(
                        "late: timed out after \(seconds) s waiting for what it depends on: slow (starting)"))
            }
        }

        @Test("of a jail that dies the name and the last 50 lines are said, harmless; the command goes on") func death()
            throws
        {
            try Machine.with { machine in
                machine.configure(
                    "exec.start = \"(seq 1 100; printf 'a\\033]0;title\\007b\\n'; sleep 0.5; exit 3) &\";")
                let outcome = beside(machine, [], "sleep 1.5; echo end").run()
                #expect(outcome.status == 0 && outcome.output == "end\n", "\(outcome)")
                #expect(outcome.errors.contains("jailrun: t: failed: exited with status 3"), "\(outcome)")
                #expect(outcome.errors.contains("t | 100\n") && outcome.errors.contains("t | 52\n"), "\(outcome)")
                #expect(!outcome.errors.contains("t | 51\n"))
                #expect(outcome.errors.contains("t | a\\x1b]0;title\\x07b\n") && !outcome.errors.contains("\u{1b}"))
            }
        }

        @Test(
            "with --fail-fast a jail that dies ends the command, with what it has started, and the status is 125",
            arguments: ["exec sleep 4545", "sleep 4545; true"])
        func failFast(script: String) throws {
            try Machine.with { machine in
                machine.configure("exec.start = \"sleep 1000 &\";")
                let running = beside(machine, ["--fail-fast"], "echo ready; \(script)").start()
                #expect(eventually { running.output == "ready\n" })
                kill(try #require(machine.firstProcess()), SIGKILL)
                let outcome = running.wait(seconds: 15)
                #expect(outcome.status == 125, "\(outcome)")
                #expect(outcome.errors.contains("t: failed: killed by SIGKILL"), "\(outcome)")
                #expect(Command.shell("ps -eo args | grep '[s]leep 4545'").run().output == "")
            }
        }

        @Test("--logs keeps each console, --keep leaves the jails up") func keep() throws {
            try Machine.with { machine in
                configureTwo(machine, web: "exec.start += \"echo web says\";")
                let logs = "\(machine.directory)/logs"
                let outcome = beside(machine, ["--logs", logs, "--keep"], "exit 4").run()
                #expect(outcome.status == 4 && outcome.errors.contains("jailrun stop db web-1"), "\(outcome)")
                #expect(machine.read("\(logs)/web-1.log") == "web says\n")
                #expect(machine.jailrun("exec", "web-1", "true").status == 0)
                usleep(300_000)
                #expect(machine.jailrun("exec", "db", "true").status == 0)
                #expect(machine.jailrun("stop", machine.conf).status == 0)
            }
        }

        @Test("jails stop in the reverse of their order") func order() throws {
            try Machine.with { machine in
                let log = "\(machine.directory)/log"
                configureTwo(
                    machine, db: "exec.poststop = \"echo db >>\(log)\";", web: "exec.poststop = \"echo web >>\(log)\";")
                #expect(beside(machine, [], "true").run().status == 0)
                #expect(machine.read(log) == "web\ndb\n")
            }
        }

        // MARK: SIGKILL

        @Test("SIGKILL of jailrun takes the jails with it, ends the command, and leaves nothing", arguments: 0..<12)
        func killFront(round: Int) throws {
            try Machine.with { machine in
                configureTwo(machine)
                let command = "trap 'echo asked; exit' TERM; echo up; while :; do sleep 0.02; done"
                let running = beside(machine, [], command).start()
                if round == 0 {
                    #expect(eventually(seconds: 30) { running.output == "up\n" })
                } else {
                    usleep(UInt32.random(in: 0...700_000))
                }
                running.signal(SIGKILL)
                _ = running.wait(seconds: 5)
                #expect(eventually(seconds: 10) { supervisors().isEmpty }, "\(supervisors())")
                if round == 0 { #expect(eventually(seconds: 3) { running.output == "up\nasked\n" }) }
                // Nobody repairs before Machine.with looks.
            }
        }

        @Test("SIGKILL of the supervisor ends the jails, and jailrun says so and removes what is left")
        func killSupervisor()
            throws
        {
            try Machine.with { machine in
                configureTwo(machine)
                let running = beside(machine, [], "echo ready; sleep 1").start()
                #expect(eventually { running.output == "ready\n" })
                let inspection = machine.jailrun("inspect", "db").json as? [String: Any]
                let service = inspection?["service"] as? [String: Any]
                let supervisor = try #require(service?["supervisor"] as? Int)
                kill(pid_t(supervisor), SIGKILL)
                let outcome = running.wait(seconds: 15)
                #expect(outcome.status == 125 && outcome.errors.contains("supervisor"), "\(outcome)")
            }
        }

        @Test("50 runs in a row leave nothing") func many() throws {
            try Machine.with { machine in
                configureTwo(machine)
                for round in 0..<Laboratory.rounds(50) {
                    let outcome = beside(machine, ["-q"], "exit \(round)").run()
                    #expect(outcome.status == Int32(round), "\(outcome)")
                }
            }
        }
    }
}

extension Machine {
    /// The pid of a jail's first process.
    func firstProcess(of name: String = "t") -> pid_t? {
        let inspection = jailrun("inspect", name).json as? [String: Any]
        let record = inspection?["record"] as? [String: Any]
        return ((record?["trace"] as? [String: Any])?["pid"] as? Int).map { pid_t($0) }
    }

    /// What `list` says of a jail: its state, restarts and more; nil when it is not listed.
    func listing(of name: String = "t") -> [String: Any]? {
        let list = jailrun("list", "--json").json as? [String: Any]
        let jails = (list?["jail-information"] as? [String: Any])?["jail"] as? [[String: Any]]
        return jails?.first { $0["name"] as? String == name }
    }

    func state(of name: String = "t") -> String { listing(of: name)?["state"] as? String ?? "none" }

    func supervisor(of name: String = "t") -> pid_t? {
        let inspection = jailrun("inspect", name).json as? [String: Any]
        return ((inspection?["service"] as? [String: Any])?["supervisor"] as? Int).map { pid_t($0) }
    }
}
