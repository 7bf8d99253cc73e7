import Foundation
import Glibc
import Testing

extension Kernel {
    /// Rules of others, in the way of a jail's packets or taking its own rules away.
    @Suite struct FirewallTests {
        /// Another machine, `far`, by the link `toward`.
        private static let neighbour = """
            ip netns add far && ip link add toward type veth peer name away netns far &&
            ip address add 192.0.2.1/24 dev toward && ip link set toward up &&
            ip -n far link set away up && ip -n far address add 192.0.2.2/24 dev away
            """
        private static let drops = """
            nft 'add table inet host; add chain inet host forward { type filter hook forward priority 0; policy drop; }'
            """
        private static let docker = """
            nft 'add table ip filter; add chain ip filter DOCKER-USER;
                add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; };
                add rule ip filter FORWARD jump DOCKER-USER;
                add rule ip filter FORWARD oifname "docker0" ct state established,related accept;
                add rule ip filter DOCKER-USER return'
            """
        /// What firewalld 1.3 makes for the forward hook, with `toward` in its zone `home`; all other links are in `public`.
        private static let firewalld = """
            nft 'table inet firewalld {
                chain filter_FORWARD_POLICIES_pre { }
                chain filter_FWD_home_allow { oifname "toward" accept; }
                chain filter_FWD_home {
                    jump filter_FORWARD_POLICIES_pre; jump filter_FWD_home_allow; reject with icmpx admin-prohibited;
                }
                chain filter_FWD_public { jump filter_FORWARD_POLICIES_pre; reject with icmpx admin-prohibited; }
                chain filter_FWD_trusted { jump filter_FORWARD_POLICIES_pre; accept; }
                chain filter_FORWARD_ZONES { iifname "toward" goto filter_FWD_home; goto filter_FWD_public; }
                chain filter_FORWARD {
                    type filter hook forward priority 10; policy accept;
                    ct state { established, related } accept; ct status dnat accept; iifname "lo" accept;
                    ct state invalid drop; ip6 daddr { ::/96, 2002::/24 } reject with icmpv6 addr-unreachable;
                    jump filter_FORWARD_ZONES; reject with icmpx admin-prohibited;
                }
            }'
            """
        private static let jail = """
            ip4.addr = 10.77.0.10; port = "8080:7000"; exec.start = "/bin/probe listen 7000 all &"; persist;
            """

        /// With br_netfilter built in, a new network namespace begins with filtered bridges: then packets between jails are the
        /// firewall's, too.
        static let bridges = ["", "6"].map { "/proc/sys/net/bridge/bridge-nf-call-ip\($0)tables" }.filter {
            FileManager.default.fileExists(atPath: $0)
        }

        /// - Parameter filtersBridges: leaves that as it is.
        private static func with(
            _ firewall: String, filtersBridges: Bool = false, _ body: (Machine) throws -> Void
        ) throws {
            try Machine.with { machine in
                try #require(Command.shell(neighbour).run().status == 0)
                let before = bridges.map { machine.read($0) }
                if !filtersBridges { for path in bridges { machine.write("0\n", to: path) } }
                _ = Command.shell(firewall).run()
                defer {
                    for (path, value) in zip(bridges, before) { machine.write(value, to: path) }
                    machine.stop()
                    _ = Command.shell(
                        "nft delete table inet host; nft delete table inet firewalld; nft delete table ip filter; ip link delete toward; ip netns delete far; umount /run/netns"
                    ).run()
                }
                try body(machine)
            }
        }

        /// Whether the other machine reaches the published port.
        private static var isReached: Bool {
            Command.shell("ip netns exec far '\(Laboratory.probe)' connect 192.0.2.1 8080").run(seconds: 4).status == 0
        }

        private static var ruleset: String { Command(["nft", "list", "ruleset"]).run().output }

