import Foundation
import Glibc
import Testing

@testable import JailCore

extension Kernel {
    @Suite struct StepTests {
        @Test(
            "strace of a run and the dry run agree, step for step, and nothing else is mounted or narrowed",
            arguments: [
                "command = \"/bin/true\";",
                "command = \"/bin/true\"; mount.devfs; mount.procfs; root.readonly; host.hostname = a.example;",
                "command = \"/bin/true\"; root.ephemeral; cap.drop = CHOWN; exec.jail_user = user;",
                "command = \"/bin/true\"; mount = \"$path/etc $path/var nullfs ro 0 0\"; mount += \"tmpfs $path/tmp tmpfs rw 0 0\";",
                "command = \"/bin/true\"; userns = host; seccomp = none; devfs_ruleset = 1;",
                "exec.start = \"/bin/true\"; exec.start += \"/bin/true\"; command = \"/bin/true\";",
                "command = \"/bin/true\"; ip4.addr = 10.77.0.9; ip6.addr = fd77::9;",
                "command = \"/bin/true\"; mount = \"$path/etc $path/var nullfs ro 0 0\"; ip4 = inherit; ip6 = inherit;",
                "command = \"/bin/true\"; exec.consolelog = \"$path/var/log\"; cap.add = NET_RAW; allow.raw_sockets;",
            ])
        func agree(parameters: String) throws {
            try Machine.with { machine in
                machine.configure(parameters)
                let dry = machine.jailrun("run", "--dry-run", machine.conf)
                try #require(dry.status == 0, "\(dry)")
                let comparison = try compare(dry.lines, with: ["run", machine.conf], in: machine)
                #expect(comparison.missing == [])
                #expect(comparison.extra == [])
                #expect(dry.lines.count > 100)
            }
        }

        private func compare(_ lines: [String], with words: [String], in machine: Machine) throws -> TraceComparison {
            var comparison = TraceComparison(try trace([Laboratory.program] + words, in: machine))
            for line in lines { comparison.find(line) }
            return comparison
        }

        private func trace(_ words: [String], in machine: Machine) throws -> [TracedCall] {
            let trace = "\(machine.directory)/trace"
            let outcome = Command(["strace", "-f", "-v", "-s", "99999", "-o", trace] + words).run()
            try #require(outcome.status == 0, "\(outcome)")
            return TracedCall.all(in: machine.read(trace))
        }

        @Test("on an interface of the host too, each change of its network is a step, and each step is made")
        func interfaces() throws {
            try Machine.with { machine in
                let links = """
                    ip link add br7 type bridge; ip link set br7 up; ip address add 192.0.2.1/24 dev br7
                    ip link add lan7 type veth peer name lan8; ip link set lan7 up; ip link set lan8 up
                    ip address add 198.51.100.1/24 dev lan7; ip -6 address add 2001:db8::1/64 dev lan7 nodad
                    """
                _ = Command.shell(links).run()
                defer { _ = Command.shell("ip link delete br7; ip link delete lan7").run() }
                for parameters in [
                    "interface = br7; ip4.addr = 192.0.2.9;",
                    "interface = lan7; ip4.addr = 198.51.100.9; ip6.addr = 2001:db8::9;",
                ] {
                    machine.configure("command = \"/bin/true\"; \(parameters)")
                    let dry = machine.jailrun("run", "--dry-run", machine.conf)
                    #expect(dry.lines.filter { $0.contains("RTM_NEW") }.count > 4, "\(dry)")
                    let comparison = try compare(dry.lines, with: ["run", machine.conf], in: machine)
                    #expect(comparison.missing == [])
                    #expect(comparison.extra == [])
                }
            }
        }

