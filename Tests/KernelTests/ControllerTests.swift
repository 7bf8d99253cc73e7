import Foundation
import Glibc
import Testing

extension Kernel {
    @Suite(.enabled(if: Laboratory.isVirtualMachine, "needs cgroup v2 with every controller (run: make test-vm)"))
    struct ControllerTests {
        private func value(_ file: String, of jail: String = "t") -> String {
            (try? String(contentsOfFile: "\(Remains.cgroupRoot)/\(jail)/\(file)", encoding: .utf8)) ?? ""
        }

        @Test("of a jail in the foreground that ran out of memory the limit, its value and its place are told")
        func memoryKillInForeground() throws {
            try Machine.with { machine in
                let run = machine.run("tail /dev/zero", "cgroup.memory.max = 64M; cgroup.memory.swap.max = 0;")
                #expect(run.status == 137, "\(run)")
                #expect(run.errors.contains("jail.conf:4:"), "\(run)")
                #expect(run.errors.contains("t: killed by the kernel: memory.max 64M"), "\(run)")
            }
        }

        @Test("of an exec that ran out of memory the same is told, and of a later one that somebody killed it is not")
        func memoryKillInExec() throws {
            try Machine.with { machine in
                machine.configure("persist; cgroup.memory.max = 64M; cgroup.memory.swap.max = 0;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let hog = machine.jailrun("exec", "t", "tail", "/dev/zero")
                #expect(hog.status == 137 && hog.errors.contains("t: killed by the kernel: memory.max 64M"), "\(hog)")
                let killed = machine.jailrun("exec", "t", "sh", "-c", "kill -9 $$")
                #expect(killed.status == 137 && !killed.errors.contains("killed by the kernel"), "\(killed)")
            }
        }

        @Test("memory.max kills a hog inside, and nobody else") func memory() throws {
            try Machine.with { machine in
                machine.configure(
                    "cgroup.memory.max = 64M; cgroup.memory.swap.max = 0; exec.start = \"sleep 1000 &\"; persist;")
                let start = machine.jailrun("start", machine.conf)
                #expect(start.status == 0, "\(start)")
                defer { machine.stop() }
                let bystander = Command(["sleep", "1000"]).start()
                let hog = machine.jailrun("exec", "t", "/bin/probe", "memory", "268435456", seconds: 120)
                #expect(hog["memory"] == ["killed"] || hog.status == 137, "\(hog)")
                #expect(value("memory.events").contains("oom_kill 1"))
                #expect(!bystander.hasEnded)
                #expect(machine.jailrun("exec", "t", "true").status == 0)
                let within = machine.jailrun("exec", "t", "/bin/probe", "memory", "16777216", seconds: 120)
                #expect(within["memory"] == ["ok"], "\(within)")
            }
        }

        @Test("a kill by the kernel for want of memory is told as what it was: limit, peak and process")
        func memoryKillTold() throws {
            try Machine.with { machine in
                machine.configure(
                    """
                    cgroup.memory.max = 64M; cgroup.memory.swap.max = 0;
                    exec.start = "/bin/hog &";
                    """)
                machine.script(
                    "hog",
                    "while [ ! -e /var/go ]; do sleep 0.1; done; exec tail -c 1000000000 /dev/zero >/dev/null")
                let running = machine.start("run", machine.conf, "--", "/bin/sh", "-c", "echo ready; exec sleep 60")
                #expect(eventually(seconds: 60) { running.output == "ready\n" })
                let statistics = machine.jailrun("stats", "t", "--json").json as? [[String: Any]]
                #expect(statistics?.first?["memoryMaximum"] as? Int == 64 << 20)
                #expect(
                    (statistics?.first?["memoryBytes"] as? Int ?? 0) > 0
                        && statistics?.first?["memoryKills"] as? Int == 0)
                machine.write("", to: "\(machine.root)/var/go")
                let told = "t: failed: killed by the kernel: memory.max 64M, peak 64M, process tail"
                #expect(eventually(seconds: 120) { running.errors.contains(told) }, "\(running.errors)")
                running.signal(SIGTERM)
                _ = running.wait(seconds: 60)
            }
        }

