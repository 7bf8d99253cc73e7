import Foundation
import Testing

extension Kernel {
    /// What `check --posture` says that a process could reach is what one can.
    @Suite struct PostureTests {
        private struct Document: Decodable {
            struct Jail: Decodable {
                struct Part: Decodable { var subject: String, exposure: Double }
                struct Reach: Decodable { var name: String, allows: String }
                struct Calls: Decodable { var risk: String, names: [String] }
                var name: String, exposure: Double
                var parts: [Part], capabilities: [Reach], calls: [Calls], devices: [Reach]
            }
            var version: Int, jails: [Jail]
        }

        private func posture(_ machine: Machine) throws -> Document.Jail {
            let outcome = machine.jailrun("check", "--posture", "--json", machine.conf)
            let document = try JSONDecoder().decode(Document.self, from: Data(outcome.output.utf8))
            #expect(document.version == 1)
            return try #require(document.jails.first, "\(outcome)")
        }

        @Test(
            "capabilities, system calls and devices are those that the jail has",
            arguments: [
                "mount.devfs;", "mount.devfs; cap.add = sys_ptrace, mknod; cap.drop = chown;",
                "mount.devfs; userns = host; cap.add = sys_time;", "mount.devfs; seccomp = none;",
                "mount.devfs; allow.raw_sockets; exec.jail_user = user;",
            ])
        func truth(parameters: String) throws {
            try Machine.with { machine in
                let inside = machine.run(
                    "/bin/sh -c 'echo $(grep CapEff /proc/self/status); cd /dev; echo devices $(find . -type c -o -type b); exec /bin/probe syscalls'",
                    parameters)
                let said = try posture(machine)
                let effective = try #require(inside["CapEff:"]?.first.flatMap { UInt64($0, radix: 16) }, "\(inside)")
                #expect(said.capabilities.count == effective.nonzeroBitCount, "\(said.capabilities)")
                let devices = try #require(inside["devices"]).filter { !$0.hasPrefix("./pts/") }
                #expect(Set(said.devices.map { "./\($0.name)" }) == Set(devices))
                #if arch(x86_64)
                // Without a filter the kernel says which calls there are.
                guard !parameters.contains("seccomp") else { return }
                // The probe's arguments are none that the filter lets a socket have, and a kernel that has uretprobe asks no
                // filter about it.
                let others = ["socket", "socketpair", "uretprobe"]
                let calls = said.calls.filter { $0.risk != "other ABIs" }.flatMap(\.names)
                #expect(others.allSatisfy(calls.contains))
                let counts = [calls.count - others.count, calls.count - others.count + 1].map { ["\($0)"] }
                #expect(inside["x86_64.allowed.count"].map(counts.contains) == true, "\(inside) \(counts)")
                #endif
            }
        }

        @Test("check and its posture know which limits this host cannot give, as a start does") func defaults() throws {
            try Machine.with { machine in
                machine.configure("persist;")
                let start = machine.jailrun("start", machine.conf)
                machine.stop()
                let check = machine.jailrun("check", "--posture", machine.conf)
                let words = "without the default cgroup.pids.max: this host has no cgroup controller pids"
                #expect(start.errors.contains(words) == check.errors.contains(words), "\(start) \(check)")
                #expect(check.errors.components(separatedBy: words).count <= 2, "\(check)")
                #expect(check.output.contains("processes 4096") != start.errors.contains(words), "\(check)")
            }
        }
    }
}
