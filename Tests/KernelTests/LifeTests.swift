import Foundation
import Glibc
import Testing

extension Kernel {
    @Suite struct LifeTests {
        // MARK: The foreground

        @Test(
            "the status of a foreground run is its command's own",
            arguments: [
                ("/bin/true", 0), ("/bin/sh -c 'exit 3'", 3), ("/bin/nothing", 127), ("/etc/passwd", 126),
                ("/bin/sh -c 'kill -KILL $$'", 137), ("/bin/sh -c 'kill -TERM $$'", 143),
            ])
        func status(command: String, status: Int) throws {
            try Machine.with { machine in
                let outcome = machine.run(command)
                #expect(outcome.status == Int32(status), "\(outcome)")
            }
        }

        @Test("a signal to a foreground run stops the jail and removes it", arguments: [SIGINT, SIGTERM, SIGHUP])
        func signal(number: Int32) throws {
            try Machine.with { machine in
                machine.configure("exec.start = \"touch /var/up\"; command = \"sleep 1000\";")
                let running = machine.start("run", machine.conf)
                #expect(eventually { machine.has("var/up") })
                running.signal(number)
                let outcome = running.wait(seconds: 15)
                #expect(outcome.status == 128 + number, "\(outcome)")
            }
        }

        @Test(
            "a run that a signal ends says so and ends with 128 + n, whatever its jails are",
            arguments: [
                "a { command = \"sleep 1000\"; }", "a { persist; }", "a { exec.start = \"sleep 1000 &\"; }",
                "a { command = \"sleep 1000\"; } b { persist; }", "a { command = \"sleep 1000\"; restart = always; }",
                "a { command = \"sleep 1000\"; health.command = true; }",
            ], [SIGINT, SIGTERM, SIGHUP])
        func signalled(jails: String, number: Int32) throws {
            try Machine.with { machine in
                machine.write("path = \"\(machine.root)\"; \(jails)\n", to: machine.conf)
                let running = machine.start("run", machine.conf)
                let names = jails.contains("b {") ? ["a", "b"] : ["a"]
                #expect(eventually { names.allSatisfy { ["up", "healthy"].contains(machine.state(of: $0)) } })
                usleep(200_000)
                running.signal(number)
                let outcome = running.wait(seconds: 15)
                #expect(outcome.status == 128 + number, "\(outcome)")
                #expect(outcome.errors.contains("interrupted by SIG"), "\(outcome)")
            }
        }

        @Test("exec.start runs line by line, then the command") func order() throws {
            try Machine.with { machine in
                let outcome = machine.run(
                    "echo three", "exec.start = \"echo one\"; exec.start += \"echo two\";")
                #expect(outcome.lines == ["one", "two", "three"], "\(outcome)")
                #expect(outcome.status == 0)
            }
        }

        @Test("an exec.start that fails takes the start back and names its line") func failingStart() throws {
            try Machine.with { machine in
                machine.configure(
                    "exec.start = \"true\";\n    exec.start += \"false\"; exec.start += \"touch /var/late\"; persist;")
                for verb in ["start", "run"] {
                    let outcome = machine.jailrun(verb, machine.conf)
                    #expect(outcome.status != 0, "\(verb): \(outcome)")
                    #expect(outcome.errors.contains("jail.conf:4"), "\(verb): \(outcome)")
                    #expect(!machine.has("var/late"))
                }
            }
        }

