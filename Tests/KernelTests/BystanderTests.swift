import Foundation
import Glibc
import Testing

extension Kernel {
    /// Commands in another network namespace than the links and rules of a jail.
    @Suite struct BystanderTests {
        /// With a jail `t` that serves a page.
        private static func with(_ body: (Machine, [String]) throws -> Void) throws {
            try Machine.with { machine in
                let created = machine.create("ip4.addr=10.77.0.10", "port=127.0.0.1:8080:80")
                try #require(created.status == 0, "\(created)")
                _ = machine.link("jexec", "t", "/bin/sh", "-c", "echo here >/tmp/index.html; httpd -h /tmp")
                try body(machine, rules)
            }
        }

        private static var rules: [String] { Command(["nft", "list", "ruleset"]).run().lines.sorted() }

        private static func elsewhere(_ words: String...) -> Outcome { Command(["unshare", "--net"] + words).run() }

        private static var page: String {
            Command(["curl", "-s", "-m", "2", "http://127.0.0.1:8080/"]).run().output
        }

        @Test("a jail whose links are in another network is not connected anew by who does not see them")
        func looks() throws {
            try Self.with { machine, before in
                for words in ["list", "ps t", "exec t true", "inspect t", "prune -q"] {
                    let verb = words.split(separator: " ").map(String.init)
                    let outcome = Command(["unshare", "--net", Laboratory.program] + verb).run()
                    #expect(outcome.status == 0 && outcome.errors == "", "\(words): \(outcome)")
                    #expect(Self.rules == before && Self.page == "here\n", "\(words)")
                }
                machine.remove()
            }
        }

        @Test("a stop takes all of it back there, and so does what comes after a jail that died")
        func stop() throws {
            for isKilled in [false, true] {
                try Self.with { machine, _ in
                    if isKilled {
                        _ = Command.shell("echo 1 >'\(Remains.cgroupRoot)/t/cgroup.kill'").run()
                    }
                    let outcome = Self.elsewhere(Laboratory.program, isKilled ? "prune" : "stop", isKilled ? "-q" : "t")
                    #expect(outcome.status == 0 && outcome.errors == "", "\(outcome)")
                    #expect(Self.rules == [])
                }
            }
        }

        @Test("a change of its network is refused there, with the way to where it can be made")
        func change() throws {
            try Self.with { machine, before in
                let change = Self.elsewhere("\(machine.directory)/jail", "-m", "name=t", "port=127.0.0.1:8081:80")
                #expect(change.status == 1, "\(change)")
                let words = "its network is in another network namespace, for nsenter(1) that of /proc/"
                #expect(change.errors.contains(words), "\(change)")
                #expect(Self.rules == before && Self.page == "here\n")
                machine.remove()
            }
        }

        @Test("a jail whose network's home is gone is not connected to another, and can be stopped")
        func gone() throws {
            try Machine.with { machine in
                _ = machine.link("jls")  // makes the link `jail`
                let words = ["-c", "name=t", "path=\(machine.root)", "persist", "ip4.addr=10.77.0.10", "nat"]
                symlink(Laboratory.program, "\(machine.directory)/jail")
                let created = Command(["unshare", "--net", "\(machine.directory)/jail"] + words).run()
                try #require(created.status == 0, "\(created)")
                // Its keeper holds that.
                _ = Command.shell("kill -9 $(cat '\(Remains.cgroupRoot)'/.supervisor.*/cgroup.procs)").run()
                #expect(eventually { !machine.link("jexec", "t", "ip", "link").output.contains("eth0") })
                let list = machine.jailrun("list")
                #expect(list.status == 0 && list.errors == "", "\(list)")
                #expect(Command(["ip", "-o", "link", "show", "type", "veth"]).run().output == "")
                let stop = machine.jailrun("stop", "t")
                #expect(stop.status == 0 && stop.errors == "", "\(stop)")
            }
        }

        /// In a network whose inode is that of one that is gone.
        private static func again(_ inode: String, _ script: String) -> Outcome {
            Command.shell(
                """
                for i in $(seq 300); do
                    unshare --net sh -c '[ $(stat -L -c %i /proc/self/ns/net) = \(inode) ] || exit 77; \(script)'
                    status=$?
                    [ $status = 77 ] || exit $status
                    sleep 0.02
                done
                exit 77
                """
            ).run()
        }

