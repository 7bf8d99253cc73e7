import Foundation
import Glibc
import Testing

extension Kernel {
    /// Jails that have one address, for each has only that one.
    @Suite struct SharedAddressTests {
        private static let address = "ip4.addr = 10.77.0.21;"

        private func listen(_ port: Int) -> String { "exec.start += \"/bin/probe listen \(port) all &\";" }

        private func write(_ machine: Machine, _ jails: String) {
            machine.write("path = \"\(machine.root)\"; persist;\n\(jails)\n", to: machine.conf)
        }

        /// One after the other, or all at once.
        private func up(_ machine: Machine, _ jails: String...) {
            for jail in jails.isEmpty ? [[]] : jails.map({ [$0] }) {
                let start = Command([Laboratory.program, "start", machine.conf] + jail).run()
                #expect(start.status == 0, "\(start)")
            }
        }

        /// Who the jail saw; nil when nobody answered.
        private func reach(_ address: String, _ port: Int) -> String? {
            var peer: String?
            eventually(seconds: 4) {
                peer = Command([Laboratory.probe, "connect", address, "\(port)"]).run()["received"]?.first
                return peer != nil
            }
            return peer
        }

        private func isRefused(_ address: String, _ port: Int) -> Bool {
            eventually {
                Command([Laboratory.probe, "connect", address, "\(port)"]).run()["connect"] == ["ECONNREFUSED"]
            }
        }

        /// A bridge without a port has no carrier and no address of its own.
        private func snapshot() -> [String] {
            let script = """
                ip -o link | sed -E 's/ state [A-Z]+//; s/,LOWER_UP//; s/NO-CARRIER,//; /: lab2:/s/link.ether.*//'
                ip -o address; { ip route show table all; ip -6 route show table all; } | sed 's/ linkdown//'
                ip neigh show proxy; ip -6 neigh show proxy; nft list ruleset 2>/dev/null
                cd /proc/sys/net; grep -H . ipv4/conf/*/forwarding ipv6/conf/*/forwarding ipv6/conf/*/proxy_ndp
                """
            return Command.shell(script).run().lines.filter { !$0.contains("fe80:") }
        }

