import Foundation
import Glibc
import Testing

extension Kernel {
    /// What a caller has for standard input, output and error, as a jail finds it.
    @Suite struct HandedDescriptorTests {
        /// Opens by name what nginx, httpd and php-fpm open by name.
        private static let speaker = "echo out >/dev/stdout && echo error >/dev/stderr"

        /// Runs a command with a socket for its output, and writes what comes over it to a file.
        private static let socketCaller = """
            socketpair my $a, my $b, AF_UNIX, SOCK_STREAM, 0; my $file = shift;
            if (fork) { close $b; open F, ">", $file; print F $_ while <$a>; wait; exit $? >> 8 }
            close $a; open STDOUT, ">&", $b; open STDERR, ">&", $b; close $b; exec @ARGV
            """

        /// Those of the host that a jail may be given; $RUN is the command, $D a directory, and `$D/got` what came of it.
        private static let outputs = [
            "a file": "$RUN >$D/got 2>&1",
            "two files": "$RUN >$D/one 2>$D/two; s=$?; cat $D/one $D/two >$D/got; exit $s",
            "a pipe": "set -o pipefail; $RUN 2>&1 | cat >$D/got",
            "a FIFO": "mkfifo -m 600 $D/fifo; cat $D/fifo >$D/got & $RUN >$D/fifo 2>&1; s=$?; wait; exit $s",
            "a socket": "perl -MSocket -e '\(socketCaller)' $D/got $RUN",
        ]

        /// `$RUN` is the command, `$D` the test's directory; in the command `$J` is jailrun.
        private func shell(_ script: String, _ run: String, _ machine: Machine) -> Outcome {
            let words = run.replacingOccurrences(of: "$J", with: Laboratory.program)
            return Command(["/bin/bash", "-c", "RUN='\(words)'; D=\(machine.directory)\n\(script)"]).run()
        }

        private func words(_ machine: Machine) -> String { machine.read("\(machine.directory)/got") }

        @Test(
            "output can be opened by name, whatever it is, by root and by others, in run and in exec",
            arguments: Self.outputs.keys.sorted(), ["root", "user"])
        func output(kind: String, user: String) throws {
            let script = try #require(Self.outputs[kind])
            try Machine.with { machine in
                machine.script("speak", Self.speaker)
                machine.configure("command = /bin/speak; exec.jail_user = \(user);")
                let run = shell(script, "$J run -q \(machine.conf)", machine)
                #expect(run.status == 0 && words(machine) == "out\nerror\n", "\(run) \(words(machine))")
                _ = Command.shell("rm -f \(machine.directory)/fifo \(machine.directory)/got").run()
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let exec = shell(script, "$J exec -u \(user) t /bin/speak", machine)
                #expect(exec.status == 0 && words(machine) == "out\nerror\n", "\(exec) \(words(machine))")
            }
        }

        @Test("output of a detached jail, of services and of exec.consolelog can be opened by name") func kept() throws
        {
            try Machine.with { machine in
                machine.script("speak", "\(Self.speaker); echo done; exec sleep 100")
                let log = "\(machine.directory)/console"
                for parameters in ["", "exec.consolelog = \(log);", "exec.jail_user = user;"] {
                    // Entrypoints of images give it away, and let others write to it.
                    machine.script(
                        "give", "chown user /dev/stdout /dev/stderr && chmod 622 /dev/stdout && exec /bin/speak")
                    let command = parameters.contains("user") ? "speak" : "give"
                    machine.configure("exec.start = '/bin/\(command) &'; \(parameters)")
                    #expect(machine.jailrun("start", machine.conf).status == 0)
                    let isSaid = eventually {
                        let text = parameters.contains("log") ? machine.read(log) : machine.jailrun("logs", "t").output
                        return text == "out\nerror\ndone\n"
                    }
                    #expect(isSaid, "\(parameters): \(machine.jailrun("logs", "t"))")
                    machine.stop()
                }
                machine.configure("exec.start = '/bin/speak &';")
                let logs = "\(machine.directory)/logs"
                let wait = "until grep -q done \(logs)/t.log; do sleep 0.05; done"
                let run = machine.jailrun("run", "--logs", logs, machine.conf, "--", "sh", "-c", wait)
                #expect(run.status == 0 && machine.read("\(logs)/t.log").hasPrefix("out\nerror\n"), "\(run)")
            }
        }

        @Test(
            "input can be opened by name, whatever it is",
            arguments: [
                "echo data >$D/in; chmod 600 $D/in; $RUN <$D/in", "echo data >$D/in; chmod 666 $D/in; $RUN <$D/in",
                "echo data | $RUN", "mkfifo -m 600 $D/in; echo data >$D/in & $RUN <$D/in", "$RUN <<<data",
            ])
        func input(script: String) throws {
            try Machine.with { machine in
                for user in ["root", "user"] {
                    machine.configure("command = 'cat /dev/stdin'; exec.jail_user = \(user);")
                    let run = shell(script, "$J run -q \(machine.conf)", machine)
                    #expect(run.status == 0 && run.output == "data\n", "\(user): \(run)")
                    _ = Command.shell("rm -f \(machine.directory)/in").run()
                }
            }
        }

        @Test("what a command leaves of its input is there for the next") func leftInput() throws {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                machine.write((1...30000).map { "line \($0)\n" }.joined(), to: "\(machine.directory)/in")
                for mode in ["600", "644"] {
                    let script = """
                        chmod \(mode) $D/in; { read -r a; $RUN true; read -r b; $RUN sh -c "read -r x; echo \\$x"; read -r c
                        echo $a,$b,$c; } <$D/in
                        """
                    let outcome = shell(script, "$J exec t", machine)
                    #expect(outcome.output == "line 3\nline 1,line 2,line 4\n", "\(mode): \(outcome)")
                }
            }
        }

