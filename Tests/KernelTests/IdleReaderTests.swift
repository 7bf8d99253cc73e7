import Foundation
import Glibc
import Testing

extension Kernel {
    /// Output whose reader takes nothing, or has gone: it holds nobody up who is told to end.
    @Suite struct IdleReaderTests {
        /// Runs jailrun with a FIFO for its output that is open for reading, and that nobody reads; when it is full, sends a
        /// signal.
        private func end(_ words: String, _ machine: Machine, by signal: Int32) throws -> Outcome {
            let fifo = "\(machine.directory)/fifo"
            mkfifo(fifo, 0o600)
            let reader = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
            defer {
                close(reader)
                unlink(fifo)
            }
            let running = Command.shell("'\(Laboratory.program)' \(words) >'\(fifo)' & echo $!; wait $!").start()
            // How much fits in depends on how it was written: full is what grows no more.
            var counts: [Int32] = []
            let isFull = eventually {
                var count: Int32 = 0
                _ = ioctl(reader, UInt(FIONREAD), &count)
                counts.append(count)
                usleep(50_000)
                return counts.count > 6 && count > 0 && counts.suffix(6).allSatisfy { $0 == count }
            }
            try #require(isFull, "\(counts) \(running.errors)")
            kill(try #require(running.output.split(separator: "\n").first.flatMap { pid_t($0) }), signal)
            return running.wait(seconds: 10)
        }

        @Test(
            "exec -t ends by a signal though nobody reads its output", arguments: [SIGTERM, SIGINT, SIGHUP, SIGQUIT])
        func terminal(signal: Int32) throws {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let outcome = try end("exec -t t yes", machine, by: signal)
                #expect(outcome.status == 128 + signal, "\(outcome)")
                #expect(machine.jailrun("exec", "t", "pidof", "yes").status == 1)
            }
        }

        @Test("so does an exec without a terminal, whose output is moved") func moved() throws {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let outcome = try end("exec t yes", machine, by: SIGTERM)
                #expect(outcome.status == 128 + SIGTERM, "\(outcome)")
            }
        }

        @Test("a command that has ended on a terminal is let go, too, when a signal comes") func ended() throws {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let outcome = try end("exec -t t sh -c 'yes | head -c 100000; exit 5'", machine, by: SIGTERM)
                #expect([5, 128 + SIGTERM].contains(outcome.status), "\(outcome)")
            }
        }

        @Test("logs and logs -f end by a signal", arguments: ["logs t", "logs -f t"], [SIGTERM, SIGINT])
        func logs(words: String, signal: Int32) throws {
            try Machine.with { machine in
                machine.configure("persist; exec.start = \"yes | head -c 200000\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let outcome = try end(words, machine, by: signal)
                #expect(outcome.status == 128 + signal, "\(outcome)")
            }
        }

        @Test("a run of several jails ends by a signal, and leaves nothing") func several() throws {
            try Machine.with { machine in
                machine.write(
                    "path = \"\(machine.root)\"; a { command = \"yes\"; } b { command = \"sleep 1000\"; }\n",
                    to: machine.conf)
                _ = try end("run '\(machine.conf)'", machine, by: SIGTERM)
                #expect(machine.state(of: "a") == "none" && machine.state(of: "b") == "none")
            }
        }

        @Test("a program on exec's terminal ends when nobody reads its output any more") func gone() throws {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let outcome = Command.shell("'\(Laboratory.program)' exec -t t yes | head -n 1").run(seconds: 15)
                #expect(outcome.status == 0 && outcome.output == "y\r\n", "\(outcome)")
                #expect(eventually { machine.jailrun("exec", "t", "pidof", "yes").status == 1 })
            }
        }

        @Test("what finds no room is an error on a terminal of the jail's, too") func full() throws {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let outcome = Command.shell("'\(Laboratory.program)' exec -t t echo words >/dev/full").run(seconds: 15)
                #expect(outcome.status == 125 && outcome.errors.contains("No space left on device"), "\(outcome)")
                let conf = "'\(machine.conf)'"
                let lines = [
                    "list", "inspect t", "ps t", "stats t", "top -c 1", "check --posture \(conf)",
                    "check --json \(conf)",
                    "explain \(conf)", "explain --format sh \(conf)", "run --dry-run \(conf)", "params", "--help",
                    "--version", "--generate-completion-script bash",
                ]
                for words in lines {
                    for place in ["/dev/full", "&-"] {
                        let printed = Command.shell("'\(Laboratory.program)' \(words) >\(place)").run(seconds: 15)
                        #expect(
                            printed.status == 125 && printed.errors.contains("standard output"),
                            "\(words) >\(place): \(printed)")
                    }
                }
                for place in ["/dev/full", "&-"] {
                    let link = Command(["bash", "-c", "exec -a jls '\(Laboratory.program)' >\(place)"]).run(seconds: 15)
                    #expect(link.status == 1 && link.errors.contains("standard output"), "\(place): \(link)")
                }
            }
        }

        @Test("without standard output jails start, stop and write to nothing, and no file gets its number")
        func closed() throws {
            try Machine.with { machine in
                machine.configure("persist; exec.start = \"echo words\"; exec.stop = \"echo words\";")
                for words in ["start -q '\(machine.conf)'", "exec t echo words", "prune", "stop t"] {
                    let outcome = Command.shell("'\(Laboratory.program)' \(words) >&-").run(seconds: 30)
                    #expect(outcome.status == 0 && outcome.errors == "", "\(words): \(outcome)")
                }
            }
        }

        @Test(
            "what goes on printing ends when nobody reads it, though there is nothing to print",
            arguments: ["logs -f t", "top"])
        func silent(words: String) throws {
            try Machine.with { machine in
                machine.configure("persist; exec.start = \"echo words\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let outcome = Command.shell("'\(Laboratory.program)' \(words) | head -n 1").run(seconds: 60)
                #expect(outcome.status == 0 && outcome.lines.count == 1, "\(outcome)")
            }
        }

        @Test("standard error on a terminal is shown there, though output goes elsewhere") func separate() throws {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                machine.script("speak", "echo out; echo error >&2")
                let file = "\(machine.directory)/out"
                let shown = Command(["script", "-qec", "'\(Laboratory.program)' exec t speak >'\(file)'", "/dev/null"])
                    .run()
                #expect(shown.output.contains("error") && machine.read(file) == "out\n", "\(shown)")
            }
        }
    }
}
