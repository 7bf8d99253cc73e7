import Foundation
import Glibc
import Testing

extension Kernel {
    /// Commands that cannot be executed.
    @Suite struct ExecutionTests {
        @Test(
            "a start ends with the command that cannot be executed, by name, and leaves nothing",
            arguments: [
                "exec.start = \"/typo &\";", "exec.start = \"typo -x 'a b' &\";", "exec.start = \"typo\";",
                "command = \"typo -x\";", "exec.start = \"(/typo) &\";", "exec.start = \"A=1 typo >/dev/null &\";",
                "exec.prestart = \"/typo &\";", "exec.prestart = \"/typo\";", "exec.poststart = \"/typo &\";",
                "exec.created = \"/typo\";", "exec.start = \"true\"; exec.start += \"typo &\"; exec.start += \"true\";",
                "persist; exec.start = \"/typo &\";", "persist; command = typo;", "command = \"typo 'a b'\";",
                "exec.start = \"sh -c 'exec /typo' &\";",
            ])
        func start(parameters: String) throws {
            try Machine.with { machine in
                let rest = parameters.contains("exec.start") || parameters.contains("command") ? "" : "persist;"
                machine.configure("\(parameters) \(rest)")
                let isByShell = parameters.contains("A=1") || parameters.contains("(/typo)")
                var missed = 0
                for round in 0..<4 {
                    let start = machine.jailrun("start", machine.conf)
                    // What a shell leaves has a tenth of a second to fail in, and on a busy machine may not come to that.
                    if isByShell && start.status == 0 {
                        missed += 1
                        _ = machine.jailrun("stop", "-q", "t")
                        continue
                    }
                    #expect(start.status == 127, "\(round): \(start)")
                    #expect(start.errors.contains("typo") && start.errors.contains("jail.conf:3:"), "\(start)")
                    #expect(machine.state() == "none")
                }
                #expect(missed < 4)
                if missed > 0 { return }
                let run = machine.jailrun("run", machine.conf, "--", "echo", "tested")
                #expect(run.status == 125 && run.output == "" && run.errors.contains("typo"), "\(run)")
            }
        }

        @Test(
            "a system call profile without what starts a command is an error, and no run that waits",
            arguments: [("[]", 65), ("[\"close_range\"]", 65), ("[\"close_range\", \"execve\"]", 0)])
        func profile(allowed: String, status: Int) throws {
            try Machine.with { machine in
                let profile = "\(machine.directory)/profile.json"
                let rule = "{\"names\": \(allowed), \"action\": \"SCMP_ACT_ALLOW\"}"
                let rules = allowed == "[]" ? "" : rule
                machine.write("{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [\(rules)]}", to: profile)
                machine.configure("seccomp = \"\(profile)\"; command = \"/bin/probe ids\";")
                let check = machine.jailrun("check", machine.conf)
                #expect(check.status == Int32(status), "\(check)")
                #expect(status == 0 || check.errors.contains("the profile forbids "), "\(check)")
                for verb in ["run", "start"] {
                    let outcome = machine.jailrun(verb, machine.conf, seconds: 5)
                    // Of a program that may do nothing else the end is its own affair; that it ends is not.
                    #expect(status == 0 ? outcome.status != -1 : outcome.status == 125, "\(verb): \(outcome)")
                }
                if status == 0 { _ = machine.jailrun("stop", "-f", "t") }
            }
        }

        @Test(
            "what the kernel misses of a program is told",
            arguments: ["exec.start = \"/bin/%\";", "command = \"% x\";"])
        func interpreter(parameters: String) throws {
            try Machine.with { machine in
                machine.write("#!/no/interpreter\n", to: "\(machine.root)/bin/script")
                machine.write("echo hello\n", to: "\(machine.root)/bin/text")
                machine.write("#!/bin/sh\n", to: "\(machine.root)/bin/plain")
                for name in ["script", "text"] { chmod("\(machine.root)/bin/\(name)", 0o755) }
                for (name, status, cause) in [
                    ("script", 127, "its interpreter /no/interpreter: No such file or directory"),
                    ("text", 126, "Exec format error"), ("plain", 126, "Permission denied"),
                ] {
                    machine.configure(parameters.replacingOccurrences(of: "%", with: name))
                    let start = machine.jailrun("start", machine.conf)
                    #expect(start.status == Int32(status) && start.errors.contains(cause), "\(start)")
                    let check = machine.jailrun("check", machine.conf)
                    #expect(check.status == 65 && check.errors.contains(cause), "\(check)")
                }
                for name in ["script", "text", "plain"] { unlink("\(machine.root)/bin/\(name)") }
            }
        }

        @Test(
            "a health command that cannot be executed ends the start at once, by name, and is not repeated",
            arguments: [
                ("/typo -x", 127), ("typo | cat; exit 127", 127), ("/etc/passwd", 126), ("sh -c 'exec /typo'", 127),
            ])
        func health(command: String, status: Int) throws {
            try Machine.with { machine in
                machine.configure(
                    "exec.start = \"echo >>/var/starts\"; command = \"sleep 1000\"; restart = always; health.command = \"\(command)\";"
                )
                let begin = Date()
                let start = machine.jailrun("start", machine.conf)
                #expect(start.status == Int32(status), "\(start)")
                #expect(start.errors.contains("health.command: \(command)") && start.errors.contains("jail.conf:3:"))
                let run = machine.jailrun("run", machine.conf, "--", "echo", "tested")
                #expect(run.status == 125 && run.output == "", "\(run)")
                let told = run.errors.split(separator: "\n").filter { $0.contains("health.command: \(command)") }
                #expect(told.count == 1, "\(run)")
                #expect(Date().timeIntervalSince(begin) < 20 * Laboratory.patience)
                #expect(machine.read("\(machine.root)/var/starts") == "\n\n" && machine.state() == "none")
            }
        }

        @Test("an exec.stop that cannot be executed is named, and -f stops the jail") func stop() throws {
            try Machine.with { machine in
                machine.configure("command = \"sleep 1000\"; exec.stop = \"/typo x\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let stop = machine.jailrun("stop", "t")
                #expect(stop.status == 127 && stop.errors.contains("/typo x: No such file"), "\(stop)")
                #expect(machine.jailrun("stop", "-f", "t").status == 0)
            }
        }

        @Test("a background command that can be executed is left, whatever becomes of it") func left() throws {
            try Machine.with { machine in
                machine.configure(
                    "persist; exec.start = \"false &\"; exec.start += \"(exit 3) &\"; exec.prestart = \"false &\";")
                let start = machine.jailrun("start", machine.conf)
                #expect(start.status == 0, "\(start)")
                #expect(machine.jailrun("stop", "t").status == 0)
            }
        }
    }
}
