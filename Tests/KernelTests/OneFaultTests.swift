import Foundation
import Glibc
import Testing

extension Kernel {
    /// One system call fails once in each process, by strace(1); `SweepTests` does so for every call, one process at a time.
    @Suite struct OneFaultTests {
        struct Fault: CustomTestStringConvertible {
            var call: String
            var error: String
            var count: Int
            var testDescription: String { "\(call) \(count) \(error)" }

            static func each(_ calls: [(String, String)], upTo count: Int) -> [Fault] {
                calls.flatMap { call, error in (1...count).map { Fault(call: call, error: error, count: $0) } }
            }
        }

        private func run(_ machine: Machine, _ fault: Fault, _ words: [String]) -> Outcome {
            Command(
                [
                    "strace", "-f", "-o", "/dev/null", "-e", "trace=\(fault.call)", "-e",
                    "inject=\(fault.call):error=\(fault.error):when=\(fault.count)", Laboratory.program,
                ] + words
            ).run(seconds: 15)
        }

        @Test(
            "a request to the kernel that cannot be sent ends a run in words, and nobody waits for its answer",
            arguments: Fault.each([("sendmsg", "ENOBUFS"), ("sendmsg", "ENOMEM")], upTo: 16))
        func request(fault: Fault) throws {
            try Machine.with { machine in
                machine.configure("ip4.addr = 10.77.0.99; port = \"8099:80\"; command = \"/bin/true\";")
                let outcome = run(machine, fault, ["run", machine.conf])
                #expect([0, 125].contains(outcome.status), "\(outcome)")
                #expect(outcome.status == 0 || outcome.errors.contains("jailrun: "), "\(outcome)")
                // Nobody holds a lock, and what could not be taken back is taken back now.
                let prune = machine.jailrun("prune", seconds: 5)
                #expect(prune.status == 0, "\(prune)")
            }
        }

        @Test(
            "what fails for a moment, or is interrupted, is done again: a run does not even notice",
            arguments: Fault.each(
                [
                    ("recvfrom", "ENOBUFS"), ("recvfrom", "EINTR"), ("recvmsg", "ENOMEM"), ("recvmsg", "EINTR"),
                    ("poll", "EINTR"), ("poll", "ENOMEM"), ("ppoll", "EINTR"), ("wait4", "ECHILD"), ("wait4", "EINTR"),
                    ("waitid", "ECHILD"), ("waitid", "EINTR"),
                ], upTo: 4))
        func moment(fault: Fault) throws {
            try Machine.with { machine in
                machine.configure("ip4.addr = 10.77.0.99; command = \"/bin/sh -c 'exit 7'\";")
                let outcome = run(machine, fault, ["run", machine.conf])
                #expect(outcome.status == 7, "\(outcome)")
            }
        }

        @Test("a supervisor that cannot be watched by pidfd_open(2) is none that is left", arguments: ["1", "2", "1+"])
        func supervisor(when: String) throws {
            try Machine.with { machine in
                machine.configure("exec.start = \"sleep 1000 &\"; persist;")
                let outcome = Command([
                    "strace", "-f", "-o", "/dev/null", "-e", "trace=pidfd_open", "-e",
                    "inject=pidfd_open:error=EMFILE:when=\(when)", Laboratory.program, machine.conf, "--", "true",
                ]).run(seconds: 15)
                #expect(outcome.status == 0, "\(outcome)")
            }
        }

        @Test("a cgroup that is made and cannot be marked is not left")
        func mark() throws {
            try Machine.with { machine in
                machine.configure("command = \"/bin/true\";")
                for call in ["setxattr", "fsetxattr"] {
                    let fault = Fault(call: call, error: "ENOSPC", count: 1)
                    let outcome = run(machine, fault, ["run", machine.conf])
                    #expect(outcome.status == 125, "\(outcome)")
                    #expect(outcome.errors.contains("No space left"), "\(outcome)")
                }
            }
        }
    }
}
