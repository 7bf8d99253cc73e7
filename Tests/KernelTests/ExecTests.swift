import Foundation
import Glibc
import Testing

extension Kernel {
    @Suite struct ExecTests {
        private func inside(_ parameters: String = "", _ body: (Machine) throws -> Void) throws {
            try Machine.with { machine in
                machine.configure("persist; \(parameters)")
                let outcome = machine.jailrun("start", machine.conf)
                #expect(outcome.status == 0, "\(outcome)")
                defer { machine.stop() }
                try body(machine)
            }
        }

        @Test("exec ends as its command does") func statuses() throws {
            try inside { machine in
                #expect(machine.jailrun("exec", "t", "true").status == 0)
                #expect(machine.jailrun("exec", "t", "sh", "-c", "exit 3").status == 3)
                #expect(machine.jailrun("exec", "t", "/bin/nothing").status == 127)
                #expect(machine.jailrun("exec", "t", "nothing").status == 127)
                #expect(machine.jailrun("exec", "t", "/etc/passwd").status == 126)
                #expect(machine.jailrun("exec", "t", "sh", "-c", "kill -KILL $$").status == 137)
                #expect(machine.jailrun("exec", "nobody", "true").status == 125)
            }
        }

        @Test("a mistyped jail is told the likely one") func mistyped() throws {
            try inside { machine in
                for verb in ["exec", "ps", "inspect", "wait", "stop", "restart"] {
                    let words = [verb, "tt"] + (verb == "exec" ? ["true"] : [])
                    let outcome = Command([Laboratory.program] + words).run()
                    #expect(outcome.status == 125, "\(verb): \(outcome)")
                    let isTold = outcome.errors.contains("\"tt\" not found\n    hint: did you mean \"t\"?")
                    #expect(isTold, "\(verb): \(outcome)")
                }
            }
        }

        @Test("exec takes a user, a directory and variables") func options() throws {
            try inside { machine in
                let user = machine.jailrun("exec", "-u", "user", "t", "/bin/probe", "ids")
                #expect(user["uid"] == ["1000", "1000", "1000"] && user["gid"] == ["1000", "1000", "1000"], "\(user)")
                #expect(machine.jailrun("exec", "-u", "1234", "t", "/bin/probe", "ids")["uid"]?.first == "1234")
                #expect(machine.jailrun("exec", "-w", "/var", "t", "pwd").output == "/var\n")
                #expect(machine.jailrun("exec", "-e", "A=b c", "t", "sh", "-c", "echo $A").output == "b c\n")
            }
        }

        @Test("a number that is no user id does not become root, or any other user") func oddUsers() throws {
            try inside { machine in
                let numbers = [
                    "-1", "+1", "4294967295", "4294967296", "0x0", " 0", "18446744073709551616", "1e3", "", "٣",
                ]
                for user in numbers {
                    let outcome = machine.jailrun("exec", "-u", user, "t", "/bin/probe", "ids")
                    #expect(outcome.status != 0 && outcome.output == "", "\(user): \(outcome)")
                }
            }
        }

        @Test("a command that joins has the filter, the mask and nothing of its caller") func posture() throws {
            try inside { machine in
                #expect(machine.jailrun("exec", "t", "/bin/probe", "seccomp")["seccomp"] == ["2"])
                #expect(machine.jailrun("exec", "t", "/bin/probe", "nnp")["no_new_privs"] == ["1"])
                #expect(machine.jailrun("exec", "t", "/bin/probe", "umask").status == 0)
                #expect(machine.jailrun("exec", "t", "/bin/probe", "signals").status == 0)
                let open = (10..<30).map { "exec \($0)</etc/hostname" }.joined(separator: "; ")
                let outcome = Command([
                    "/bin/bash", "-c", "\(open); exec \"$0\" exec t /bin/probe fds", Laboratory.program,
                ]).run()
                #expect(outcome.status == 0, "\(outcome)")
            }
        }

        @Test("exec into every namespace: it sees what the jail's pid 1 sees") func namespaces() throws {
            try inside { machine in
                let answer = machine.jailrun("exec", "t", "/bin/probe", "namespaces")
                let first = machine.jailrun("inspect", "t").json as? [String: Any]
                let pid = try #require((first?["processes"] as? [Int])?.first)
                for kind in ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"] {
                    let link = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/ns/\(kind)")
                    #expect(answer[kind] == [link], "\(kind)")
                }
            }
        }

