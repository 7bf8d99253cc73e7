import Foundation
import Glibc
import Testing

extension Kernel {
    @Suite struct DeviceTests {
        private func names(_ answer: Outcome) -> [String] {
            answer.lines.map { String($0.prefix { $0 != " " }) }
        }

        private let always = ["fd", "mqueue", "shm", "stderr", "stdin", "stdout"]

        @Test("/dev holds what devfsrules_jail leaves of Linux' devices, and nothing else") func standard() throws {
            try Machine.with { machine in
                let answer = machine.ask("devices", "mount.devfs;")
                let expected =
                    always + ["full", "null", "ptmx", "pts", "pts/ptmx", "random", "tty", "urandom", "zero"]
                    + (access("/dev/fuse", F_OK) == 0 ? ["fuse"] : [])
                #expect(Set(names(answer)) == Set(expected), "\(answer)")
                #expect(answer.lines.contains("null char 1:3 0666 0:0"), "\(answer)")
                #expect(answer.lines.contains("full char 1:7 0666 0:0"))
            }
        }

        @Test("a ruleset that hides all leaves no device") func hidden() throws {
            try Machine.with { machine in
                let answer = machine.ask("devices", "mount.devfs; devfs_ruleset = 1;")
                #expect(answer.status == 0)
                #expect(!answer.lines.contains { $0.contains(" char ") || $0.contains(" block ") }, "\(answer)")
            }
        }

        @Test("the devices of /dev work, and cannot be replaced by others") func usable() throws {
            try Machine.with { machine in
                let outcome = machine.run(
                    "/bin/sh -c 'echo x >/dev/null && head -c 4 /dev/zero | wc -c && head -c 8 /dev/urandom | wc -c'",
                    "mount.devfs;")
                #expect(outcome.status == 0 && outcome.lines == ["4", "8"], "\(outcome)")
                #expect(
                    machine.ask("create /dev/new", "mount.devfs;").status == 0, "root of a jail may make files in /dev")
                #expect(machine.ask("mknod /dev/disk", "mount.devfs;").status == 1)
            }
        }

        @Test("without a user namespace too, a node that /dev does not have is refused by the device program")
        func program() throws {
            try Machine.with { machine in
                let outcome = machine.run(
                    "/bin/sh -c 'mknod /tmp/mem c 1 1; mknod /tmp/disk b 254 0; mknod /dev/again c 1 3 && echo x >/dev/again && echo ok'",
                    "mount.devfs; userns = host; cap.add = MKNOD; seccomp = none;")
                #expect(outcome.output == "ok\n", "\(outcome)")
                #expect(!machine.has("tmp/mem") && !machine.has("tmp/disk"))
            }
        }