        @Test("a chain that drops what is for a jail is named by check and start, with commands that let it pass")
        func named() throws {
            try Self.with(Self.drops) { machine in
                machine.configure(Self.jail)
                let told = "the host's firewall drops what other machines send to port 8080/tcp"
                let check = machine.jailrun("check", machine.conf)
                #expect((check.output + check.errors).contains(told), "\(check)")
                let started = machine.jailrun("start", machine.conf)
                #expect(started.status == 0 && started.errors.contains("t: warning: \(told)"), "\(started)")
                #expect(started.errors.contains(": chain forward of table inet host\n"), "\(started)")
                let count = started.errors.components(separatedBy: "the host's firewall").count - 1
                #expect(count == 1, "one chain is told once: \(started)")
                let mend = started.errors.components(separatedBy: "let it pass: ")[1].prefix { $0 != "\n" }
                let mended = Command.shell(String(mend)).run()
                #expect(mended.status == 0, "\(mend): \(mended)")
                #expect(eventually(seconds: 10) { Self.isReached }, "\(Self.ruleset)")
                #expect(!machine.jailrun("check", machine.conf).errors.contains("firewall"))
            }
        }

        @Test("of firewalld start and check say the commands of firewall-cmd that let a jail's packets pass")
        func firewalld() throws {
            try Self.with(Self.firewalld) { machine in
                func check(_ told: String?, _ parameters: String) {
                    machine.configure("\(parameters) persist;")
                    let check = machine.jailrun("check", machine.conf)
                    let names = check.errors.contains("chain filter_FORWARD of table inet firewalld")
                    #expect(names == (told != nil) && told.map { check.errors.contains($0) } ?? true, "\(check)")
                }
                let trust = "--zone=trusted --add-interface=jail0"
                let told = "let it pass: firewall-cmd \(trust); firewall-cmd --permanent \(trust)\n"
                check(told, "ip4.addr = 10.77.0.10; nat; port = \"8080:7000\";")
                let started = machine.jailrun("start", machine.conf)
                #expect(started.status == 0 && started.errors.contains(told), "\(started)")
                machine.stop()
                // A published port passes by itself.
                check(nil, "ip4.addr = 10.77.0.10; port = \"8080:7000\";")
                check(
                    "firewall-cmd --permanent --policy=jails --add-rich-rule='rule family=ipv4"
                        + " destination address=192.0.2.10 accept'; ", "ip4.addr = \"toward|192.0.2.10\";")
                // What firewalld does when it is told so.
                let added = Command.shell(
                    """
                    nft insert rule inet firewalld filter_FORWARD_ZONES iifname jail0 goto filter_FWD_trusted
                    nft add rule inet firewalld filter_FORWARD_POLICIES_pre ip daddr 192.0.2.10 accept
                    nft add rule inet firewalld filter_FORWARD_POLICIES_pre ip saddr 192.0.2.10 accept
                    """
                ).run()
                #expect(added.status == 0, "\(added)")
                check(nil, "ip4.addr = 10.77.0.10; nat; port = \"8080:7000\";")
                check(nil, "ip4.addr = \"toward|192.0.2.10\";")
            }
        }

        @Test("a firewall that lets a jail's packets pass, or looks at others, is not named")
        func silent() throws {
            let harmless =
                Self.drops + """

                    nft 'add rule inet host forward ct state established,related accept;
                        add rule inet host forward iifname "docker0" drop; add rule inet host forward ct status dnat accept'
                    """
            try Self.with(harmless) { machine in
                machine.configure(Self.jail)
                let started = machine.jailrun("start", machine.conf)
                #expect(started.status == 0 && !started.errors.contains("port 8080"), "\(started)")
                #expect(eventually(seconds: 10) { Self.isReached })
            }
        }

