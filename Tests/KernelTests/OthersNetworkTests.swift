import Foundation
import Glibc
import Testing

extension Kernel {
    /// The host's network is others', too: those who forward, and who filter.
    @Suite struct OthersNetworkTests {
        /// Two networks that the host does not forward between, and a server in the second.
        private static let networks = """
            for i in 1 2; do
                ip netns add n$i; ip link add u$i type veth peer name e$i netns n$i
                ip address add 192.0.$((i+1)).1/24 dev u$i; ip link set u$i up
                ip -n n$i address add 192.0.$((i+1)).2/24 dev e$i; ip -n n$i link set e$i up
                ip -n n$i link set lo up; ip -n n$i route add default via 192.0.$((i+1)).1
                ip address add fd00:$i::1/64 dev u$i nodad; ip -n n$i address add fd00:$i::2/64 dev e$i nodad
                ip -6 -n n$i route add default via fd00:$i::1
            done
            echo 0 >/proc/sys/net/ipv4/ip_forward; echo 0 >/proc/sys/net/ipv6/conf/all/forwarding
            """
        private static let removal = """
            for i in 1 2; do ip link delete u$i; ip netns delete n$i; done; umount /run/netns
            echo 0 >/proc/sys/net/ipv4/ip_forward; echo 0 >/proc/sys/net/ipv6/conf/all/forwarding
            """

        private static func with(_ body: (Machine) throws -> Void) throws {
            try Machine.with { machine in
                _ = Command.shell(networks).run()
                defer { _ = Command.shell(removal).run() }
                // Of both families.
                let server = Command.shell(
                    "exec ip netns exec n2 socat TCP6-LISTEN:8000,ipv6only=0,fork,reuseaddr SYSTEM:'echo yes'"
                ).start()
                defer { server.signal(SIGTERM) }
                try #require(
                    eventually { Command.shell("ip netns exec n2 grep -q :1F40 /proc/net/tcp6").run().status == 0 })
                try body(machine)
            }
        }

        /// Whether the first network reaches the second through the host.
        private static var isForwarded: Bool {
            Command.shell("ip netns exec n1 socat -T 2 - TCP:192.0.3.2:8000,connect-timeout=3 </dev/null").run().output
                == "yes\n"
        }

        private static var isForwardedIPv6: Bool {
            let ask = "ip netns exec n1 socat -T 2 - TCP6:[fd00:2::2]:8000,connect-timeout=3 </dev/null"
            return Command.shell(ask).run().output == "yes\n"
        }

        private static func setting(_ name: String, _ family: String = "ipv4") -> String {
            Command.shell("cat /proc/sys/net/\(family)/\(name)").run().output.trimmingCharacters(in: .newlines)
        }

        @Test("what somebody else forwards while a jail with nat is up is forwarded then, and after the jail's stop")
        func forwarding() throws {
            try Self.with { machine in
                machine.configure("ip4.addr = 10.77.0.10; nat; persist;")
                try #require(machine.jailrun("start", machine.conf).status == 0)
                #expect(!Self.isForwarded, "the host has become a router for others than the jail")
                _ = Command.shell("echo 1 >/proc/sys/net/ipv4/ip_forward").run()
                #expect(eventually(seconds: 10) { Self.isForwarded })
                machine.stop()
                #expect(Self.isForwarded)
                #expect(Self.setting("conf/u1/forwarding") == "1")
            }
        }

        @Test("the same of IPv6, of which the kernel tells nobody")
        func forwardingIPv6() throws {
            try Self.with { machine in
                machine.configure("ip6.addr = fd77::10; nat; persist;")
                try #require(machine.jailrun("start", machine.conf).status == 0)
                #expect(Self.setting("conf/all/forwarding", "ipv6") == "74")
                #expect(!Self.isForwardedIPv6, "the host has become a router for others than the jail")
                _ = Command.shell("echo 1 >/proc/sys/net/ipv6/conf/all/forwarding").run()
                #expect(eventually(seconds: 10) { Self.isForwardedIPv6 })
                machine.stop()
                #expect(Self.isForwardedIPv6)
                #expect(Self.setting("conf/all/forwarding", "ipv6") == "1")
            }
        }

        @Test("forwarding of one link that somebody has turned on, or off, since is left so by the stop")
        func links() throws {
            try Self.with { machine in
                machine.configure("ip4.addr = 10.77.0.10; nat; persist;")
                try #require(machine.jailrun("start", machine.conf).status == 0)
                _ = Command.shell("echo 1 >/proc/sys/net/ipv4/conf/u1/forwarding").run()
                #expect(eventually(seconds: 10) { Self.isForwarded })
                machine.stop()
                #expect(["u1", "u2"].map { Self.setting("conf/\($0)/forwarding") } == ["1", "0"])
            }
        }

