import Foundation
import Glibc
import Testing

extension Kernel {
    /// A jail that runs is connected as its record says, whatever has become of its links.
    @Suite struct ReconnectionTests {
        private static var rules: [String] {
            Command(["nft", "list", "ruleset"]).run().lines.filter { $0.contains("comment") || $0.contains("chain vj") }
        }

        /// With a jail `t` that serves a page, and the rules that it has.
        private static func with(_ body: (Machine, [String]) throws -> Void) throws {
            try Machine.with { machine in
                let created = machine.create("ip4.addr=10.77.0.10", "port=127.0.0.1:8080:80")
                try #require(created.status == 0, "\(created)")
                _ = machine.link("jexec", "t", "/bin/sh", "-c", "echo here >/tmp/index.html; httpd -h /tmp")
                try body(machine, rules)
                machine.remove()
            }
        }

        /// What of its network is not as its record says.
        private static func faults(_ machine: Machine, _ before: [String]) -> [String] {
            var faults: [String] = []
            let inside = machine.link("jexec", "t", "ip", "-4", "addr").output
            if !inside.contains("inet 10.77.0.10/24") || inside.contains("10.77.0.11") { faults.append(inside) }
            if rules.sorted() != before.sorted() { faults.append("\(rules)") }
            let page = Command(["curl", "-s", "-m", "2", "http://127.0.0.1:8080/"]).run().output
            if page != "here\n" { faults.append("page: \(page)") }
            let link = Command.shell("ip -o link show type veth | grep -c 'alias jailrun:t jail0 10.77.0.10/24'").run()
            if link.output != "1\n" { faults.append(Command(["ip", "link"]).run().output) }
            return faults
        }

        /// Changes the jail, and is killed as it makes that call for the nth time.
        /// - Returns: whether it has ended before.
        private static func change(_ machine: Machine, _ words: [String], killedAt call: String, _ count: Int) -> Bool {
            let jid = machine.link("jls", "-j", "t", "jid").output.dropLast()
            let outcome = Command(
                [
                    "strace", "-f", "-o", "/dev/null", "-e", "trace=\(call)", "-e",
                    "inject=\(call):signal=KILL:when=\(count)", "\(machine.directory)/jail", "-m", "jid=\(jid)",
                ] + words
            ).run()
            return outcome.status == 0
        }

        @Test(
            "a change of the network that is killed is taken back by the next command, at whatever call it was killed",
            arguments: [
                ["ip4.addr=10.77.0.11", "port=127.0.0.1:8081:80"], ["port=127.0.0.1:8081:80"],
                ["name=new", "ip4.addr=10.77.0.11"], ["ip4.addr=", "port="],
            ])
        func killed(words: [String]) throws {
            // A new name is the jail's from its record's third file on: then it is finished.
            for call in ["sendmsg", "rename"] where call == "sendmsg" || words[0] != "name=new" {
                try Self.with { machine, before in
                    var count = 1
                    while !Self.change(machine, words, killedAt: call, count), count < 100 {
                        var (list, faults) = (machine.jailrun("list"), Self.faults(machine, before))
                        // The lock of the one that was killed is let go when the kernel comes to it.
                        eventually(seconds: 5) {
                            if faults.isEmpty { return true }
                            (list, faults) = (machine.jailrun("list"), Self.faults(machine, before))
                            return faults.isEmpty
                        }
                        #expect(list.status == 0 && faults == [], "\(call) \(count): \(list)")
                        if !faults.isEmpty { return }
                        count += 1
                    }
                    #expect(count > 2 && count < 100)
                    machine.remove("new")
                }
            }
        }

        @Test("a link of a jail that somebody has deleted is made again by the next command, which says so")
        func deleted() throws {
            try Self.with { machine, before in
                let jid = machine.link("jls", "-j", "t", "jid").output.dropLast()
                #expect(Command(["ip", "link", "delete", "vjail\(jid)"]).run().status == 0)
                let list = machine.jailrun("list")
                #expect(list.errors.contains("t: its link vjail\(jid) was gone: it is connected as before"), "\(list)")
                #expect(Self.faults(machine, before) == [])
                #expect(machine.jailrun("list").errors == "")
            }
        }