        @Test(
            "Docker's door is used: the port is reached through its drop policy, and a stop leaves its chain as it was")
        func door() throws {
            try Self.with(Self.docker) { machine in
                let before = Self.ruleset
                machine.configure(Self.jail)
                let started = machine.jailrun("start", machine.conf)
                #expect(started.status == 0 && !started.errors.contains("firewall"), "\(started)")
                #expect(eventually(seconds: 10) { Self.isReached }, "\(Self.ruleset)")
                #expect(Self.ruleset.contains("comment \"jailrun:t\""))
                machine.stop()
                #expect(Self.ruleset == before)
                machine.configure(Self.jail + " firewall = no;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                #expect(!Self.ruleset.contains("jailrun:t") && !Self.isReached)
            }
        }

        @Test(
            "a running jail that gets a port is let through Docker's door, under its new name, too, until it has none")
        func change() throws {
            try Self.with(Self.docker) { machine in
                let before = Self.ruleset
                symlink(Laboratory.program, "\(machine.directory)/jail")
                func modify(_ name: String, _ parameters: String...) {
                    let words = ["\(machine.directory)/jail", "-m", "name=\(name)"] + parameters
                    let outcome = Command(words).run()
                    #expect(outcome.status == 0, "\(outcome)")
                }
                machine.configure(Self.jail.replacingOccurrences(of: "port = \"8080:7000\";", with: ""))
                try #require(machine.jailrun("start", machine.conf).status == 0)
                #expect(!Self.ruleset.contains("jailrun:t"))
                modify("t", "port=8080:7000")
                #expect(eventually(seconds: 10) { Self.isReached }, "\(Self.ruleset)")
                let jid = machine.link("jls", "-j", "t", "jid").output.trimmingCharacters(in: .newlines)
                modify("v", "jid=\(jid)")
                #expect(Self.isReached && Self.ruleset.contains("\"jailrun:v\""), "\(Self.ruleset)")
                #expect(!Self.ruleset.contains("\"jailrun:t\""))
                _ = machine.jailrun("list")
                #expect(Self.isReached)
                modify("v", "firewall=no")
                #expect(!Self.ruleset.contains("jailrun:") && !Self.isReached, "\(Self.ruleset)")
                _ = machine.jailrun("list")
                #expect(!Self.ruleset.contains("jailrun:"), "\(Self.ruleset)")
                modify("v", "firewall=adapt")
                #expect(eventually(seconds: 10) { Self.isReached }, "\(Self.ruleset)")
                modify("v", "port=")
                #expect(!Self.ruleset.contains("jailrun:"), "\(Self.ruleset)")
                machine.stop("v")
                #expect(Self.ruleset == before)
            }
        }

        @Test("where Docker's door is open and jailrun's own table has gone, no more than the port comes back")
        func half() throws {
            try Self.with(Self.docker) { machine in
                machine.configure(Self.jail)
                try #require(machine.jailrun("start", machine.conf).status == 0)
                #expect(eventually(seconds: 10) { Self.isReached })
                let rules = Self.ruleset
                try #require(Command(["nft", "delete", "table", "inet", "jailrun"]).run().status == 0)
                #expect(
                    eventually(seconds: 10) {
                        _ = machine.jailrun("list")
                        return Self.ruleset.count == rules.count
                    }, "\(Self.ruleset)")
                #expect(Self.ruleset.contains("t gate"))
                #expect(!machine.jailrun("list").errors.contains("nftables"))
            }
        }

        /// With a port that is not published.
        private static let twoPorts = jail.replacingOccurrences(
            of: "all &\"", with: "all &\", \"/bin/probe listen 7001 all &\"")

        /// What the other machine sends to the jail's own address.
        private static func expectGates(location: SourceLocation = #_sourceLocation) {
            _ = Command.shell("ip -n far route add 10.77.0.0/24 via 192.0.2.1").run()
            for port in ["7000", "7001"] {
                let direct = Command.shell("ip netns exec far '\(Laboratory.probe)' connect 10.77.0.10 \(port)")
                #expect(direct.run(seconds: 3).status != 0, "port \(port)", sourceLocation: location)
            }
        }

        @Test("through Docker's door pass only the published port and what it answers, not other ports of the jail")
        func gate() throws {
            try Self.with(Self.docker) { machine in
                machine.configure(Self.twoPorts)
                try #require(machine.jailrun("start", machine.conf).status == 0)
                #expect(eventually(seconds: 10) { Self.isReached })
                Self.expectGates()
            }
        }

        @Test("after a flush and a restart of Docker the door opens with its gates, and gates alone come back, too")
        func gatesAgain() throws {
            try Self.with(Self.docker) { machine in
                machine.configure(Self.twoPorts)
                try #require(machine.jailrun("start", machine.conf).status == 0)
                let rules = Self.ruleset
                _ = Command(["nft", "flush", "ruleset"]).run()
                #expect(eventually(seconds: 10) { Self.ruleset.contains("dport 8080") }, "\(Self.ruleset)")
                _ = Command.shell(Self.docker).run()
                // The supervisor may have the jail's lock still.
                var said = ""
                let isSaid = eventually(seconds: 10) {
                    said += machine.jailrun("list").errors
                    return said.contains("(DOCKER-USER)")
                }
                #expect(isSaid, "\(said)\n\(Self.ruleset)")
                #expect(Self.ruleset.count == rules.count, "\(Self.ruleset)")
                #expect(eventually(seconds: 10) { Self.isReached })
                Self.expectGates()
                let deletion = """
                    nft -a list chain inet jailrun forward | awk '/t gate/ { print "delete rule inet jailrun forward handle", $NF }' |
                    nft -f -
                    """
                try #require(Command.shell(deletion).run().status == 0)
                #expect(
                    eventually(seconds: 10) {
                        _ = machine.jailrun("list")
                        return Self.ruleset.count == rules.count
                    }, "\(Self.ruleset)")
                Self.expectGates()
                #expect(!machine.jailrun("list").errors.contains("nftables"))
            }
        }

