import Foundation
import Glibc
import Testing

extension Kernel {
    @Suite struct RestartTests {
        private func configure(_ machine: Machine, db: String = "", web: String = "") {
            let log = "\(machine.directory)/log"
            machine.write(
                """
                path = "\(machine.root)"; persist;
                exec.poststart = "echo +$name >>\(log)"; exec.prestop = "echo -$name >>\(log)";
                web { depend = db; \(web) }
                db { \(db) }
                other { }

                """, to: machine.conf)
        }

        private func log(_ machine: Machine) -> [String] {
            machine.read("\(machine.directory)/log").split(separator: "\n").map(String.init)
        }

        @Test("jails that depend on it are stopped before, and are up again after it; others are left alone")
        func dependents() throws {
            try Machine.with { machine in
                configure(machine)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let pids = ["db", "web", "other"].map { machine.firstProcess(of: $0) }
                machine.write("", to: "\(machine.directory)/log")
                let outcome = machine.jailrun("restart", "db")
                #expect(outcome.status == 0, "\(outcome)")
                #expect(log(machine) == ["-web", "-db", "+db", "+web"])
                #expect(["db", "web"].allSatisfy { machine.state(of: $0) == "up" })
                let now = ["db", "web", "other"].map { machine.firstProcess(of: $0) }
                #expect(now[0] != pids[0] && now[1] != pids[1] && now[2] == pids[2])
                #expect(machine.jailrun("stop", machine.conf).status == 0)
            }
        }

        @Test(
            "nothing is stopped when a command that is added cannot be executed",
            arguments: ["health.command = \"/nosuch\";", "exec.start = \"/nosuch\";"])
        func unexecutable(parameters: String) throws {
            try Machine.with { machine in
                configure(machine)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let pids = ["db", "web"].map { machine.firstProcess(of: $0) }
                configure(machine, db: parameters)
                let outcome = machine.jailrun("restart", "db")
                #expect(outcome.status == 65 && outcome.errors.contains("/nosuch"), "\(outcome)")
                #expect(outcome.errors.contains("nothing was stopped"))
                #expect(["db", "web"].map { machine.firstProcess(of: $0) } == pids)
                #expect(machine.jailrun("stop", machine.conf).status == 0)
            }
        }

        @Test("jails that a restart could not bring up again are known by name, and can be started by it")
        func knownAfterwards() throws {
            try Machine.with { machine in
                configure(machine)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                configure(machine, db: "exec.prestart = false;")
                let outcome = machine.jailrun("restart", "db")
                #expect(outcome.status != 0 && outcome.errors.contains("down after the restart: web, db"), "\(outcome)")
                let list = machine.jailrun("list").output
                #expect(list.contains("web") && list.contains("db"), "\(list)")
                configure(machine)
                #expect(machine.jailrun("restart", "web").status == 0)
                #expect(["db", "web"].allSatisfy { machine.state(of: $0) == "up" })
                #expect(machine.jailrun("stop", machine.conf).status == 0)
            }
        }

        @Test("one that came from another file is started again from there") func anotherFile() throws {
            try Machine.with { machine in
                configure(machine)
                let other = "\(machine.directory)/other.conf"
                machine.write(machine.read(machine.conf), to: other)
                #expect(machine.jailrun("start", machine.conf, "db").status == 0)
                #expect(machine.jailrun("start", other, "web").status == 0)
                #expect(machine.jailrun("restart", "db").status == 0)
                for (name, file) in [("db", machine.conf), ("web", other)] {
                    let inspection = machine.jailrun("inspect", name).json as? [String: Any]
                    let service = inspection?["service"] as? [String: Any]
                    #expect(service?["configuration"] as? String == file)
                }
                #expect(machine.jailrun("stop", "db", "web").status == 0)
            }
        }

