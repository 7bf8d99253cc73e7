import Foundation
import Glibc
import Testing

extension Kernel {
    /// Addresses as jail.conf(5) gives them, with the built program, in the lab's own network.
    @Suite struct AddressTests {
        /// Another machine: a network namespace, as long as its process lives, at the other end of a link.
        private final class Neighbour {
            let process: Running
            private let link: String

            /// The host's end of the link is `link`, the machine's own is `eth0`.
            init(link: String, addresses: [String]) {
                self.link = link
                process = Command(["unshare", "--net", "sleep", "1000"]).start()
                let pid = process.pid
                _ = eventually {
                    Command(["readlink", "/proc/\(pid)/ns/net"]).run().output
                        != Command(["readlink", "/proc/self/ns/net"]).run().output
                }
                AddressTests.host("ip link add \(link) type veth peer name eth0 netns \(pid); ip link set \(link) up")
                run("ip link set lo up; ip link set eth0 up")
                for address in addresses { run("ip address add \(address) dev eth0\(Self.noDetection(address))") }
            }

            static func noDetection(_ address: String) -> String { address.contains(":") ? " nodad" : "" }

            @discardableResult func run(_ script: String) -> Outcome {
                Command(["nsenter", "--net=/proc/\(process.pid)/ns/net", "sh", "-c", script]).run()
            }

            func leave() {
                AddressTests.host("ip link delete \(link)")
                process.signal(SIGKILL)
                _ = process.wait()
            }
        }

        @discardableResult fileprivate static func host(_ script: String) -> Outcome {
            let outcome = Command.shell("set -e; \(script)").run()
            #expect(outcome.status == 0, "\(script): \(outcome)")
            return outcome
        }

        /// Links, addresses, routes, proxies and what is forwarded.
        private func snapshot() -> [String] {
            Self.host(
                """
                ip -o link | sed -E 's/ state [A-Z]+//; s/,LOWER_UP//; s/NO-CARRIER,//'
                ip -o address | sed -E 's/(valid|preferred)_lft [0-9a-z]+//g; s/ tentative//'
                ip route show table all; ip -6 route show table all; ip neigh show proxy; ip -6 neigh show proxy
                cd /proc/sys/net; grep -H . ipv4/ip_forward ipv4/conf/*/forwarding ipv4/conf/*/proxy_arp \\
                    ipv6/conf/*/forwarding ipv6/conf/*/proxy_ndp ipv6/conf/*/accept_ra
                """
            ).lines.filter { !$0.contains("fe80:") }  // the test's own links get theirs a second after they are up
        }

        private static let listener = "exec.start = \"/bin/probe listen 7000 all &\"; persist;"

        /// Who the jail saw, asked from the host; nil when nobody answered.
        private func reach(_ address: String, by run: (String) -> Outcome = { Command.shell($0).run() }) -> String? {
            var peer: String?
            // An address of version 6 is a neighbour's a moment after it is there.
            eventually(seconds: 4) {
                peer = run("'\(Laboratory.probe)' connect \(address) 7000")["received"]?.first
                return peer != nil
            }
            return peer
        }

        private func up(_ machine: Machine, _ parameters: String) {
            machine.configure("\(Self.listener) \(parameters)")
            let start = machine.jailrun("start", machine.conf)
            #expect(start.status == 0, "\(start)")
        }

        @Test("ip4.addr and ip6.addr alone: the host reaches both over jail0, and a stop leaves nothing of it")
        func ownBridge() throws {
            try Machine.with { machine in
                let before = snapshot()
                up(machine, "ip4.addr = 10.77.0.21; ip6.addr = fd77::21;")
                #expect(reach("10.77.0.21") == "10.77.0.1")
                #expect(reach("fd77::21") == "fd77::1")
                #expect(machine.jailrun("exec", "t", "/bin/probe", "links").lines.count == 2)
                machine.stop()
                #expect(snapshot() == before)
            }
        }

        @Test("a bridge by name: the jail is one more machine of its network, and a stop leaves the bridge as it was")
        func bridge() throws {
            try Machine.with { machine in
                Self.host("ip link add br7 type bridge; ip link set br7 up; ip address add 192.0.2.1/24 dev br7")
                Self.host("ip address add 2001:db8::1/64 dev br7 nodad")
                let other = Neighbour(link: "port7", addresses: ["192.0.2.20/24", "2001:db8::20/64"])
                Self.host("ip link set port7 master br7")
                defer {
                    other.leave()
                    Self.host("ip link delete br7")
                }
                usleep(50_000)
                let before = snapshot()
                up(machine, "interface = br7; ip4.addr = 192.0.2.21/24; ip6.addr = 2001:db8::21/64;")
                for (address, host, neighbour) in [
                    ("192.0.2.21", "192.0.2.1", "192.0.2.20"), ("2001:db8::21", "2001:db8::1", "2001:db8::20"),
                ] {
                    #expect(reach(address) == host)
                    #expect(reach(address, by: other.run) == neighbour)
                }
                machine.stop()
                #expect(snapshot() == before)
            }
        }

