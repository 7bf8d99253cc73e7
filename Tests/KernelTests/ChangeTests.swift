import Foundation
import Glibc
import Testing

extension Kernel {
    /// `jail -m` as a plan: what it says it does, and that it does all of it or none.
    @Suite struct ChangeTests {
        private static let changes = [
            ["host.hostname=other"],
            ["env=new", "cgroup.cgroup.max.descendants=7", "meta=m"],
            ["ip4.addr=10.77.0.11,10.77.0.12", "host.hostname=other"],
            ["ip4.addr=", "port="],
            ["port=127.0.0.1:8081:80"],
            ["name=new", "nopersist"],
            ["name=new", "ip4.addr=10.77.0.11", "port=127.0.0.1:8082:80", "env=", "host.hostname=all"],
        ]

        private func jail(_ machine: Machine) -> String { "\(machine.directory)/jail" }

        private func values(_ machine: Machine) -> String {
            machine.link("jls", "-j", "t", "name", "host.hostname", "ip4.addr", "env", "port", "persist").output
                + machine.read("\(Remains.cgroupRoot)/t/cgroup.max.descendants")
                + machine.link("jexec", "t", "cat", "/dev/jail/env").output
                + machine.link("jexec", "t", "hostname").output
                + Command(["nft", "list", "ruleset"]).run().output
        }

        @Test(
            "strace of a change and its dry run agree, step for step, and nothing else is entered or set",
            // The calls are the same under every kernel: a machine without acceleration looks at three kinds of change.
            arguments: Laboratory.isVirtualMachine ? Array(Self.changes.suffix(3)) : Self.changes)
        func agree(parameters: [String]) throws {
            try Machine.with { machine in
                let first = machine.create("ip4.addr=10.77.0.10", "port=127.0.0.1:8080:80", "env=first")
                try #require(first.status == 0, "\(first)")
                _ = machine.link("jexec", "t", "true")
                let sleeping = Command(["\(machine.directory)/jexec", "t", "sleep", "100"]).start()
                #expect(eventually { machine.link("jexec", "t", "ps").output.contains("sleep 100") })
                let jid = machine.link("jls", "-j", "t", "jid").output.dropLast()
                let words = ["jid=\(jid)"] + parameters
                let dry = Command([jail(machine), "-m", "--dry-run"] + words).run()
                try #require(dry.status == 0 && dry.errors == "" && !dry.lines.isEmpty, "\(dry)")
                let trace = "\(machine.directory)/trace"
                let change = Command(
                    ["strace", "-f", "-v", "-s", "99999", "-o", trace, jail(machine), "-m"] + words
                ).run()
                try #require(change.status == 0, "\(change)")
                var comparison = TraceComparison(TracedCall.all(in: machine.read(trace)))
                for line in dry.lines { comparison.find(line) }
                #expect(comparison.missing == [])
                // What is only asked, and the way to the jail's network, which no step has that is made on the host.
                let extra = comparison.extra.filter {
                    !$0.contains("PR_CAPBSET_READ") && !$0.hasSuffix("CLONE_NEWNET)")
                }
                #expect(extra == [])
                let name = parameters.contains("name=new") ? "new" : "t"
                #expect(machine.link("jls", "-c", "-j", name).status == 0)
                machine.remove(name)
                _ = sleeping.wait()
            }
        }

        @Test("a dry run of a change changes nothing, and needs nothing that can be written") func dryRun() throws {
            try Machine.with { machine in
                #expect(machine.create("ip4.addr=10.77.0.10", "env=first").status == 0)
                let before = values(machine)
                let words = "name=t host.hostname=other env=new ip4.addr=10.77.0.11 cgroup.cgroup.max.descendants=7"
                let script = """
                    mount --bind '\(Remains.cgroupMount)' '\(Remains.cgroupMount)' &&
                    mount -o remount,bind,ro '\(Remains.cgroupMount)' &&
                    mount --bind /run /run && mount -o remount,bind,ro /run &&
                    exec '\(jail(machine))' -m --dry-run \(words)
                    """
                let outcome = Command(["unshare", "--mount", "sh", "-c", script]).run()
                #expect(outcome.status == 0 && outcome.errors == "", "\(outcome)")
                #expect(outcome.lines.contains("sethostname(\"other\", 5)"))
                #expect(values(machine) == before)
                machine.remove()
            }
        }

