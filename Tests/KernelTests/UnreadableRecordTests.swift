import Foundation
import Glibc
import Testing

extension Kernel {
    /// What is recorded of a jail may be damaged, or another version's. The truth is its cgroup and the processes there.
    @Suite struct UnreadableRecordTests {
        enum Damage: String, CaseIterable, CustomTestStringConvertible {
            case traceKey, tracePid, traceCgroup, traceHome, traceVersion, traceEmpty, key, flip, version, half, empty,
                all, onlyTrace, tooLarge, gone, pipe, circle, folder, traceCircle

            var testDescription: String { rawValue }

            func apply(_ machine: Machine) {
                let (trace, record) = ("/run/jailrun/jails/t", "/run/jailrun/jails/t.json")
                func change(_ path: String, _ old: String, _ new: String) {
                    let text = machine.read(path)
                    #expect(text.contains(old), "\(path) has no \(old)")
                    machine.write(text.replacingOccurrences(of: old, with: new), to: path)
                }
                switch self {
                case .traceKey: change(trace, "\njid ", "\nxid ")
                case .tracePid: change(trace, "\npid ", "\npid 1")
                case .traceCgroup: change(trace, "/jailrun/t\n", "/jailrun/v\n")
                case .traceHome: change(trace, "\nhome ", "\nhome 1")
                case .traceVersion: change(trace, "jailrun ", "jailrun 9")
                case .traceEmpty: machine.write("", to: trace)
                case .key: change(record, "\"createdSeconds\":", "\"createdSecondt\":")
                case .flip: change(record, "\"generation\"", "\"generatiom\"")
                case .version: change(record, "\"version\":", "\"version\":9")
                case .half: machine.write(String(machine.read(record).prefix(1000)), to: record)
                case .empty: machine.write("", to: record)
                case .onlyTrace:
                    machine.write("", to: trace)
                    unlink(record)
                case .gone: unlink(record)
                case .traceCircle:
                    unlink(trace)
                    symlink("t", trace)
                case .pipe:
                    unlink(record)
                    mkfifo(record, 0o600)
                case .circle:
                    unlink(record)
                    symlink("t.json", record)
                case .folder:
                    unlink(record)
                    mkdir(record, 0o700)
                case .tooLarge: machine.write(String(repeating: "x", count: 1 << 20 + 1), to: record)
                case .all:
                    machine.write("?", to: trace)
                    machine.write("?", to: record)
                    machine.write("?", to: "/run/jailrun/services/t.json")
                }
            }
        }

        /// The jail's first process: the only one that is 1 in a namespace of its own, in its cgroup.
        private func processes(_ machine: Machine) -> [String] {
            machine.read("\(Remains.cgroupRoot)/t/cgroup.procs").split(separator: "\n").map(String.init)
        }

        private func range(of pid: String, _ machine: Machine) -> [Substring] {
            machine.read("/proc/\(pid)/uid_map").split(separator: " ")
        }

        @Test(
            "that cannot be read is of a jail that is up, keeps its name and its ids, is harmed by nobody, and can be stopped",
            arguments: Damage.allCases)
        func damaged(damage: Damage) throws {
            try Machine.with { machine in
                machine.configure("ip4.addr = 10.77.0.99; exec.start = \"sleep 1000 &\"; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let before = processes(machine)
                try #require(before.count == 2)
                damage.apply(machine)
                let list = machine.jailrun("list")
                let line = list.lines.first { $0.split(separator: " ").contains("t") } ?? ""
                #expect(list.status == 0 && line.contains("unreadable record"), "\(list)")
                let json = machine.jailrun("list", "--json")
                #expect(json.status == 0 && json.output.contains("\"state\":\"unreadable record\""), "\(json)")
                let ps = machine.jailrun("ps", "t")
                #expect(ps.status == 0 && ps.output.contains("sleep 1000"), "\(ps)")
                #expect(machine.jailrun("stats", "t").status == 0)
                let inspect = machine.jailrun("inspect", "t")
                #expect(inspect.status == 0 && inspect.output.contains("\"unreadable\""), "\(inspect)")
                // What a command may do inside is written where nobody can read it.
                let exec = machine.jailrun("exec", "t", "true")
                #expect(exec.status == 125 && exec.errors.contains("its record cannot be read"), "\(exec)")
                let start = machine.jailrun("start", machine.conf, "t")
                #expect(start.status == 125 && start.errors.contains("already exists"), "\(start)")
                let all = machine.jailrun("start", machine.conf)
                #expect(all.status == 0 && all.errors.contains("it is left as it is"), "\(all)")
                let prune = machine.jailrun("prune")
                #expect(prune.status == 0, "\(prune)")
                #expect(processes(machine) == before)
                try expectOwnRange(machine, besides: before)
                let stop = machine.jailrun("stop", "t")
                #expect(stop.status == 0, "\(stop)")
                #expect(processes(machine) == [])
                #expect(!machine.jailrun("list").output.contains(" t "))
                #expect(!Command(["ip", "link"]).run().output.contains("jailrun:t "))
            }
        }

        /// Two jails never have the same ids, whatever can be read.
        private func expectOwnRange(_ machine: Machine, besides other: [String]) throws {
            let conf = "\(machine.directory)/u.conf"
            machine.write("u { path = \"\(machine.root)\"; exec.start = \"sleep 1000 &\"; persist; }\n", to: conf)
            let start = machine.jailrun("start", conf)
            #expect(start.status == 0, "\(start)")
            let pid = try #require(
                machine.read("\(Remains.cgroupRoot)/u/cgroup.procs").split(separator: "\n").first.map(String.init))
            #expect(range(of: pid, machine) != range(of: other[0], machine))
            #expect(machine.jailrun("stop", "u").status == 0)
        }

