import Foundation
import Glibc
import Testing

extension Kernel {
    /// Nobody waits for long without being told for what.
    @Suite struct WaitingTests {
        private func isTold(_ running: Running, _ words: String) -> Bool {
            let isTold = eventually(seconds: 15) { running.errors.contains(words) }
            if !isTold { Issue.record("not told: \(words)\n\(running.output)--\n\(running.errors)") }
            return isTold
        }

        @Test(
            "a run tells which command it waits for, and for how long",
            arguments: ["prepare", "prestart", "created", "start", "poststart", "prestop", "stop", "poststop"])
        func command(hook: String) throws {
            try Machine.with { machine in
                let isOfStop = ["prestop", "stop", "poststop"].contains(hook)
                let rest = isOfStop ? "exec.start = \"sleep 6262 &\";" : "persist;"
                machine.configure("exec.\(hook) = \"sleep 6161\"; \(rest)")
                let running = machine.start("run", machine.conf)
                if isOfStop {
                    #expect(eventually { machine.jailrun("exec", "t", "pidof", "sleep").status == 0 })
                    running.signal(SIGTERM)
                }
                #expect(isTold(running, "jailrun: t: waiting for exec.\(hook): sleep 6161, 5 s so far"))
                running.signal(SIGQUIT)
                _ = running.wait(seconds: 15)
            }
        }

        @Test("start tells of each jail what it waits for, in plain lines") func start() throws {
            try Machine.with { machine in
                machine.write(
                    """
                    path = "\(machine.root)"; persist;
                    db { health.command = "printf 'refused \\033[7m'; false"; health.start = 1000; }
                    web { depend = db; }
                    slow { exec.prestart = "sleep 6161"; }

                    """, to: machine.conf)
                let running = machine.start("start", machine.conf)
                #expect(isTold(running, "jailrun: slow: waiting for exec.prestart: sleep 6161, "))
                #expect(isTold(running, "jailrun: web: waiting for what it depends on: db (starting), "))
                #expect(isTold(running, "jailrun: db: waiting for health.command: printf"))
                #expect(isTold(running, ": refused "))
                #expect(!running.errors.contains("\u{1b}"))
                running.signal(SIGQUIT)
                _ = running.wait(seconds: 15)
            }
        }

        @Test("start --timeout ends what takes longer, says what it waited for, and leaves nothing") func timeout()
            throws
        {
            try Machine.with { machine in
                let jails = "slow { exec.prestart = \"sleep 6161\"; } late { depend = slow; } up {}"
                machine.write("path = \"\(machine.root)\"; persist; \(jails)", to: machine.conf)
                let outcome = machine.jailrun("start", "--timeout", "3", machine.conf)
                #expect(outcome.status == 125, "\(outcome)")
                #expect(
                    outcome.errors.contains("slow: timed out waiting for exec.prestart: sleep 6161, after 3 s"),
                    "\(outcome)")
                #expect(outcome.errors.contains("late: timed out waiting for what it depends on: slow"), "\(outcome)")
                #expect(machine.jailrun("list").output.split(separator: "\n").count == 1)
            }
        }

        @Test("with --keep it stops what is late alone: what is well stays up") func keptTimeout() throws {
            try Machine.with { machine in
                let jails = "well {} late { health.command = false; health.start = 1000; } behind { depend = late; }"
                machine.write("path = \"\(machine.root)\"; persist; \(jails)", to: machine.conf)
                let outcome = machine.jailrun("start", "--keep", "--timeout", "3", machine.conf)
                #expect(outcome.status == 125 && outcome.errors.contains("up: well"), "\(outcome)")
                #expect(machine.state(of: "well") == "up")
                #expect(machine.jailrun("list").output.split(separator: "\n").count == 2)
                machine.stop("well")
            }
        }

        @Test("who waits for a name's lock is told who has it, and a signal ends the wait") func locked() throws {
            try Machine.with { machine in
                machine.configure("exec.start = \"sleep 6262 &\"; exec.stop = \"touch /var/at; sleep 6161\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let first = machine.start("stop", "t")
                #expect(eventually { machine.has("var/at") })
                let second = machine.start("stop", "t")
                let holder = "pid \(first.pid) (jailrun stop t)"
                #expect(isTold(second, "jailrun: t: waiting for its lock, held by \(holder), 5 s so far"))
                second.signal(SIGINT)
                #expect(second.wait(seconds: 10).status == 128 + SIGINT)
                #expect(machine.jailrun("stop", "-f", "t").status == 0)
                _ = first.wait(seconds: 15)
            }
        }

        @Test("on a terminal what is waited for is one line, which goes with the wait") func terminal() throws {
            try Machine.with { machine in
                machine.configure("exec.prestart = \"sleep 5\"; exec.start = \"true\"; persist;")
                let script = "stty cols 200; '\(Laboratory.program)' start '\(machine.conf)'; echo ended"
                let outcome = Command(["script", "-qec", script, "/dev/null"]).run(seconds: 20)
                let told = outcome.output.components(separatedBy: "waiting for exec.prestart: sleep 5")
                #expect(told.count > 2, "\(outcome)")
                let after = told.last ?? ""
                #expect(
                    after.contains("\r\u{1b}[K") && !told.dropFirst().dropLast().contains { $0.contains("\n") },
                    "\(outcome)")
                machine.stop()
            }
        }
    }
}