        @Test("a jail that starts while others forward changes nothing of it, and keeps them from nothing")
        func before() throws {
            try Self.with { machine in
                _ = Command.shell("echo 1 >/proc/sys/net/ipv4/ip_forward").run()
                machine.configure("ip4.addr = 10.77.0.10; nat; persist;")
                try #require(machine.jailrun("start", machine.conf).status == 0)
                #expect(Self.isForwarded)
                machine.stop()
                #expect(Self.setting("conf/u1/forwarding") == "1" && Self.isForwarded)
            }
        }

        @Test("a port of UDP that moves to another jail leads there those who go on sending from one port")
        func moved() throws {
            try Self.with { machine in
                let jails = ["a", "b"].map { name in
                    "\(name) { ip4.addr = 10.77.0.1\(name == "a" ? 0 : 1); port = \"5353:53/udp\"; }"
                }
                machine.write(
                    "path = \"\(machine.root)\"; persist; root.ephemeral;\n\(jails.joined(separator: "\n"))\n",
                    to: machine.conf)
                for name in ["a", "b"] {
                    try #require(machine.jailrun("start", machine.conf, name).status == 0)
                    let pid = try #require(machine.firstProcess(of: name))
                    let server = Command.shell(
                        "exec nsenter --net=/proc/\(pid)/ns/net socat UDP4-RECVFROM:53,fork SYSTEM:'echo \(name)'"
                    ).start()
                    defer { server.signal(SIGTERM) }
                    let ask = "echo | ip netns exec n1 socat -T 1 - UDP:192.0.2.1:5353,sourceport=4000"
                    #expect(eventually(seconds: 8) { Command.shell(ask).run().output == "\(name)\n" }, "jail \(name)")
                    machine.stop(name)
                }
            }
        }

        @Test("ports of UDP cost one look at the kernel's connections, and those of others are kept")
        func connections() throws {
            try Self.with { machine in
                _ = Command.shell("echo 1 >/proc/sys/net/ipv4/ip_forward").run()
                let rules = """
                    nft 'add table ip others; add chain ip others in { type nat hook prerouting priority -90; };
                        add rule ip others in ip daddr 192.0.3.1 udp dport 6000 dnat to 192.0.3.2:6001'
                    """
                #expect(Command.shell(rules).run().status == 0)
                defer { _ = Command.shell("nft delete table ip others").run() }
                let server = Command.shell(
                    "exec ip netns exec n2 socat UDP4-RECVFROM:6001,fork SYSTEM:'echo $SOCAT_PEERPORT'"
                ).start()
                defer { server.signal(SIGTERM) }
                let ask = "echo | ip netns exec n1 socat -T 1 - UDP:192.0.3.1:6000,sourceport=4000"
                #expect(eventually(seconds: 5) { Command.shell(ask).run().output == "4000\n" })
                machine.configure(
                    "ip4.addr = 10.77.0.10; port = \"192.0.2.1:6000-6019:100-119/udp\", \"7000-7009:200-209/udp\"; persist;"
                )
                // The first goes on to follow the supervisor, until that ends.
                var traced: [Running] = []
                for (words, state) in [(["start", machine.conf], "up"), (["stop", "t"], "none")] {
                    let trace = "\(machine.directory)/trace.\(words[0])"
                    traced.append(
                        Command(["strace", "-f", "-o", trace, "-e", "trace=sendmsg", Laboratory.program] + words)
                            .start())
                    #expect(eventually { machine.state() == state })
                    if state == "none" { #expect(traced.allSatisfy { $0.wait().status == 0 }) }
                    let looks = machine.read(trace).split(separator: "\n").count { $0.contains("IPCTNL_MSG_CT_GET") }
                    #expect(looks == 1, "\(words[0])")
                    let known = machine.read("/proc/net/nf_conntrack")
                    #expect(known.contains("sport=4000 dport=6000 src=192.0.3.2"), "\(words[0]): \(known)")
                }
            }
        }

        @Test("a jail reaches its own published port by the host's addresses")
        func hairpin() throws {
            try Self.with { machine in
                machine.configure(
                    "ip4.addr = 10.77.0.10; port = \"8080:7000\"; exec.start = \"/bin/probe listen 7000 all &\"; persist;"
                )
                try #require(machine.jailrun("start", machine.conf).status == 0)
                for address in ["192.0.2.1", "10.77.0.1"] {
                    #expect(
                        eventually(seconds: 5) {
                            machine.jailrun("exec", "t", "/bin/probe", "connect", address, "8080").status == 0
                        }, "\(address)")
                }
                machine.stop()
            }
        }
    }
}