        @Test("on a terminal too they agree: the pty is made, handed over and taken as the dry run says")
        func terminal() throws {
            try Machine.with { machine in
                machine.configure("command = \"/bin/true\"; mount.devfs;")
                // An input that stays open: script(1) types the end of its own.
                var ends: [Int32] = [0, 0]
                pipe(&ends)
                defer { for end in ends { close(end) } }
                let trace = "\(machine.directory)/trace"
                func onTerminal(_ command: String) -> Outcome {
                    Command(["script", "-qec", command, "/dev/null"], input: ends[0]).run()
                }
                let dry = onTerminal("'\(Laboratory.program)' run --dry-run '\(machine.conf)'")
                let run = onTerminal(
                    "strace -f -v -s 99999 -o '\(trace)' '\(Laboratory.program)' run '\(machine.conf)'")
                try #require(dry.status == 0 && run.status == 0, "\(dry) \(run)")
                let lines = dry.output.split(whereSeparator: \.isNewline).map(String.init)
                #expect(lines.contains { $0.contains("TIOCGPTPEER") } && lines.contains { $0.contains("TIOCSCTTY") })
                var comparison = TraceComparison(TracedCall.all(in: machine.read(trace)))
                for line in lines { comparison.find(line) }
                #expect(comparison.missing == [])
                #expect(comparison.extra == [])
            }
        }

        @Test("exec makes the calls of its plan, and none besides that joins, mounts or narrows") func entry() throws {
            try Machine.with { machine in
                machine.configure("persist; cap.drop = CHOWN;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let host = try Host(
                    stateDirectory: nil, cgroupRoot: nil, signals: SignalSource(descriptor: -1), warn: { _ in })
                let record = try #require(host.state.record(of: "t"))
                let root = try Files.open("/proc/\(record.pid)/root", O_DIRECTORY)
                let facts = try FactFinder(jail: record.spec, host: host).entryFacts(
                    root: root.number, terminals: [], environment: [])
                let plan = Planner(jail: record.spec, identity: record.identity, facts: facts).enter(
                    JailCommand("/bin/true"), parameter: "exec", user: facts.jailUser, directory: nil,
                    origin: .commandLine)
                var comparison = TraceComparison(
                    try trace([Laboratory.program, "exec", "t", "/bin/true"], in: machine), isEntry: true)
                for step in plan.spawn { comparison.find(step.operation.spelling) }
                comparison.enterStage()
                for step in plan.enter { comparison.find(step.operation.spelling) }
                comparison.enterCommand()
                for step in plan.command.steps { comparison.find(step.operation.spelling) }
                #expect(comparison.missing == [])
                #expect(comparison.extra == [])
                #expect(plan.enter.contains { $0.operation.spelling.hasPrefix("setns(pidfd, ") })
            }
        }

        @Test("hooks are programs of the host: they change nothing of the steps, and join, mount and narrow nothing")
        func hooks() throws {
            try Machine.with { machine in
                let hooks = ["prepare", "prestart", "created", "poststart", "poststop", "release"]
                machine.configure(
                    "command = \"/bin/true\"; " + hooks.map { "exec.\($0) = \"/bin/true \($0)\";" }.joined())
                let dry = machine.jailrun("run", "--dry-run", machine.conf)
                let comparison = try compare(dry.lines, with: ["run", machine.conf], in: machine)
                #expect(comparison.missing == [])
                let executed = comparison.extra.map { line in hooks.first { line.contains("\"\($0)\"") } }
                #expect(executed == hooks, "\(comparison.extra)")
            }
        }

        @Test("a dry run changes nothing, and needs nothing that can be written") func dryRun() throws {
            try Machine.with { machine in
                machine.configure("command = \"/bin/true\"; mount.devfs; ip4.addr = 10.77.0.5;")
                let script = """
                    mount --bind '\(Remains.cgroupMount)' '\(Remains.cgroupMount)' &&
                    mount -o remount,bind,ro '\(Remains.cgroupMount)' &&
                    mount -t tmpfs -o ro none /run && exec '\(Laboratory.program)' run --dry-run '\(machine.conf)'
                    """
                let outcome = Command(["unshare", "--mount", "sh", "-c", script]).run()
                #expect(outcome.status == 0 && outcome.lines.count > 100, "\(outcome)")
            }
        }
    }
}