        @Test("without mount.devfs and an empty /dev there is none") func absent() throws {
            try Machine.with { machine in
                let answer = machine.ask("devices", "mount.nodevfs;")
                #expect(answer.lines == [], "\(answer)")
            }
        }
    }

    @Suite struct HostileCallerTests {
        /// Everything that a caller can leave to its children, as bad as it gets.
        private static let caller = """
            use POSIX;
            $SIG{$_} = 'IGNORE' for qw(HUP INT QUIT TERM USR1 USR2 PIPE ALRM CHLD TSTP TTIN TTOU WINCH);
            my $all = POSIX::SigSet->new; $all->fillset; sigprocmask(SIG_BLOCK, $all);
            umask 0777; POSIX::nice(19); mkdir "/tmp/gone.$$"; chdir "/tmp/gone.$$"; rmdir "/tmp/gone.$$";
            $ENV{"SECRET$_"} = 'x' x 1000 for 1..100;
            POSIX::close($_) for 0..CLOSED;
            exec @ARGV;
            """

        private static let questions = [
            "caps", "seccomp", "nnp", "ids", "umask", "signals", "session", "fds", "env", "rlimits", "mounts", "cgroup",
            "links",
        ]

        /// What may differ between two starts: the numbers of descriptors' targets and mounts.
        private func posture(_ machine: Machine, _ command: Command) -> [String] {
            let outcome = command.run()
            #expect(outcome.status == 0, "\(outcome)")
            let text = machine.read("\(machine.root)/var/posture")
            try? FileManager.default.removeItem(atPath: "\(machine.root)/var/posture")
            return text.split(separator: "\n").map { line in
                line.range(of: #"^[0-9]+ [0-9]+ [0-9]+:[0-9]+ "#, options: .regularExpression)
                    .map { String(line[$0.upperBound...]) } ?? String(line)
            }
        }

        @Test("a hostile caller's jail is no different from a clean one's", arguments: [-1, 2])
        func same(closed: Int) throws {
            try Machine.with { machine in
                machine.script(
                    "posture",
                    "exec </dev/null >/var/posture 2>&1\n"
                        + Self.questions.map { "echo \($0); /bin/probe \($0)" }.joined(separator: "\n"))
                machine.configure("command = \"/bin/posture\"; mount.devfs;")
                let words = [Laboratory.program, "run", machine.conf]
                let clean = posture(machine, Command(words))
                let script = Self.caller.replacingOccurrences(of: "CLOSED", with: "\(closed)")
                let hostile = posture(machine, Command(["perl", "-e", script] + words))
                #expect(clean.contains("umask 022") && clean.count > 60)
                #expect(clean == hostile)
            }
        }

        @Test("limits that a caller lowered are the jail's own again") func limits() throws {
            try Machine.with { machine in
                machine.configure("command = \"/bin/probe rlimits\";")
                let clean = machine.jailrun("run", machine.conf)
                let lowered = Command([
                    "/bin/bash", "-c", "ulimit -S -n 32 -s 1024 -c 0 -f 100 -u 50; exec \"$0\" run \"$1\"",
                    Laboratory.program,
                    machine.conf,
                ]).run()
                #expect(clean["nofile"]?.first == "1024" && clean["core"] == ["1", "1"], "\(clean)")
                #expect(lowered.lines == clean.lines)
            }
        }

        /// Of what a process inherits, what a jail must not: each as the host's /proc shows it.
        private static let inherited = """
            p=$(for p in /proc/[0-9]*; do
                tr '\\0' ' ' <$p/cmdline 2>/dev/null | grep -q '^sleep 77' && grep -qs jailrun/t $p/cgroup && echo ${p#/proc/}
            done)
            for p in $p; do echo "$(cat /proc/$p/oom_score_adj) $(cat /proc/$p/personality) $(cut -d ' ' -f 19,41 /proc/$p/stat)" \
                "$(cat /proc/$p/timerslack_ns) $(ionice -p $p) $(grep THP_enabled /proc/$p/status)"; done
            """

        @Test("priorities, personality and OOM score of a caller are not those of a jail, nor of who joins it")
        func priorities() throws {
            try Machine.with { machine in
                // prctl(2): PR_SET_TIMERSLACK, PR_SET_THP_DISABLE.
                let caller =
                    "syscall(157, 29, 999999, 0, 0, 0); syscall(157, 41, 1, 0, 0, 0); open F, '>', '/proc/self/oom_score_adj'; "
                    + "print F 500; close F; exec @ARGV"
                let words = [
                    "nice", "-n", "5", "ionice", "-c", "2", "-n", "7", "chrt", "-b", "0", "setarch", "-R", "perl", "-e",
                    caller, Laboratory.program,
                ]
                machine.configure("exec.start = 'sleep 77 &'; persist;")
                #expect(Command(words + ["start", machine.conf]).run().status == 0)
                defer { machine.stop() }
                let entry = Command(words + ["exec", "t", "sleep", "77"]).start()
                var lines: [String] = []
                eventually {
                    lines = Command.shell(Self.inherited).run().lines
                    return lines.count == 2
                }
                #expect(lines == Array(repeating: "0 00000000 0 0 50000 none: prio 0 THP_enabled:\t1", count: 2))
                entry.signal(SIGKILL)
            }
        }

        @Test("jailrun keeps the OOM score that its caller gave it", arguments: ["", "oom.score = 77;"])
        func score(parameters: String) throws {
            try Machine.with { machine in
                machine.configure("command = 'sh -c \"cat /proc/self/oom_score_adj; sleep 77\"'; \(parameters)")
                let script = "echo 500 >/proc/self/oom_score_adj; exec \"$0\" run \"$1\""
                let run = Command(["/bin/sh", "-c", script, Laboratory.program, machine.conf]).start()
                #expect(eventually { run.output == (parameters.isEmpty ? "0\n" : "77\n") }, "\(run.output)")
                #expect(eventually { machine.read("/proc/\(run.pid)/oom_score_adj") == "500\n" })
                run.signal(SIGTERM)
                _ = run.wait()
            }
        }

        @Test("a jail has a session keyring of its own") func keyring() throws {
            try Machine.with { machine in
                // The default filter has no keyctl(2): asked with another.
                let answer = machine.ask("keyring", "seccomp = none;")
                #expect(answer["keys"] == ["0"] && answer["description"] != nil, "\(answer)")
            }
        }
    }
}