        @Test("a file of the host's keeps its owner, its mode and what was in it") func untouched() throws {
            try Machine.with { machine in
                let file = "\(machine.directory)/file"
                machine.script("speak", "echo new >/dev/stdout; : >/dev/stdout; echo end")
                machine.configure("command = /bin/speak;")
                let script = "echo old >$D/file; chmod 640 $D/file; chown 7:8 $D/file; $RUN >>$D/file 2>&1"
                let outcome = shell(script, "$J run -q \(machine.conf)", machine)
                let look = Command(["stat", "-c", "%u:%g %a", file]).run()
                #expect(look.output == "7:8 640\n", "\(outcome)")
                let text = machine.read(file)
                #expect(text == "old\nnew\nend\n", "\(text)")
            }
        }

        @Test("output to a file is whole and in its order") func whole() throws {
            try Machine.with { machine in
                machine.script(
                    "speak", "i=0; while [ $i -lt 3000 ]; do echo out $i; echo error $i >&2; i=$((i + 1)); done; exit 3"
                )
                machine.configure("command = /bin/speak;")
                let outcome = shell("$RUN >$D/got 2>&1", "$J run -q \(machine.conf)", machine)
                let wanted = (0..<3000).map { "out \($0)\nerror \($0)\n" }.joined()
                #expect(outcome.status == 3 && words(machine) == wanted, "\(outcome)")
            }
        }

        @Test("a command ends when nobody reads its output any more") func readerGone() throws {
            try Machine.with { machine in
                machine.configure("command = 'yes';")
                for script in ["mkfifo $D/f; head -n1 $D/f & $RUN >$D/f", "$RUN | head -n1; exit ${PIPESTATUS[0]}"] {
                    let outcome = shell(script, "$J run -q \(machine.conf)", machine)
                    #expect(outcome.status == 141 && outcome.output == "y\n", "\(outcome)")
                }
            }
        }

        @Test("output that found no room is an error") func full() throws {
            try Machine.with { machine in
                machine.configure("command = 'head -c 100000 /dev/zero';")
                let script = """
                    mkdir $D/full; mount -t tmpfs -o size=4k none $D/full; $RUN >$D/full/file; s=$?; umount $D/full; exit $s
                    """
                let outcome = shell(script, "$J run -q \(machine.conf)", machine)
                #expect(outcome.status == 125, "\(outcome)")
                #expect(outcome.errors.contains("cannot write standard output: No space left on device"), "\(outcome)")
            }
        }

        @Test("output that was lost with the process that moves it is an error") func moverKilled() throws {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                machine.script("slow", "echo now; sleep 1")
                let script = """
                    $RUN >$D/got & run=$!; until grep -q now $D/got; do sleep 0.05; done
                    for child in $(cat /proc/$run/task/$run/children); do
                        case $(readlink /proc/$child/fd/1) in $D/got) kill -9 $child;; esac
                    done
                    wait $run
                    """
                let outcome = shell(script, "$J exec t /bin/slow", machine)
                #expect(outcome.status == 125, "\(outcome)")
                #expect(outcome.errors.contains("standard output is incomplete"), "\(outcome)")
            }
        }

        @Test("a process that outlives its exec goes on writing") func outlives() throws {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                machine.script("late", "(until [ -e /tmp/go ]; do sleep 0.05; done; echo late) & echo now")
                let outcome = shell("$RUN >$D/got", "$J exec t /bin/late", machine)
                #expect(outcome.status == 0 && words(machine) == "now\n", "\(outcome)")
                #expect(machine.jailrun("exec", "t", "touch", "/tmp/go").status == 0)
                #expect(eventually { words(machine) == "now\nlate\n" }, "\(words(machine))")
            }
        }

        @Test("an exec ends with its command, though what that left behind never stops writing") func chatter() throws {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                machine.script("chatter", "(while :; do echo x; done) & echo first; exit 4")
                let outcome = shell("$RUN >$D/got", "$J exec t /bin/chatter", machine)
                #expect(outcome.status == 4 && words(machine).contains("first\n"), "\(outcome)")
            }
        }

        @Test("a directory or a place is no standard input, output or error", arguments: 0...2)
        func refused(number: Int) throws {
            try Machine.with { machine in
                let name = ["standard input", "standard output", "standard error"][number]
                // openat(2), O_PATH.
                let open = "my $p = \"/etc/passwd\"; my $f = syscall(257, -100, $p, 0x200000, 0);"
                let place = "perl -MPOSIX -e '\(open) dup2($f, \(number)); exec @ARGV' $RUN"
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                machine.write("u { path = \"\(machine.root)\"; command = \"true\"; }\n", to: machine.conf)
                let commands = [
                    "$J run -q \(machine.conf)", "$J exec t true", "\(machine.directory)/jexec t true",
                ]
                _ = Command.shell("ln -s \(Laboratory.program) \(machine.directory)/jexec").run()
                for command in commands {
                    for script in ["$RUN \(number)</etc", place] {
                        let outcome = shell(script, command, machine)
                        #expect(outcome.status != 0, "\(command): \(outcome)")
                        #expect(number == 2 || outcome.errors.contains(name), "\(command): \(outcome)")
                    }
                }
            }
        }
    }
}
