import Foundation
import Glibc
import Testing

extension Kernel {
    /// `command`: the jail is up while it runs.
    @Suite struct MainProgramTests {
        @Test("start returns when command runs and is healthy, after exec.start; stop runs exec.stop and ends it")
        func start() throws {
            try Machine.with { machine in
                machine.configure(
                    """
                    exec.start = "echo one >>/var/log"; exec.start += "sleep 0.2; echo two >>/var/log";
                    command = "echo three >>/var/log; exec sleep 1000"; exec.stop = "echo stop >>/var/log";
                    health.command = "grep -q three /var/log";
                    """)
                let start = machine.jailrun("start", machine.conf)
                #expect(start.status == 0 && machine.state() == "healthy", "\(start)")
                #expect(machine.jailrun("ps", "t").output.contains("sleep 1000"))
                #expect(machine.jailrun("exec", "t", "true").status == 0)
                #expect(machine.jailrun("stop", "t").status == 0)
                #expect(machine.read("\(machine.root)/var/log") == "one\ntwo\nthree\nstop\n")
            }
        }

        @Test("beside a command of the host it is up, and others that depend on it start") func services() throws {
            try Machine.with { machine in
                machine.write(
                    """
                    path = "\(machine.root)";
                    db { command = "sleep 0.2; touch /var/db; exec sleep 1000"; health.command = "test -e /var/db"; }
                    web { depend = db; exec.start = "test -e /var/db"; command = "sleep 1000"; }

                    """, to: machine.conf)
                let run = machine.jailrun("run", machine.conf, "--", "echo", "tested")
                #expect(run.status == 0 && run.output == "tested\n", "\(run)")
                #expect(machine.state(of: "db") == "none" && machine.state(of: "web") == "none")
            }
        }

        @Test("its end is the jail's, whatever else runs, and is followed as restart says") func restart() throws {
            try Machine.with { machine in
                machine.configure(
                    """
                    exec.start = "sleep 1234 &"; command = "while [ ! -e /var/end ]; do sleep 0.02; done; rm /var/end; exit 3";
                    restart = failure; restart.delay = 0;
                    """)
                #expect(machine.jailrun("start", machine.conf).status == 0 && machine.state() == "up")
                let first = try #require(machine.firstProcess())
                machine.write("", to: "\(machine.root)/var/end")
                #expect(eventually { machine.listing()?["restarts"] as? Int == 1 && machine.state() == "up" })
                #expect(machine.firstProcess() != first && kill(first, 0) != 0)
                #expect(machine.jailrun("stop", "t").status == 0)
            }
        }

        @Test("the status of a jail among several in the foreground is its main program's") func status() throws {
            try Machine.with { machine in
                machine.write(
                    """
                    path = "\(machine.root)";
                    a { exec.start = "sleep 1000 &"; command = "sleep 0.2; exit 7"; }
                    b { command = "sleep 0.1"; }

                    """, to: machine.conf)
                let run = machine.jailrun("run", machine.conf)
                #expect(run.status == 7, "\(run)")
            }
        }

        @Test("beside a command of the host the end of a service is told once, with what it said") func crash() throws {
            try Machine.with { machine in
                machine.configure(
                    "command = \"echo sorry; exit 3\"; health.command = \"true\"; restart = failure; health.interval = 1;"
                )
                let run = machine.jailrun("run", machine.conf, "--", "/bin/sh", "-c", "sleep 1; echo tested")
                let sorry = run.errors.split(separator: "\n").filter { $0 == "t | sorry" }
                #expect(sorry.count == 1 && run.errors.contains("exited with status 3"), "\(run)")
                #expect(!run.errors.contains("restarting"), "\(run)")
            }
        }

        @Test("a first start that never is healthy is the answer, whatever restart says") func neverHealthy() throws {
            try Machine.with { machine in
                machine.configure(
                    """
                    command = "echo start >>/var/starts; exec sleep 1000"; restart = always; restart.delay = 0;
                    health.command = "echo refused; false"; health.start = 0; health.retries = 2;
                    """)
                let run = machine.jailrun("run", machine.conf, "--", "echo", "tested")
                #expect(run.status == 125 && run.output == "" && run.errors.contains("refused"), "\(run)")
                #expect(machine.read("\(machine.root)/var/starts") == "start\n")
            }
        }

