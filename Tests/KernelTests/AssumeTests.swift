import Foundation
import Glibc
import Testing

extension Kernel {
    /// Plans for another host: what `explain --facts` printed there is all that they need.
    @Suite struct AssumeTests {
        private static let body = """
            mount = "DIR/data ROOT/var nullfs rw"; mount.procfs; mount.devfs; exec.jail_user = user;
            ip4.addr = 10.77.9.2; port = "127.0.0.1:18081:80"; exec.prestart = "/bin/true"; mount.resolvconf; root.ephemeral;
            seccomp = "DIR/profile.json"; ulimit.nofile = 99;
            """

        private func configure(_ machine: Machine, _ more: String = "", command: String = "/bin/true") {
            mkdir("\(machine.directory)/data", 0o755)
            machine.write("{\"defaultAction\": \"SCMP_ACT_ALLOW\"}\n", to: "\(machine.directory)/profile.json")
            let text = Self.body.replacing("DIR", with: machine.directory).replacing("ROOT", with: machine.root)
            machine.configure("command = \"\(command)\";\n    \(text)\n    \(more)")
        }

        /// By a user of the host who sees neither root nor state.
        private func asNobody(_ machine: Machine, _ arguments: String...) -> Outcome {
            Command(
                ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", Laboratory.program] + arguments
            ).run()
        }

        private func facts(_ machine: Machine) throws -> String {
            let printed = machine.jailrun("explain", "--facts", machine.conf)
            try #require(printed.status == 0, "\(printed)")
            let path = "\(machine.directory)/facts.json"
            machine.write(printed.output, to: path)
            return path
        }

        @Test(
            "with a host's facts anybody prints what root prints on it, though the root file system is gone",
            arguments: ["strace", "json", "sh", "text", "html"])
        func same(format: String) throws {
            try Machine.with { machine in
                configure(machine)
                let here = machine.jailrun("explain", "--format", format, machine.conf)
                try #require(here.status == 0, "\(here)")
                let facts = try facts(machine)
                chmod(machine.directory, 0o755)
                try #require(rename(machine.root, "\(machine.directory)/elsewhere") == 0)
                unlink("\(machine.directory)/profile.json")
                let there = asNobody(machine, "explain", "--assume", facts, "--format", format, machine.conf)
                #expect(there.status == 0 && there.errors == "", "\(there)")
                #expect(there.lines.count == here.lines.count)
                for (one, other) in zip(here.lines, there.lines) where !one.contains("PATH=") { #expect(one == other) }
            }
        }

        @Test("what check --json printed there is as good as what explain --facts did") func checked() throws {
            try Machine.with { machine in
                configure(machine)
                let here = machine.jailrun("explain", "--format", "strace", machine.conf)
                let path = "\(machine.directory)/check.json"
                for options in [[], ["--posture"]] {
                    let check = Command([Laboratory.program, "check", "--json"] + options + [machine.conf]).run()
                    try #require(check.status == 0, "\(check)")
                    machine.write(check.output, to: path)
                    let there = machine.jailrun("explain", "--assume", path, "--format", "strace", machine.conf)
                    #expect(there.status == 0 && there.lines.count == here.lines.count, "\(there)")
                }
            }
        }

        @Test("a dry run plans with them, too, and reads them from standard input")
        func dryRun() throws {
            try Machine.with { machine in
                configure(machine)
                let facts = try facts(machine)
                chmod(machine.directory, 0o755)
                let here = machine.jailrun("run", "--dry-run", machine.conf)
                let there = asNobody(machine, "run", "--dry-run", "--assume", facts, machine.conf)
                #expect(there.status == 0 && there.lines.count == here.lines.count, "\(there)")
                let piped = Command.shell(
                    "'\(Laboratory.program)' explain --assume - --format strace '\(machine.conf)' <'\(facts)'"
                )
                .run()
                let explained = machine.jailrun("explain", "--format", "strace", machine.conf)
                #expect(piped.status == 0 && piped.lines.count == explained.lines.count, "\(piped)")
                let refused = machine.jailrun("run", "--assume", facts, machine.conf)
                #expect(refused.status == 64, "\(refused)")
            }
        }

        @Test("another version of the file is planned, and what the facts tell nothing of is an error with its line")
        func changed() throws {
            try Machine.with { machine in
                configure(machine)
                let facts = try facts(machine)
                configure(machine, "sysctl.net.ipv4.ip_forward = 1; ip4.addr += 10.77.8.2;", command: "/bin/sleep 7")
                let changed = machine.jailrun("explain", "--assume", facts, "--format", "strace", machine.conf)
                #expect(changed.status == 0, "\(changed)")
                for word in ["\"7\"", "10.77.8.2", "net/ipv4/ip_forward"] {
                    #expect(changed.output.contains(word), "\(word)")
                }

                for (defect, named) in [
                    ("path = /nowhere;", "/nowhere"), ("devfs_ruleset = 1;", "devfs_ruleset"),
                    ("exec.jail_user = stranger;", "stranger"), ("cgroup.nothing.max = 1;", "nothing"),
                ] {
                    configure(machine, defect)
                    let outcome = machine.jailrun("explain", "--assume", facts, machine.conf)
                    #expect(
                        [65, 125].contains(outcome.status) && outcome.errors.contains(named), "\(defect) \(outcome)")
                    #expect(outcome.errors.contains("\(machine.conf):"), "\(outcome)")
                }
            }
        }

