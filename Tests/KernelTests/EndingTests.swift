import Foundation
import Glibc
import Testing

extension Kernel {
    /// Everything can be ended, whatever the jail's commands do.
    @Suite struct EndingTests {
        /// Far less than what hangs would take, far more than a stop does.
        private func isSoon(_ begin: Date, seconds: Double = 8) -> Bool {
            Date().timeIntervalSince(begin) < seconds * Laboratory.patience
        }

        private func processes(_ words: String) -> [pid_t] {
            ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).filter { pid in
                let line = (try? String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8)) ?? ""
                return line.split(separator: "\0").joined(separator: " ") == words
            }.compactMap { pid_t($0) }
        }

        private func hasProcess(_ words: String) -> Bool { !processes(words).isEmpty }

        private static let hanging = [
            "exec.prestop = \"touch MARK; sleep 5151\";", "exec.stop = \"touch /var/at; sleep 5151\";",
            "exec.stop = \"trap '' TERM; touch /var/at; while :; do sleep 0.2; done\";",
            "exec.prestop = \"trap '' TERM; touch MARK; while :; do sleep 0.2; done\";",
            "exec.poststop = \"touch MARK; sleep 5151\";", "exec.release = \"touch MARK; setsid sleep 5151\";",
        ]

        private func configure(_ machine: Machine, _ hanging: String) -> () -> Bool {
            let mark = "\(machine.directory)/at"
            machine.configure(
                "exec.start = \"/bin/sleep 5252 &\"; exec.poststart = \"touch \(machine.directory)/up\"; "
                    + hanging.replacingOccurrences(of: "MARK", with: mark))
            return { access(mark, F_OK) == 0 || machine.has("var/at") }
        }

        @Test(
            "a second signal ends a run whose stop hangs", arguments: hanging, [SIGTERM, SIGINT])
        func second(hanging: String, number: Int32) throws {
            try Machine.with { machine in
                let isAt = configure(machine, hanging)
                let running = machine.start("run", machine.conf)
                #expect(eventually { access("\(machine.directory)/up", F_OK) == 0 })
                // The command that made it must have ended, too.
                usleep(300_000)
                running.signal(number)
                #expect(eventually(isAt))
                let begin = Date()
                running.signal(number)
                _ = running.wait(seconds: 15)
                #expect(isSoon(begin) && !hasProcess("sleep 5151"))
            }
        }

        @Test("a second signal ends jails beside a command whose stop hangs", arguments: hanging)
        func services(hanging: String) throws {
            try Machine.with { machine in
                let isAt = configure(machine, hanging)
                let running = machine.start(machine.conf, "--", "true")
                #expect(eventually(isAt))
                let begin = Date()
                running.signal(SIGTERM)
                _ = running.wait(seconds: 15)
                #expect(isSoon(begin) && !hasProcess("sleep 5151"))
            }
        }

        @Test("SIGQUIT ends a run without the jail's commands") func quit() throws {
            try Machine.with { machine in
                machine.configure("command = \"sleep 5252\"; exec.stop = \"touch /var/stopped; sleep 5151\";")
                let running = machine.start("run", machine.conf)
                #expect(eventually { hasProcess("sleep 5252") })
                let begin = Date()
                running.signal(SIGQUIT)
                #expect(running.wait(seconds: 15).status == 128 + SIGQUIT)
                #expect(isSoon(begin) && !machine.has("var/stopped"))
            }
        }

        @Test("stop -f waits for no command, nor for a stop that hangs, nor for a start", arguments: hanging)
        func force(hanging: String) throws {
            try Machine.with { machine in
                let isAt = configure(machine, hanging)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let first = machine.start("stop", "t")
                #expect(eventually(isAt))
                let begin = Date()
                let stop = machine.jailrun("stop", "-f", "t")
                #expect(stop.status == 0 || stop.errors.contains("not found"), "\(stop)")
                #expect(isSoon(begin) && !machine.jailrun("list").output.contains(machine.root))
                _ = first.wait(seconds: 15)
            }
        }

        @Test(
            "a stop that a signal interrupts when the jail is gone ends with that signal's status",
            arguments: [SIGTERM, SIGINT, SIGHUP], ["poststop", "release"])
        func interruptedStop(signal: Int32, hook: String) throws {
            try Machine.with { machine in
                let isAt = configure(machine, "exec.\(hook) = \"touch MARK; sleep 5151\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let stop = machine.start("stop", "t")
                #expect(eventually(isAt))
                stop.signal(signal)
                #expect(stop.wait(seconds: 15).status == 128 + signal)
                #expect(!hasProcess("sleep 5151"))
            }
        }

        @Test("a stop that stop -f overtakes has stopped the jail: nobody sent it a signal") func overtaken() throws {
            try Machine.with { machine in
                let isAt = configure(machine, "exec.stop = \"touch /var/at; sleep 5151\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let first = machine.start("stop", "t")
                #expect(eventually(isAt))
                #expect(machine.jailrun("stop", "-f", "t").status == 0)
                let outcome = first.wait(seconds: 15)
                #expect(outcome.status == 0 && !outcome.errors.contains("interrupted"), "\(outcome)")
            }
        }

        @Test("a stop that waits for another stop of its jail has what it asked for") func second() throws {
            try Machine.with { machine in
                let isAt = configure(machine, "exec.stop = \"touch /var/at; sleep 1\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let first = machine.start("stop", "t")
                #expect(eventually(isAt))
                let second = machine.jailrun("stop", "t")
                #expect(second.status == 0 && second.errors == "", "\(second)")
                #expect(first.wait(seconds: 15).status == 0)
            }
        }

        @Test("a jail whose stop runs a command of it is listed as stopping, and as up when that stop was killed")
        func listed() throws {
            try Machine.with { machine in
                machine.configure("persist; exec.stop = \"touch /var/at; until test -e /var/go; do sleep 0.1; done\";")
                let link = "\(machine.directory)/jail"
                symlink(Laboratory.program, link)
                for words in [
                    [Laboratory.program, "start", machine.conf], [link, "-q", "-f", machine.conf, "-c", "t"],
                ] {
                    let start = Command(words).run()
                    #expect(start.status == 0, "\(start)")
                    let stop = machine.start("stop", "t")
                    #expect(eventually { machine.has("var/at") })
                    #expect(machine.state() == "stopping")
                    stop.signal(SIGKILL)
                    _ = stop.wait()
                    #expect(eventually { machine.state() == "up" })
                    #expect(machine.jailrun("stop", "-f", "t").status == 0)
                    unlink("\(machine.root)/var/at")
                }
            }
        }

        @Test("stop -f that waits for whoever has the jail ends by a signal") func interruptedForce() throws {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let hold = "trap '' QUIT; exec flock /run/jailrun/locks/t sh -c 'echo held; exec sleep 1000'"
                let holder = Command(["/bin/sh", "-c", hold]).start()
                #expect(eventually { holder.output == "held\n" })
                let stop = machine.start("stop", "-f", "t")
                #expect(eventually { stop.errors.contains("waiting for its lock") })
                stop.signal(SIGTERM)
                let outcome = stop.wait(seconds: 15)
                #expect(outcome.status == 128 + SIGTERM, "\(outcome)")
                #expect(machine.state() == "up" && !holder.hasEnded)
                for process in [holder.pid] + processes("sleep 1000") { kill(process, SIGKILL) }
                _ = holder.wait()
                #expect(machine.jailrun("stop", "-f", "t").status == 0)
            }
        }

        @Test("stop -f does not wait for a run that is itself stopped, and leaves nothing")
        func forcedStoppedFront() throws {
            try Machine.with { machine in
                machine.configure("command = \"sleep 5252\"; exec.poststop = \"touch \(machine.directory)/gone\";")
                let running = machine.start("run", machine.conf)
                #expect(eventually { hasProcess("sleep 5252") })
                running.signal(SIGSTOP)
                let begin = Date()
                let stop = machine.jailrun("stop", "-f", "t")
                #expect(stop.status == 0 && Date().timeIntervalSince(begin) < 5, "\(stop)")
                #expect(!hasProcess("sleep 5252") && machine.state() == "none")
                #expect(running.wait(seconds: 5).status == 128 + SIGKILL)
            }
        }

        @Test("a stop says at once that whoever has the jail is itself stopped, and how to go on") func stoppedHolder()
            throws
        {
            try Machine.with { machine in
                machine.configure("command = \"sleep 5252\";")
                let running = machine.start("run", machine.conf)
                #expect(eventually { hasProcess("sleep 5252") })
                running.signal(SIGSTOP)
                let stop = machine.start("stop", "t")
                let begin = Date()
                let words = "which is stopped: kill -CONT \(running.pid)\n    hint: jailrun stop -f t"
                #expect(eventually { stop.errors.contains(words) }, "\(stop.errors)")
                #expect(Date().timeIntervalSince(begin) < 2.5)
                running.signal(SIGCONT)
                #expect(stop.wait(seconds: 15).status == 0)
                #expect(running.wait(seconds: 15).status == 128 + SIGTERM)
            }
        }

        @Test("a stop whose jail's start is itself stopped returns when the jail is down") func stoppedFront() throws {
            try Machine.with { machine in
                machine.configure("persist; health.command = false; health.start = 60;")
                let start = machine.start("start", machine.conf)
                #expect(eventually { machine.state() == "starting" })
                start.signal(SIGSTOP)
                let begin = Date()
                let stop = machine.jailrun("stop", "t")
                #expect(stop.status == 0 && Date().timeIntervalSince(begin) < 8, "\(stop)")
                start.signal(SIGCONT)
                #expect(start.wait(seconds: 15).status == 125)
            }
        }

        @Test(
            "a run and a command of exec go on in the background of a terminal",
            arguments: ["run -q jail.conf", "exec t sleep 1000"])
        func background(words: String) throws {
            try Machine.with { machine in
                machine.configure("command = \"sleep 5252\";")
                let isExec = words.hasPrefix("exec")
                if isExec { #expect(machine.jailrun("start", machine.conf).status == 0) }
                machine.write(
                    """
                    set -m; cd '\(machine.directory)'
                    '\(Laboratory.program)' \(words) &
                    sleep 2; cut -d ' ' -f 3 /proc/$!/stat >state
                    '\(Laboratory.program)' stop -f t; kill -CONT $! 2>/dev/null; wait

                    """, to: "\(machine.directory)/script")
                let outcome = Command.shell(
                    "sleep 8 | script -qec 'sh \(machine.directory)/script' /dev/null"
                ).run(seconds: 40)
                #expect(machine.read("\(machine.directory)/state") == "S\n", "\(outcome)")
            }
        }

        @Test("a restart that is interrupted when its jail is down starts nothing, and says what is down")
        func interruptedRestart() throws {
            try Machine.with { machine in
                let isAt = configure(machine, "exec.poststop = \"touch MARK; sleep 5151\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let restart = machine.start("restart", "t")
                #expect(eventually(isAt))
                restart.signal(SIGTERM)
                let outcome = restart.wait(seconds: 15)
                #expect(outcome.status == 128 + SIGTERM, "\(outcome)")
                #expect(outcome.errors.contains("down after the restart: t"), "\(outcome)")
                #expect(!hasProcess("/bin/sleep 5252"))
                // Known, so that it can be named.
                #expect(machine.jailrun("list").output.contains(machine.root))
                machine.stop()
            }
        }

        @Test("stop -f breaks off a start that hangs", arguments: ["prestart", "start", "poststart"])
        func forceStart(hook: String) throws {
            try Machine.with { machine in
                let mark = hook == "start" ? "/var/at" : "\(machine.directory)/at"
                machine.configure("exec.\(hook) = \"touch \(mark); sleep 5151\"; persist;")
                let start = machine.start("start", machine.conf)
                #expect(eventually { machine.has("var/at") || access("\(machine.directory)/at", F_OK) == 0 })
                let begin = Date()
                _ = machine.jailrun("stop", "-f", "t")
                #expect(start.wait(seconds: 15).status != 0)
                #expect(isSoon(begin) && !hasProcess("sleep 5151"))
            }
        }

        @Test("a stop command that hangs has a bound: the jail goes without it, and is said to") func bounded() throws {
            try Machine.with { machine in
                machine.configure(
                    "exec.start = \"sleep 5252 &\"; stop.timeout = 1; exec.timeout = 2; exec.stop = \"sleep 5151\";")
                let running = machine.start("run", machine.conf)
                #expect(eventually { hasProcess("sleep 5252") })
                running.signal(SIGTERM)
                let outcome = running.wait(seconds: 15)
                #expect(outcome.errors.contains("sleep 5151: timed out after 2 s; the stop continues without it"))
            }
        }

        @Test("a command of the host that is ended takes all that it has started with it", arguments: ["", "setsid "])
        func children(session: String) throws {
            try Machine.with { machine in
                machine.configure("exec.timeout = 1; exec.prestart = \"\(session)sleep 5151 & sleep 5151\"; persist;")
                let outcome = machine.jailrun("start", machine.conf)
                #expect(outcome.errors.contains("timed out after 1 s"), "\(outcome)")
                #expect(eventually(seconds: 3) { !hasProcess("sleep 5151") })
            }
        }

        @Test("what a command of the host has started to stay outlives the jail") func daemon() throws {
            try Machine.with { machine in
                machine.configure(
                    "exec.prestart = \"setsid sleep 5353 >/dev/null 2>&1 &\", \"sh -c 'setsid sleep 5454 >/dev/null 2>&1 &'\";"
                        + "exec.start = \"sleep 5252 &\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                #expect(machine.jailrun("stop", "t").status == 0)
                let daemons = processes("sleep 5353") + processes("sleep 5454")
                #expect(daemons.count == 2)
                for daemon in daemons { kill(daemon, SIGTERM) }
                #expect(eventually { !hasProcess("sleep 5353") && !hasProcess("sleep 5454") })
            }
        }

        @Test("deaf jails that do not depend on each other are stopped at once", arguments: ["stop", "restart"])
        func atOnce(verb: String) throws {
            try Machine.with { machine in
                let names = ["a", "b", "c", "d", "e"]
                machine.script("deaf", "trap 'touch /var/told.$1' TERM; while :; do sleep 0.2; done")
                let jails = names.map { "\($0) { exec.start = \"/bin/deaf \($0) &\"; }" }.joined(separator: " ")
                machine.write("path = \"\(machine.root)\"; stop.timeout = 6; \(jails)", to: machine.conf)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                // A child of one has the same words until it executes sleep(1).
                let deaf = names.compactMap { processes("/bin/sh /bin/deaf \($0)").min() }
                #expect(deaf.count == names.count)
                let stop = machine.start(verb, machine.conf)
                // One after the other, four would have been killed before the last is told.
                #expect(eventually { names.allSatisfy { machine.has("var/told.\($0)") } })
                #expect(deaf.allSatisfy { kill($0, 0) == 0 })
                let outcome = stop.wait(seconds: 30)
                #expect(outcome.status == 0 && deaf.allSatisfy { kill($0, 0) != 0 }, "\(outcome)")
                if verb == "restart" { _ = machine.jailrun("stop", "-f", machine.conf) }
            }
        }

        @Test("a signal to a stop of several jails ends what hangs in each") func manyInterrupted() throws {
            try Machine.with { machine in
                machine.write(
                    "path = \"\(machine.root)\"; exec.start = \"sleep 5252 &\"; exec.stop = \"touch /var/$name; sleep 5151\";"
                        + "a {} b {}", to: machine.conf)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let stop = machine.start("stop", machine.conf)
                #expect(eventually { machine.has("var/a") && machine.has("var/b") })
                let begin = Date()
                stop.signal(SIGTERM)
                #expect(stop.wait(seconds: 15).status == 128 + SIGTERM)
                #expect(isSoon(begin) && machine.jailrun("list").output.contains(machine.root))
                #expect(machine.jailrun("stop", "-f", machine.conf).status == 0)
            }
        }
    }
}