        @Test("when the supervisor was killed its end is still the jail's, and the next jailrun starts it again")
        func adoption() throws {
            try Machine.with { machine in
                machine.configure(
                    """
                    exec.start = "sleep 1234 &"; command = "while [ ! -e /var/end ]; do sleep 0.02; done; rm /var/end; exit 3";
                    restart = failure; restart.delay = 0;
                    """)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let (first, supervisor) = (try #require(machine.firstProcess()), try #require(machine.supervisor()))
                kill(supervisor, SIGKILL)
                #expect(eventually { kill(supervisor, 0) != 0 })
                machine.write("", to: "\(machine.root)/var/end")
                #expect(eventually { kill(first, 0) != 0 })
                #expect(eventually { machine.state() == "up" && machine.firstProcess().map { $0 != first } == true })
                #expect(machine.jailrun("stop", "t").status == 0)
            }
        }

        @Test("a jail that persists outlives it, and is replaced only if restart says so") func persist() throws {
            try Machine.with { machine in
                machine.configure("persist; command = \"sleep 0.1; exit 3\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                #expect(eventually { self.detail(machine)?.contains("exited with status 3") == true })
                #expect(machine.state() == "up" && machine.jailrun("exec", "t", "true").status == 0)
                #expect(machine.jailrun("stop", "t").status == 0)
                machine.configure("persist; command = \"sleep 0.1; exit 3\"; restart = failure; restart.delay = 0;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                #expect(eventually { (machine.listing()?["restarts"] as? Int ?? 0) > 0 })
                #expect(machine.jailrun("stop", "t").status == 0)
            }
        }

        private func detail(_ machine: Machine) -> String? {
            let inspection = machine.jailrun("inspect", "t").json as? [String: Any]
            let service = inspection?["service"] as? [String: Any]
            return (service?["status"] as? [String: Any])?["detail"] as? String
        }

        @Test("a stop gives the others their time when it has ended") func others() throws {
            try Machine.with { machine in
                machine.configure(
                    """
                    exec.start = "(trap 'sleep 0.3; echo saved >/var/saved; exit' TERM; while :; do sleep 0.05; done) &";
                    command = "sleep 1000";
                    """)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                #expect(machine.jailrun("stop", "t").status == 0)
                #expect(machine.read("\(machine.root)/var/saved") == "saved\n")
            }
        }

        @Test("what is left after a command that has ended keeps the jail up") func left() throws {
            try Machine.with { machine in
                machine.configure("exec.start = true; exec.start += \"sleep 1000 &\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                #expect(machine.jailrun("ps", "t").output.contains("sleep 1000"))
                #expect(machine.jailrun("stop", "t").status == 0)
            }
        }

        @Test(
            "one that writes without pause is up, and is stopped as any other", arguments: ["start", "run", "services"])
        func flood(how: String) throws {
            try Machine.with { machine in
                machine.write(
                    "path = \"\(machine.root)\"; a { command = \"yes\"; } b { command = \"sleep 1000\"; }\n",
                    to: machine.conf)
                let line =
                    switch how {
                    case "start": "start '\(machine.conf)'"
                    case "run": "'\(machine.conf)'"
                    default: "'\(machine.conf)' -- sleep 1000"
                    }
                let running = Command.shell("exec '\(Laboratory.program)' \(line) >/dev/null").start()
                #expect(eventually { machine.state(of: "a") == "up" && machine.state(of: "b") == "up" })
                if how == "start" {
                    #expect(running.wait(seconds: 10).status == 0)
                    let logs = Command.shell("exec '\(Laboratory.program)' logs -f a >/dev/null").start()
                    usleep(300_000)
                    logs.signal(SIGTERM)
                    #expect(logs.wait(seconds: 10).status == 128 + SIGTERM)
                    #expect(machine.jailrun("stop", machine.conf, seconds: 10).status == 0)
                } else {
                    running.signal(SIGTERM)
                    _ = running.wait(seconds: 10)
                }
                #expect(machine.state(of: "a") == "none" && machine.state(of: "b") == "none")
            }
        }

        @Test("jail waits for command, as FreeBSD's does") func jailLink() throws {
            try Machine.with { machine in
                let link = "\(machine.directory)/jail"
                symlink(Laboratory.program, link)
                machine.configure("persist; command = \"sleep 0.3; touch /var/done\";")
                let start = Command([link, "-q", "-f", machine.conf, "-c", "t"]).run()
                #expect(start.status == 0 && machine.has("var/done"), "\(start)")
                #expect(Command([link, "-q", "-f", machine.conf, "-r", "t"]).run().status == 0)
            }
        }

        @Test("a jail nested in one whose command runs starts in it") func nested() throws {
            try Machine.with { machine in
                machine.write(
                    """
                    path = "\(machine.root)";
                    a { command = "sleep 1000"; children.max = 1; }
                    a.b { command = "sleep 1000"; }

                    """, to: machine.conf)
                let start = machine.jailrun("start", machine.conf)
                #expect(start.status == 0, "\(start)")
                #expect(machine.state(of: "a") == "up" && machine.state(of: "a.b") == "up")
                #expect(machine.jailrun("stop", "a").status == 0)
            }
        }

        @Test("a start command that does not end is told, with what to write instead") func patience() throws {
            try Machine.with { machine in
                machine.configure("exec.start = \"sleep 1000\";")
                let start = machine.start("start", machine.conf)
                #expect(
                    eventually(seconds: 15) { start.errors.contains("for a program that keeps running write command") })
                #expect(start.errors.contains("jail.conf:3:") && start.errors.contains("sleep 1000"), "\(start.errors)")
                start.signal(SIGTERM)
                _ = start.wait()
            }
        }
    }
}