        @Test(
            "nothing is stopped when the file would not let it start again",
            arguments: [
                "exec.star = true;", "path = ;", "path = /nowhere;", "exec.jail_user = stranger; exec.start = true;",
                "interface = nolink0; ip4.addr = 192.0.2.77;", "mount = \"/nowhere/source $path/var nullfs rw 0 0\";",
                "devfs_ruleset = no_such_rules; mount.devfs;", "seccomp = /nowhere;", "} {",
                "sysctl.net.ipv4.ip_forward = foo;", "sysctl.net.ipv4.conf.eth9.forwarding = 1;",
                "health.command = \"/nosuch\";", "exec.stop = \"/nosuch\";", "ulimit.nofile = 3;",
                // The jail that is up has the program, and the next one would not.
                "mount = \"tmpfs $path/bin tmpfs rw\"; command = \"/bin/true\";",
            ])
        func broken(parameters: String) throws {
            try Machine.with { machine in
                configure(machine)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let pids = ["db", "web"].map { machine.firstProcess(of: $0) }
                configure(machine, db: parameters)
                for target in ["db", machine.conf] {
                    let outcome = machine.jailrun("restart", target)
                    #expect(outcome.status == 65, "\(target): \(outcome)")
                    #expect(outcome.errors.contains("jail.conf:4:"), "\(target): \(outcome)")
                }
                #expect(["db", "web"].map { machine.firstProcess(of: $0) } == pids)
                #expect(machine.jailrun("stop", "web", "db", "other").status == 0)
            }
        }

        @Test("a command that the jail's own have not made is missing, and what a new command may make is not")
        func made() throws {
            try Machine.with { machine in
                let keeper = "exec.prestart = \"ln -f $path/bin/probe $path/tmp/made\"; exec.start = true;"
                configure(machine, db: keeper)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let pid = machine.firstProcess(of: "db")
                for parameters in [
                    "health.command = \"/nosuch\";", "exec.start += \"/nosuch &\";",
                    "mount = \"tmpfs $path/none tmpfs\";",
                ] {
                    configure(machine, db: keeper + parameters)
                    let outcome = machine.jailrun("restart", "db")
                    #expect(outcome.status == 65 && outcome.errors.contains("nothing was stopped"), "\(outcome)")
                }
                #expect(machine.firstProcess(of: "db") == pid)
                configure(machine, db: keeper + "health.command = \"/tmp/made ids\";")
                #expect(machine.jailrun("restart", "db").status == 0)
                let newer = keeper.replacing("made", with: "newer") + "health.command = \"/tmp/newer ids\";"
                configure(machine, db: newer)
                let outcome = machine.jailrun("restart", "db")
                #expect(outcome.status == 0, "\(outcome)")
                #expect(machine.jailrun("stop", machine.conf).status == 0)
            }
        }

