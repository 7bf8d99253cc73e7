import Foundation
import Glibc
import Testing

extension Kernel {
    /// Published ports, of real jails and with real packets; what nft(8) lists is what jailrun says.
    @Suite struct PortTests {
        private static let server = """
            exec.start = "/bin/sh -c 'echo \\$0 >/var/index.html; httpd -h /var' $name";
            exec.start += "/bin/sh -c 'httpd -p 81 -h /var'"; persist;
            root.ephemeral;
            """

        private static func configure(_ machine: Machine, _ jails: String) {
            machine.write("path = \"\(machine.root)\";\n\(server)\n\(jails)\n", to: machine.conf)
        }

        private static var ruleset: String { Command(["nft", "list", "ruleset"]).run().output }

        /// What a client of the host gets there.
        private static func get(_ place: String) -> String {
            Command(["curl", "-s", "-m", "3", "http://\(place)/"]).run().output.trimmingCharacters(in: .newlines)
        }

        /// A machine with an address that is not loopback, and what is to be as it was at the end.
        private static func with(_ body: (Machine) throws -> Void) throws {
            try Machine.with { machine in
                _ = Command.shell(StepTests.makeInterface).run()
                defer { _ = Command.shell(StepTests.removeInterface).run() }
                let settings = "grep -r . /proc/sys/net/ipv?/conf/*/forwarding /proc/sys/net/ipv4/conf/*/route_localnet"
                let before = Command.shell(settings).run().lines
                try body(machine)
                #expect(ruleset == "")
                #expect(Command.shell(settings).run().lines == before)
            }
        }

        @Test("the host reaches a jail by 127.0.0.1 and by its own addresses of both families, by tcp and by udp")
        func reach() throws {
            try Self.with { machine in
                Self.configure(
                    machine,
                    """
                    www { ip4.addr = 10.77.0.10; ip6.addr = "fd77::10/64";
                        port = "8080:80", "127.0.0.1:9000-9001:80-81/tcp", "5353:53/udp"; }
                    """)
                let started = machine.jailrun("start", machine.conf)
                try #require(started.status == 0, "\(started)")
                for place in ["127.0.0.1", "192.0.2.1", "10.77.0.1", "[fd77::1]", "[2001:db8::1]"].map({ "\($0):8080" })
                {
                    #expect(Self.get(place) == "www", "\(place)")
                }
                #expect(Self.get("127.0.0.1:9000") == "www")
                #expect(Self.get("127.0.0.1:9001") == "www")
                #expect(Self.get("192.0.2.1:9000") == "", "published on 127.0.0.1 alone")
                let inside =
                    "--net=/proc/$('\(Laboratory.program)' inspect www | sed -n 's/.*\"pid\" *: *\\([0-9]*\\).*/\\1/p' | head -n 1)/ns/net"
                let server = Command.shell("exec nsenter \(inside) socat UDP4-RECVFROM:53,fork EXEC:cat").start()
                defer { server.signal(SIGTERM) }
                eventually { Command.shell("nsenter \(inside) grep -q :0035 /proc/net/udp").run().status == 0 }
                let echo = "echo ping | socat -t 1 - UDP:127.0.0.1:5353"
                #expect(Command.shell(echo).run().output == "ping\n")
                machine.stop("www")
            }
        }

        @Test("another jail reaches it by the host's address, and finds no way to what is published on 127.0.0.1")
        func hairpin() throws {
            try Self.with { machine in
                Self.configure(
                    machine,
                    """
                    www { ip4.addr = 10.77.0.10; port = "8080:80", "127.0.0.1:9000:80"; }
                    db { ip4.addr = 10.77.0.11; }
                    """)
                try #require(machine.jailrun("start", machine.conf).status == 0)
                func get(_ place: String) -> String {
                    machine.jailrun(
                        "exec", "db", "/bin/sh", "-c", "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 \(place)"
                    ).output
                }
                #expect(get("10.77.0.1 8080").hasSuffix("www\n"))
                #expect(get("192.0.2.1 8080").hasSuffix("www\n"))
                #expect(get("10.77.0.1 9000") == "")
                machine.stop("www")
                machine.stop("db")
            }
        }

        @Test("a port that a jail or a program of the host has is refused, and who has it is named")
        func taken() throws {
            try Self.with { machine in
                Self.configure(
                    machine,
                    """
                    www { ip4.addr = 10.77.0.10; port = "8080:80"; }
                    db { ip4.addr = 10.77.0.11; port = "127.0.0.1:8080:80"; exec.prepare = "touch \(machine.directory)/never"; }
                    cache { ip4.addr = 10.77.0.12; port = "7777:80"; }
                    """)
                try #require(machine.jailrun("start", machine.conf, "www").status == 0)
                let second = machine.jailrun("start", machine.conf, "db")
                #expect(second.status == 125)
                #expect(second.errors.contains("db: port 127.0.0.1:8080/tcp: taken by jail \"www\""), "\(second)")
                #expect(access("\(machine.directory)/never", F_OK) != 0, "something was started")
                let program = Command(["socat", "TCP-LISTEN:7777,reuseaddr", "/dev/null"]).start()
                eventually { Command.shell("grep -q :1E61 /proc/net/tcp").run().status == 0 }
                let third = machine.jailrun("start", machine.conf, "cache")
                #expect(third.errors.contains("cache: port 7777/tcp: taken by socat (pid \(program.pid))"), "\(third)")
                program.signal(SIGKILL)
                _ = program.wait()
                machine.stop("www")
            }
        }

