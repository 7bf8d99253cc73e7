import Foundation
import Glibc
import Testing

extension Kernel {
    /// SIGKILL of whoever is at work on a jail: what it began is taken back, without a command that asks for it.
    @Suite struct KilledWorkTests {
        private func left() -> [String] {
            ["/run/jailrun/jails", Remains.cgroupRoot].flatMap { root in
                let below = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
                return below.map { "\(root)/\($0)" }.filter { path in
                    var isDirectory: ObjCBool = false
                    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
                    return exists && (isDirectory.boolValue != root.hasPrefix("/run"))
                }
            }
        }

        @Test(
            "a stop that is killed in a command of the host's is brought to its end",
            arguments: [
                "exec.poststop = \"touch MARK; sleep 5454\"; exec.release = \"touch DONE\";",
                "exec.poststop = \"touch DONE\"; exec.release = \"touch MARK; setsid sleep 5454\";",
            ], ["start", "run"])
        func stop(commands: String, mode: String) throws {
            try Machine.with { machine in
                let (mark, done) = ("\(machine.directory)/at", "\(machine.directory)/done")
                let words = commands.replacingOccurrences(of: "MARK", with: mark)
                    .replacingOccurrences(of: "DONE", with: done)
                machine.configure("ip4.addr = 10.77.0.5; exec.start = \"sleep 5353 &\"; \(words)")
                let running = machine.start(mode, machine.conf)
                try #require(eventually { !pids(of: "sleep 5353").isEmpty }, "\(running.errors)")
                if mode == "start" { #expect(running.wait(seconds: 15).status == 0) }
                let stop = machine.start("stop", "t")
                try #require(eventually { access(mark, F_OK) == 0 }, "\(stop.errors)")
                usleep(300_000)
                stop.signal(SIGKILL)
                #expect(eventually(seconds: 3) { left().isEmpty && pids(of: "sleep 5454").isEmpty }, "\(left())")
                #expect(eventually(seconds: 3) { access(done, F_OK) == 0 }, "exec.release has not run")
                if mode == "run" { _ = running.wait(seconds: 15) }
            }
        }

        @Test(
            "a detached start that is killed at work leaves nothing up, and says so",
            arguments: ["prestart", "created", "start", "poststart"], ["worker", "supervisor"])
        func start(hook: String, victim: String) throws {
            try Machine.with { machine in
                let rest = hook == "start" ? "" : "exec.start = \"sleep 5353 &\";"
                let command = "exec.\(hook) = \"sleep 5454\";"
                machine.configure("ip4.addr = 10.77.0.5; \(command) \(rest)")
                let running = machine.start("start", machine.conf)
                try #require(eventually { !pids(of: "sleep 5454").isEmpty }, "\(running.errors)")
                usleep(300_000)
                let all = pids(of: "\(Laboratory.program) start \(machine.conf)")
                let workers = all.filter { $0 != running.pid }
                let supervisors = workers.filter { parent(of: $0) == running.pid }
                let victims = victim == "supervisor" ? supervisors : workers.filter { !supervisors.contains($0) }
                try #require(!victims.isEmpty, "\(workers)")
                for pid in victims { kill(pid, SIGKILL) }
                #expect(running.wait(seconds: 15).status != 0)
                #expect(eventually(seconds: 3) { left().isEmpty }, "\(left())")
                #expect(pids(of: "sleep 5353").isEmpty && pids(of: "sleep 5454").isEmpty)
                // One that was up is known as ended.
                #expect(machine.jailrun("prune").status == 0)
            }
        }

        @Test("whoever watches over a run is replaced when it is killed") func watcher() throws {
            try Machine.with { machine in
                machine.configure("command = \"sleep 5353\";")
                let running = machine.start("run", machine.conf)
                try #require(eventually { !pids(of: "sleep 5353").isEmpty })
                let watchers = {
                    // It has a session of its own, unlike the processes between the jail and a file.
                    pids(of: "\(Laboratory.program) run \(machine.conf)").filter {
                        parent(of: $0) == running.pid && getsid($0) == $0
                    }
                }
                try #require(eventually { watchers().count == 1 }, "\(watchers())")
                let first = watchers()
                for pid in first { kill(pid, SIGKILL) }
                // Looked at once: the first may go between two looks.
                let isReplaced = eventually {
                    let now = watchers()
                    return now.count == 1 && now != first
                }
                #expect(isReplaced, "\(watchers())")
                running.signal(SIGKILL)
                _ = running.wait(seconds: 15)
                #expect(eventually(seconds: 3) { left().isEmpty }, "\(left())")
            }
        }

        @Test("a supervisor is not the first to go when memory runs out, though its caller was") func oomScore() throws
        {
            try Machine.with { machine in
                machine.configure("exec.start = \"sleep 5353 &\";")
                let line = "echo 500 >/proc/self/oom_score_adj; exec '\(Laboratory.program)' start '\(machine.conf)'"
                #expect(Command.shell(line).run().status == 0)
                let supervisors = pids(of: "\(Laboratory.program) start \(machine.conf)")
                try #require(!supervisors.isEmpty)
                for pid in supervisors { #expect(machine.read("/proc/\(pid)/oom_score_adj") == "0\n") }
                machine.stop()
            }
        }
    }
}
