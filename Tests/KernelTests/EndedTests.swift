import Foundation
import Glibc
import Testing

extension Kernel {
    /// Detached jails that ended by themselves: what is known of them stays.
    @Suite struct EndedTests {
        /// Starts a jail that ends with that status when told to.
        private func startEnding(_ machine: Machine, _ status: Int, _ parameters: String = "") {
            machine.configure(
                "exec.start = \"(until [ -e /var/end ]; do sleep 0.05; done; echo last words; exit \(status)) &\"; \(parameters)"
            )
            let start = machine.jailrun("start", machine.conf)
            #expect(start.status == 0, "\(start)")
        }

        private func end(_ machine: Machine) {
            machine.write("", to: "\(machine.root)/var/end")
            // Of one whose supervisor has not seen its end yet, only that is known.
            #expect(eventually { machine.listing()?["exit_status"] is Int && machine.state() == "ended" })
        }

        private func status(_ machine: Machine) -> [String: Any]? {
            let inspection = machine.jailrun("inspect", "t").json as? [String: Any]
            return (inspection?["service"] as? [String: Any])?["status"] as? [String: Any]
        }

        @Test("wait has the jail's status, asked before its end or after it", arguments: [0, 7])
        func wait(status: Int) throws {
            try Machine.with { machine in
                startEnding(machine, status)
                let waiting = machine.start("wait", "t")
                end(machine)
                #expect(waiting.wait(seconds: 10).status == Int32(status))
                let late = machine.jailrun("wait", "t")
                #expect(late.status == Int32(status) && late.errors.contains("status \(status)"), "\(late)")
                machine.stop()
            }
        }

        @Test("list shows how it ended, logs what it said, inspect why and when") func told() throws {
            try Machine.with { machine in
                startEnding(machine, 7)
                end(machine)
                #expect(machine.jailrun("list").output.contains("ended (7)"))
                #expect(machine.listing()?["exit_status"] as? Int == 7)
                #expect(machine.jailrun("logs", "t").output == "last words\n")
                let following = machine.jailrun("logs", "-f", "t", seconds: 5)
                #expect(following.status == 0 && following.output == "last words\n", "\(following)")
                let status = status(machine)
                #expect(status?["exitStatus"] as? Int == 7 && status?["state"] as? String == "ended")
                #expect(status?["detail"] as? String == "exited with status 7")
                let inspection = machine.jailrun("inspect", "t").json as? [String: Any]
                let service = inspection?["service"] as? [String: Any]
                let (start, end) = (service?["startedSeconds"] as? Int ?? 0, service?["endedSeconds"] as? Int ?? 0)
                #expect(inspection?["isAlive"] as? Bool == false && start > 0 && end >= start)
                // It is known, and nothing else is left of it.
                #expect(
                    eventually {
                        machine.jailrun("list").output.contains("ended (7)") && access(Remains.cgroupRoot, F_OK) != 0
                    })
                machine.stop()
            }
        }

        @Test("whoever wants to use it is told that it has ended, and how", arguments: ["exec", "ps"])
        func used(verb: String) throws {
            try Machine.with { machine in
                startEnding(machine, 7)
                end(machine)
                let outcome = machine.jailrun(verb, "t")
                #expect(outcome.status == 125, "\(outcome)")
                #expect(outcome.errors.contains("\"t\" has ended: exited with status 7"), "\(outcome)")
                machine.stop()
            }
        }

        @Test("a signal that killed its last process is its status") func killed() throws {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                kill(try #require(machine.firstProcess()), SIGKILL)
                let wait = machine.jailrun("wait", "t")
                #expect(wait.status == 128 + SIGKILL && wait.errors == "t: killed by SIGKILL\n", "\(wait)")
                machine.stop()
            }
        }

