import Foundation
import Glibc
import Testing

extension Kernel {
    /// `explain --format sh` of a file with several jails.
    @Suite struct FileScriptTests {
        /// - Returns: the script's path.
        private func script(_ machine: Machine, _ jails: String) throws -> String {
            machine.write("path = \"\(machine.root)\"; userns = host;\n\(jails)\n", to: machine.conf)
            let script = machine.jailrun("explain", "--format", "sh", machine.conf)
            try #require(script.status == 0, "\(script)")
            let path = "\(machine.directory)/script"
            machine.write(script.output, to: path)
            return path
        }

        @Test("one script makes all jails of a file on one bridge, in the order of depend, and takes all of it back")
        func several() throws {
            try Machine.with { machine in
                let path = try script(
                    machine,
                    """
                    a { ip4.addr = 10.77.5.1; depend = b, c; command = "/bin/sh -c 'echo up; while :; do sleep 1; done'"; }
                    b { ip4.addr = 10.77.5.2; nat; exec.start = "sh -c 'while :; do sleep 1; done' &"; }
                    c { ip4.addr = 10.78.0.3; nat; exec.start = "sh -c 'while :; do sleep 1; done' &"; }
                    """)
                let made = Command(["sh", path]).start()
                #expect(eventually(seconds: 30) { made.output == "up\n" || made.hasEnded })
                for address in ["10.77.5.1", "10.77.5.2", "10.78.0.3"] {
                    let answer = Command(["ping", "-c", "1", "-W", "5", address]).run()
                    #expect(answer.status == 0, "\(answer)")
                }
                let bridges = Command.shell("ip -o link show master jail0; ip -o -4 address show dev jail0").run()
                    .output
                #expect(bridges.contains("vjail2") && bridges.contains("vjail3"), "\(bridges)")
                #expect(bridges.contains("10.77.5.254/24") && bridges.contains("10.78.0.1/24"), "\(bridges)")
                made.signal(SIGTERM)
                let outcome = made.wait(seconds: 30)
                #expect(outcome.status == 143, "\(outcome)")
            }
        }

        @Test("a jail that fails ends the script with its status, and nothing of the others is left")
        func failure() throws {
            try Machine.with { machine in
                let path = try script(
                    machine,
                    """
                    a { ip4.addr = 10.77.5.1; persist; }
                    b { ip4.addr = 10.77.5.2; exec.start = "/bin/sh -c 'exit 9'"; persist; }
                    c { ip4.addr = 10.77.5.3; command = "echo never"; }
                    """)
                let made = Command(["sh", path]).run(seconds: 30)
                #expect(made.status == 9 && made.output.isEmpty, "\(made)")
            }
        }

        @Test("the host's commands of the end run where the binary runs them, of each jail")
        func hooks() throws {
            try Machine.with { machine in
                let log = "\(machine.directory)/log"
                func hooks(_ jail: String) -> String {
                    ["prepare", "prestart", "poststart", "poststop", "release"].map {
                        "exec.\($0) = \"echo \(jail) \($0) \\$JNAME >>\(log)\";"
                    }.joined()
                }
                let path = try script(machine, "a { \(hooks("a")) command = \"/bin/true\"; }")
                let binary = machine.jailrun("run", "-q", machine.conf)
                let expected = machine.read(log)
                machine.write("", to: log)
                let made = Command(["sh", path]).run()
                #expect(binary.status == 0 && made.status == 0, "\(binary)\(made)")
                #expect(expected.contains("a release a\n") && machine.read(log) == expected, "\(expected)")
            }
        }

        @Test("what a script that was killed leaves is taken back by clean, which does nothing while it is at work")
        func clean() throws {
            try Machine.with { machine in
                let path = try script(
                    machine,
                    """
                    a { ip4.addr = 10.77.5.1; port = 18080:80; persist; }
                    b { ip4.addr = 10.77.5.2; depend = a; nat; command = "sh -c 'echo up; while :; do sleep 1; done'"; }
                    """)
                #expect(Command(["sh", path, "clean"]).run().status == 0, "nothing is to be taken back")
                let made = Command(["sh", path]).start()
                #expect(eventually(seconds: 30) { made.output == "up\n" || made.hasEnded })
                let busy = Command(["sh", path, "clean"]).run()
                #expect(busy.status == 125 && busy.errors.contains("it is running"), "\(busy)")
                made.signal(SIGKILL)
                _ = made.wait()
                let again = Command(["sh", path]).run()
                #expect(again.status == 125 && !again.errors.isEmpty, "\(again)")
                #expect(access("/sys/class/net/jail0", F_OK) == 0)
                let cleaned = Command(["sh", path, "clean"]).run(seconds: 30)
                #expect(cleaned.status == 0, "\(cleaned)")
                #expect(access("/sys/class/net/jail0", F_OK) != 0 && access("/run/by-hand.a", F_OK) != 0)
            }
        }

        @Test("a jail of jailrun's that is up is not touched by a script of the same name, nor its bridge by another")
        func others() throws {
            try Machine.with { machine in
                let other = "\(machine.directory)/other.conf"
                machine.write(
                    "path = \"\(machine.root)\"; userns = host; x { ip4.addr = 10.77.5.9; persist; }\n", to: other)
                let early = try script(machine, "a { ip4.addr = 10.77.5.3; command = \"/bin/true\"; }")
                #expect(machine.jailrun("start", other).status == 0)
                let collision = Command(["sh", early]).run()
                #expect(collision.status == 125 && collision.errors.contains("vjail1: it exists already"))
                let path = try script(machine, "a { ip4.addr = 10.77.5.3; command = \"/bin/true\"; }")
                #expect(Command(["sh", path]).run().status == 0)
                #expect(Command(["ping", "-c", "1", "-W", "5", "10.77.5.9"]).run().status == 0)
                let same = "\(machine.directory)/same"
                machine.write(machine.jailrun("explain", "--format", "sh", other).output, to: same)
                let refused = Command(["sh", same]).run()
                #expect(refused.status == 125 && refused.errors.contains("there is such a jail"), "\(refused)")
                #expect(machine.jailrun("exec", "x", "true").status == 0)
                machine.stop("x")
            }
        }
    }
}
