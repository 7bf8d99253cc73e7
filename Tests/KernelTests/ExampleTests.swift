import Foundation
import Glibc
import Testing

extension Kernel {
    /// Each example as its reader runs it. The lab puts its root where its jail.conf says: `lab -e www`.
    @Suite struct ExampleTests {
        private func example(_ name: String, _ body: (Machine, String) throws -> Void) throws {
            try Machine.with { machine in try body(machine, "\(Laboratory.examples)/\(name)/jail.conf") }
        }

        private func fetch(_ address: String) -> Outcome {
            let script = "exec 3<>/dev/tcp/\(address)/80 && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3"
            return Command(["timeout", "5", "bash", "-c", script]).run()
        }

        static func isPlaced(_ name: String) -> Bool {
            Laboratory.mustRun || access("/usr/jail/\(name)/bin", F_OK) == 0
        }

        @Test(
            "www answers over HTTP at 10.77.0.10, and is gone when stopped", .enabled(if: isPlaced("www"), "lab -e www")
        )
        func www() throws {
            try example("www") { machine, conf in
                let start = machine.jailrun("start", conf)
                #expect(start.status == 0, "\(start)")
                let page = fetch("10.77.0.10")
                #expect(page.status == 0 && page.output.contains("<title>www.example.org</title>"), "\(page)")
                let inside = machine.jailrun("exec", "www", "hostname")
                #expect(inside.output == "www.example.org\n")
                #expect(machine.jailrun("list").output.contains("10.77.0.10"))
                let stop = machine.jailrun("stop", "www")
                #expect(stop.status == 0, "\(stop)")
                #expect(fetch("10.77.0.10").status != 0)
            }
        }

        @Test("shell runs a shell", .enabled(if: isPlaced("shell"), "lab -e shell")) func shell() throws {
            try example("shell") { machine, conf in
                var ends: [Int32] = [0, 0]
                pipe(&ends)
                _ = "echo from $(hostname); exit 4\n".withCString { Glibc.write(ends[1], $0, strlen($0)) }
                close(ends[1])
                defer { close(ends[0]) }
                let outcome = Command([Laboratory.program, conf], input: ends[0]).run()
                #expect(outcome.output == "from shell\n" && outcome.status == 4, "\(outcome)")
            }
        }

        @Test("host runs the machine's programs, and what they write vanishes") func host() throws {
            try example("host") { machine, conf in
                var ends: [Int32] = [0, 0]
                pipe(&ends)
                let mark = "/var/jailrun-mark.\(getpid())"
                _ = "echo x >\(mark) && cat \(mark) && perl -e 'print 6*7'\n".withCString {
                    Glibc.write(ends[1], $0, strlen($0))
                }
                close(ends[1])
                defer { close(ends[0]) }
                let outcome = Command([Laboratory.program, conf], input: ends[0]).run()
                #expect(outcome.output == "x\n42" && outcome.status == 0, "\(outcome)")
                #expect(access(mark, F_OK) != 0)
            }
        }

        @Test(
            "PostgreSQL, Redis and nginx are ready for the tests that run beside them, and gone after",
            .enabled(if: isPlaced("ci") || Laboratory.isVirtualMachine, "lab -e ci"))
        func services() throws {
            // The virtual machine is not given these 400 MB.
            if Laboratory.isVirtualMachine { return }
            try example("ci") { machine, conf in
                let run = machine.jailrun(conf, "--", "\(Laboratory.examples)/ci/check", seconds: 120)
                #expect(run.status == 0, "\(run)")
                #expect(run.output.hasPrefix("PostgreSQL 15.") && run.output.hasSuffix("nginx answer.\n"), "\(run)")
                #expect(machine.state(of: "postgres") == "none" && machine.state(of: "web") == "none")
            }
        }

        @Test(
            "debian's redis answers redis-cli from outside", .enabled(if: isPlaced("debian"), "lab -e debian"))
        func debian() throws {
            try example("debian") { machine, conf in
                let start = machine.jailrun("start", conf, seconds: 60)
                #expect(start.status == 0, "\(start)")
                defer { _ = machine.jailrun("stop", "debian", seconds: 60) }
                #expect(
                    eventually(seconds: 20) {
                        Command(["redis-cli", "-h", "10.77.0.20", "ping"]).run().output == "PONG\n"
                    })
                _ = Command(["redis-cli", "-h", "10.77.0.20", "set", "key", "value"]).run()
                #expect(Command(["redis-cli", "-h", "10.77.0.20", "get", "key"]).run().output == "value\n")
            }
        }
    }
}