        @Test("a plain interface: machines behind it reach the jail by proxy, and a stop takes routes and proxies back")
        func plainInterface() throws {
            try Machine.with { machine in
                let other = Neighbour(link: "lan7", addresses: ["192.0.2.20/24", "2001:db8::20/64"])
                defer { other.leave() }
                Self.host("ip address add 192.0.2.1/24 dev lan7; ip address add 2001:db8::1/64 dev lan7 nodad")
                usleep(50_000)
                let before = snapshot()
                up(machine, "interface = lan7; ip4.addr = 192.0.2.21; ip6.addr = 2001:db8::21;")
                for (address, neighbour) in [("192.0.2.21", "192.0.2.20"), ("2001:db8::21", "2001:db8::20")] {
                    #expect(reach(address, by: other.run) == neighbour)
                    #expect(reach(address) != nil)
                }
                let route = Self.host("ip route get 192.0.2.21; ip neigh show proxy; ip -6 neigh show proxy").output
                #expect(route.contains("dev vj") && route.contains("192.0.2.21 dev lan7 proxy"), "\(route)")
                #expect(route.contains("2001:db8::21 dev lan7 proxy"), "\(route)")
                machine.stop()
                #expect(snapshot() == before)
            }
        }

        @Test("ip4 = inherit: the jail has the host's links and no right over them") func inherit() throws {
            try Machine.with { machine in
                let before = snapshot()
                up(machine, "ip4 = inherit; ip6 = inherit;")
                defer { machine.stop() }
                let host = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/net")
                #expect(machine.jailrun("exec", "t", "/bin/probe", "namespaces")["net"] == [host])
                #expect(reach("127.0.0.1") == "127.0.0.1")
                for command in [
                    "ip link add x type dummy", "ip link set lo down", "ip address add 192.0.2.9/32 dev lo",
                ] {
                    let outcome = machine.jailrun("exec", "t", "sh", "-c", command)
                    #expect(outcome.status != 0, "\(command): \(outcome)")
                }
                #expect(machine.jailrun("exec", "t", "/bin/probe", "raw_socket").status == 1)
                // sysfs(5) would show the host's devices.
                let mounts = machine.jailrun("exec", "t", "/bin/probe", "mounts").lines
                #expect(!mounts.contains { $0.contains(" / /sys ") }, "\(mounts)")
                #expect(snapshot() == before)
            }
        }

        @Test("two jails talk to each other by address, and reach nobody's loopback but their own") func neighbours()
            throws
        {
            try Machine.with { machine in
                machine.write(
                    """
                    path = "\(machine.root)"; \(Self.listener)
                    a { ip4.addr = 10.77.0.21; }
                    b { ip4.addr = 10.77.0.22; exec.start = "/bin/probe listen 7001 all &"; }

                    """, to: machine.conf)
                let start = machine.jailrun("start", machine.conf)
                #expect(start.status == 0, "\(start)")
                defer { _ = machine.jailrun("stop", "a", "b") }
                func ask(_ jail: String, _ address: String, _ port: String) -> [String]? {
                    let outcome = machine.jailrun("exec", jail, "/bin/probe", "connect", address, port)
                    return outcome["received"] ?? outcome["connect"]
                }
                #expect(eventually { ask("b", "10.77.0.21", "7000") == ["10.77.0.22"] })
                #expect(eventually { ask("a", "10.77.0.22", "7001") == ["10.77.0.21"] })
                #expect(ask("a", "127.0.0.1", "7000") == ["127.0.0.1"])
                #expect(ask("b", "127.0.0.1", "7000") == ["ECONNREFUSED"])
                #expect(
                    Command([Laboratory.probe, "connect", "127.0.0.1", "7000"]).run()["connect"] == ["ECONNREFUSED"])
            }
        }

        @Test("an address that another jail has is refused with its line, and the other goes on") func clash() throws {
            try Machine.with { machine in
                up(machine, "ip4.addr = 10.77.0.21; ip6.addr = fd77::21;")
                let second = "\(machine.directory)/second.conf"
                for address in ["ip4.addr = 10.77.0.21", "ip6.addr = fd77::21"] {
                    machine.write("s {\n path = \"\(machine.root)\"; persist;\n \(address);\n}\n", to: second)
                    let outcome = machine.jailrun("start", second)
                    let named = String(address.split(separator: " ")[2])
                    #expect(outcome.status == 125, "\(outcome)")
                    #expect(outcome.errors.contains("second.conf:3") && outcome.errors.contains(named), "\(outcome)")
                    #expect(reach("10.77.0.21") == "10.77.0.1")
                    if outcome.status == 0 { machine.stop("s") }
                }
                machine.stop()
            }
        }
    }
}