        @Test("a Docker that is back and drops nothing needs no door: nothing is said to have been removed")
        func needless() throws {
            try Self.with(Self.docker) { machine in
                machine.configure(Self.jail)
                try #require(machine.jailrun("start", machine.conf).status == 0)
                _ = Command(["nft", "flush", "ruleset"]).run()
                #expect(eventually(seconds: 10) { Self.ruleset.contains("dport 8080") }, "\(Self.ruleset)")
                _ = Command.shell(Self.docker.replacingOccurrences(of: "policy drop", with: "policy accept")).run()
                for _ in 0..<2 {
                    let list = machine.jailrun("list")
                    #expect(list.status == 0 && !list.errors.contains("nftables"), "\(list)")
                }
                #expect(!Self.ruleset.contains("jailrun:t") && Self.isReached)
            }
        }

        @Test("a list while jails start takes none of their rules for removed ones")
        func listing() throws {
            try Self.with("true") { machine in
                let names = (1...6).map { "j\($0)" }
                let jails = names.enumerated().map { index, name in
                    "\(name) { ip4.addr = 10.77.0.\(index + 30); port = \"\(index + 8090):7000\"; }"
                }
                machine.write(
                    "path = \"\(machine.root)\"; persist; root.ephemeral;\n\(jails.joined(separator: "\n"))\n",
                    to: machine.conf)
                let start = machine.start("start", machine.conf)
                for _ in 0..<30 {
                    let list = machine.jailrun("list")
                    #expect(!list.errors.contains("nftables"), "\(list)")
                }
                #expect(start.wait().status == 0)
                _ = machine.jailrun("stop", machine.conf)
            }
        }

        @Test("a start and a stop beside somebody who changes tables without pause look again, and do not fail")
        func busy() throws {
            // More than one message of the kernel's: only then a dump can be interrupted.
            let many = """
                nft 'add table inet host; add chain inet host forward { type filter hook forward priority 0; }'
                for i in $(seq 400); do
                    echo "add rule inet host forward ip saddr 198.51.100.1 tcp dport $i counter accept comment \\"number $i\\""
                done | nft -f -
                """
            try Self.with(many) { machine in
                machine.configure(Self.jail + " nat;")
                let others = Command.shell(
                    "while :; do nft add table inet other; nft delete table inet other; done"
                ).start()
                defer {
                    others.signal(SIGKILL)
                    _ = others.wait()
                    _ = Command(["nft", "delete", "table", "inet", "other"]).run()
                }
                for _ in 0..<8 {
                    let started = machine.jailrun("start", machine.conf)
                    #expect(started.status == 0 && !started.errors.contains("rules"), "\(started)")
                    let stopped = machine.jailrun("stop", "t")
                    #expect(stopped.status == 0 && !stopped.errors.contains("rules"), "\(stopped)")
                }
            }
        }

        @Test("an empty table of links, as kernels before 6.13 leave it with the last link, goes with the next prune")
        func empty() throws {
            try Machine.with { machine in
                try #require(Command(["nft", "add", "table", "netdev", "jailrun"]).run().status == 0)
                let prune = machine.jailrun("prune")
                #expect(prune.status == 0 && !Self.ruleset.contains("netdev jailrun"), "\(prune)\n\(Self.ruleset)")
            }
        }

        @Test("what an administrator drops in DOCKER-USER stays dropped, and a start names that chain")
        func refused() throws {
            let closed = Self.docker + "; nft insert rule ip filter DOCKER-USER iifname toward drop"
            try Self.with(closed) { machine in
                let before = Self.ruleset
                machine.configure(Self.jail)
                let started = machine.jailrun("start", machine.conf)
                #expect(started.status == 0, "\(started)")
                #expect(started.errors.contains("port 8080/tcp: chain DOCKER-USER of table ip filter"), "\(started)")
                #expect(!started.errors.contains("chain FORWARD"), "\(started)")
                #expect(!Self.isReached)
                let chain = Command(["nft", "list", "chain", "ip", "filter", "DOCKER-USER"]).run().lines
                let places = ["drop", "jailrun:t", "return"].map { word in chain.firstIndex { $0.contains(word) } ?? -1
                }
                #expect(places == places.sorted() && places[0] > 0, "\(chain)")
                machine.stop()
                #expect(Self.ruleset == before)
            }
        }

