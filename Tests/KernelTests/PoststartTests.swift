import Foundation
import Glibc
import Testing

extension Kernel {
    /// exec.poststart comes when the jail is up, and ends with it.
    @Suite struct PoststartTests {
        private static let modes = ["run", "start", "services"]

        private func begin(_ machine: Machine, _ mode: String) -> Running {
            mode == "services" ? machine.start("-q", machine.conf, "--", "true") : machine.start(mode, machine.conf)
        }

        @Test("run performs exec.poststart while the main program runs, and ends with that program's status")
        func duringRun() throws {
            try Machine.with { machine in
                let mark = "\(machine.directory)/post"
                machine.configure(
                    "exec.poststart = \"touch \(mark)\"; "
                        + "command = \"sh -c 'while [ ! -e /var/go ]; do sleep 0.05; done; exit 7'\";")
                let running = machine.start("run", machine.conf)
                #expect(eventually { access(mark, F_OK) == 0 }, "\(running.errors)")
                #expect(!running.hasEnded)
                machine.write("", to: "\(machine.root)/var/go")
                #expect(running.wait(seconds: 15).status == 7)
            }
        }

        @Test("an exec.poststart that fails ends a run, though its program goes on") func failing() throws {
            try Machine.with { machine in
                machine.configure("exec.poststart = \"sh -c 'exit 3'\"; command = \"sleep 5353\";")
                let outcome = machine.jailrun("run", machine.conf, seconds: 15)
                #expect(outcome.status != 0 && outcome.errors.contains("exit 3"), "\(outcome)")
            }
        }

        @Test("a main program that fails ends exec.poststart, however long that would take", arguments: modes)
        func programEnds(mode: String) throws {
            try Machine.with { machine in
                machine.configure("exec.poststart = \"sleep 5454\"; command = \"sh -c 'sleep 1; exit 7'\";")
                let running = begin(machine, mode)
                let outcome = running.wait(seconds: 20)
                #expect(outcome.status == (mode == "services" ? 125 : 7), "\(outcome)")
                #expect(mode == "run" || outcome.errors.contains("exited with status 7"), "\(outcome)")
                #expect(pids(of: "sleep 5454").isEmpty)
            }
        }

        @Test("so does the end of the first process", arguments: modes) func firstProcessEnds(mode: String) throws {
            try Machine.with { machine in
                machine.configure("exec.poststart = \"sleep 5454\"; exec.start = \"sleep 5353 &\";")
                let running = begin(machine, mode)
                try #require(eventually { !pids(of: "sleep 5454").isEmpty }, "\(running.errors)")
                for pid in pids(of: "jailrun-init") { kill(pid, SIGKILL) }
                let outcome = running.wait(seconds: 20)
                #expect(outcome.status != 0, "\(outcome)")
                #expect(pids(of: "sleep 5454").isEmpty)
            }
        }

        @Test("a signal during exec.poststart stops a run with the jail's own stop commands") func signalled() throws {
            try Machine.with { machine in
                let mark = "\(machine.directory)/at"
                machine.configure(
                    "exec.poststart = \"touch \(mark); sleep 5454\"; exec.stop = \"touch /var/stopped\"; "
                        + "command = \"sleep 5353\";")
                let running = machine.start("run", machine.conf)
                try #require(eventually { access(mark, F_OK) == 0 }, "\(running.errors)")
                running.signal(SIGTERM)
                #expect(running.wait(seconds: 15).status == 128 + SIGTERM)
                #expect(machine.has("var/stopped") && pids(of: "sleep 5454").isEmpty)
            }
        }

        @Test("a program whose output is on a terminal is shown while exec.poststart runs") func shown() throws {
            try Machine.with { machine in
                machine.configure("exec.poststart = \"sleep 5454\"; command = \"sh -c 'echo early; sleep 1000'\";")
                let line = "'\(Laboratory.program)' run '\(machine.conf)'"
                let running = Command(["script", "-qec", line, "/dev/null"]).start()
                #expect(eventually(seconds: 15) { running.output.contains("early") })
                #expect(eventually { !pids(of: "sleep 5454").isEmpty })
                for pid in pids(of: "sleep 5454") { kill(pid, SIGTERM) }
                for pid in pids(of: "sleep 1000") { kill(pid, SIGKILL) }
                _ = running.wait(seconds: 15)
            }
        }
    }
}

/// Of the processes whose words those are.
func pids(of words: String) -> [pid_t] {
    ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { pid_t($0) }.filter { pid in
        let line = (try? String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8)) ?? ""
        return line.split(separator: "\0").joined(separator: " ") == words
    }
}

/// The parent of a process.
func parent(of pid: pid_t) -> pid_t? {
    let status = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
    guard let end = status.lastIndex(of: ")") else { return nil }
    return status[end...].split(separator: " ").dropFirst(2).first.flatMap { pid_t($0) }
}
