import Foundation
import Glibc
import Testing

extension Kernel {
    /// A jail that somebody has frozen, by `cgroup.freeze`, ends as every other.
    @Suite struct FreezeTests {
        private func freeze(_ machine: Machine) {
            machine.write("1", to: "\(Remains.cgroupRoot)/t/cgroup.freeze")
        }

        private func isUp(_ machine: Machine) -> Bool {
            machine.state() == "up" && machine.jailrun("exec", "t", "pidof", "sleep").status == 0
        }

        /// Those that wait for what is frozen wait for a minute.
        private func isSoon(_ begin: Date) -> Bool { Date().timeIntervalSince(begin) < 25 }

        private static let lock = "/run/jailrun/locks/t"
        private static let parameters =
            "command = \"sleep 4747\"; exec.stop = \"touch /var/stopped\"; stop.timeout = 2;"

        @Test("a stop thaws a frozen jail, says so, and runs its commands", arguments: ["start", "run"])
        func stop(verb: String) throws {
            try Machine.with { machine in
                machine.configure(Self.parameters)
                let running = machine.start(verb, machine.conf)
                #expect(eventually { isUp(machine) })
                freeze(machine)
                let outcome: Outcome
                if verb == "run" {
                    running.signal(SIGTERM)
                    outcome = running.wait(seconds: 20)
                    #expect(outcome.status == 128 + SIGTERM, "\(outcome)")
                } else {
                    _ = running.wait()
                    outcome = machine.jailrun("stop", "t", seconds: 20)
                    #expect(outcome.status == 0, "\(outcome)")
                }
                #expect(outcome.errors.contains("t: it was frozen, and is thawed to stop it"), "\(outcome)")
                #expect(machine.has("var/stopped"))
            }
        }

        @Test("stop -f kills a frozen jail as it is, and at once") func force() throws {
            try Machine.with { machine in
                machine.configure(Self.parameters.replacingOccurrences(of: "= 2", with: "= 100"))
                #expect(machine.jailrun("start", machine.conf).status == 0)
                freeze(machine)
                let begin = Date()
                let outcome = machine.jailrun("stop", "-f", "t")
                #expect(outcome.status == 0 && isSoon(begin) && !machine.has("var/stopped"), "\(outcome)")
            }
        }

        @Test("kill -9 of the run of a frozen jail leaves nothing", arguments: [false, true])
        func killed(isStopped: Bool) throws {
            try Machine.with { machine in
                machine.configure(Self.parameters)
                let running = machine.start("run", machine.conf)
                #expect(eventually { isUp(machine) })
                usleep(300_000)
                freeze(machine)
                if isStopped { running.signal(SIGTERM) }
                running.signal(SIGKILL)
                _ = running.wait()
                #expect(eventually(seconds: 3) { machine.state() == "none" })
            }
        }

        /// A command that was cloned into the frozen jail has the lock of the jailrun that was killed.
        private func keepLock() {
            let script = """
                exec 9<>\(Self.lock); flock 9 || exit 1
                sleep 4848 >/dev/null 2>&1 & echo $! >'\(Remains.cgroupRoot)/t/cgroup.procs'
                """
            let outcome = Command.shell(script).run()
            #expect(outcome.status == 0, "\(outcome)")
        }

        @Test(
            "a lock that a killed jailrun has left to a process in the frozen jail keeps nobody from a stop",
            arguments: [["stop", "t"], ["stop", "-f", "t"]])
        func lock(words: [String]) throws {
            try Machine.with { machine in
                machine.configure(Self.parameters)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                freeze(machine)
                keepLock()
                let begin = Date()
                let stop = Command([Laboratory.program] + words).run(seconds: 40)
                #expect(stop.status == 0 && isSoon(begin), "\(stop)")
            }
        }

        @Test("a process that keeps the lock of a jailrun that has ended is named, and stop -f ends it") func named()
            throws
        {
            try Machine.with { machine in
                machine.configure(Self.parameters)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let script = "exec 9<>\(Self.lock); flock 9; sleep 4848 >/dev/null 2>&1 & echo $!"
                let pid = Command.shell(script).run().lines.first ?? ""
                let stop = machine.start("stop", "t")
                let told = "t: waiting for its lock, held by pid \(pid) (sleep 4848)"
                #expect(eventually { stop.errors.contains(told) }, "\(stop.errors)")
                let begin = Date()
                #expect(machine.jailrun("stop", "-f", "t").status == 0 && isSoon(begin))
                _ = stop.wait()
            }
        }

        @Test("exec says of a frozen jail that it is") func exec() throws {
            try Machine.with { machine in
                machine.configure(Self.parameters)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                freeze(machine)
                let outcome = machine.jailrun("exec", "t", "true", seconds: 10)
                #expect(outcome.status == 125 && outcome.errors.contains("t: it is frozen"), "\(outcome)")
                machine.stop()
            }
        }

        @Test("the first signal ends an exec whose jail was frozen since", arguments: [SIGTERM, SIGINT])
        func execution(number: Int32) throws {
            try Machine.with { machine in
                machine.configure(Self.parameters)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let running = machine.start("exec", "t", "sh", "-c", "touch /var/at; sleep 4848")
                #expect(eventually { machine.has("var/at") })
                freeze(machine)
                usleep(200_000)
                running.signal(number)
                let outcome = running.wait(seconds: 10)
                #expect(outcome.status == 128 + number, "\(outcome)")
                machine.stop()
            }
        }

        @Test("a frozen jail is unhealthy when health.timeout is over") func health() throws {
            try Machine.with { machine in
                machine.configure(
                    "persist; health.command = true; health.interval = 1; health.timeout = 1; health.retries = 1;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                freeze(machine)
                #expect(eventually(seconds: 5) { machine.state() == "unhealthy" })
                machine.stop()
            }
        }

        @Test("a jail in a frozen one is stopped without its commands, and that is said") func nested() throws {
            try Machine.with { machine in
                machine.write(
                    """
                    path = "\(machine.root)"; persist; exec.stop = "touch /var/stopped";
                    t { children.max = 1; } t.b {}

                    """, to: machine.conf)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                freeze(machine)
                let outcome = machine.jailrun("stop", "t.b")
                #expect(outcome.status == 0 && !machine.has("var/stopped"), "\(outcome)")
                #expect(outcome.errors.contains("t.b: frozen by a cgroup above its own"), "\(outcome)")
                machine.stop()
            }
        }
    }
}
