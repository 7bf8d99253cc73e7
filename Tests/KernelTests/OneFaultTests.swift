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

        @Test(
            "a stop of which one request or look fails takes back what it can, and the next command the rest",
            arguments: Fault.each([("sendmsg", "ENOBUFS"), ("openat2", "ENFILE"), ("openat2", "ENOMEM")], upTo: 12))
        func stop(fault: Fault) throws {
            let link = """
                ip link add toward type veth peer name away && ip address add 192.0.2.1/24 dev toward &&
                ip link set toward up && ip link set away up && echo 0 >/proc/sys/net/ipv4/conf/toward/forwarding
                """
            try Machine.with { machine in
                try #require(Command.shell(link).run().status == 0)
                defer { _ = Command.shell("ip link delete toward").run() }
                func settings() -> String {
                    Command.shell("grep -H . /proc/sys/net/ipv4/conf/*/forwarding").run().output
                }
                let before = settings()
                machine.configure("ip4.addr = 10.77.0.99; port = \"8099:80\"; nat; persist;")
                try #require(machine.jailrun("start", machine.conf).status == 0)
                #expect(settings().contains("toward/forwarding:74"))
                let outcome = run(machine, fault, ["stop", "t"])
                #expect(outcome.status != -1, "\(outcome)")
                // The supervisor may be at work on the rest, too.
                let isAsBefore = eventually(seconds: 5) {
                    machine.jailrun("prune", seconds: 5).status == 0 && settings() == before
                }
                #expect(isAsBefore, "\(settings())\n\(outcome)")
                let rules = Command(["nft", "list", "ruleset"]).run().output
                #expect(!rules.contains("jailrun"), "\(rules)")
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
