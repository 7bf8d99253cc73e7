import Foundation
import Glibc
import Testing

extension Kernel {
    /// One read that fails does not say that nothing is there: strace(1) lets it fail.
    @Suite struct FailedLookTests {
        static let bystanders = [
            ["list"], ["ps", "t"], ["exec", "t", "true"], ["logs", "t"], ["stats", "t"], ["inspect", "t"], ["prune"],
            ["list", "--json"],
        ]
        static let calls = ["openat", "read", "access", "getdents64", "getxattr", "newfstatat", "flock", "pidfd_open"]
        private static let errors = ["EIO", "ENOMEM", "EMFILE"]

        /// Fails the call of that number, of one process.
        private func fail(
            _ call: String, _ number: Int, _ errno: String, _ words: [String], _ machine: Machine
        ) -> Outcome {
            let inject = "inject=\(call):error=\(errno):when=\(number)"
            let trace = "\(machine.directory)/trace"
            return Command(
                ["strace", "-o", trace, "-e", "trace=\(call)", "-e", inject, "--", Laboratory.program] + words
            ).run(seconds: 60)
        }

        private func count(_ call: String, _ words: [String], _ machine: Machine) -> Int {
            let trace = "\(machine.directory)/trace"
            _ = Command(["strace", "-o", trace, "-e", "trace=\(call)", "--", Laboratory.program] + words).run()
            return machine.read(trace).split(separator: "\n").count { $0.hasPrefix("\(call)(") }
        }

        private struct Point {
            var call: String
            var number: Int
            var errno: String
        }

        /// Every seventh or so, spread over all calls: the same for each run of the test.
        private func points(_ words: [String], _ machine: Machine) -> [Point] {
            var all: [Point] = []
            for call in Self.calls {
                for number in 1...max(1, count(call, words, machine)) {
                    all.append(Point(call: call, number: number, errno: Self.errors[all.count % Self.errors.count]))
                }
            }
            let step = max(1, all.count / 24)
            return stride(from: words[0].utf8.count % step, to: all.count, by: step).map { all[$0] }
        }

        @Test(
            "a command that only looks harms no jail when one of its looks fails, and says nothing else than what is so",
            arguments: bystanders)
        func bystander(words: [String]) throws {
            try Machine.with { machine in
                machine.configure("exec.start = \"echo said; sleep 1000 &\"; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let processes = { machine.read("\(Remains.cgroupRoot)/t/cgroup.procs") }
                let (before, expected) = (processes(), shown(Command([Laboratory.program] + words).run()))
                try #require(before != "")
                let points = points(words, machine)
                #expect(points.count >= 8)
                for point in points {
                    let outcome = fail(point.call, point.number, point.errno, words, machine)
                    let place = "\(point.call) \(point.number) \(point.errno)"
                    #expect(processes() == before, "\(place): the jail was harmed: \(outcome)")
                    #expect(outcome.status != -1, "\(place): hangs")
                    #expect(outcome.status != 0 || shown(outcome) == expected, "\(place): \(outcome)")
                }
                #expect(machine.jailrun("exec", "t", "true").status == 0)
            }
        }

        /// Without what is never twice the same: digits.
        private func shown(_ outcome: Outcome) -> String {
            outcome.output.filter { !$0.isNumber && $0 != " " }
        }

        @Test("without descriptors to spare a listing says so, and not that there are no jails") func descriptors()
            throws
        {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                for limit in 4...12 {
                    let list = Command.shell("ulimit -n \(limit); exec '\(Laboratory.program)' list").run()
                    #expect(list.status != 0 || list.output.contains(machine.root), "ulimit -n \(limit): \(list)")
                }
                #expect(machine.jailrun("exec", "t", "true").status == 0)
            }
        }

        @Test("a start of which one look at what is to be hidden fails ends, or hides all the same") func masks() throws
        {
            try Machine.with { machine in
                machine.configure("command = \"wc -l /proc/self/mountinfo\";")
                let whole = machine.jailrun("run", machine.conf)
                try #require(whole.status == 0)
                let looks = count("access", ["run", machine.conf], machine)
                #expect(looks > 20)
                for number in 1...looks {
                    let outcome = fail("access", number, "EIO", ["run", machine.conf], machine)
                    #expect(outcome.status != 0 || outcome.output == whole.output, "access \(number): \(outcome)")
                }
            }
        }

        @Test("a jail's group(5) that cannot be read ends the start: its user would lose groups") func groups() throws {
            try Machine.with { machine in
                machine.configure("exec.jail_user = user; command = \"id -G\";")
                #expect(machine.jailrun("run", machine.conf).output == "1000 1001\n")
                machine.write(String(repeating: "x:x:7:\n", count: 300_000), to: "\(machine.root)/etc/group")
                let run = machine.jailrun("run", machine.conf)
                #expect(run.status == 125 && run.errors.contains("cannot read the jail's /etc/group"), "\(run)")
                // Who is in no passwd(5) is in no group.
                machine.configure("exec.jail_user = 1234; command = \"id -G\";")
                #expect(machine.jailrun("run", machine.conf).output == "1234\n")
            }
        }

        @Test("a user in more than 64 groups has them all") func manyGroups() throws {
            try Machine.with { machine in
                let lines = (2000..<2100).map { "g\($0):x:\($0):user\n" }.joined()
                machine.write(lines, to: "\(machine.root)/etc/group")
                machine.configure("exec.jail_user = user; command = \"id -G\";")
                let run = machine.jailrun("run", machine.conf)
                #expect(run.output.split(separator: " ").count == 101 && run.status == 0, "\(run)")
            }
        }

        @Test("what goes on being renamed in a root ends a command's walk with an error, and keeps nobody for ever")
        func renames() throws {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let words = ["strace", "-o", "\(machine.directory)/trace", "-e", "inject=openat2:error=EAGAIN:when=1+"]
                let exec = Command(words + ["--", Laboratory.program, "exec", "t", "true"]).run(seconds: 20)
                #expect(exec.status == 125 && exec.errors.contains("temporarily unavailable"), "\(exec)")
            }
        }
    }

    @Suite struct FullStateTests {
        @Test(
            "a jail is stopped though there is no room left for what is recorded of it", arguments: ["stop", "stop -f"])
        func full(verb: String) throws {
            try Machine.with { machine in
                let state = "\(machine.directory)/state"
                let options = "size=256k,nr_inodes=64,mode=700"
                let mount = "mkdir -m 700 '\(state)' && mount -t tmpfs -o \(options) none '\(state)'"
                #expect(Command.shell(mount).run().status == 0)
                defer { _ = Command.shell("umount '\(state)'").run() }
                machine.configure("ip4.addr = 10.77.0.99; exec.start = \"sleep 1000 &\"; persist; exec.stop = true;")
                let start = machine.jailrun("start", "--root", state, machine.conf)
                #expect(start.status == 0, "\(start)")
                _ = Command.shell(
                    """
                    cat /dev/zero >'\(state)/filler' 2>/dev/null
                    n=0; while [ $n -lt 100 ]; do : 2>/dev/null >"\(state)/inode.$n" || break; n=$((n + 1)); done
                    """
                ).run()
                #expect(Command.shell("echo x >'\(state)/more'").run().status != 0)
                let words = verb.split(separator: " ").map(String.init) + ["--root", state, "t"]
                let stop = Command([Laboratory.program] + words).run()
                #expect(stop.status == 0, "\(stop)")
                #expect(!FileManager.default.fileExists(atPath: "\(Remains.cgroupRoot)/t"))
            }
        }
    }
}