        @Test("two jails serve different ports at one address, to the host and to a neighbour, and see only their own")
        func together() throws {
            try Machine.with { machine in
                write(
                    machine,
                    """
                    a { \(Self.address) \(listen(7000)) }
                    b { \(Self.address) \(listen(80)) \(listen(7001)) }
                    c { ip4.addr = 10.77.0.22; }
                    """)
                up(machine, "a", "b", "c")
                defer { _ = machine.jailrun("stop", machine.conf) }
                for port in [7000, 7001, 80] {
                    #expect(reach("10.77.0.21", port) == "10.77.0.1")
                    let seen = machine.jailrun("exec", "c", "/bin/probe", "connect", "10.77.0.21", "\(port)")
                    #expect(seen["received"] == ["10.77.0.22"], "\(port): \(seen)")
                }
                func inside(_ jail: String, _ script: String) -> String {
                    machine.jailrun("exec", jail, "sh", "-c", script).output
                }
                let processes = ["a", "b"].map { inside($0, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '") }
                #expect(processes[0].contains("7000") && !processes[0].contains("7001"), "\(processes)")
                #expect(processes[1].contains("7001") && !processes[1].contains("7000"), "\(processes)")
                let namespaces = ["a", "b"].map { machine.jailrun("exec", $0, "/bin/probe", "namespaces") }
                #expect(namespaces[0]["net"] == namespaces[1]["net"] && namespaces[0]["net"] != nil)
                for kind in ["user", "pid", "mnt", "uts", "ipc"] {
                    #expect(namespaces[0][kind] != namespaces[1][kind], "\(kind)")
                }
                #expect(inside("b", "ls /sys/class/net") == "eth0\nlo\n")
                #expect(inside("b", "hostname") == "b\n")
                for command in ["ip link set eth0 down", "ip address add 10.77.0.99/24 dev eth0", "touch /sys/x"] {
                    #expect(machine.jailrun("exec", "b", "sh", "-c", command).status != 0, "\(command)")
                }
                let list = Command([Laboratory.program, "list", "--json"]).run().output
                #expect(list.components(separatedBy: "10.77.0.21").count == 3, "\(list)")
            }
        }

        @Test(
            "whichever is stopped first, the other keeps the address, and the last takes all of it back",
            arguments: [["a", "b"], ["b", "a"]], ["", "interface = lab0;", "interface = lab2;"])
        func stops(order: [String], place: String) throws {
            try Machine.with { machine in
                _ = Command.shell(StepTests.makeInterface).run()
                defer { _ = Command.shell(StepTests.removeInterface).run() }
                usleep(50_000)
                let before = snapshot()
                let (v4, v6) =
                    switch place {
                    case "": ("10.77.0.21", "fd77::21")
                    case "interface = lab0;": ("192.0.2.5", "2001:db8::5")
                    default: ("198.51.100.5/24", "2001:db8:1::5/64")
                    }
                let addresses = "\(place) ip4.addr = \"\(v4)\"; ip6.addr = \"\(v6)\";"
                write(
                    machine, "a { \(addresses) \(listen(7000)) }\nb { \(addresses) \(listen(7001)) }")
                up(machine, "a", "b")
                let ports = ["a": 7000, "b": 7001]
                let hosts = [v4, v6].filter { !$0.contains("db8:1") }.map { String($0.prefix { $0 != "/" }) }
                func expectBoth(_ jail: String) {
                    for host in hosts { #expect(reach(host, ports[jail]!) != nil, "\(jail) at \(host)") }
                }
                for jail in order { expectBoth(jail) }
                machine.stop(order[0])
                expectBoth(order[1])
                for host in hosts { #expect(isRefused(host, ports[order[0]]!)) }
                // Back again, in the network that it had left.
                up(machine, order[0])
                for jail in order { expectBoth(jail) }
                machine.stop(order[1])
                expectBoth(order[0])
                machine.stop(order[0])
                #expect(snapshot().difference(from: before).map { "\($0)" } == [])
            }
        }

        @Test("who has the links of a jail that is gone, or another name by now, is held again after a flush")
        func held() throws {
            func chains() -> String { Command(["nft", "list", "table", "netdev", "jailrun"]).run().output }
            func flush(_ machine: Machine) {
                let before = chains()
                #expect(before.contains("chain vjail"))
                _ = Command(["nft", "flush", "ruleset"]).run()
                #expect(eventually { chains() == before }, "\(before)\n\(chains())")
                #expect(reach("10.77.0.21", 7001) != nil)
                #expect(!machine.jailrun("list").errors.contains("nftables"))
            }
            try Machine.with { machine in
                write(machine, "a { \(Self.address) \(listen(7000)) }\nb { \(Self.address) \(listen(7001)) }")
                up(machine, "a", "b")
                flush(machine)
                machine.stop("a")
                flush(machine)
                symlink(Laboratory.program, "\(machine.directory)/jail")
                let jid = machine.link("jls", "-j", "b", "jid").output.trimmingCharacters(in: .newlines)
                let renamed = Command(["\(machine.directory)/jail", "-m", "name=c", "jid=\(jid)"]).run()
                #expect(renamed.status == 0, "\(renamed)")
                flush(machine)
                machine.stop("c")
            }
        }

        @Test("three share one address, started at once, in whichever order they go") func three() throws {
            try Machine.with { machine in
                let names = ["a", "b", "c"]
                write(
                    machine,
                    names.enumerated().map { "\($1) { \(Self.address) \(listen(7000 + $0)) }" }.joined(separator: "\n")
                )
                for round in 0..<3 {
                    up(machine)
                    let order = names.indices.map { ($0 + round) % 3 }
                    for (position, index) in order.enumerated() {
                        for rest in order[position...] { #expect(reach("10.77.0.21", 7000 + rest) == "10.77.0.1") }
                        machine.stop(names[index])
                    }
                    #expect(!FileManager.default.fileExists(atPath: "/sys/class/net/jail0"))
                }
            }
        }

        @Test("four workers that start and stop jails of one address: none fails, and nothing is left")
        func race() throws {
            try Machine.with { machine in
                let names = ["a", "b", "c", "d"]
                write(machine, names.map { "\($0) { \(Self.address) }" }.joined(separator: "\n"))
                let worker = """
                    for i in $(seq \(Laboratory.isVirtualMachine ? 2 : 6)); do
                        "$0" -q start "$1" "$2" || echo "start $?"
                        "$0" exec "$2" /bin/busybox ip address | grep -q 10.77.0.21/24 || echo "no address"
                        "$0" -q stop "$2" || echo "stop $?"
                    done
                    """
                let workers = names.map {
                    Command(["/bin/sh", "-c", worker, Laboratory.program, machine.conf, $0]).start()
                }
                for outcome in workers.map({ $0.wait(seconds: 120) }) {
                    #expect(outcome.status == 0 && outcome.output == "", "\(outcome)")
                }
            }
        }

        @Test(
            "what cannot share is refused with its line and a reason, and the first goes on",
            arguments: [
                ("ip4.addr = 10.77.0.21, 10.77.0.22;", "only if each has no other"),
                ("ip4.addr = 10.77.0.21; ip6.addr = fd77::21;", "only if each has no other"),
                ("ip4.addr = 10.77.0.21; allow.raw_sockets;", "raw sockets"),
                ("ip4.addr = 10.77.0.21; cap.add = NET_ADMIN;", "CAP_NET_ADMIN"),
                ("ip4.addr = 10.77.0.21; allow.noreserved_ports;", "allow.reserved_ports"),
                ("ip4.addr = 10.77.0.21; sysctl.net.ipv4.ip_forward = 1;", "sysctl.net"),
            ])
        func refused(parameters: String, reason: String) throws {
            try Machine.with { machine in
                machine.configure("\(Self.address) persist; \(listen(7000))")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let second = "\(machine.directory)/second.conf"
                machine.write("s {\n path = \"\(machine.root)\"; persist;\n \(parameters)\n}\n", to: second)
                let outcome = machine.jailrun("start", second)
                #expect(outcome.status == 125, "\(outcome)")
                #expect(outcome.errors.contains("second.conf:3") && outcome.errors.contains("jail \"t\" has it"))
                #expect(outcome.errors.contains(reason), "\(outcome)")
                #expect(machine.jailrun("run", "--dry-run", second).errors.contains(reason))
                #expect(reach("10.77.0.21", 7000) == "10.77.0.1")
                if outcome.status == 0 { machine.stop("s") }
                machine.stop()
                // The other way round it is the same.
                #expect(machine.jailrun("start", second).status == 0)
                let first = machine.jailrun("start", machine.conf)
                #expect(first.status == 125 && first.errors.contains(reason), "\(first)")
                machine.stop("s")
            }
        }

        @Test("published ports of both lead to each, and go with each; no other rule is left to guard 127.0.0.1")
        func ports() throws {
            try Machine.with { machine in
                _ = Command.shell(StepTests.makeInterface).run()
                defer { _ = Command.shell(StepTests.removeInterface).run() }
                let address = "ip4.addr = \"lab0|192.0.2.5\";"
                write(
                    machine,
                    """
                    a { \(address) port = 18080:7000; \(listen(7000)) }
                    b { \(address) port = 18081:7001; \(listen(7001)) }
                    c { \(address) \(listen(7002)) }
                    """)
                up(machine, "a", "b", "c")
                func localRoute() -> [String] {
                    Command.shell("cat /proc/sys/net/ipv4/conf/vjail*/route_localnet").run().lines
                }
                #expect(reach("127.0.0.1", 18080) != nil && reach("127.0.0.1", 18081) != nil)
                machine.stop("a")
                #expect(reach("127.0.0.1", 18081) != nil && isRefused("127.0.0.1", 18080))
                #expect(localRoute() == ["1"])
                machine.stop("b")
                #expect(localRoute() == ["0"])
                #expect(reach("192.0.2.5", 7002) != nil)
                machine.stop("c")
            }
        }

        @Test("jail -m gives one of two other ports and another name, and no other address while both are up")
        func modified() throws {
            try Machine.with { machine in
                let link = "\(machine.directory)/jail"
                try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: Laboratory.program)
                write(
                    machine,
                    """
                    a { \(Self.address) port = 18080:7000; \(listen(7000)) }
                    b { \(Self.address) \(listen(7001)) }
                    """)
                up(machine, "a", "b")
                for name in ["a", "b"] {
                    let change = Command([link, "-m", "name=\(name)", "ip4.addr=10.77.0.30"]).run()
                    #expect(change.status == 1 && change.errors.contains("cannot be changed while both"), "\(change)")
                }
                #expect(Command([link, "-m", "name=b", "port=18081:7001"]).run().status == 0)
                #expect(reach("127.0.0.1", 18080) != nil && reach("127.0.0.1", 18081) != nil)
                for (old, new) in [("a", "n"), ("b", "m")] {
                    let outcome = Command([link, "-m", "jid=\(jid(of: old, machine))", "name=\(new)"]).run()
                    #expect(outcome.status == 0, "\(outcome)")
                }
                #expect(reach("10.77.0.21", 7000) != nil && reach("10.77.0.21", 7001) != nil)
                machine.stop("n")
                #expect(reach("127.0.0.1", 18081) != nil)
                // Alone, it may have another address.
                let change = Command([link, "-m", "name=m", "ip4.addr=10.77.0.30"]).run()
                #expect(change.status == 0, "\(change)")
                #expect(reach("10.77.0.30", 7001) != nil)
                machine.stop("m")
            }
        }

        private func jid(of name: String, _ machine: Machine) -> String {
            let rows = machine.jailrun("list").lines.map { $0.split(separator: " ") }
            guard let row = rows.first(where: { $0.count > 1 && $0[1] == name }) else { return "" }
            return String(row[0])
        }

        @Test("SIGKILL at any moment of a second's start: the first is reached, and nothing of the second is left")
        func killedStart() throws {
            try Machine.with { machine in
                write(machine, "a { \(Self.address) \(listen(7000)) }\nb { \(Self.address) \(listen(7001)) }")
                up(machine, "a")
                let begin = Date()
                up(machine, "b")
                let whole = UInt32(Date().timeIntervalSince(begin) * 1_000_000)
                machine.stop("b")
                for _ in 0..<Laboratory.rounds(12) {
                    let running = machine.start("start", machine.conf, "b")
                    usleep(UInt32.random(in: 0...whole))
                    running.signal(SIGKILL)
                    _ = running.wait(seconds: 5)
                    #expect(reach("10.77.0.21", 7000) == "10.77.0.1")
                    let prune = machine.jailrun("prune")
                    #expect(prune.status == 0 && prune.errors == "", "\(prune)")
                    machine.stop("b")
                    #expect(reach("10.77.0.21", 7000) == "10.77.0.1")
                }
                machine.stop("a")
                _ = machine.jailrun("prune")
            }
        }

        @Test("SIGKILL at any moment of the first's stop: the second is reached, and the last of them leaves nothing")
        func killedStop() throws {
            try Machine.with { machine in
                write(machine, "a { \(Self.address) }\nb { \(Self.address) \(listen(7001)) }")
                up(machine, "a", "b")
                let begin = Date()
                machine.stop("a")
                let whole = UInt32(Date().timeIntervalSince(begin) * 1_000_000)
                for round in 0..<Laboratory.rounds(12) {
                    up(machine, "a")
                    let running = machine.start("stop", "a")
                    usleep(UInt32.random(in: 0...whole))
                    running.signal(SIGKILL)
                    _ = running.wait(seconds: 5)
                    #expect(reach("10.77.0.21", 7001) == "10.77.0.1")
                    // Either may be the one that is repaired, or goes, first.
                    if round % 3 == 0 { machine.stop("b") }
                    #expect(machine.jailrun("prune").status == 0)
                    machine.stop("a")
                    if round % 3 == 0 { up(machine, "b") }
                    #expect(reach("10.77.0.21", 7001) == "10.77.0.1")
                }
                machine.stop("b")
            }
        }

        @Test("a jail whose processes were killed with its keeper takes no address from the other")
        func killedJail() throws {
            try Machine.with { machine in
                write(machine, "a { \(Self.address) }\nb { \(Self.address) \(listen(7001)) }")
                up(machine, "a", "b")
                let cgroup = "\(Remains.cgroupRoot)/a/cgroup.kill"
                machine.write("1", to: cgroup)
                #expect(eventually { machine.state(of: "a") != "up" })
                #expect(reach("10.77.0.21", 7001) == "10.77.0.1")
                #expect(machine.jailrun("prune").status == 0)
                #expect(reach("10.77.0.21", 7001) == "10.77.0.1")
                machine.stop("b")
            }
        }

        @Test("one with the host's ids and one with its own share it, whichever was first", arguments: [true, false])
        func hostIDs(isFirst: Bool) throws {
            try Machine.with { machine in
                let (first, second) = isFirst ? ("userns = host;", "") : ("", "userns = host;")
                write(
                    machine,
                    """
                    a { \(Self.address) \(first) \(listen(7000)) }
                    b { \(Self.address) \(second) \(listen(80)) }
                    """)
                up(machine, "a", "b")
                #expect(reach("10.77.0.21", 7000) != nil && reach("10.77.0.21", 80) != nil)
                #expect(machine.jailrun("exec", "b", "ls", "/sys/class/net").output == "eth0\nlo\n")
                machine.stop("a")
                #expect(reach("10.77.0.21", 80) != nil)
                machine.stop("b")
            }
        }

        @Test("a start waits for the end of a jail that has its address and is being stopped") func waiting() throws {
            try Machine.with { machine in
                machine.script("stay", "trap '' TERM; while :; do sleep 0.1; done")
                let stay = "stop.timeout = 2; exec.start = \"/bin/stay &\";"
                write(machine, "a { \(Self.address) \(stay) }\nb { \(Self.address) \(listen(7001)) }")
                up(machine, "a")
                let stop = machine.start("stop", "a")
                #expect(eventually { machine.read("/run/jailrun/jails/a").contains("phase stopping") })
                up(machine, "b")
                #expect(stop.wait(seconds: 10).status == 0)
                #expect(reach("10.77.0.21", 7001) == "10.77.0.1")
                machine.stop("b")
            }
        }

        @Test("a start that fails in another's network takes back nothing of it") func failing() throws {
            try Machine.with { machine in
                write(
                    machine,
                    """
                    a { \(Self.address) \(listen(7000)) }
                    b { \(Self.address) exec.start = "/bin/false"; port = 18081:7001; }
                    c { \(Self.address) mount = "linsysfs $path/none linsysfs ro 0 0"; }
                    """)
                up(machine, "a")
                for jail in ["b", "c"] {
                    let start = machine.jailrun("start", machine.conf, jail)
                    #expect(start.status != 0, "\(start)")
                    #expect(reach("10.77.0.21", 7000) == "10.77.0.1")
                }
                machine.stop("a")
            }
        }
    }
}