        @Test(
            "its record goes when it is stopped by name or file, or pruned",
            arguments: ["stop t", "stop FILE", "prune"])
        func forgotten(command: String) throws {
            try Machine.with { machine in
                startEnding(machine, 7)
                end(machine)
                let words = command.split(separator: " ").map { $0 == "FILE" ? machine.conf : String($0) }
                let outcome = Command([Laboratory.program] + words).run()
                #expect(outcome.status == 0, "\(outcome)")
                if command == "prune" { #expect(outcome.output == "forgot t, which had ended\n", "\(outcome)") }
                #expect(machine.state() == "none" && machine.jailrun("wait", "t").status == 125)
            }
        }

        @Test("it does not stop the next start, in the background or the foreground") func startedAgain() throws {
            try Machine.with { machine in
                startEnding(machine, 7)
                end(machine)
                unlink("\(machine.root)/var/end")
                startEnding(machine, 3)
                #expect(machine.state() == "up" && machine.listing()?["exit_status"] as? Int == nil)
                end(machine)
                #expect(machine.jailrun("wait", "t").status == 3)
                #expect(machine.run("/bin/true").status == 0)
                // What is known of it was of the time before.
                #expect(machine.state() == "none")
            }
        }

        @Test("a restart starts it again") func restarted() throws {
            try Machine.with { machine in
                startEnding(machine, 7)
                end(machine)
                unlink("\(machine.root)/var/end")
                let restart = machine.jailrun("restart", "t")
                #expect(restart.status == 0 && machine.state() == "up", "\(restart)")
                machine.stop()
            }
        }

        @Test("a foreground jail has its own record, not that of the jail of its name that ended before")
        func foreground() throws {
            try Machine.with { machine in
                startEnding(machine, 7)
                end(machine)
                machine.configure("command = \"sleep 1000\";")
                let running = machine.start("run", machine.conf)
                #expect(eventually { machine.jailrun("exec", "t", "true").status == 0 })
                #expect(machine.state() == "up")
                running.signal(SIGTERM)
                _ = running.wait()
            }
        }

        @Test("of a stopped jail nothing is kept, nor of a start that failed") func untold() throws {
            try Machine.with { machine in
                startEnding(machine, 7)
                machine.stop()
                #expect(machine.state() == "none")
                machine.configure("exec.start = \"true; exit 5\"; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 5 && machine.state() == "none")
            }
        }

        @Test("of jails of a run beside a command nothing is kept") func services() throws {
            try Machine.with { machine in
                machine.configure("exec.start = \"(sleep 0.1; exit 3) &\";")
                #expect(machine.jailrun(machine.conf, "--", "sleep", "1").status == 0)
                #expect(machine.state() == "none")
            }
        }

        @Test("of jails that jail(8) made nothing is kept") func links() throws {
            try Machine.with { machine in
                machine.configure("exec.start = \"(sleep 0.3; exit 3) &\";")
                let jail = "\(machine.directory)/jail"
                symlink(Laboratory.program, jail)
                #expect(Command([jail, "-q", "-f", machine.conf, "-c", "t"]).run().status == 0)
                #expect(eventually { machine.jailrun("inspect", "t").status == 125 })
                // One that jailrun keeps is no jail of jail(8)'s.
                startEnding(machine, 7)
                end(machine)
                let removal = Command([jail, "-f", machine.conf, "-r", "t"]).run()
                #expect(removal.status == 1 && removal.errors == "jail: \"t\" not found\n", "\(removal)")
                #expect(machine.state() == "ended")
                machine.stop()
            }
        }

        @Test("one that ended while its supervisor was dead is known to have ended; how is not") func unseen() throws {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let (pid, supervisor) = (try #require(machine.firstProcess()), try #require(machine.supervisor()))
                kill(supervisor, SIGKILL)
                kill(pid, SIGKILL)
                #expect(eventually { machine.state() == "ended" })
                let wait = machine.jailrun("wait", "t")
                #expect(wait.status == 125 && wait.errors.contains("nobody looked after it"), "\(wait)")
                #expect(machine.jailrun("start", machine.conf).status == 0 && machine.state() == "up")
                machine.stop()
            }
        }

        @Test("who cannot watch a jail whose supervisor is dead does not become its supervisor: its end is seen")
        func unwatched() throws {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let (pid, supervisor) = (try #require(machine.firstProcess()), try #require(machine.supervisor()))
                kill(supervisor, SIGKILL)
                // As it is for one that ends at this moment.
                let look = Command([
                    "strace", "-f", "-o", "/dev/null", "-e", "trace=pidfd_open", "-e",
                    "inject=pidfd_open:error=ESRCH", Laboratory.program, "list",
                ]).run(seconds: 15)
                #expect(look.status == 0, "\(look)")
                kill(pid, SIGKILL)
                let wait = machine.jailrun("wait", "t", seconds: 15)
                #expect([125, 128 + SIGKILL].contains(wait.status), "\(wait)")
                machine.stop()
            }
        }

        @Test("SIGKILL of the supervisor at any moment of a jail's end: it is up, ended or gone, and can be started")
        func crash() throws {
            try Machine.with { machine in
                for _ in 0..<Laboratory.rounds(20) {
                    startEnding(machine, 7)
                    let supervisor = try #require(machine.supervisor())
                    machine.write("", to: "\(machine.root)/var/end")
                    usleep(UInt32.random(in: 0...120_000))
                    kill(supervisor, SIGKILL)
                    #expect(eventually { machine.state() == "ended" })
                    unlink("\(machine.root)/var/end")
                    #expect([7, 125].contains(machine.jailrun("wait", "t").status))
                }
                machine.stop()
            }
        }

        @Test("a jail that is started again is waited for until it is given up") func restarting() throws {
            try Machine.with { machine in
                machine.configure(
                    "exec.start = \"(sleep 0.6; exit 4) &\"; restart = failure; restart.max = 1; restart.delay = 0;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let wait = machine.jailrun("wait", "t")
                #expect(wait.status == 4 && machine.state() == "failed", "\(wait)")
                #expect(status(machine)?["restarts"] as? Int == 1)
                machine.stop()
            }
        }

        @Test("wait of a name that nobody knows fails at once, whatever else it waits for") func unknown() throws {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let wait = machine.jailrun("wait", "t", "nobody", seconds: 5)
                #expect(wait.status == 125 && wait.errors.contains("\"nobody\" not found"), "\(wait)")
                machine.stop()
            }
        }
    }
}