        @Test("a stop asks for the host's links and rules once before what it changes of them, and once after")
        func looks() throws {
            try Self.with { machine, _ in
                let trace = "\(machine.directory)/trace"
                let words = ["strace", "-o", trace, "-e", "trace=sendmsg", Laboratory.program, "stop", "t"]
                #expect(Command(words).run().status == 0)
                let dumps = machine.read(trace).split(separator: "\n").filter { $0.contains("NLM_F_DUMP") }
                // Both without the lock, for the repair; then of links, before and after the jail's link and the bridge, and once
                // more for what no jail needs: another state directory's jails do not wait for the lock.
                #expect(dumps.count { $0.contains("RTM_GETLINK") } <= 6, "\(dumps)")
                #expect(dumps.count { $0.contains("NFT_MSG_GETRULE") } <= 6, "\(dumps)")
            }
        }

        @Test("a change that fails, and is taken back, leaves nothing to be taken back again")
        func failed() throws {
            try Self.with { machine, before in
                let words = ["-m", "name=t", "ip4.addr=10.77.0.11", "cgroup.cgroup.max.descendants=x"]
                #expect(Command(["\(machine.directory)/jail"] + words).run().status == 1)
                let list = machine.jailrun("list")
                #expect(list.errors == "" && Self.faults(machine, before) == [], "\(list)")
            }
        }

        /// A program of the host's that listens on the jail's port.
        private static func takePort() throws -> Running {
            let program = Command(["/bin/busybox", "httpd", "-f", "-p", "127.0.0.1:8080", "-h", "/"]).start()
            try #require(eventually { !Command(["ss", "-Hltn", "sport = :8080"]).run().output.isEmpty })
            return program
        }

        @Test("a jail keeps the link that works while what is to take its place cannot be planned")
        func unplanned() throws {
            _ = Command.shell("ip link add br5 type bridge; ip addr add 10.99.0.1/24 dev br5; ip link set br5 up").run()
            defer { _ = Command(["ip", "link", "delete", "br5"]).run() }
            try Machine.with { machine in
                let created = machine.create("ip4.addr=10.77.0.10,br5|10.99.0.10", "port=127.0.0.1:8080:80")
                try #require(created.status == 0, "\(created)")
                let jid = machine.link("jls", "-j", "t", "jid").output.dropLast()
                let taker = try Self.takePort()
                defer { taker.signal(SIGKILL) }
                _ = Command(["ip", "link", "delete", "vj\(jid)e1"]).run()
                let list = machine.jailrun("list")
                #expect(list.errors.contains("cannot connect it again: port 127.0.0.1:8080/tcp: taken by"), "\(list)")
                let inside = machine.link("jexec", "t", "ip", "-4", "addr").output
                #expect(inside.contains("10.77.0.10/24"), "\(inside)")
                taker.signal(SIGKILL)
                _ = taker.wait()
                #expect(machine.jailrun("list").errors.contains("it is connected as before"))
                #expect(machine.link("jexec", "t", "ip", "-4", "addr").output.contains("10.99.0.10/24"))
                machine.remove()
            }
        }

        @Test("a link that nothing holds any more is held again, though the jail's port is another's by now")
        func held() throws {
            try Self.with { machine, before in
                let jid = machine.link("jls", "-j", "t", "jid").output.dropLast()
                let taker = try Self.takePort()
                defer { taker.signal(SIGKILL) }
                _ = Command(["nft", "flush", "ruleset"]).run()
                // One that comes while the supervisor is at it leaves that to it.
                #expect(eventually { machine.jailrun("list").errors.contains("port 127.0.0.1:8080/tcp: taken by") })
                #expect(Self.rules.contains { $0.contains("chain vjail\(jid)") }, "\(Self.rules)")
                taker.signal(SIGKILL)
                _ = taker.wait()
                _ = machine.jailrun("list")
                #expect(Self.faults(machine, before) == [])
            }
        }
    }
}