        @Test("of a jail that has ended is removed by prune", arguments: [Damage.traceEmpty, .empty, .all])
        func ended(damage: Damage) throws {
            try Machine.with { machine in
                machine.configure("exec.start = \"sleep 1000 &\"; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                damage.apply(machine)
                machine.write("1", to: "\(Remains.cgroupRoot)/t/cgroup.kill")
                #expect(eventually { processes(machine).isEmpty })
                let prune = machine.jailrun("prune")
                #expect(prune.status == 0, "\(prune)")
                #expect(!machine.jailrun("list").output.contains("unreadable record"))
                #expect(machine.jailrun("start", machine.conf).status == 0)
                machine.stop()
            }
        }

        @Test("of a service in the pause before a restart is left by prune, which says so, and its jail comes back")
        func pause() throws {
            try Machine.with { machine in
                machine.configure("restart = always; restart.delay = 3; exec.start = \"sleep 0.5 &\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                try #require(eventually { machine.state() == "restarting" })
                let supervisor = try #require(machine.supervisor())
                machine.write("", to: "/run/jailrun/services/t.json")
                let prune = machine.jailrun("prune")
                #expect(prune.status == 125 && prune.errors.contains("jailrun stop t ends that"), "\(prune)")
                #expect(!prune.output.contains("forgot"), "\(prune)")
                // Nor does it get a second supervisor.
                let start = machine.jailrun("start", machine.conf)
                let words = "t: about to be started again, but its record cannot be read, "
                #expect(start.errors.contains(words), "\(start)")
                #expect(eventually(seconds: 10) { machine.state() == "up" })
                #expect(machine.supervisor() == supervisor)
                #expect(machine.jailrun("stop", "t").status == 0)
                #expect(machine.jailrun("prune").status == 0)
            }
        }

        /// In a cgroup of its own that a service manager has given away, with all that it starts.
        private func startInUnit(_ machine: Machine, _ unit: String) -> Outcome {
            Command.shell(
                """
                mkdir '\(unit)' && setfattr -n trusted.delegate -v 1 '\(unit)'
                echo 0 >'\(unit)/cgroup.procs'; INVOCATION_ID=1 exec '\(Laboratory.program)' start '\(machine.conf)'
                """
            ).run()
        }

        @Test("of a service whose supervisor has no cgroup of its own is left by prune in that pause, too")
        func delegated() throws {
            try Machine.with { machine in
                let unit = "\(Remains.cgroupMount)/unit"
                machine.configure("restart = always; restart.delay = 4; exec.start = \"sleep 0.5 &\";")
                let start = startInUnit(machine, unit)
                #expect(start.status == 0, "\(start)")
                try #require(eventually { machine.state() == "restarting" })
                #expect(!Command(["find", Remains.cgroupMount, "-name", ".supervisor.*"]).run().output.contains("/"))
                machine.write("", to: "/run/jailrun/services/t.json")
                let prune = machine.jailrun("prune")
                #expect(prune.status == 125 && prune.errors.contains("jailrun stop t ends that"), "\(prune)")
                #expect(eventually(seconds: 20) { machine.state() == "up" })
                #expect(machine.jailrun("stop", "t").status == 0)
                #expect(machine.jailrun("prune").status == 0)
                #expect(eventually { rmdir("\(unit)/.supervisor") == 0 || errno == ENOENT })
                #expect(eventually { rmdir(unit) == 0 })
            }
        }

        @Test("of a service whose supervisor was killed is forgotten by prune, whatever other supervisors there are")
        func killed() throws {
            try Machine.with { machine in
                let other = "\(machine.directory)/u.conf"
                machine.write("u { path = \"\(machine.root)\"; persist; restart = always; }\n", to: other)
                #expect(machine.jailrun("start", other).status == 0)
                machine.configure("restart = always; restart.delay = 60; exec.start = \"sleep 0.5 &\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                try #require(eventually { machine.state() == "restarting" })
                let supervisor = try #require(machine.supervisor())
                machine.write("", to: "/run/jailrun/services/t.json")
                // Nothing else would be looked after by it, and nobody takes over what cannot be read.
                kill(supervisor, SIGKILL)
                #expect(eventually { access("/proc/\(supervisor)", F_OK) != 0 })
                let prune = machine.jailrun("prune")
                #expect(prune.status == 0 && prune.output.contains("forgot t"), "\(prune)")
                #expect(machine.state(of: "u") == "up")
                machine.stop("u")
            }
        }

        @Test("that is gone, of a jail whose rules are looked at, leaves no lock's file behind")
        func lock() throws {
            try Machine.with { machine in
                machine.configure("ip4.addr = 10.77.0.99; exec.start = \"sleep 1000 &\"; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let supervisor = try #require(machine.supervisor())
                kill(supervisor, SIGSTOP)
                let (trace, lock) = ("/run/jailrun/jails/t", "/run/jailrun/locks/t")
                let saved = [trace, trace + ".json"].map { ($0, machine.read($0)) }
                for path in [trace, trace + ".json", lock] { unlink(path) }
                _ = Command(["nft", "flush", "ruleset"]).run()
                kill(supervisor, SIGCONT)
                usleep(1_500_000)
                #expect(access(lock, F_OK) != 0)
                for (path, text) in saved { machine.write(text, to: path) }
                machine.stop()
            }
        }

        @Test("without a jail is gone after the next look") func alone() throws {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let (record, gone) = ("/run/jailrun/jails/t.json", "/run/jailrun/jails/gone.json")
                machine.write(machine.read(record).replacingOccurrences(of: "\"t\"", with: "\"gone\""), to: gone)
                #expect(machine.jailrun("list").status == 0)
                #expect(access(gone, F_OK) != 0 && access(record, F_OK) == 0)
                machine.stop()
            }
        }

        @Test("is what another jail's is in its place: each is stopped alone", arguments: ["jails", "services"])
        func others(folder: String) throws {
            try Machine.with { machine in
                machine.configure("persist;")
                let conf = "\(machine.directory)/u.conf"
                machine.write("u { path = \"\(machine.root)\"; persist; }\n", to: conf)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                #expect(machine.jailrun("start", conf).status == 0)
                let path = "/run/jailrun/\(folder)"
                machine.write(machine.read("\(path)/u.json"), to: "\(path)/t.json")
                #expect(machine.jailrun("list").output.contains("unreadable record"))
                #expect(machine.jailrun("stop", "t").status == 0 && processes(machine) == [])
                #expect(machine.state(of: "u") == "up")
                machine.stop("u")
            }
        }

        @Test("is no reason for jail(8) to leave its jail up, whose exec.stop alone is not run") func removed() throws {
            try Machine.with { machine in
                let mark = "\(machine.directory)/mark"
                machine.configure("persist; exec.stop = \"touch /var/stopped\"; exec.poststop = \"touch \(mark)\";")
                symlink(Laboratory.program, "\(machine.directory)/jail")
                #expect(machine.link("jail", "-q", "-f", machine.conf, "-c", "t").status == 0)
                Damage.flip.apply(machine)
                let removal = machine.link("jail", "-f", machine.conf, "-r", "t")
                #expect(removal.status == 0 && removal.errors.contains("stopped without its exec.stop"), "\(removal)")
                #expect(processes(machine) == [] && !machine.has("var/stopped") && access(mark, F_OK) == 0)
            }
        }

        @Test("of another state directory is nobody's here: no command but a stop that names its jail ends that")
        func elsewhere() throws {
            try Machine.with { machine in
                let other = "\(machine.directory)/other"
                machine.configure("ip4.addr = 10.77.0.99; exec.start = \"sleep 1000 &\"; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let before = processes(machine)
                let conf = "\(machine.directory)/u.conf"
                machine.write("u { path = \"\(machine.root)\"; persist; }\n", to: conf)
                #expect(machine.jailrun("start", "--root", other, conf).status == 0)
                for verb in ["list", "prune", "stats"] {
                    let outcome = machine.jailrun(verb, "--root", other)
                    #expect(outcome.status == 0, "\(outcome)")
                    #expect(processes(machine) == before && !before.isEmpty, "\(verb)")
                }
                // Nor is its name free, and nothing of it is taken back with a start that fails.
                for parameters in ["", "exec.prestart = false;"] {
                    machine.configure("ip4.addr = 10.77.0.99; persist; \(parameters)")
                    let start = machine.jailrun("start", "--root", other, machine.conf)
                    #expect(start.status == 125 && start.errors.contains("another state directory"), "\(start)")
                    #expect(processes(machine) == before)
                }
                // Its link is there still.
                let links = machine.jailrun("exec", "t", "cat", "/proc/net/dev").output
                #expect(links.contains("eth0"), "\(links)")
                #expect(machine.jailrun("stop", "--root", other, "u").status == 0)
                machine.stop()
            }
        }

        @Test("of a supervisor is written anew by it, and its jail is kept up as before")
        func service() throws {
            try Machine.with { machine in
                machine.configure("command = \"sleep 1000\"; restart = always; restart.delay = 1;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                machine.write("{}", to: "/run/jailrun/services/t.json")
                #expect(machine.jailrun("list").output.contains("unreadable record"))
                #expect(machine.jailrun("exec", "t", "true").status == 0)
                machine.write("1", to: "\(Remains.cgroupRoot)/t/cgroup.kill")
                #expect(
                    eventually {
                        let list = machine.jailrun("list")
                        return list.output.contains(" up ") && !list.output.contains("unreadable")
                    })
                #expect(machine.jailrun("stop", "t").status == 0)
            }
        }
    }
}
