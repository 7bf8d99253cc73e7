import Foundation
import Glibc
import Testing

extension Kernel {
    /// What a jail sends in other names than its own.
    @Suite struct ForgeryTests {
        private static let jails = """
            persist; root.ephemeral;
            liar { ip4.addr = 10.77.0.10; allow.raw_sockets; }
            victim { ip4.addr = 10.77.0.11; }
            other { ip4.addr = 10.77.0.12; exec.start = "/bin/probe listen 7000 all &"; }
            """

        private static func with(_ text: String, _ body: (Machine) throws -> Void) throws {
            try Machine.with { machine in
                machine.write("path = \"\(machine.root)\";\n\(text)\n", to: machine.conf)
                let started = machine.jailrun("start", machine.conf)
                try #require(started.status == 0, "\(started)")
                try body(machine)
                for jail in ["liar", "victim", "other"] { machine.stop(jail) }
                #expect(Command(["nft", "list", "ruleset"]).run().output == "")
            }
        }

        private static func neighbours(of jail: String, _ machine: Machine) -> [String] {
            machine.jailrun("exec", jail, "/bin/cat", "/proc/net/arp").lines
        }

        @Test("with raw sockets a jail takes over a neighbour's address neither in another jail nor on the host")
        func takeover() throws {
            try Self.with(Self.jails) { machine in
                _ = machine.jailrun("exec", "other", "/bin/probe", "connect", "10.77.0.11", "7000")
                let before = Self.neighbours(of: "other", machine)
                try #require(before.contains { $0.hasPrefix("10.77.0.11") }, "\(before)")
                let known = Command(["ip", "neigh", "show", "dev", "jail0"]).run().lines.sorted()
                for address in ["10.77.0.11", "10.77.0.1"] {
                    let forged = machine.jailrun("exec", "liar", "/bin/probe", "forge", "eth0", address)
                    #expect(forged.status == 0, "\(forged)")
                }
                // What was sent after it has arrived: so has that.
                let own = machine.jailrun("exec", "liar", "/bin/probe", "connect", "10.77.0.12", "7000")
                #expect(own.status == 0, "\(own)")
                let after = Self.neighbours(of: "other", machine)
                for address in ["10.77.0.1 ", "10.77.0.11 "] {
                    let entries = [before, after].map { $0.filter { $0.hasPrefix(address) } }
                    #expect(entries[0] == entries[1], "\(address)")
                }
                let knownAfter = Command(["ip", "neigh", "show", "dev", "jail0"]).run().lines.sorted()
                #expect(knownAfter == known)
            }
        }

        @Test("while a running jail gets another address it takes over no neighbour's")
        func change() throws {
            try Self.with(Self.jails) { machine in
                _ = machine.jailrun("exec", "other", "/bin/probe", "connect", "10.77.0.11", "7000")
                let before = Self.neighbours(of: "other", machine).filter { $0.hasPrefix("10.77.0.11 ") }
                try #require(!before.isEmpty)
                let forging = machine.start(
                    "exec", "liar", "/bin/probe", "forge", "eth0", "10.77.0.11", "100000000")
                for address in ["10.77.0.13", "10.77.0.14", "10.77.0.13", "10.77.0.14"] {
                    let changed = machine.link("jail", "-m", "name=liar", "ip4.addr=10.77.0.10,\(address)")
                    #expect(changed.status == 0, "\(changed)")
                }
                forging.signal(SIGKILL)
                _ = forging.wait()
                let after = Self.neighbours(of: "other", machine).filter { $0.hasPrefix("10.77.0.11 ") }
                #expect(after == before)
            }
        }

        @Test("a frame with another network's tag does not leave a jail's link, though it has the jail's addresses")
        func tags() throws {
            try Self.with(Self.jails) { machine in
                func arrived(_ more: String...) -> Int {
                    let before = Self.packets(to: "other")
                    let words = ["exec", "liar", "/bin/probe", "forge", "eth0", "10.77.0.10"] + more
                    let sent = Command([Laboratory.program] + words).run()
                    #expect(sent["send"] == ["ok"], "\(sent)")
                    return Self.packets(to: "other") - before
                }
                #expect(arrived("20") >= 20)
                #expect(arrived("20", "7") < 20)
            }
        }

        /// What the host has sent by that jail's link.
        private static func packets(to jail: String) -> Int {
            let name = "ip -o link | sed -n 's/.*: \\(vj[^@]*\\)@.*jailrun:\(jail) .*/\\1/p'"
            let link = "cat /sys/class/net/$(\(name))/statistics/tx_packets"
            return Int(Command.shell(link).run().output.trimmingCharacters(in: .newlines)) ?? -1
        }

        @Test(
            "what a jail sends from an address that is not its own does not leave its link, and with allow.spoofing does"
        )
        func source() throws {
            for allows in [false, true] {
                let text =
                    allows
                    ? Self.jails.replacingOccurrences(of: "allow.raw", with: "allow.spoofing; allow.raw") : Self.jails
                try Self.with(text) { machine in
                    func received() -> Int { Self.packets(to: "other") }
                    // Both know each other's hardware address by then.
                    let connected = machine.jailrun("exec", "liar", "/bin/probe", "connect", "10.77.0.12", "7000")
                    #expect(connected.status == 0, "\(connected)")
                    usleep(100_000)
                    let before = received()
                    try #require(before > 0)
                    for _ in 0..<20 {
                        let sent = machine.jailrun("exec", "liar", "/bin/probe", "spoof", "10.77.0.11", "10.77.0.12")
                        #expect(sent["send"] == ["ok"], "\(sent)")
                    }
                    #expect((received() - before >= 20) == allows, "\(received() - before) packets")
                }
            }
        }
    }
}