        @Test("what the jail's own commands make each time is no reason against a restart") func madeAgain() throws {
            try Machine.with { machine in
                configure(machine, db: "root.ephemeral; exec.start = \"ln -s /bin/probe /made\", \"/made ids\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let pid = machine.firstProcess(of: "db")
                let outcome = machine.jailrun("restart", "db")
                #expect(outcome.status == 0 && machine.firstProcess(of: "db") != pid, "\(outcome)")
                #expect(machine.jailrun("stop", machine.conf).status == 0)
            }
        }

        @Test("nothing is stopped when the file or the jail in it is gone", arguments: [true, false])
        func gone(isWholeFile: Bool) throws {
            try Machine.with { machine in
                configure(machine)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                if isWholeFile { unlink(machine.conf) } else { machine.configure("persist;") }
                let outcome = machine.jailrun("restart", "db")
                #expect(outcome.status == 65, "\(outcome)")
                #expect(["db", "web"].allSatisfy { machine.state(of: $0) == "up" })
                #expect(machine.jailrun("stop", "web", "db", "other").status == 0)
            }
        }

        @Test("nothing is stopped when a name has no address any more") func unnamed() throws {
            try Machine.with { machine in
                configure(machine)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let pids = ["db", "web"].map { machine.firstProcess(of: $0) }
                configure(machine, db: "host.hostname = unnamed.invalid; ip_hostname;")
                let outcome = machine.jailrun("restart", "db")
                #expect(outcome.status == 65 && outcome.errors.contains("unnamed.invalid"), "\(outcome)")
                #expect(outcome.errors.contains("nothing was stopped"), "\(outcome)")
                #expect(["db", "web"].map { machine.firstProcess(of: $0) } == pids)
                #expect(machine.jailrun("stop", "web", "db", "other").status == 0)
            }
        }

        @Test("a new start that fails is said, with what is down") func failing() throws {
            try Machine.with { machine in
                configure(machine)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                configure(machine, db: "exec.start = \"true; exit 3\";")
                let outcome = machine.jailrun("restart", "db")
                #expect(outcome.status == 3, "\(outcome)")
                #expect(outcome.errors.contains("exit 3: exited with status 3"), "\(outcome)")
                #expect(outcome.errors.contains("down after the restart: web, db"), "\(outcome)")
                // They are known as down, and can be named again.
                #expect(["db", "web", "other"].map { machine.state(of: $0) } == ["ended", "ended", "up"])
                configure(machine)
                let again = machine.jailrun("restart", "web")
                #expect(again.status == 0, "\(again)")
                #expect(["db", "web"].allSatisfy { machine.state(of: $0) == "up" })
                #expect(machine.jailrun("stop", machine.conf).status == 0)
            }
        }

        @Test("when it cannot be stopped, what was stopped for it is up again, and the status says so")
        func unstoppable()
            throws
        {
            try Machine.with { machine in
                configure(machine, db: "exec.stop = \"true; exit 4\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let pid = machine.firstProcess(of: "db")
                let outcome = machine.jailrun("restart", "db")
                #expect(outcome.status == 4, "\(outcome)")
                #expect(machine.firstProcess(of: "db") == pid && machine.state(of: "web") == "up", "\(outcome)")
                #expect(machine.jailrun("stop", "-f", "web", "db", "other").status == 0)
            }
        }

        @Test("a jail of the foreground is not restarted into the background") func foreground() throws {
            try Machine.with { machine in
                machine.configure("persist;")
                let running = machine.start("run", machine.conf)
                #expect(eventually { machine.jailrun("exec", "t", "true").status == 0 })
                let outcome = machine.jailrun("restart", "t")
                #expect(outcome.status == 125 && outcome.errors.contains("foreground"), "\(outcome)")
                #expect(machine.jailrun("exec", "t", "true").status == 0)
                running.signal(SIGTERM)
                _ = running.wait()
            }
        }

        @Test("a dependent that its file does not have any more is said to be down") func forgotten() throws {
            try Machine.with { machine in
                configure(machine)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                machine.write("path = \"\(machine.root)\"; persist; db { } other { }\n", to: machine.conf)
                let outcome = machine.jailrun("restart", machine.conf)
                #expect(outcome.status == 125, "\(outcome)")
                #expect(outcome.errors.contains("down after the restart: web"), "\(outcome)")
                #expect(["db", "web", "other"].map { machine.state(of: $0) } == ["up", "ended", "up"])
                #expect(machine.jailrun("stop", machine.conf, "web").status == 0)
            }
        }

        // MARK: Two commands at once

        /// Begins all at once.
        private func atOnce(_ machine: Machine, _ commands: [[String]]) -> [Outcome] {
            let running = commands.map { Command([Laboratory.program] + $0).start() }
            return running.map { $0.wait(seconds: 30) }
        }

        @Test("of two starts of a file at once one starts its jails, and the other finds them up") func twoStarts()
            throws
        {
            try Machine.with { machine in
                configure(machine)
                for _ in 0..<Laboratory.rounds(5) {
                    let outcomes = atOnce(machine, [["start", machine.conf], ["start", machine.conf]])
                    #expect(outcomes.allSatisfy { $0.status == 0 }, "\(outcomes)")
                    #expect(["db", "web", "other"].allSatisfy { machine.state(of: $0) == "up" })
                    #expect(machine.jailrun("stop", machine.conf).status == 0)
                }
            }
        }

        @Test("two starts share a dependency that neither had found up") func sharedDependency() throws {
            try Machine.with { machine in
                let text = "persist; db { } web { depend = db; } api { depend = db; }\n"
                machine.write("path = \"\(machine.root)\"; \(text)", to: machine.conf)
                for _ in 0..<Laboratory.rounds(5) {
                    let outcomes = atOnce(machine, [["start", machine.conf, "web"], ["start", machine.conf, "api"]])
                    #expect(outcomes.allSatisfy { $0.status == 0 }, "\(outcomes)")
                    #expect(["db", "web", "api"].allSatisfy { machine.state(of: $0) == "up" })
                    #expect(machine.jailrun("stop", machine.conf).status == 0)
                }
            }
        }

        @Test("of two restarts at once the second restarts what the first has started") func twoRestarts() throws {
            try Machine.with { machine in
                configure(machine)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                for _ in 0..<Laboratory.rounds(4) {
                    machine.write("", to: "\(machine.directory)/log")
                    let outcomes = atOnce(machine, [["restart", "db"], ["restart", "web"], ["restart", "db"]])
                    #expect(outcomes.allSatisfy { $0.status == 0 }, "\(outcomes)")
                    #expect(log(machine).count { $0 == "+db" } == 2, "\(log(machine))")
                    #expect(["db", "web"].allSatisfy { machine.state(of: $0) == "up" }, "\(log(machine))")
                }
                #expect(machine.jailrun("stop", machine.conf).status == 0)
            }
        }

        /// Its restart is between the stop and the start for a second.
        private func restarting(_ machine: Machine) -> Running {
            machine.configure("persist; exec.poststop = \"touch \(machine.directory)/at; sleep 1\";")
            #expect(machine.jailrun("start", machine.conf).status == 0)
            let restart = machine.start("restart", "t")
            #expect(eventually { access("\(machine.directory)/at", F_OK) == 0 })
            return restart
        }

        @Test("between its stop and its start a jail is restarting, and a stop ends that") func stoppedMeanwhile()
            throws
        {
            try Machine.with { machine in
                let restart = restarting(machine)
                #expect(machine.state() == "restarting")
                let stop = machine.jailrun("stop", "t")
                #expect(stop.status == 0, "\(stop)")
                let outcome = restart.wait()
                // Both wait for the end of exec.poststop: the one takes the name first, or the other.
                let isStopped = outcome.errors.contains("t: another command stopped it before it was up")
                #expect(outcome.status == (isStopped ? 125 : 0), "\(outcome)")
                #expect(!outcome.errors.contains("down after the restart"), "\(outcome)")
                #expect(machine.state() == "none")
            }
        }

        @Test("a start of a jail that is restarting waits for it") func startedMeanwhile() throws {
            try Machine.with { machine in
                let restart = restarting(machine)
                let start = machine.jailrun("start", machine.conf)
                #expect(start.status == 0, "\(start)")
                #expect(machine.state() == "up" && restart.wait().status == 0)
                machine.stop()
            }
        }

        @Test("a restart that is killed leaves its jail known, wherever it was", arguments: ["poststop", "prestart"])
        func killed(hook: String) throws {
            try Machine.with { machine in
                let mark = "\(machine.directory)/at"
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                machine.configure("persist; exec.\(hook) = \"touch \(mark); sleep 1\";")
                if hook == "poststop" { #expect(machine.jailrun("restart", "t").status == 0) }
                let restart = machine.start("restart", "t")
                try #require(eventually { access(mark, F_OK) == 0 })
                usleep(200_000)
                restart.signal(SIGKILL)
                _ = restart.wait()
                #expect(eventually { machine.state() == "ended" }, "\(machine.jailrun("list"))")
                #expect(machine.jailrun("inspect", "t").output.contains("not started again after a restart"))
                machine.configure("persist;")
                let again = machine.jailrun("restart", "t")
                #expect(again.status == 0 && machine.state() == "up", "\(again)")
                machine.stop()
            }
        }

        @Test("a jail that waits for another one is listed, and can be stopped") func waiting() throws {
            try Machine.with { machine in
                configure(machine, db: "health.command = \"test -e /var/ready\";")
                let start = machine.start("start", machine.conf)
                #expect(eventually { machine.state(of: "web") == "waiting" })
                let stop = machine.jailrun("stop", "web")
                #expect(stop.status == 0, "\(stop)")
                let outcome = start.wait()
                #expect(outcome.status == 125, "\(outcome)")
                #expect(outcome.errors.contains("web: another command stopped it before it was up"), "\(outcome)")
                #expect(machine.jailrun("list").lines.count < 2)
            }
        }

        @Test("a stop after which something is not as it should be does not end with 0") func unclean() throws {
            try Machine.with { machine in
                machine.configure("persist; exec.poststop = \"true; exit 6\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let outcome = machine.jailrun("stop", "t")
                #expect(outcome.status == 125 && outcome.errors.contains("exit 6: exited with status 6"), "\(outcome)")
                #expect(machine.state() == "none")
            }
        }
    }
}
