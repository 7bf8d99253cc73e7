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

        @Test("a jail has a session keyring of its own") func keyring() throws {
            try Machine.with { machine in
                // The default filter has no keyctl(2): asked with another.
                let answer = machine.ask("keyring", "seccomp = none;")
                #expect(answer["keys"] == ["0"] && answer["description"] != nil, "\(answer)")
            }
        }
    }
}
