import Foundation
import Glibc
import Testing

extension Kernel {
    /// The supervisor's own cgroup and rights.
    @Suite struct SupervisorTests {
        /// Runs a command in a cgroup of its own, as a CI step or a login session does, and returns that cgroup.
        private func step(_ machine: Machine, _ arguments: String) -> String {
            let cgroup = "\(Remains.cgroupMount)/step"
            let enter = "mkdir -p '\(cgroup)'; echo $$ >'\(cgroup)/cgroup.procs'"
            let outcome = Command.shell("\(enter); exec '\(Laboratory.program)' \(arguments)").run()
            #expect(outcome.status == 0, "\(outcome)")
            return cgroup
        }

        /// The step is over: what is in its cgroup ends.
        private func end(_ cgroup: String) {
            _ = Command.shell("echo 1 >'\(cgroup)/cgroup.kill'").run()
            #expect(eventually { rmdir(cgroup) == 0 })
        }

        /// A jail whose first start ends within a second is not started again.
        private func growOld() { usleep(1_500_000) }

        private func cgroup(of pid: pid_t) -> String {
            (try? String(contentsOfFile: "/proc/\(pid)/cgroup", encoding: .utf8)) ?? ""
        }

        @Test("a supervisor outlives the cgroup that it was started in, and restarts what ends then") func outlives()
            throws
        {
            try Machine.with { machine in
                machine.configure("exec.start = \"echo up >>/var/ups; sleep 7171 &\"; restart = always;")
                let cgroup = step(machine, "start -q '\(machine.conf)'")
                let supervisor = try #require(machine.supervisor())
                #expect(self.cgroup(of: supervisor).contains("/jailrun/.supervisor.\(supervisor)\n"))
                end(cgroup)
                growOld()
                kill(try #require(machine.firstProcess()), SIGKILL)
                #expect(eventually { machine.read("\(machine.root)/var/ups") == "up\nup\n" })
                #expect(eventually { machine.jailrun("exec", "t", "true").status == 0 })
                #expect(machine.supervisor() == supervisor)
                #expect(machine.jailrun("stop", "t").status == 0)
            }
        }

        @Test("one that adopts the jails of a supervisor that was killed has a cgroup of its own, too") func adopts()
            throws
        {
            try Machine.with { machine in
                machine.configure("exec.start = \"sleep 7171 &\"; restart = always;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let first = try #require(machine.supervisor())
                kill(first, SIGKILL)
                let cgroup = step(machine, "list")
                let second = try #require(machine.supervisor())
                #expect(second != first && self.cgroup(of: second).contains("/jailrun/.supervisor.\(second)\n"))
                end(cgroup)
                #expect(machine.supervisor() == second)
                #expect(access("\(Remains.cgroupRoot)/.supervisor.\(first)", F_OK) != 0)
                #expect(machine.jailrun("stop", "t").status == 0)
            }
        }

        private func boundingSet(of pid: pid_t) -> UInt64? {
            let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
            let line = status.split(separator: "\n").first { $0.hasPrefix("CapBnd:") }
            return line.flatMap { UInt64($0.split(separator: "\t")[1], radix: 16) }
        }

        @Test(
            "a supervisor has no capability that neither it nor a jail needs; for commands of the host it keeps all",
            arguments: [
                // CAP_SYS_MODULE is 16, CAP_SYS_BOOT 22, CAP_SYS_TIME 25, CAP_SYS_ADMIN 21.
                ("", [21], [16, 22, 25]),
                ("userns = host; cap.add = sys_time;", [21, 25], [16, 22]),
                ("exec.prestart = \"true\";", [16, 21, 22, 25], []),
            ])
        func capabilities(parameters: String, kept: [Int], dropped: [Int]) throws {
            try Machine.with { machine in
                machine.configure("exec.start = \"sleep 7171 &\"; restart = always; \(parameters)")
                let own = try #require(boundingSet(of: getpid()))
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let supervisor = try #require(machine.supervisor())
                let set = try #require(boundingSet(of: supervisor))
                // What this machine gives nobody, nobody can keep.
                for number in kept where own >> number & 1 == 1 { #expect(set >> number & 1 == 1, "\(number)") }
                for number in dropped { #expect(set >> number & 1 == 0, "\(number)") }
                // It starts the jail again all the same.
                let first = try #require(machine.firstProcess())
                growOld()
                kill(first, SIGKILL)
                #expect(eventually { (machine.firstProcess() ?? first) != first })
            }
        }
    }
}