        @Test("hooks run in jail(8)'s order, those of the host on the host") func hooks() throws {
            try Machine.with { machine in
                let log = "\(machine.directory)/log"
                let hooks = ["prepare", "prestart", "created", "poststart", "prestop", "poststop", "release"]
                let lines = hooks.map { "exec.\($0) = \"echo \($0) >>\(log)\";" }
                machine.configure(
                    lines.joined(separator: "\n")
                        + "exec.start = \"echo start >>/var/log\"; exec.stop = \"echo stop >>/var/log\"; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                #expect(machine.read(log).split(separator: "\n") == ["prepare", "prestart", "created", "poststart"])
                #expect(machine.read("\(machine.root)/var/log") == "start\n")
                #expect(machine.jailrun("stop", "t").status == 0)
                #expect(machine.read(log).split(separator: "\n").suffix(3) == ["prestop", "poststop", "release"])
                #expect(machine.read("\(machine.root)/var/log") == "start\nstop\n")
            }
        }

        @Test(
            "a hook that fails before the jail is there stops the start", arguments: ["prepare", "prestart", "created"])
        func failingHook(hook: String) throws {
            try Machine.with { machine in
                machine.configure("exec.\(hook) = \"sh -c 'exit 9'\"; exec.start = \"touch /var/up\"; persist;")
                let outcome = machine.jailrun("start", machine.conf)
                #expect(outcome.status == 9 && outcome.errors.contains("jail.conf:3"), "\(outcome)")
                #expect(outcome.errors.hasSuffix(": sh -c 'exit 9': exited with status 9\n"), "\(outcome)")
                #expect(!machine.has("var/up"))
            }
        }

        @Test("a command that a signal killed is said to be, by the signal's name", arguments: ["prestart", "start"])
        func killedCommand(list: String) throws {
            try Machine.with { machine in
                machine.configure("exec.\(list) = \"kill -SEGV $$\"; persist;")
                let outcome = machine.jailrun("start", machine.conf)
                #expect(outcome.status == 128 + SIGSEGV && outcome.errors.contains("jail.conf:3"), "\(outcome)")
                #expect(outcome.errors.hasSuffix(": killed by SIGSEGV\n"), "\(outcome)")
            }
        }

        @Test("a command of exec.stop that ends in & is not waited for, and ends with the jail") func left() throws {
            try Machine.with { machine in
                machine.configure(
                    "command = \"sleep 1000\"; exec.stop = \"sleep 4321 &\"; exec.stop += \"touch /var/next\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let stop = machine.jailrun("stop", "t", seconds: 60)
                #expect(stop.status == 0 && machine.has("var/next"), "\(stop)")
                #expect(Command.shell("ps -eo args | grep '[s]leep 4321'").run().output == "")
            }
        }

        @Test("a jail whose command runs in the foreground is stopped from elsewhere, with its commands") func stopped()
            throws
        {
            try Machine.with { machine in
                machine.configure("command = \"sleep 1000\"; exec.stop = \"touch /var/stopped\";")
                let running = machine.start("run", machine.conf)
                #expect(eventually { machine.jailrun("exec", "t", "pidof", "sleep").status == 0 })
                let begin = Date()
                let stop = machine.jailrun("stop", "t")
                #expect(stop.status == 0 && Date().timeIntervalSince(begin) < 20 * Laboratory.patience, "\(stop)")
                #expect(machine.has("var/stopped"))
                #expect(running.wait(seconds: 5).status == 128 + SIGTERM)
            }
        }

        @Test("exec.timeout ends a start that takes longer, and names the command") func timeout() throws {
            try Machine.with { machine in
                machine.configure("exec.timeout = 1; exec.start = \"true\", \"sleep 100\"; persist;")
                let begin = Date()
                let outcome = machine.jailrun("start", machine.conf)
                #expect(outcome.status != 0, "\(outcome)")
                #expect(outcome.errors.contains("sleep 100: timed out after 1 s"), "\(outcome)")
                #expect(Date().timeIntervalSince(begin) < 8 * Laboratory.patience)
            }
        }

        @Test("a process that ignores SIGTERM dies after stop.timeout") func stopTimeout() throws {
            try Machine.with { machine in
                machine.script("stubborn", "trap '' TERM; touch /var/up; while :; do sleep 1; done")
                machine.configure("stop.timeout = 1; exec.start = \"/bin/stubborn &\"; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                #expect(eventually { machine.has("var/up") })
                let begin = Date()
                #expect(machine.jailrun("stop", "t").status == 0)
                // Ten would be the standard stop.timeout.
                let seconds = Date().timeIntervalSince(begin)
                #expect(seconds > 0.8 && seconds < 9, "\(seconds)")
            }
        }

        @Test("a process that heeds SIGTERM is not waited for longer") func quickStop() throws {
            try Machine.with { machine in
                machine.script(
                    "polite", "trap 'touch /var/asked; exit 0' TERM; touch /var/up; while :; do sleep 0.1; done")
                machine.configure("stop.timeout = 100; exec.start = \"/bin/polite &\"; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                #expect(eventually { machine.has("var/up") })
                let begin = Date()
                #expect(machine.jailrun("stop", "t").status == 0)
                #expect(Date().timeIntervalSince(begin) < 5 * Laboratory.patience && machine.has("var/asked"))
            }
        }

        // MARK: Detached

        @Test("a persistent jail stays without a process of its own, and start returns its output's end") func persist()
            throws
        {
            try Machine.with { machine in
                machine.configure("persist;")
                let outcome = Command.shell("'\(Laboratory.program)' start '\(machine.conf)' | cat").run(seconds: 10)
                #expect(outcome.status == 0, "\(outcome)")
                usleep(200_000)
                #expect(machine.jailrun("list").output.contains(machine.root))
                #expect(machine.jailrun("stop", "t").status == 0)
                #expect(!machine.jailrun("list").output.contains(machine.root))
            }
        }

        @Test("a jail that is not persistent ends with its last process") func vanishes() throws {
            try Machine.with { machine in
                machine.script("lasting", "until [ -e /var/enough ]; do sleep 0.1; done")
                machine.configure("exec.start = \"/bin/lasting &\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                #expect(machine.jailrun("list").output.contains(machine.root))
                machine.write("", to: "\(machine.root)/var/enough")
                #expect(eventually(seconds: 5) { machine.state() == "ended" })
                machine.stop()
            }
        }

        @Test("a second start of a name is refused and does not harm the first") func taken() throws {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let outcome = machine.jailrun("start", machine.conf, "t")
                #expect(outcome.status == 125 && outcome.errors.contains("already exists"), "\(outcome)")
                #expect(machine.jailrun("exec", "t", "true").status == 0)
                machine.stop()
            }
        }

        @Test("a jail starts after those it depends on, and stops before them") func depend() throws {
            try Machine.with { machine in
                let log = "\(machine.directory)/log"
                func jail(_ name: String, _ rest: String) -> String {
                    "\(name) { path = \"\(machine.root)\"; persist; exec.poststart = \"echo +\(name) >>\(log)\";"
                        + "exec.prestop = \"echo -\(name) >>\(log)\"; \(rest) }\n"
                }
                machine.write(jail("web", "depend = db;") + jail("db", "exec.start = \"sleep 0.3\";"), to: machine.conf)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                #expect(machine.jailrun("stop", machine.conf).status == 0)
                #expect(machine.read(log).split(separator: "\n") == ["+db", "+web", "-web", "-db"])
            }
        }

        @Test("a jail whose dependency failed is skipped, and said to be") func skipped() throws {
            try Machine.with { machine in
                machine.write(
                    "db { path = \"\(machine.root)\"; persist; exec.start = \"false\"; }\n"
                        + "last { path = \"\(machine.root)\"; persist; depend = web; exec.start = \"touch /var/up\"; }\n"
                        + "web { path = \"\(machine.root)\"; persist; depend = db; exec.start = \"touch /var/up\"; }\n",
                    to: machine.conf)
                let outcome = machine.jailrun("start", machine.conf)
                #expect(outcome.status != 0 && outcome.errors.contains("web: skipped"), "\(outcome)")
                #expect(outcome.errors.contains("last: skipped"))
                #expect(!machine.has("var/up"))
            }
        }

        @Test("restart is a stop and a start") func restart() throws {
            try Machine.with { machine in
                machine.configure("exec.start = \"echo up >>/var/log\"; exec.stop = \"echo down >>/var/log\"; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let outcome = machine.jailrun("restart", "t")
                #expect(outcome.status == 0, "\(outcome)")
                #expect(machine.read("\(machine.root)/var/log") == "up\ndown\nup\n")
                machine.stop()
            }
        }

        @Test("wait returns when the jail has ended, not before") func wait() throws {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let waiting = machine.start("wait", "t")
                usleep(300_000)
                #expect(!waiting.hasEnded)
                machine.stop()
                #expect(waiting.wait(seconds: 5).status == 0)
            }
        }

        @Test("list, ps and inspect tell of a jail what is so") func listings() throws {
            try Machine.with { machine in
                machine.configure("host.hostname = h.example; exec.start = \"sleep 1000 &\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let list = machine.jailrun("list", "--json").json as? [String: Any]
                let jails = (list?["jail-information"] as? [String: Any])?["jail"] as? [[String: Any]]
                #expect(jails?.count == 1 && jails?.first?["hostname"] as? String == "h.example")
                #expect(machine.jailrun("list").output.contains("h.example"))
                let processes = machine.jailrun("ps", "t", "--json").json as? [[String: Any]]
                #expect(processes?.contains { ($0["command"] as? String)?.contains("sleep 1000") == true } == true)
                #expect(processes?.contains { $0["inside"] as? Int == 1 } == true)
                let inspection = machine.jailrun("inspect", "t").json as? [String: Any]
                #expect(inspection?["isAlive"] as? Bool == true)
            }
        }

        @Test("prune has nothing to remove when all is well, and leaves running jails alone") func prune() throws {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let outcome = machine.jailrun("prune")
                #expect(outcome.status == 0 && outcome.output == "", "\(outcome)")
                #expect(machine.jailrun("exec", "t", "true").status == 0)
                machine.stop()
            }
        }
    }
}

extension Machine {
    func has(_ path: String) -> Bool { access("\(root)/\(path)", F_OK) == 0 }

    /// A shell script in the root's /bin.
    func script(_ name: String, _ text: String) {
        // A new file: one that is there is a link to the shell, which all tests share.
        unlink("\(root)/bin/\(name)")
        write("#!/bin/sh\n\(text)\n", to: "\(root)/bin/\(name)")
        chmod("\(root)/bin/\(name)", 0o755)
    }
}

extension Outcome {
    var json: Any? { try? JSONSerialization.jsonObject(with: Data(output.utf8)) }
}
