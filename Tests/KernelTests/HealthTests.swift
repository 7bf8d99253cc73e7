import Foundation
import Glibc
import Testing

extension Kernel {
    /// `health.*`, `restart.*`, and the supervisor.
    @Suite struct HealthTests {
        @Test("start returns when the jail is healthy, not before, and depend waits for it") func healthy() throws {
            try Machine.with { machine in
                machine.write(
                    """
                    path = "\(machine.root)"; persist;
                    web { depend = db; exec.start = "test -e /var/up"; }
                    db { exec.start = "(sleep 0.5; touch /var/up) &"; health.command = "test -e /var/up"; }

                    """, to: machine.conf)
                let outcome = machine.jailrun("start", machine.conf)
                #expect(outcome.status == 0 && machine.has("var/up"), "\(outcome)")
                #expect(machine.state(of: "db") == "healthy" && machine.state(of: "web") == "up")
                #expect(machine.jailrun("stop", machine.conf).status == 0)
            }
        }

        @Test("a jail that never becomes healthy has not started: it is taken back, and the last words are said")
        func neverHealthy() throws {
            try Machine.with { machine in
                machine.configure(
                    "persist; health.command = \"echo refused; false\"; health.start = 0; health.retries = 2;")
                let outcome = machine.jailrun("start", machine.conf)
                #expect(outcome.status == 125, "\(outcome)")
                #expect(outcome.errors.contains("t: unhealthy: refused"), "\(outcome)")
            }
        }

        @Test("a health command runs as the jail's user, confined like its commands") func confined() throws {
            try Machine.with { machine in
                chmod("\(machine.root)/tmp", 0o1777)
                machine.configure(
                    """
                    persist; exec.jail_user = user;
                    health.command = "(id -u; /bin/probe status; cat /proc/self/cgroup) >/tmp/check.$$; mv /tmp/check.$$ /tmp/check";
                    """)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let inside = machine.jailrun(
                    "exec", "t", "/bin/sh", "-c", "id -u; /bin/probe status; cat /proc/self/cgroup")
                let check = machine.read("\(machine.root)/tmp/check")
                let differing = zip(check.split(separator: "\n"), inside.lines).filter { String($0) != $1 }
                #expect(
                    check.hasPrefix("1000\n") && check.split(separator: "\n").count == inside.lines.count, "\(check)")
                #expect(differing.allSatisfy { $0.0.lowercased().contains("pid") }, "\(differing)")
                machine.stop()
            }
        }

        @Test("a health command that hangs is killed with all that it has started") func hanging() throws {
            try Machine.with { machine in
                machine.configure(
                    """
                    persist; health.timeout = 1; health.interval = 1; health.retries = 1; health.start = 0; restart = always;
                    health.command = "[ ! -e /var/hang ] || { sleep 1234 & sleep 1234; }";
                    """)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                machine.write("", to: "\(machine.root)/var/hang")
                #expect(eventually(seconds: 8) { machine.jailrun("ps", "t").output.contains("sleep 1234") })
                unlink("\(machine.root)/var/hang")
                #expect(eventually(seconds: 8) { (machine.listing()?["restarts"] as? Int ?? 0) > 0 })
                #expect(eventually(seconds: 8) { machine.state() == "healthy" })
                #expect(!machine.jailrun("ps", "t").output.contains("sleep 1234"))
                machine.stop()
            }
        }