        @Test("a command that joins has the filter that the jail was started with, whatever its profile says by then")
        func profile() throws {
            try Machine.with { machine in
                let profile = "\(machine.directory)/profile.json"
                func write(_ names: String) {
                    let rules = "[{\"names\": [\(names)], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 77}]"
                    machine.write("{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": \(rules)}", to: profile)
                }
                write("\"mkdir\", \"mkdirat\"")
                machine.configure("seccomp = \"\(profile)\"; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let refused = machine.jailrun("exec", "t", "mkdir", "/tmp/a")
                #expect(refused.status == 1 && refused.errors.contains("File descriptor in bad state"), "\(refused)")
                write("\"rmdir\"")
                let stillRefused = machine.jailrun("exec", "t", "mkdir", "/tmp/b")
                #expect(stillRefused.status == 1 && !machine.has("tmp/b"), "\(stillRefused)")
                unlink(profile)
                let withoutFile = machine.jailrun("exec", "t", "sh", "-c", "mkdir /tmp/c; echo $?")
                #expect(withoutFile.output == "1\n" && !machine.has("tmp/c"), "\(withoutFile)")
            }
        }

        @Test("exec -t gives a pty of the jail's own devpts, as large as the caller's") func terminal() throws {
            try inside("mount.devfs;") { machine in
                // An input that stays open: script(1) types the end of its own.
                var ends: [Int32] = [0, 0]
                pipe(&ends)
                defer { for end in ends { close(end) } }
                let command = "'\(Laboratory.program)' exec -t t /bin/sh -c 'tty; stty size; exit 7'"
                let outcome = Command(
                    ["script", "-qec", "stty rows 33 cols 101; \(command)", "/dev/null"], input: ends[0]
                ).run()
                let lines = outcome.output.replacingOccurrences(of: "\r", with: "").split(separator: "\n")
                #expect(lines == ["/dev/pts/0", "33 101"], "\(outcome)")
                #expect(outcome.status == 7)
            }
        }

        @Test("the program that joins is never seen inside, nor its descriptors, however often") func joiner()
            throws
        {
            try inside { machine in
                machine.script(
                    "poll",
                    """
                    touch /var/polling
                    while [ ! -e /var/enough ]; do
                        for entry in /proc/[0-9]*; do
                            exe=$(readlink $entry/exe 2>/dev/null) || continue
                            case $exe in
                            *busybox* | *jailrun-init* | *memfd:* | *probe*) ;;
                            *) echo "$entry $exe" >>/var/seen ;;
                            esac
                        done
                    done
                    """)
                var status = stat()
                #expect(stat(Laboratory.program, &status) == 0)
                let poller = machine.start("exec", "t", "/bin/poll")
                #expect(eventually { machine.has("var/polling") })
                for _ in 0..<Laboratory.rounds(100) { #expect(machine.jailrun("exec", "t", "true").status == 0) }
                machine.write("", to: "\(machine.root)/var/enough")
                #expect(poller.wait().status == 0)
                #expect(!machine.has("var/seen"), "\(machine.read("\(machine.root)/var/seen"))")
            }
        }

        @Test("a script whose interpreter is /proc/self/exe reaches the sealed image at most") func interpreter() throws
        {
            try inside { machine in
                let before = Command(["sha256sum", Laboratory.program]).run().output
                machine.write("#!/proc/self/exe\n", to: "\(machine.root)/bin/evil")
                chmod("\(machine.root)/bin/evil", 0o755)
                for _ in 0..<5 { #expect(machine.jailrun("exec", "t", "/bin/evil", seconds: 10).status != 0) }
                #expect(Command(["sha256sum", Laboratory.program]).run().output == before)
            }
        }

        @Test("a working directory that is a descriptor's link lands on nothing of the host") func descriptorDirectory()
            throws
        {
            try inside { machine in
                for number in 3...15 {
                    let outcome = machine.jailrun(
                        "exec", "-w", "/proc/self/fd/\(number)", "t", "/bin/sh", "-c", "ls ..; pwd")
                    #expect(outcome.status != 0, "\(number): \(outcome)")
                }
            }
        }

        @Test(
            "exec -t types in what is piped to it, and its end ends the input",
            arguments: [
                ("echo mark$((40+2)); exit 7\n", "sh", 7), ("one\ntwo", "cat; exit 3", 3), ("", "cat; exit 4", 4),
            ])
        func pipedTerminal(input: String, script: String, status: Int) throws {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                machine.write(input, to: "\(machine.directory)/input")
                let program = Laboratory.program
                let line = "cat '\(machine.directory)/input' | '\(program)' exec -t t sh -c '\(script)'"
                let outcome = Command.shell(line).run(seconds: 15)
                #expect(outcome.status == Int32(status), "\(outcome)")
                let said = script == "sh" ? "mark42" : "two"
                #expect(input.isEmpty || outcome.output.contains(said), "\(outcome)")
            }
        }

        @Test(
            "exec -t of a shell ends with its input, whichever mode the shell puts the terminal into",
            arguments: ["sh", "sh -i", "sh -c 'stty raw -echo; exec cat'", "sh -c 'stty raw; stty -raw; cat'"],
            ["", "echo mark$((40+2))\n"])
        func shell(command: String, input: String) throws {
            try inside { machine in
                let program = Laboratory.program
                let outcome = Command.shell("printf '\(input)' | '\(program)' exec -t t \(command)").run(seconds: 15)
                #expect(outcome.status != 128 + SIGKILL && outcome.status != -1, "\(outcome)")
            }
        }

        @Test("a second SIGTERM ends a command of exec that makes nothing of the first", arguments: ["", "-t"])
        func second(option: String) throws {
            try inside { machine in
                let script = "trap : TERM; touch /var/at; while :; do sleep 8383; done"
                let words = ["exec"] + (option.isEmpty ? [] : [option]) + ["t", "sh", "-c", script]
                let running = Command([Laboratory.program] + words).start()
                #expect(eventually { machine.has("var/at") })
                running.signal(SIGTERM)
                usleep(200_000)
                running.signal(SIGTERM)
                #expect(running.wait(seconds: 15).status == 128 + SIGKILL)
            }
        }

        @Test("exec -t of a program that does not read its input can be ended") func unreadTerminal() throws {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let script = "stty -echo; touch /var/at; exec sleep 8181"
                let line = "yes | '\(Laboratory.program)' exec -t t sh -c '\(script)' & echo $!; wait $!"
                let running = Command.shell(line).start()
                #expect(eventually { machine.has("var/at") })
                // More than any buffer takes has been offered by then.
                usleep(500_000)
                let pid = try #require(running.output.split(separator: "\n").first.flatMap { pid_t($0) })
                kill(pid, SIGTERM)
                #expect(running.wait(seconds: 15).status == 128 + SIGTERM)
            }
        }
    }
}