        @Test("of jails that start at once on one port one wins, and of others each has its own")
        func race() throws {
            try Self.with { machine in
                let jails = (1...6).map { "j\($0) { ip4.addr = 10.77.0.1\($0); port = \"\(8080 + $0 / 2):80\"; }" }
                Self.configure(machine, jails.joined(separator: "\n"))
                let starts = (1...6).map { machine.start("start", machine.conf, "j\($0)") }
                let statuses = starts.map { $0.wait().status }
                #expect(statuses.filter { $0 == 0 }.count == 4, "\(statuses)")
                #expect([8080, 8081, 8082, 8083].allSatisfy { Self.get("127.0.0.1:\($0)").hasPrefix("j") })
                for number in 1...6 where statuses[number - 1] == 0 { machine.stop("j\(number)") }
            }
        }

        @Test("no rule is left when a jail and its jailrun are killed, and its neighbour's stay")
        func killed() throws {
            try Self.with { machine in
                Self.configure(
                    machine,
                    """
                    www { ip4.addr = 10.77.0.10; port = "8080:80"; }
                    db { ip4.addr = 10.77.0.11; port = "8081:80"; nat; }
                    """)
                try #require(machine.jailrun("start", machine.conf, "db").status == 0)
                let rules = Self.ruleset
                let www = machine.start("run", machine.conf, "www")
                try #require(eventually { Self.get("127.0.0.1:8080") == "www" })
                www.signal(SIGKILL)
                _ = www.wait()
                _ = machine.jailrun("prune")
                #expect(Self.ruleset == rules)
                #expect(Self.get("127.0.0.1:8081") == "db")
                machine.stop("db")
            }
        }

        @Test("with nat a jail is answered from beyond the host, and without it nothing of it is forwarded")
        func masquerade() throws {
            try Self.with { machine in
                Self.configure(
                    machine,
                    """
                    out { ip4.addr = 10.77.0.10; nat; }
                    in { ip4.addr = 10.77.0.11; }
                    """)
                let far = """
                    ip netns add far && ip link add toward type veth peer name away netns far &&
                    ip address add 203.0.113.1/24 dev toward && ip link set toward up &&
                    ip -n far link set away up && ip -n far address add 203.0.113.2/24 dev away
                    """
                try #require(Command.shell(far).run().status == 0)
                defer { _ = Command.shell("ip link delete toward; ip netns delete far; umount /run/netns").run() }
                let server = Command.shell(
                    "exec ip netns exec far socat TCP-LISTEN:80,fork,reuseaddr 'SYSTEM:echo $SOCAT_PEERADDR'"
                ).start()
                defer { server.signal(SIGTERM) }
                try #require(machine.jailrun("start", machine.conf).status == 0)
                func ask(_ jail: String) -> String {
                    machine.jailrun("exec", jail, "/bin/sh", "-c", "nc -w 2 203.0.113.2 80 </dev/null").output
                }
                #expect(eventually(seconds: 3) { ask("out") == "203.0.113.1\n" })
                #expect(ask("in") == "")
                machine.stop("out")
                machine.stop("in")
            }
        }

        @Test("the script of explain makes the rules that the binary makes, and takes them back")
        func script() throws {
            try Self.with { machine in
                machine.configure(
                    """
                    userns = host; command = "/bin/sh -c 'echo up; exec sleep 60'"; nat;
                    ip4.addr = 10.77.0.10; ip6.addr = "fd77::10/64";
                    port = "8080:80", "127.0.0.1:9000-9002:80-82", "192.0.2.1:5353:53/udp", "7000-7005:7000-7005";
                    """)
                let script = machine.jailrun("explain", "--format", "sh", machine.conf)
                machine.write(script.output, to: "\(machine.directory)/script")
                func rules(of command: Command, end: (Running) -> Void) -> String {
                    let running = command.start()
                    eventually { running.output == "up\n" || running.hasEnded }
                    let rules = Self.ruleset
                    end(running)
                    _ = running.wait()
                    return rules
                }
                let binary = rules(of: Command([Laboratory.program, "run", "-q", machine.conf])) { _ in machine.stop() }
                let made = rules(of: Command(["sh", "\(machine.directory)/script"])) { $0.signal(SIGTERM) }
                #expect(made == binary)
                #expect(binary.contains("dnat ip to 10.77.0.10:82"))
            }
        }
    }
}
