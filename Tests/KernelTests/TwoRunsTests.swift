import Foundation
import Glibc
import Testing

extension Kernel {
    /// Two runs in the foreground that have a jail in common.
    @Suite struct TwoRunsTests {
        /// Two files with a jail each that depends on `db`, which a third file defines.
        private func files(_ machine: Machine, db: String) -> (first: String, second: String) {
            let shared = "\(machine.directory)/db.conf"
            machine.write("path = \"\(machine.root)\"; persist; stop.timeout = 1;\ndb { \(db) }\n", to: shared)
            let files = ["a", "b"].map { name in
                let file = "\(machine.directory)/\(name).conf"
                machine.write(".include \"\(shared)\";\n\(name) { depend = db; }\n", to: file)
                return file
            }
            return (files[0], files[1])
        }

        private func run(_ machine: Machine, _ file: String, _ name: String, isBeside: Bool) -> Running {
            let mark = "\(machine.directory)/\(name)"
            let command = ["--", "/bin/sh", "-c", "touch \(mark).up; until test -e \(mark).end; do sleep 0.1; done"]
            return Command([Laboratory.program, "run", file] + (isBeside ? command : [])).start()
        }

        private func end(_ running: Running, _ machine: Machine, _ name: String, isBeside: Bool) -> Outcome {
            if isBeside { machine.write("", to: "\(machine.directory)/\(name).end") } else { running.signal(SIGTERM) }
            return running.wait(seconds: 15)
        }