        @Test("a cgroup that goes while its files are read has no values any more") func going() throws {
            try Machine.with { machine in
                machine.configure("cgroup.pids.max = 50; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let jls = "\(machine.directory)/jls"
                symlink(Laboratory.program, jls)
                let file = "\(Remains.cgroupRoot)/t/pids.max"
                let words = ["strace", "-o", "/dev/null", "-P", file, "-e", "inject=read:error=ENODEV", "--"]
                for command in [
                    [Laboratory.program, "inspect", "t"], [Laboratory.program, "stats", "t"],
                    [jls, "-j", "t", "cgroup.pids.max"],
                ] {
                    let outcome = Command(words + command).run()
                    #expect(outcome.status == 0, "\(command): \(outcome)")
                }
            }
        }

        @Test("pids.max stops a fork bomb, also where nobody asked for it") func pids() throws {
            try Machine.with { machine in
                machine.configure("cgroup.pids.max = 32; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let bomb = machine.jailrun("exec", "t", "/bin/probe", "forkbomb", "1000", seconds: 120)
                let made = bomb["children"]?.first.flatMap { Int($0) } ?? -1
                #expect(made > 0 && made < 32 && bomb["fork"] == ["EAGAIN"], "\(bomb)")
                #expect(machine.jailrun("exec", "t", "true").status == 0)
                machine.stop()
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                #expect(value("pids.max") == "4096\n")
                machine.stop()
            }
        }

        @Test("cpu.max throttles") func cpu() throws {
            try Machine.with { machine in
                machine.configure("cgroup.cpu.max = \"20000 100000\"; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let spin = machine.jailrun("exec", "t", "/bin/probe", "spin", "2", seconds: 120)
                let share = spin["share"]?.first.flatMap { Double($0) } ?? 1
                #expect(share < 0.4, "\(spin)")
                let throttled = value("cpu.stat").split(separator: "\n").first { $0.hasPrefix("nr_throttled ") }
                #expect(throttled.flatMap { Int($0.dropFirst(13)) } ?? 0 > 0)
            }
        }

        @Test("a value that the kernel rounds is an error that names it") func rounded() throws {
            try Machine.with { machine in
                machine.configure("cgroup.memory.max = 10000001; persist;")
                let outcome = machine.jailrun("start", machine.conf)
                #expect(outcome.status == 125, "\(outcome)")
                #expect(outcome.errors.contains("jail.conf:3") && outcome.errors.contains("memory.max"), "\(outcome)")
            }
        }

        @Test("a value that the kernel refuses is an error that names it") func refused() throws {
            try Machine.with { machine in
                machine.configure("cgroup.cpu.max = lots; persist;")
                let outcome = machine.jailrun("start", machine.conf)
                #expect(outcome.status == 125 || outcome.status == 65, "\(outcome)")
                #expect(outcome.errors.contains("jail.conf:3") && outcome.errors.contains("cpu.max"), "\(outcome)")
            }
        }

        @Test("every value written is what the kernel has") func written() throws {
            try Machine.with { machine in
                machine.configure(
                    "cgroup.memory.max = 128M; cgroup.memory.high = 64M; cgroup.cpu.weight = 50; cgroup.pids.max = 99; persist;"
                )
                let start = machine.jailrun("start", machine.conf)
                #expect(start.status == 0, "\(start)")
                #expect(value("memory.max") == "134217728\n" && value("memory.high") == "67108864\n")
                #expect(value("cpu.weight") == "50\n" && value("pids.max") == "99\n")
                machine.stop()
            }
        }

        // Emulated, and with one processor for all: beside 200 such processes, true(1) takes five seconds there.
        @Test("a fork bomb is gone at once when its jail is stopped, three times") func bomb() throws {
            try Machine.with { machine in
                machine.script("bomb", "while :; do /bin/bomb & done")
                machine.configure("cgroup.pids.max = 50; stop.timeout = 0; exec.start = \"/bin/bomb &\"; persist;")
                for _ in 0..<3 {
                    #expect(machine.jailrun("start", machine.conf).status == 0)
                    usleep(100_000)
                    let begin = Date()
                    #expect(machine.jailrun("stop", "t").status == 0)
                    #expect(Date().timeIntervalSince(begin) < 10 * Laboratory.patience)
                }
            }
        }

        @Test("the device program denies what /dev does not show") func devices() throws {
            try Machine.with { machine in
                let outcome = machine.run(
                    "/bin/sh -c 'mknod /tmp/mem c 1 1; mknod /dev/again c 1 3 && echo x >/dev/again && echo ok'",
                    "mount.devfs; userns = host; cap.add = MKNOD; seccomp = none;")
                #expect(outcome.output == "ok\n" && !machine.has("tmp/mem"), "\(outcome)")
            }
        }
    }
}