        @Test("a network that gets the number of a jail's, which is gone, is not taken for that")
        func numberAgain() throws {
            try Machine.with { machine in
                let words = ["-c", "name=t", "path=\(machine.root)", "persist", "ip4.addr=10.77.0.10", "nat"]
                symlink(Laboratory.program, "\(machine.directory)/jail")
                let created = Command(["unshare", "--net", "\(machine.directory)/jail"] + words).run()
                try #require(created.status == 0, "\(created)")
                let home = Command.shell("awk '$1 == \"home\" { print $3 }' /run/jailrun/jails/t").run()
                _ = Command.shell("kill -9 $(cat '\(Remains.cgroupRoot)'/.supervisor.*/cgroup.procs)").run()
                #expect(eventually { !machine.link("jexec", "t", "ip", "link").output.contains("eth0") })
                let change = "\(machine.directory)/jail -m name=t ip4.addr=10.77.0.11"
                let outcome = Self.again(
                    home.output.trimmingCharacters(in: .newlines),
                    "\(Laboratory.program) list >/dev/null; ip -o link show type veth; nft list ruleset; \(change); "
                        + "nft add table t; \(Laboratory.program) stop t; nft list ruleset")
                #expect(outcome.status == 0 && outcome.output == "table ip t {\n}\n", "\(outcome)")
                let refusal = "its network was in a network namespace that is gone"
                #expect(
                    outcome.errors.split(separator: "\n").count == 1 && outcome.errors.contains(refusal), "\(outcome)")
            }
        }

        @Test("a jail of another state directory may have the number of the next one's link: that takes another")
        func numbers() throws {
            try Machine.with { machine in
                let state = "\(machine.directory)/other"
                machine.configure("ip4.addr = 10.77.0.10; persist;", name: "u")
                try #require(machine.jailrun("start", "--root", state, machine.conf).status == 0)
                machine.configure("ip4.addr = 10.77.0.11; persist;")
                let script = machine.jailrun("explain", "--format", "sh", machine.conf).output
                #expect(script.contains("vjail1000000") && !script.contains("vjail1 "), "\(script)")
                let start = machine.jailrun("start", machine.conf)
                #expect(start.status == 0, "\(start)")
                #expect(Command(["ip", "link", "show", "vjail1000000"]).run().output.contains("jailrun:t "))
                #expect(machine.link("jls", "-j", "t", "jid").output == "1\n")
                machine.stop()
                #expect(machine.jailrun("list", "--root", state).errors == "")
                #expect(machine.jailrun("stop", "--root", state, "u").status == 0)
            }
        }

        @Test(
            "a jail that gets its first address takes another number, too, where the one of its links was taken meanwhile"
        )
        func firstAddress() throws {
            try Machine.with { machine in
                let state = "\(machine.directory)/other"
                try #require(machine.create().status == 0)
                machine.configure("ip4.addr = 10.77.0.10; persist;", name: "u")
                try #require(machine.jailrun("start", "--root", state, machine.conf).status == 0)
                try #require(access("/sys/class/net/vjail1", F_OK) == 0)
                func modify(_ address: String, _ options: String...) -> Outcome {
                    Command(["\(machine.directory)/jail"] + options + ["-m", "name=t", "ip4.addr=\(address)"]).run()
                }
                let plan = modify("10.77.0.11", "--dry-run")
                #expect(plan.output.contains("vjail1000000") && !plan.output.contains("vjail1\""), "\(plan)")
                let change = modify("10.77.0.11")
                #expect(change.status == 0 && change.errors == "", "\(change)")
                #expect(Command(["ip", "link", "show", "vjail1000000"]).run().output.contains("jailrun:t "))
                #expect(Command(["ping", "-c", "1", "-W", "2", "10.77.0.11"]).run().status == 0)
                // While it has none, that may become another's, too.
                #expect(modify("").status == 0 && access("/sys/class/net/vjail1000000", F_OK) != 0)
                _ = Command(["ip", "link", "add", "vjail1000000", "type", "bridge"]).run()
                #expect(modify("10.77.0.11").status == 0)
                #expect(Command(["ip", "link", "show", "vjail1000001"]).run().output.contains("jailrun:t "))
                machine.remove()
                _ = Command(["ip", "link", "delete", "vjail1000000"]).run()
                #expect(machine.jailrun("stop", "--root", state, "u").status == 0)
                #expect(Self.rules == [] && Command(["ip", "-o", "link", "show", "type", "veth"]).run().output == "")
            }
        }