        @Test(
            "a dependency that another run is starting is waited for, by name, used when it is up, and left to that run",
            arguments: [true, false])
        func awaited(isBeside: Bool) throws {
            try Machine.with { machine in
                let (first, second) = files(machine, db: "exec.start = \"until test -e /var/go; do sleep 0.1; done\";")
                let one = run(machine, first, "a", isBeside: isBeside)
                #expect(eventually { machine.state(of: "db") == "starting" })
                let other = run(machine, second, "b", isBeside: isBeside)
                let words = "db: another command is starting it, from \(first)"
                #expect(eventually { other.errors.contains(words) }, "\(other.errors)")
                #expect(other.errors.contains("ends with the foreground run of pid"), "\(other.errors)")
                #expect(eventually { other.errors.contains("b: waiting for what it depends on: db (starting)") })
                machine.write("", to: "\(machine.root)/var/go")
                #expect(eventually { machine.state(of: "b") == "up" }, "\(other.errors)")
                if isBeside { #expect(eventually { access("\(machine.directory)/b.up", F_OK) == 0 }) }
                let pid = machine.firstProcess(of: "db")
                let outcome = end(other, machine, "b", isBeside: isBeside)
                #expect(outcome.status == (isBeside ? 0 : 128 + SIGTERM), "\(outcome)")
                #expect(machine.state(of: "b") == "none" && machine.firstProcess(of: "db") == pid)
                #expect(machine.state(of: "a") == "up")
                #expect(end(one, machine, "a", isBeside: isBeside).status == outcome.status)
            }
        }

        @Test("of two runs that begin at once each has its own jail, and one of them the jail that both need")
        func atOnce() throws {
            try Machine.with { machine in
                let (first, second) = files(machine, db: "ip4.addr = 10.77.0.96; exec.start = \"sleep 0.5\";")
                for _ in 0..<Laboratory.rounds(5) {
                    let both = [(first, "a"), (second, "b")].map { file, name in
                        let other = name == "a" ? "b" : "a"
                        let script = """
                            cd '\(machine.directory)'; touch \(name); until test -e \(other); do sleep 0.1; done
                            test $JAILRUN_DB_IP = 10.77.0.96
                            """
                        return Command([Laboratory.program, "run", "-q", file, "--", "/bin/sh", "-c", script]).start()
                    }
                    for running in both {
                        let outcome = running.wait(seconds: 30)
                        #expect(outcome.status == 0, "\(outcome)")
                    }
                    for name in ["a", "b"] { unlink("\(machine.directory)/\(name)") }
                }
            }
        }

        @Test("of two runs with --keep that begin at once, one names the jail that both need among those to be stopped")
        func kept() throws {
            try Machine.with { machine in
                let (first, second) = files(machine, db: "exec.start = \"sleep 0.5\";")
                let both = [first, second].map { file in
                    Command([Laboratory.program, "run", "--keep", file, "--", "true"]).start()
                }
                let outcomes = both.map { $0.wait(seconds: 30) }
                #expect(outcomes.allSatisfy { $0.status == 0 }, "\(outcomes)")
                let lines = outcomes.map { $0.errors.split(separator: "\n") }
                let hints = lines.map { $0.last { $0.contains("jailrun stop ") } ?? "" }
                #expect(hints.count { $0.split(separator: " ").contains("db") } == 1, "\(hints)")
                #expect(machine.jailrun("stop", "db").status == 0)
            }
        }

        private func lockNames() throws -> Int32 { try lock("~names") }

        private func lock(_ name: String) throws -> Int32 {
            // As the first command makes it.
            _ = Command(["mkdir", "-p", "-m", "700", "/run/jailrun", "/run/jailrun/locks"]).run()
            let file = open("/run/jailrun/locks/\(name)", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            try #require(flock(file, LOCK_EX) == 0)
            return file
        }

        @Test("of two runs that begin at once with a part of one file, one has all that both need")
        func together() throws {
            try Machine.with { machine in
                let file = "\(machine.directory)/chain.conf"
                machine.write(
                    """
                    path = "\(machine.root)"; persist; stop.timeout = 1;
                    db { } app { depend = db; } web { depend = app; } web2 { depend = app; }
                    """, to: file)
                for _ in 0..<Laboratory.rounds(3) {
                    let names = try lockNames()
                    let runs = ["web", "web2"].map { Command([Laboratory.program, "run", file, $0]).start() }
                    let words = "waiting for the lock of all names, held by pid"
                    for running in runs { #expect(eventually { running.errors.contains(words) }) }
                    close(names)
                    for name in ["web", "web2"] { #expect(eventually { machine.state(of: name) == "up" }) }
                    #expect(machine.supervisor(of: "db") == machine.supervisor(of: "app"))
                    runs.forEach { $0.signal(SIGTERM) }
                    for running in runs { #expect(running.wait(seconds: 15).status == 128 + SIGTERM) }
                }
            }
        }

        @Test(
            "of two runs neither begins while somebody is at work on a jail of both for a moment, and one of them begins"
        )
        func busyName() throws {
            try Machine.with { machine in
                let jail = "path = \"\(machine.root)\"; command = \"sleep 1000\";"
                let files = ["x", "z"].map { name in
                    let file = "\(machine.directory)/\(name).conf"
                    let mark = "exec.prestart = \"touch \(machine.directory)/\(name).begun\";"
                    machine.write("\(name) { \(jail) \(mark) }\ny { \(jail) }\n", to: file)
                    return file
                }
                let lock = try lock("y")
                let runs = files.map { Command([Laboratory.program, "run", $0]).start() }
                #expect(eventually { ["x", "z"].contains { machine.state(of: $0) == "waiting" } })
                usleep(200_000)
                close(lock)
                #expect(eventually { runs.contains(where: \.hasEnded) })
                let index = runs[0].hasEnded ? 0 : 1
                let refused = runs[index].wait()
                #expect(refused.status == 125 && refused.errors.contains("\"y\" already exists"), "\(refused)")
                let names = ["x", "z"]
                #expect(access("\(machine.directory)/\(names[index]).begun", F_OK) != 0)
                #expect(eventually { machine.state(of: "y") == "up" && machine.state(of: names[1 - index]) == "up" })
                runs[1 - index].signal(SIGTERM)
                #expect(runs[1 - index].wait(seconds: 15).status == 128 + SIGTERM)
            }
        }

        @Test("a run that waits until others have taken their names says so, and ends by a signal")
        func locked() throws {
            try Machine.with { machine in
                let (first, _) = files(machine, db: "")
                let names = try lockNames()
                let one = Command([Laboratory.program, "run", first]).start()
                #expect(eventually { one.errors.contains("db: waiting for the lock of all names, held by pid") })
                #expect(machine.state(of: "db") == "none")
                one.signal(SIGTERM)
                let outcome = one.wait(seconds: 15)
                #expect(outcome.status == 128 + SIGTERM, "\(outcome)")
                unlink("/run/jailrun/locks/~names")
                close(names)
                _ = machine.jailrun("prune")
            }
        }

        @Test("a run of a file that another run has, or has just begun with, is refused at once, and starts nothing")
        func refused() throws {
            try Machine.with { machine in
                let (first, _) = files(machine, db: "exec.start = \"until test -e /var/go; do sleep 0.1; done\";")
                let runs = (0..<2).map { run(machine, first, "\($0)", isBeside: true) }
                #expect(eventually { runs.contains(where: \.hasEnded) })
                let index = runs[0].hasEnded ? 0 : 1
                let refused = runs[index].wait()
                #expect(refused.status == 125 && refused.errors.contains("\"a\" already exists: waiting"), "\(refused)")
                let named = machine.jailrun("run", first, "db", "a")
                #expect(named.status == 125 && named.errors.contains("\"db\" already exists: starting"), "\(named)")
                machine.write("", to: "\(machine.root)/var/go")
                #expect(eventually { machine.state(of: "a") == "up" })
                #expect(end(runs[1 - index], machine, "\(1 - index)", isBeside: true).status == 0)
            }
        }

        @Test("a run that ends stops a jail of another run whose start has only begun, before what it depends on")
        func beginning() throws {
            try Machine.with { machine in
                let (first, second) = files(machine, db: "")
                let one = run(machine, first, "a", isBeside: false)
                #expect(eventually { machine.state(of: "a") == "up" })
                // No start gets a number meanwhile, and so nothing of `b` exists but the word of its supervisor.
                let numbers = open("/run/jailrun/registry", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
                try #require(flock(numbers, LOCK_EX) == 0)
                let other = run(machine, second, "b", isBeside: false)
                #expect(eventually { machine.state(of: "b") == "starting" })
                one.signal(SIGTERM)
                #expect(eventually { one.errors.contains("b, which depends on db, is stopped before it") })
                close(numbers)
                #expect(one.wait(seconds: 15).status == 128 + SIGTERM)
                _ = other.wait(seconds: 15)
                #expect(machine.state(of: "b") == "none" && machine.state(of: "db") == "none")
            }
        }

        @Test("a dependency that its run is stopping is waited for, and started anew") func stopping() throws {
            try Machine.with { machine in
                let (first, second) = files(
                    machine, db: "exec.stop = \"touch /var/at; until test -e /var/go; do sleep 0.1; done\";")
                let one = Command([Laboratory.program, "run", first, "db", "--", "true"]).start()
                #expect(eventually { machine.has("var/at") })
                let other = Command([Laboratory.program, "run", second, "--", "true"]).start()
                usleep(500_000)
                machine.write("", to: "\(machine.root)/var/go")
                let outcomes = [one.wait(seconds: 15), other.wait(seconds: 15)]
                #expect(outcomes.allSatisfy { $0.status == 0 }, "\(outcomes)")
            }
        }

        /// A run with `db` begins while that is being stopped; then what keeps it from its end goes.
        private func runWhileEnding(_ machine: Machine, _ file: String) -> Outcome {
            let other = Command([Laboratory.program, "run", file, "--", "true"]).start()
            usleep(500_000)
            machine.write("", to: "\(machine.root)/var/go")
            return other.wait(seconds: 15)
        }

        private static let untilGo = "touch /var/at; until test -e /var/go; do sleep 0.1; done"

        @Test("so is one in the background that another command is stopping") func detached() throws {
            try Machine.with { machine in
                let (_, second) = files(machine, db: "exec.stop = \"\(Self.untilGo)\";")
                #expect(machine.jailrun("start", "\(machine.directory)/db.conf").status == 0)
                let stop = Command([Laboratory.program, "stop", "db"]).start()
                #expect(eventually { machine.has("var/at") })
                let outcome = runWhileEnding(machine, second)
                #expect(outcome.status == 0 && !outcome.errors.contains("already up"), "\(outcome)")
                #expect(stop.wait(seconds: 15).status == 0)
            }
        }

        @Test("so is one whose run is still stopping what depends on it") func heldBack() throws {
            try Machine.with { machine in
                let (first, second) = files(machine, db: "")
                let shared = "\(machine.directory)/db.conf"
                let jail = "a { depend = db; exec.stop = \"\(Self.untilGo)\"; }"
                machine.write(".include \"\(shared)\";\n\(jail)\n", to: first)
                let one = run(machine, first, "a", isBeside: false)
                #expect(eventually { machine.state(of: "a") == "up" })
                one.signal(SIGTERM)
                #expect(eventually { machine.has("var/at") })
                let outcome = runWhileEnding(machine, second)
                #expect(outcome.status == 0 && !outcome.errors.contains("already up"), "\(outcome)")
                #expect(one.wait(seconds: 15).status == 128 + SIGTERM)
            }
        }
    }
}