        @Test("with -v each step of a change is told as it is performed, with its microseconds") func verbose() throws {
            try Machine.with { machine in
                #expect(machine.create().status == 0)
                let words = ["name=t", "host.hostname=other", "env=new"]
                let dry = Command([jail(machine), "-m", "--dry-run"] + words).run()
                let told = Command([jail(machine), "-m", "-v"] + words).run()
                let steps = told.errors.split(separator: "\n").compactMap { line -> String? in
                    guard let place = line.range(of: #"^ *[0-9]+ us  "#, options: .regularExpression) else {
                        return nil
                    }
                    return String(line[place.upperBound...])
                }
                #expect(told.status == 0 && steps == dry.lines && steps.count > 15, "\(told)")
                machine.remove()
            }
        }

        @Test(
            "a step that fails in the middle takes those before it back: a link that is there",
            arguments: [
                ["cgroup.cgroup.max.descendants=7", "ip4.addr=10.77.0.11,lab0|192.0.2.9/24", "port=127.0.0.1:8081:80"]
            ])
        func atomic(parameters: [String]) throws {
            try Machine.with { machine in
                _ = Command.shell(StepTests.makeInterface).run()
                defer { _ = Command.shell(StepTests.removeInterface).run() }
                #expect(machine.create("ip4.addr=10.77.0.10", "port=127.0.0.1:8080:80", "env=first").status == 0)
                let jid = machine.link("jls", "-j", "t", "jid").output.dropLast()
                let other = "vj\(jid)e1"
                #expect(Command(["ip", "link", "add", other, "type", "veth"]).run().status == 0)
                defer { _ = Command(["ip", "link", "delete", other]).run() }
                let settings = "grep -r . /proc/sys/net/ipv4/conf/*/forwarding /proc/sys/net/ipv4/conf/*/route_localnet"
                let (before, set) = (values(machine), Command.shell(settings).run().output)
                let words = ["name=t", "host.hostname=other", "env=new"] + parameters
                let dry = Command([jail(machine), "-m", "--dry-run"] + words).run()
                #expect(dry.lines.contains("sethostname(\"other\", 5)"), "\(dry)")
                let outcome = Command([jail(machine), "-m", "-v"] + words).run()
                #expect(outcome.status == 1 && outcome.errors.contains("sethostname(\"other\", 5)"), "\(outcome)")
                #expect(
                    outcome.errors.contains("sethostname(\"t\", 1)"), "it was changed, and changed back: \(outcome)")
                #expect(!outcome.errors.contains("cannot take"), "\(outcome)")
                #expect(values(machine) == before)
                #expect(Command.shell(settings).run().output == set)
                #expect(Command(["ping", "-c", "1", "-W", "2", "10.77.0.10"]).run().status == 0)
                machine.remove()
            }
        }

        @Test("--dry-run is of a change alone") func usage() throws {
            try Machine.with { machine in
                _ = machine.link("jail", "-r", "none")
                for words in [["-c", "--dry-run", "name=t"], ["-r", "--dry-run", "t"], ["-mr", "--dry-run", "t"]] {
                    let outcome = Command([jail(machine)] + words).run()
                    #expect(outcome.status == 1 && outcome.errors.hasPrefix("usage: jail"), "\(outcome)")
                }
                let missing = Command([jail(machine), "-m", "--dry-run", "name=none", "persist"]).run()
                #expect(missing.status == 1 && missing.errors == "jail: \"none\" not found\n", "\(missing)")
            }
        }
    }
}