        @Test("without restart an unhealthy jail stays, is shown, and may recover") func recovers() throws {
            try Machine.with { machine in
                machine.configure(
                    "persist; health.command = \"[ ! -e /var/sick ]\"; health.interval = 1; health.retries = 2;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let pid = machine.firstProcess()
                machine.write("", to: "\(machine.root)/var/sick")
                #expect(eventually(seconds: 8) { machine.state() == "unhealthy" })
                unlink("\(machine.root)/var/sick")
                #expect(eventually(seconds: 8) { machine.state() == "healthy" })
                #expect(machine.firstProcess() == pid && machine.listing()?["restarts"] as? Int == 0)
                machine.stop()
            }
        }

        @Test("an unhealthy jail is stopped with its commands and started again, as restart says") func replaced()
            throws
        {
            try Machine.with { machine in
                machine.configure(
                    """
                    persist; restart = failure; health.interval = 1; health.retries = 2;
                    health.command = "[ ! -e /var/sick ]"; exec.start = "echo start >>/var/log";
                    exec.stop = "rm -f /var/sick; echo stop >>/var/log";
                    """)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                machine.write("", to: "\(machine.root)/var/sick")
                #expect(eventually(seconds: 10) { machine.listing()?["restarts"] as? Int == 1 })
                #expect(eventually(seconds: 5) { machine.state() == "healthy" })
                #expect(machine.read("\(machine.root)/var/log") == "start\nstop\nstart\n")
                machine.stop()
            }
        }

        @Test("a jail whose pid 1 is killed is started again, its address with it; stop ends it for good") func killed()
            throws
        {
            try Machine.with { machine in
                machine.configure("persist; restart = failure; ip4.addr = 10.77.0.97;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let first = try #require(machine.firstProcess())
                kill(first, SIGKILL)
                #expect(
                    eventually(seconds: 8) {
                        machine.state() == "up" && machine.firstProcess().map { $0 != first } == true
                    })
                #expect(eventually { machine.listing()?["restarts"] as? Int == 1 })
                #expect(machine.jailrun("stop", "t").status == 0)
                usleep(1_500_000)
                #expect(machine.state() == "none")
            }
        }

        @Test("the delay grows, and after restart.max the jail has failed and stays known until it is stopped")
        func limit() throws {
            try Machine.with { machine in
                machine.configure(
                    "exec.start = \"date +%s >>/var/starts\"; exec.start += \"(sleep 0.6; exit 3) &\"; restart = failure; restart.max = 2;"
                )
                #expect(machine.jailrun("start", machine.conf).status == 0)
                #expect(eventually(seconds: 10) { machine.state() == "restarting" })
                #expect(eventually(seconds: 10) { machine.state() == "failed" })
                let starts = machine.read("\(machine.root)/var/starts").split(separator: "\n").compactMap { Int($0) }
                #expect(starts.count == 3 && starts[2] - starts[1] >= 2 && starts[1] - starts[0] >= 1, "\(starts)")
                let inspection = machine.jailrun("inspect", "t").json as? [String: Any]
                let service = inspection?["service"] as? [String: Any]
                let status = service?["status"] as? [String: Any]
                #expect(status?["detail"] as? String == "exited with status 3" && status?["restarts"] as? Int == 2)
                #expect(machine.jailrun("stop", "t").status == 0)
                #expect(machine.state() == "none")
            }
        }

        @Test("a jail that ends well is started again by always, and not by failure") func policies() throws {
            try Machine.with { machine in
                machine.configure("exec.start = \"sleep 0.5 &\"; restart = failure;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                #expect(eventually(seconds: 5) { machine.state() == "ended" })
                machine.configure("exec.start = \"sleep 0.5 &\"; restart = always; restart.delay = 0;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                #expect(eventually(seconds: 5) { (machine.listing()?["restarts"] as? Int ?? 0) >= 2 })
                machine.stop()
            }
        }

        @Test("a stop at any moment of a jail that is always started again is the end of it") func stopAnyTime() throws
        {
            try Machine.with { machine in
                machine.configure("exec.start = true; restart = always; restart.delay = 0; restart.max = 0;")
                for _ in 0..<Laboratory.rounds(40) {
                    let start = machine.jailrun("start", machine.conf)
                    #expect(start.status == 0, "\(start)")
                    usleep(UInt32.random(in: 0...60000))
                    let stop = machine.jailrun("stop", "t")
                    #expect(stop.status == 0, "\(stop)")
                    #expect(machine.state() == "none")
                    let left = Command.shell("ls /run/jailrun/services /run/jailrun/jails 2>/dev/null").run()
                    #expect(left.lines.filter { $0.hasPrefix("t") } == [], "\(left)")
                }
            }
        }

        @Test("a jail that waits for its restart can be stopped, and does not come back") func stopRestarting() throws {
            try Machine.with { machine in
                machine.configure("exec.start = \"(sleep 0.6; exit 1) &\"; restart = failure; restart.delay = 2;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                #expect(eventually(seconds: 5) { machine.state() == "restarting" })
                let outcome = machine.jailrun("stop", "t")
                #expect(outcome.status == 0, "\(outcome)")
                usleep(2_500_000)
                #expect(machine.state() == "none")
            }
        }

        // MARK: The supervisor

        @Test("a service manager hears when all jails are healthy, and when they are to stop") func notified()
            throws
        {
            try Machine.with { machine in
                let path = "\(machine.directory)/notify"
                let socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
                defer { close(socket) }
                var address = sockaddr_un()
                address.sun_family = sa_family_t(AF_UNIX)
                withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
                let bound = withUnsafePointer(to: &address) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        bind(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                    }
                }
                #expect(bound == 0)
                func hear() -> String {
                    var buffer = [UInt8](repeating: 0, count: 256)
                    let count = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
                    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : ""
                }
                machine.write(
                    "path = \"\(machine.root)\"; persist; a { } b { health.command = \"test -e /var/well\"; }\n"
                        + "c { command = \"sleep 1000\"; exec.stop = \"touch /var/stopped\"; }\n",
                    to: machine.conf)
                var command = Command([Laboratory.program, machine.conf])
                command.extraEnvironment = ["NOTIFY_SOCKET=\(path)"]
                let running = command.start()
                #expect(eventually { machine.state(of: "a") == "up" && machine.state(of: "b") == "starting" })
                #expect(hear() == "")
                machine.write("", to: "\(machine.root)/var/well")
                #expect(eventually { hear() == "READY=1" })
                running.signal(SIGTERM)
                _ = running.wait()
                #expect(hear() == "STOPPING=1" && hear() == "")
                #expect(machine.has("var/stopped"))
            }
        }

        @Test("one supervisor keeps all jails of a file, and goes with the last") func one() throws {
            try Machine.with { machine in
                machine.write("path = \"\(machine.root)\"; persist; a {} b {} c {}\n", to: machine.conf)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let supervisors = ["a", "b", "c"].map { machine.supervisor(of: $0) }
                #expect(supervisors[0] != nil && Set(supervisors).count == 1)
                #expect(machine.jailrun("stop", "a").status == 0 && machine.state(of: "b") == "up")
                #expect(machine.jailrun("stop", "b", "c").status == 0)
                #expect(eventually(seconds: 3) { kill(supervisors[0]!, 0) != 0 })
            }
        }

        @Test("jails outlive a supervisor that is killed; the next jailrun adopts them, and they are kept up again")
        func adoption() throws {
            try Machine.with { machine in
                machine.configure(
                    "persist; restart = failure; health.command = \"true\"; health.interval = 1; exec.start = \"echo first\";"
                )
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let (pid, supervisor) = (machine.firstProcess(), try #require(machine.supervisor()))
                kill(supervisor, SIGKILL)
                #expect(eventually(seconds: 3) { kill(supervisor, 0) != 0 })
                #expect(machine.state() == "healthy")
                #expect(machine.firstProcess() == pid && machine.supervisor() != supervisor)
                kill(try #require(pid), SIGKILL)
                #expect(
                    eventually(seconds: 8) {
                        machine.state() == "healthy" && machine.firstProcess().map { $0 != pid } == true
                    })
                #expect(eventually { machine.listing()?["restarts"] as? Int == 1 })
                #expect(machine.jailrun("stop", "t").status == 0)
            }
        }

        @Test("a jail that died while nobody looked after it is started again by the next jailrun") func lateAdoption()
            throws
        {
            try Machine.with { machine in
                machine.configure("persist; restart = failure;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let (pid, supervisor) = (try #require(machine.firstProcess()), try #require(machine.supervisor()))
                kill(supervisor, SIGKILL)
                kill(pid, SIGKILL)
                #expect(
                    eventually(seconds: 8) {
                        machine.state() == "up" && machine.firstProcess().map { $0 != pid } == true
                    })
                #expect(machine.jailrun("exec", "t", "true").status == 0)
                #expect(machine.jailrun("stop", "t").status == 0)
            }
        }

        @Test("without a supervisor a jail's output blocks nobody, and goes on into the log when there is one again")
        func unsupervisedOutput() throws {
            try Machine.with { machine in
                machine.configure(
                    "exec.start = \"(while [ ! -e /var/go ]; do sleep 0.05; done; head -c 1000000 /dev/zero | tr '\\\\\\\\0' x; echo; touch /var/written; while :; do echo tick; sleep 0.1; done) &\"; log.file = \"\(machine.directory)/log\";"
                )
                #expect(machine.jailrun("start", machine.conf).status == 0)
                kill(try #require(machine.supervisor()), SIGKILL)
                machine.write("", to: "\(machine.root)/var/go")
                #expect(eventually(seconds: 15) { machine.has("var/written") })
                #expect(machine.state() == "up")
                #expect(eventually(seconds: 5) { machine.read("\(machine.directory)/log").hasSuffix("tick\n") })
                #expect(machine.jailrun("stop", "t").status == 0)
            }
        }

        @Test("a start in the pause before a restart says how the jail ended, and starts it now")
        func hastened() throws {
            try Machine.with { machine in
                machine.script("work", "sleep 0.2; [ -e /var/ok ] || exit 3; exec sleep 1000")
                machine.configure("command = work; restart = always; restart.delay = 1000;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                #expect(eventually { machine.state() == "restarting" })
                machine.write("", to: "\(machine.root)/var/ok")
                let outcome = machine.jailrun("start", machine.conf)
                #expect(outcome.status == 0 && machine.state() == "up", "\(outcome)")
                #expect(
                    outcome.errors.contains("t: restarting, in ")
                        && outcome.errors.contains(" s: exited with status 3; it is started now"), "\(outcome)")
                #expect(!outcome.errors.contains("another command"), "\(outcome)")
                machine.stop()
            }
        }
    }
}