        @Test("a jail whose link is gone, and its number another state directory's, leaves that one's link and hold")
        func othersLink() throws {
            try Machine.with { machine in
                let state = "\(machine.directory)/other"
                machine.configure("ip4.addr = 10.77.0.10; persist;")
                try #require(machine.jailrun("start", machine.conf).status == 0)
                // It would make another one.
                let supervisor = try #require(machine.supervisor())
                kill(supervisor, SIGSTOP)
                try #require(Command(["ip", "link", "delete", "vjail1"]).run().status == 0)
                machine.configure("ip4.addr = 10.77.0.11; persist;", name: "u")
                try #require(machine.jailrun("start", "--root", state, machine.conf).status == 0)
                func index() -> String { machine.read("/sys/class/net/vjail1/ifindex") }
                let (before, first) = (Self.rules, index())
                try #require(before.contains { $0.contains("vjail1") } && !first.isEmpty, "\(before)")
                _ = Command.shell("echo 1 >'\(Remains.cgroupRoot)/t/cgroup.kill'").run()
                kill(supervisor, SIGCONT)
                #expect(eventually { access("/run/jailrun/jails/t", F_OK) != 0 })
                let prune = machine.jailrun("prune", "-q")
                #expect(prune.status == 0 && prune.errors == "", "\(prune)")
                #expect(Command(["ip", "link", "show", "vjail1"]).run().output.contains("jailrun:u "))
                #expect(Self.rules == before && index() == first)
                #expect(machine.jailrun("stop", "--root", state, "u").status == 0)
                #expect(Self.rules == [] && Command(["ip", "-o", "link", "show", "type", "veth"]).run().output == "")
            }
        }

        @Test(
            "a jail whose link is gone, and its number another state directory's, is connected again with another number"
        )
        func reconnected() throws {
            try Machine.with { machine in
                let state = "\(machine.directory)/other"
                try #require(machine.create("ip4.addr=10.77.0.10").status == 0)
                let supervisor = try #require(machine.supervisor())
                kill(supervisor, SIGSTOP)
                try #require(Command(["ip", "link", "delete", "vjail1"]).run().status == 0)
                machine.configure("ip4.addr = 10.77.0.11; persist;", name: "u")
                let start = machine.jailrun("start", "--root", state, machine.conf)
                try #require(start.status == 0 && access("/sys/class/net/vjail1", F_OK) == 0, "\(start)")
                let list = machine.jailrun("list")
                kill(supervisor, SIGCONT)
                #expect(list.errors.contains("its link vjail1 was gone: it is connected as before"), "\(list)")
                for (name, jail) in [("vjail1", "u"), ("vjail1000000", "t")] {
                    #expect(Command(["ip", "link", "show", name]).run().output.contains("jailrun:\(jail) "), "\(name)")
                }
                #expect(Command(["ping", "-c", "1", "-W", "2", "10.77.0.10"]).run().status == 0)
                machine.remove()
                #expect(access("/sys/class/net/vjail1", F_OK) == 0)
                #expect(machine.jailrun("stop", "--root", state, "u").status == 0)
                #expect(Self.rules == [] && Command(["ip", "-o", "link", "show", "type", "veth"]).run().output == "")
            }
        }

        @Test("where br_netfilter comes after a jail, the next command lets the jail reach its own published port")
        func hairpin() throws {
            let setting = "/proc/sys/net/bridge/bridge-nf-call-iptables"
            if access(setting, F_OK) != 0 { return }
            let was = Command(["cat", setting]).run().output
            func set(_ value: String) { _ = Command.shell("echo \(value) >\(setting)").run() }
            defer { set(was) }
            try Machine.with { machine in
                set("0")
                let created = machine.create("ip4.addr=10.77.0.10", "port=8080:80")
                try #require(created.status == 0, "\(created)")
                func reflects() -> String {
                    Command.shell("cat /sys/class/net/vjail*/brport/hairpin_mode").run().output
                }
                #expect(reflects() == "0\n")
                _ = machine.jailrun("list")
                #expect(reflects() == "0\n")
                set("1")
                let list = machine.jailrun("list")
                #expect(list.errors == "" && reflects() == "1\n", "\(list)")
                machine.remove()
            }
        }
    }
}
