import Foundation
import Glibc
import Testing

extension Kernel {
    /// Several jails of one file.
    @Suite struct FileTests {
        /// Each wants an address that the other's start would have given to the host.
        static func colliding(_ depend: String) -> String {
            "b { ip4.addr = 10.77.5.2; persist; } a { ip4.addr = 10.77.5.1; \(depend) persist; }"
        }

        private func write(_ machine: Machine, _ jails: String, to file: String? = nil) {
            machine.write("path = \"\(machine.root)\";\n\(jails)\n", to: file ?? machine.conf)
        }

        private func address(_ machine: Machine, _ jail: String) -> String {
            machine.jailrun("exec", jail, "ip", "-o", "-4", "address", "show", "dev", "eth0").output
        }

        @Test(
            "a jail's address is never the gateway's, in whatever order the jails of its file start",
            arguments: ["", "depend = b;"])
        func collision(depend: String) throws {
            try Machine.with { machine in
                for round in 0..<20 {
                    // With others beside them, for other orders.
                    let noise = (0..<Int.random(in: 0...2)).map { "n\($0) { ip4.addr = 10.77.5.\(20 + $0); persist; }" }
                    let jails = ([Self.colliding(depend)] + noise).shuffled().joined(separator: "\n")
                    write(machine, jails)
                    let start = machine.jailrun("start", machine.conf)
                    try #require(start.status == 0, "round \(round): \(start)\n\(jails)")
                    #expect(machine.jailrun("stop", machine.conf).status == 0)
                }
            }
        }

        @Test("started one by one, in either order, they have what they have when they are started together")
        func oneByOne() throws {
            try Machine.with { machine in
                write(machine, Self.colliding(""))
                var seen: Set<[String]> = []
                for order in [[], ["a", "b"], ["b", "a"]] {
                    for words in order.isEmpty ? [[]] : order.map({ [$0] }) {
                        let start = Command([Laboratory.program, "start", machine.conf] + words).run()
                        try #require(start.status == 0, "\(order): \(start)")
                    }
                    let gateway = Command.shell("ip -o -4 address show dev jail0 | awk '{ print $4 }'").run().output
                    seen.insert([gateway] + ["a", "b"].map { address(machine, $0).contains("10.77.5.") ? $0 : "none" })
                    #expect(machine.jailrun("restart", "a").status == 0)
                    #expect(machine.jailrun("stop", machine.conf).status == 0)
                }
                #expect(seen == [["10.77.5.254/24\n", "a", "b"]])
            }
        }

        @Test("numbers are in the order of the file, however long each jail's start takes")
        func numbers() throws {
            try Machine.with { machine in
                let names = ["slow", "b", "c", "d"]
                write(
                    machine,
                    names.enumerated().map { index, name in
                        let wait = index == 0 ? "exec.prepare = \"sleep 0.5\";" : ""
                        return "\(name) { ip4.addr = 10.77.5.\(10 + index); \(wait) persist; }"
                    }.joined(separator: "\n"))
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let listed = machine.jailrun("list", "--json").output
                let links = Command.shell(
                    "for l in /sys/class/net/vjail*; do echo ${l##*/} $(cat $l/ifalias); done | sort | cut -d' ' -f1,2"
                ).run()
                #expect(
                    links.lines == names.enumerated().map { "vjail\($0 + 1) jailrun:\($1)" }, "\(links) \(listed)")
                #expect(machine.jailrun("stop", machine.conf).status == 0)
            }
        }

        @Test("a gateway of another file's jails is told with their names, before any jail starts")
        func otherFile() throws {
            try Machine.with { machine in
                let other = "\(machine.directory)/other.conf"
                write(machine, "x { ip4.addr = 10.77.5.7; persist; }", to: other)
                #expect(machine.jailrun("start", other).status == 0)
                write(machine, Self.colliding(""))
                let start = machine.jailrun("start", machine.conf)
                #expect(start.status == 125)
                #expect(
                    start.errors.contains("10.77.5.1: the host has it on jail0, as the gateway of \"x\""), "\(start)")
                #expect(start.errors.contains("stop \"x\" and start this jail first"), "\(start)")
                let check = machine.jailrun("check", machine.conf)
                #expect(check.status == 65 && check.errors.contains("as the gateway of \"x\""), "\(check)")
                #expect(machine.jailrun("exec", "b", "true").status != 0)
                // The mend that it names.
                #expect(machine.jailrun("stop", "x").status == 0)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                #expect(machine.jailrun("start", other).status == 0)
                #expect(machine.jailrun("stop", "x", "a", "b").status == 0)
            }
        }

        // MARK: The dry run

        @Test(
            "a file of several jails starts by the steps of its dry run, each once, and by no others",
            arguments: [
                FileTests.colliding("depend = b;"), FileTests.colliding(""),
                """
                db { ip4.addr = 10.77.5.10; ip6.addr = "fd77::10"; persist; }
                web { ip4.addr = 10.77.5.1, 10.78.0.4; port = 18080:80; nat; depend = db; persist; }
                api { ip4.addr = 10.77.5.12; port = 18081:80; exec.prestart = "/bin/true x"; persist; }
                """,
                "plain { persist; } other { persist; userns = host; }",
                """
                out { children.max = 4; ip4.addr = 10.77.5.10; persist; }
                out.in { ip4.addr = 10.77.5.1; persist; }
                """,
            ])
        func trace(jails: String) throws {
            try Machine.with { machine in
                write(machine, jails)
                let dry = machine.jailrun("explain", "--format", "strace", machine.conf)
                try #require(dry.status == 0, "\(dry)")
                let names = FileTrace.parts(of: dry.lines).map(\.title).filter { $0 != "shared" }
                let trace = "\(machine.directory)/trace"
                let run = Command(
                    ["strace", "-f", "-v", "-s", "99999", "-o", trace, Laboratory.program, "run", machine.conf]
                ).start()
                let isUp = eventually(seconds: 60) {
                    run.hasEnded || names.allSatisfy { machine.jailrun("exec", $0, "true").status == 0 }
                }
                #expect(isUp && !run.hasEnded)
                for name in names.reversed() { _ = machine.jailrun("stop", name) }
                _ = run.wait(seconds: 60)
                let (missing, extra) = FileTrace(TracedCall.all(in: machine.read(trace))).compare(dry.lines)
                #expect(missing == [])
                #expect(extra == [])
            }
        }

        @Test("the forms of a file's explanation have what is shared once, before the jails")
        func forms() throws {
            try Machine.with { machine in
                write(machine, Self.colliding("depend = b;"))
                let strace = machine.jailrun("run", "--dry-run", machine.conf)
                #expect(FileTrace.parts(of: strace.lines).map(\.title) == ["shared", "b", "a"])
                #expect(strace.lines.filter { $0.contains("RTM_NEWLINK, {bridge \"jail0\"") }.count == 1)
                #expect(strace.output.contains("\"vjail1\"") && strace.output.contains("\"vjail2\""))
                struct Document: Decodable {
                    struct Jail: Decodable { var name: String }
                    var version: Int, shared: Jail?, jails: [Jail]
                }
                let json = machine.jailrun("explain", "--format", "json", machine.conf).output
                let document = try JSONDecoder().decode(Document.self, from: Data(json.utf8))
                #expect(document.version == 2 && document.shared != nil && document.jails.map(\.name) == ["b", "a"])
                let text = machine.jailrun("explain", machine.conf).output
                #expect(text.components(separatedBy: "Makes the bridge jail0").count == 2)
            }
        }
    }
}
