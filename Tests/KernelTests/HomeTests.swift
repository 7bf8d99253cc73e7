import Foundation
import Glibc
import Testing

extension Kernel {
    /// The way to the network that a jail's links are in, and what a removal does there while others are at work.
    @Suite struct HomeTests {
        private static var links: String { Command(["ip", "-o", "link", "show", "type", "veth"]).run().output }

        /// jailrun, by strace(1): `inject` is done to the calls that it names, where they name `path`.
        private static func traced(_ machine: Machine, _ inject: String, at path: String? = nil, _ words: String...)
            -> Outcome
        {
            let call = inject.split(separator: ":")[0]
            let filter = path.map { ["-P", $0] } ?? []
            return Command(
                ["strace", "-f", "-o", "\(machine.directory)/trace", "-e", "trace=\(call)", "-e", "inject=\(inject)"]
                    + filter + [Laboratory.program] + words
            ).run()
        }

        /// As `traced`, where the call that `inject` names stops jailrun: then the script is run, and jailrun goes on.
        private static func interrupted(
            _ machine: Machine, _ inject: String, at path: String? = nil, by script: String, _ words: String
        ) -> Outcome {
            let call = inject.split(separator: ":")[0]
            let trace = "\(machine.directory)/trace"
            return Command.shell(
                """
                rm -f '\(trace)'
                strace -f -o '\(trace)' -e trace=\(call) \(path.map { "-P '\($0)'" } ?? "") -e inject=\(inject) \\
                    '\(Laboratory.program)' \(words) &
                for i in $(seq 500); do
                    pid=$(awk '/--- stopped by SIGSTOP/ { print $1; exit }' '\(trace)' 2>/dev/null)
                    [ -z "$pid" ] || break
                    sleep 0.02
                done
                [ -n "$pid" ] || { wait; echo 'it was not stopped' >&2; exit 78; }
                { \(script); } >/dev/null
                kill -CONT "$pid"
                wait $!
                """
            ).run()
        }

        private static func killSupervisors() {
            _ = Command.shell("kill -9 $(cat '\(Remains.cgroupRoot)'/.supervisor.*/cgroup.procs)").run()
            eventually { Command.shell("cat '\(Remains.cgroupRoot)'/.supervisor.*/cgroup.procs").run().output == "" }
        }

        // MARK: The way

        private static let created = "-c name=t persist ip4.addr=10.77.0.10"

        /// Of jail(8), in a network that the words before it make or enter.
        private static func create(_ machine: Machine, in words: String, _ parameters: String = "") throws {
            symlink(Laboratory.program, "\(machine.directory)/jail")
            let jail = "'\(machine.directory)/jail' \(created) path='\(machine.root)' \(parameters)"
            let outcome = Command.shell("\(words) \(jail)").run()
            try #require(outcome.status == 0, "\(outcome)")
        }

        @Test("a network that ip-netns(8) holds is found, though a process could not be looked at")
        func file() throws {
            try Machine.with { machine in
                let file = "\(machine.directory)/home"
                machine.write("", to: file)
                // ip-netns(8) mounts a sysfs, too, which hides the cgroups.
                try #require(Command(["unshare", "--net=\(file)", "true"]).run().status == 0)
                defer { _ = Command(["umount", file]).run() }
                try Self.create(machine, in: "nsenter --net='\(file)'")
                func inside() -> String {
                    Command(["nsenter", "--net=\(file)", "ip", "-o", "link", "show", "type", "veth"]).run().output
                }
                Self.killSupervisors()
                #expect(inside().contains("vjail1"))
                let stop = Self.traced(machine, "newfstatat:error=EACCES", at: "/proc/1/ns/net", "stop", "t")
                #expect(stop.status == 0 && stop.errors == "" && inside() == "", "\(stop)")
            }
        }

        @Test("a network that is not found, where a process could not be looked at, is gone for stop -f alone")
        func doubt() throws {
            try Machine.with { machine in
                try Self.create(machine, in: "unshare --net")
                Self.killSupervisors()
                let inject = "newfstatat:error=EACCES"
                let stop = Self.traced(machine, inject, at: "/proc/1/ns/net", "stop", "t")
                let reason = "which was not found: cannot look at that of process 1: Permission denied"
                #expect(stop.status != 0 && stop.errors.contains(reason), "\(stop)")
                #expect(access("/run/jailrun/jails/t", F_OK) == 0)
                let forced = Self.traced(machine, inject, at: "/proc/1/ns/net", "stop", "-f", "t")
                #expect(forced.errors.contains("\(reason); it is taken for gone"), "\(forced)")
                #expect(access("/run/jailrun/jails/t", F_OK) != 0)
            }
        }