        @Test("a firewall of the host's is in a plan from facts where a jail's own packets meet it, and only there")
        func firewall() throws {
            try Machine.with { machine in
                let made = Command.shell(
                    """
                    ip link add toward type veth peer name away && ip address add 192.0.2.1/24 dev toward && ip link set toward up &&
                    nft 'add table ip filter; add chain ip filter DOCKER-USER;
                        add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; };
                        add rule ip filter FORWARD jump DOCKER-USER'
                    """
                ).run()
                let before = FirewallTests.bridges.map { machine.read($0) }
                for path in FirewallTests.bridges { machine.write("0\n", to: path) }
                defer {
                    _ = Command.shell("nft delete table ip filter; ip link delete toward").run()
                    for (path, value) in zip(FirewallTests.bridges, before) { machine.write(value, to: path) }
                }
                try #require(made.status == 0, "\(made)")
                func plan(_ facts: String, _ more: String) -> String {
                    configure(machine, more)
                    return machine.jailrun("explain", "--assume", facts, "--format", "sh", machine.conf).output
                }
                configure(machine, "port += \"8081:80\";")
                let facts = try facts(machine)
                for more in ["port += \"8081:80\";", "nat;"] {
                    #expect(plan(facts, more).contains("filter DOCKER-USER"), "\(more)")
                }
                for more in ["", "port += \"8081:80\"; firewall = no;"] {
                    let script = plan(facts, more)
                    #expect(script.contains("10.77.9.2") && !script.contains("DOCKER-USER"), "\(more)")
                    #expect(!script.contains(" gate\""), "\(more)")
                }
            }
        }

        @Test("what are no facts is refused, with the reason and how to get some")
        func malformed() throws {
            try Machine.with { machine in
                configure(machine)
                let path = "\(machine.directory)/facts.json"
                for text in ["", "{", "[]", "{\"version\": 1}", "{\"version\": 1, \"host\": 3}"] {
                    machine.write(text, to: path)
                    let outcome = machine.jailrun("explain", "--assume", path, machine.conf)
                    #expect(outcome.status == 125 && outcome.errors.contains("explain --facts"), "\(outcome)")
                }
                let absent = machine.jailrun("explain", "--assume", "/nowhere.json", machine.conf)
                #expect(absent.status == 125 && absent.errors.contains("/nowhere.json"), "\(absent)")
                let both = machine.jailrun("explain", "--facts", "--assume", path, machine.conf)
                #expect(both.status == 64, "\(both)")
            }
        }

        @Test("facts are sent around: they have no environment, no password and nobody's full name")
        func harmless() throws {
            try Machine.with { machine in
                configure(machine, "exec.clean = false;")
                machine.write(
                    "root:hash:0:0:Full Name:/root:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n",
                    to: "\(machine.root)/etc/passwd")
                var command = Command([Laboratory.program, "explain", "--facts", machine.conf])
                command.extraEnvironment = ["JAILRUN_TEST_TOKEN=hunter2"]
                let printed = command.run()
                #expect(printed.status == 0 && printed.output.contains("\"kernel\""), "\(printed)")
                for word in ["hunter2", "hash", "Full Name"] { #expect(!printed.output.contains(word), "\(word)") }
            }
        }

        @Test("without root and without facts a plan says what it took for absent")
        func withoutRoot() throws {
            try Machine.with { machine in
                configure(machine)
                chmod(machine.directory, 0o755)
                let outcome = asNobody(machine, "explain", "--format", "strace", machine.conf)
                #expect(outcome.status == 0 && outcome.errors.contains("without root"), "\(outcome)")
                #expect(outcome.errors.contains("--assume"), "\(outcome)")
            }
        }
    }
}