        @Test("a jail with nat goes through Docker's door to other machines, and not to containers of Docker's")
        func containers() throws {
            try Self.with(Self.docker) { machine in
                let made = Command.shell(
                    """
                    ip netns add box && ip link add docker0 type bridge && ip address add 198.51.100.1/24 dev docker0 &&
                    ip link add inbox type veth peer name eth0 netns box && ip link set inbox master docker0 up &&
                    ip link set docker0 up && ip -n box address add 198.51.100.2/24 dev eth0 && ip -n box link set eth0 up &&
                    ip -n box route add default via 198.51.100.1 && ip -n far route add default via 192.0.2.1
                    """
                ).run()
                let servers = ["far", "box"].map { place in
                    Command.shell("exec ip netns exec \(place) '\(Laboratory.probe)' listen 7002 all").start()
                }
                defer {
                    for server in servers { server.signal(SIGKILL) }
                    _ = Command.shell("ip link delete docker0; ip link delete inbox; ip netns delete box").run()
                }
                try #require(made.status == 0, "\(made)")
                machine.configure("ip4.addr = 10.77.0.10; nat; persist;")
                try #require(machine.jailrun("start", machine.conf).status == 0)
                func reaches(_ address: String) -> Bool {
                    machine.jailrun("exec", "t", "/bin/probe", "connect", address, "7002", seconds: 3).status == 0
                }
                #expect(eventually(seconds: 10) { reaches("192.0.2.2") }, "\(Self.ruleset)")
                #expect(!reaches("198.51.100.2"), "\(Self.ruleset)")
            }
        }

        @Test("the door of a jail that was killed with its jailrun is closed by the next prune")
        func killed() throws {
            try Self.with(Self.docker) { machine in
                let before = Self.ruleset
                machine.configure(Self.jail)
                let running = machine.start("run", machine.conf)
                try #require(eventually { Self.ruleset.contains("jailrun:t") })
                running.signal(SIGKILL)
                _ = running.wait()
                _ = machine.jailrun("prune")
                #expect(Self.ruleset == before)
            }
        }

        @Test("rules that are taken while another command has the jail's lock come back when it has let go")
        func locked() throws {
            try Self.with("true") { machine in
                machine.configure(Self.jail)
                try #require(machine.jailrun("start", machine.conf).status == 0)
                let rules = Self.ruleset
                let lock = open("/run/jailrun/locks/t", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
                try #require(flock(lock, LOCK_EX) == 0)
                _ = Command(["nft", "flush", "ruleset"]).run()
                usleep(500_000)
                #expect(Self.ruleset != rules)
                close(lock)
                #expect(eventually(seconds: 10) { Self.ruleset == rules }, "\(Self.ruleset)")
            }
        }

        @Test("rules that nft flush ruleset has taken are put back at once, or by the next command, which says so")
        func flushed() throws {
            try Self.with("true") { machine in
                machine.configure(Self.jail + " nat;")
                try #require(machine.jailrun("start", machine.conf).status == 0)
                let rules = Self.ruleset
                _ = Command(["nft", "flush", "ruleset"]).run()
                #expect(eventually(seconds: 10) { Self.ruleset == rules }, "\(Self.ruleset)")
                #expect(eventually(seconds: 5) { Self.isReached })
                // Nobody looks after it any more.
                let supervisor = try #require(machine.supervisor())
                kill(supervisor, SIGKILL)
                try #require(eventually(seconds: 3) { kill(supervisor, 0) != 0 })
                _ = Command(["nft", "flush", "ruleset"]).run()
                let list = machine.jailrun("list")
                #expect(list.errors.contains("t: nftables rules (port 8080/tcp, nat, what limits vjail"), "\(list)")
                #expect(Self.ruleset == rules)
                #expect(!machine.jailrun("list").errors.contains("nftables"))
            }
        }
    }
}