        @Test("a process by which a network was found may end before it is entered: it is looked for once more")
        func twice() throws {
            try Machine.with { machine in
                _ = Command.shell("unshare --net sleep 1000 >/dev/null 2>&1 & echo $! >'\(machine.directory)/pid'")
                    .run()
                let other = machine.read("\(machine.directory)/pid").trimmingCharacters(in: .newlines)
                defer { _ = Command(["kill", "-9", other]).run() }
                let own = Command(["readlink", "/proc/self/ns/net"]).run().output
                let place = "/proc/\(other)/ns/net"
                try #require(eventually { ![own, ""].contains(Command(["readlink", place]).run().output) })
                try Self.create(machine, in: "nsenter --net=\(place)")
                func inside() -> String {
                    Command(["nsenter", "--net=\(place)", "ip", "-o", "link", "show", "type", "veth"]).run().output
                }
                try #require(inside().contains("vjail1"))
                let supervisor = try #require(machine.supervisor())
                let stop = Self.interrupted(
                    machine, "newfstatat:signal=STOP:when=1", at: "/proc/\(supervisor)/ns/net",
                    by: "kill -9 \(supervisor) 2>&1; while [ -e /proc/\(supervisor)/ns/net ]; do sleep 0.02; done",
                    "stop t")
                #expect(stop.status == 0 && stop.errors == "" && inside() == "", "\(stop)")
                // The cgroup of the one that was killed.
                _ = machine.jailrun("prune", "-q")
            }
        }

        @Test("interfaces that were lent are told of when the network that they came from is gone")
        func lent() throws {
            try Machine.with { machine in
                symlink(Laboratory.program, "\(machine.directory)/jail")
                let words = "-c name=t persist vnet vnet.interface=lent path='\(machine.root)'"
                let created = Command.shell(
                    """
                    unshare --net sh -c 'ip link add lent type veth peer name kept && exec "$0" \(words)' \\
                        '\(machine.directory)/jail'
                    """
                ).run()
                try #require(created.status == 0, "\(created)")
                #expect(machine.link("jexec", "t", "ip", "link").output.contains("lent"))
                Self.killSupervisors()
                #expect(eventually { !machine.link("jexec", "t", "ip", "link").output.contains("lent") })
                let stop = machine.jailrun("stop", "t")
                #expect(stop.errors.contains("t: lent: the network they came from is gone"), "\(stop)")
                #expect(stop.status == 0 && access("/run/jailrun", F_OK) != 0)
            }
        }

        // MARK: Others at work

        /// How many calls of sendmsg(2) a stop makes until one that has the word.
        private static func call(_ word: String, in trace: String) -> Int? {
            let calls = trace.split(separator: "\n").filter { $0.contains("sendmsg(") }
            return calls.firstIndex { $0.contains(word) }.map { $0 + 1 }
        }

        private static func stopTrace(_ machine: Machine) throws -> String {
            let path = "\(machine.directory)/first"
            let words = ["strace", "-o", path, "-s", "400", "-e", "trace=sendmsg", Laboratory.program, "stop", "t"]
            try #require(machine.jailrun("start", machine.conf).status == 0)
            try #require(Command(words).run().status == 0)
            return machine.read(path)
        }

        @Test("a bridge on which another state directory's jail was put since the look at the links is not removed")
        func bridge() throws {
            try Machine.with { machine in
                let (state, other) = ("\(machine.directory)/other", "\(machine.directory)/u.conf")
                machine.write("u { path = \"\(machine.root)\"; ip4.addr = 10.77.0.11; persist; }\n", to: other)
                machine.configure("ip4.addr = 10.77.0.10; persist;")
                let count = try #require(Self.call("RTM_DELADDR", in: try Self.stopTrace(machine)))
                try #require(machine.jailrun("start", machine.conf).status == 0)
                let stop = Self.interrupted(
                    machine, "sendmsg:signal=STOP:when=\(count)",
                    by: "'\(Laboratory.program)' start --root '\(state)' '\(other)'", "stop t")
                #expect(stop.status == 0 && !stop.errors.contains("t:"), "\(stop)")
                #expect(Self.links.contains("master jail0"))
                #expect(Command(["ping", "-c", "1", "-W", "2", "10.77.0.11"]).run().status == 0)
                #expect(machine.jailrun("stop", "--root", state, "u").status == 0)
                #expect(Self.links == "" && access("/sys/class/net/jail0", F_OK) != 0)
            }
        }

        @Test("a step of a network's removal that fails is told, and the others are done all the same")
        func failedStep() throws {
            try Machine.with { machine in
                machine.configure("ip4.addr = 10.77.0.10; port = 127.0.0.1:8080:80; persist;")
                let count = try #require(Self.call("RTM_DELNEIGH", in: try Self.stopTrace(machine)))
                try #require(machine.jailrun("start", machine.conf).status == 0)
                let stop = Self.traced(machine, "sendmsg:error=ENOBUFS:when=\(count)", "stop", "t")
                #expect(stop.errors.contains("t: cannot undo the network: sendmsg(rtnetlink, RTM_DELNEIGH"), "\(stop)")
                #expect(stop.status != 0 && Self.links == "" && access("/sys/class/net/jail0", F_OK) != 0)
                #expect(!Command(["nft", "list", "ruleset"]).run().output.contains("8080"))
                let prune = machine.jailrun("prune", "-q")
                #expect(prune.status == 0 && prune.errors == "" && access("/run/jailrun", F_OK) != 0, "\(prune)")
            }
        }
    }
}
