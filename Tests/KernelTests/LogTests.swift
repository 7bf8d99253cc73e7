import Foundation
import Glibc
import Testing

extension Kernel {
    /// `log.*` and `jailrun logs`.
    @Suite struct LogTests {
        private func size(_ path: String) -> Int {
            (try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int ?? -1
        }

        @Test("logs shows what a jail wrote, without what would reach a terminal") func shows() throws {
            try Machine.with { machine in
                machine.configure("persist; exec.start = 'printf \"a\\033[31mred\\033[0m\\n\\033]0;x\\007\\r\\nend\"';")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let outcome = machine.jailrun("logs", "t")
                #expect(outcome.status == 0 && outcome.output == "ared\n\\x1b]0;x\\x07\nend\n", "\(outcome)")
                let raw = machine.jailrun("logs", "--raw", "t")
                #expect(raw.output == "a\u{1b}[31mred\u{1b}[0m\n\u{1b}]0;x\u{7}\r\nend\n", "\(raw)")
                machine.stop()
                let gone = machine.jailrun("logs", "t")
                #expect(gone.status == 125 && gone.errors.contains("\"t\" not found"))
            }
        }

        @Test("what a jail prints is spelled out where start, stop and jail show it; of a run it is as it is")
        func spelled() throws {
            try Machine.with { machine in
                let print = "printf \\'\\033]0;x\\007\\n\\'"
                machine.configure("persist; exec.start = \"\(print)\"; exec.stop = \"\(print)\";")
                func onTerminal(_ command: String) -> [String] {
                    let text = Command(["script", "-qec", command, "/dev/null"]).run().output
                    // Without what a line that changes has left in front.
                    return text.replacingOccurrences(of: "\r\n", with: "\n").components(separatedBy: "\n").map {
                        $0.components(separatedBy: "\r").last ?? ""
                    }
                }
                let (program, said) = (Laboratory.program, "\\x1b]0;x\\x07")
                #expect(onTerminal("\(program) start \(machine.conf)").contains(said))
                #expect(onTerminal("\(program) stop t") == [said, ""])
                #expect(machine.jailrun("start", machine.conf).output == said + "\n")
                machine.stop()
                _ = Command.shell("ln -s \(program) \(machine.directory)/jail").run()
                #expect(onTerminal("\(machine.directory)/jail -qf \(machine.conf) -c t").contains(said))
                machine.stop()
                machine.configure("command = \"\(print)\";")
                #expect(onTerminal("\(program) run \(machine.conf)").contains { $0.hasSuffix("\u{1b}]0;x\u{7}") })
            }
        }

        @Test("a start that is refused because the jail is up leaves its log alone") func refused() throws {
            try Machine.with { machine in
                machine.configure("persist; exec.start = \"echo first\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let again = machine.jailrun("start", machine.conf, "t")
                #expect(again.status == 125 && again.errors.contains("already exists"), "\(again)")
                #expect(machine.jailrun("logs", "t").output == "first\n" && machine.state() == "up")
                machine.stop()
            }
        }

        @Test("logs of several jails are merged by time, with names; --since, -t and -n choose") func merged() throws {
            try Machine.with { machine in
                machine.write(
                    """
                    path = "\(machine.root)"; persist;
                    a { exec.start = "echo one"; }
                    bb { depend = a; exec.start = "echo two"; }
                    c { depend = bb; exec.start = "echo three"; log.file = "\(machine.directory)/c.log"; log.timestamps; }

                    """, to: machine.conf)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { _ = machine.jailrun("stop", machine.conf) }
                #expect(machine.jailrun("logs").lines == ["a  | one", "bb | two", "c  | three"])
                #expect(machine.jailrun("logs", "-n", "1").lines == ["c  | three"])
                #expect(machine.jailrun("logs", "--since", "1h", machine.conf).lines.count == 3)
                #expect(machine.jailrun("logs", "--since", "2100-01-01").lines == [])
                let times = machine.jailrun("logs", "-t", "c")
                #expect(
                    times.lines == machine.read("\(machine.directory)/c.log").split(separator: "\n").map(String.init))
                let stamp = times.output.prefix(28)
                #expect(
                    stamp.hasPrefix("20") && stamp.hasSuffix("Z ") && times.output.hasSuffix("Z three\n"), "\(times)")
            }
        }

        @Test("logs -f goes on over a rotation, and ends when the jail is stopped") func follow() throws {
            try Machine.with { machine in
                machine.configure(
                    "persist; log.size = 4K; log.keep = 9; exec.start = '(for i in $(seq 1 600); do echo line $i; done; sleep 0.3; for i in $(seq 601 1000); do echo line $i; done) &';"
                )
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let following = machine.start("logs", "-f", "t")
                #expect(
                    eventually(seconds: 10) { following.output.hasSuffix("line 1000\n") },
                    "\(following.output.suffix(100))")
                #expect(!following.hasEnded)
                machine.stop()
                let outcome = following.wait(seconds: 5)
                let numbers = outcome.lines.compactMap { Int($0.dropFirst(5)) }
                #expect(outcome.status == 0 && zip(numbers.dropFirst(), numbers).allSatisfy { $0 == $1 + 1 })
            }
        }

        @Test("logs -f prints a last line that has no newline, a prompt at once, and each line once") func openLine()
            throws
        {
            try Machine.with { machine in
                machine.script(
                    "talk",
                    "printf 'begin '; until [ -e /var/on ]; do sleep 0.1; done; echo end; printf last; sleep 0.3")
                machine.configure("exec.start = \"/bin/talk &\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let following = machine.start("logs", "-f", "t")
                #expect(eventually { following.output == "begin " })
                machine.write("", to: "\(machine.root)/var/on")
                #expect(following.wait(seconds: 15).output == "begin end\nlast\n")
                machine.stop()
            }
        }

        @Test("of two runs of one file at once, the one that gets the jail keeps its console") func simultaneous()
            throws
        {
            try Machine.with { machine in
                machine.configure("exec.start = \"echo words\"; persist;")
                for _ in 0..<3 {
                    // Both get as far as they can without the name's lock.
                    let lock = "/run/jailrun/locks/t"
                    mkdir("/run/jailrun", 0o700)
                    mkdir("/run/jailrun/locks", 0o700)
                    let file = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
                    try #require(flock(file, LOCK_EX) == 0)
                    // Long enough that the other one cannot come after it.
                    let log = "'\(Laboratory.program)' logs t >>\(machine.directory)/said; sleep 1"
                    let runs = (0..<2).map { _ in machine.start(machine.conf, "--", "/bin/sh", "-c", log) }
                    let isWaiting = { (run: Running) in run.errors.contains("waiting for its lock") }
                    #expect(eventually(seconds: 20) { runs.allSatisfy(isWaiting) }, "\(runs.map(\.errors))")
                    close(file)
                    let statuses = runs.map { $0.wait().status }.sorted()
                    #expect(statuses == [0, 125], "\(runs.map(\.errors))")
                    #expect(machine.read("\(machine.directory)/said") == "words\n")
                    unlink("\(machine.directory)/said")
                }
            }
        }

        @Test("logs -n counts a line that has no newline") func lastLines() throws {
            try Machine.with { machine in
                machine.configure("exec.start = \"echo one; echo two; printf three\"; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                #expect(machine.jailrun("logs", "-n", "2", "t").output == "two\nthree\n")
            }
        }

        @Test("log.file is rotated at log.size, log.keep old ones stay, and none when it is 0", arguments: [2, 0])
        func rotation(keep: Int) throws {
            try Machine.with { machine in
                let log = "\(machine.directory)/log"
                machine.configure(
                    "persist; log.file = \"\(log)\"; log.size = 8K; log.keep = \(keep); exec.start = \"seq 1 20000\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                #expect(eventually { machine.read(log).hasSuffix("20000\n") })
                #expect(size(log) <= 8192)
                #expect([1, 2, 3].map { size("\(log).\($0)") > 4096 } == [keep >= 1, keep >= 2, false])
                if keep == 2 {
                    let all = [2, 1].map { machine.read("\(log).\($0)") }.joined() + machine.read(log)
                    let numbers = all.split(separator: "\n").compactMap { Int($0) }
                    #expect(zip(numbers.dropFirst(), numbers).allSatisfy { $0 == $1 + 1 })
                }
                machine.stop()
                #expect(size(log) > 0)
            }
        }

        /// In the place of systemd-journald(8)'s socket, which the lab has not.
        private final class Journal {
            private let socket: Int32
            private var received: [String] = []

            init() throws {
                _ = Command(["mkdir", "-p", "/run/systemd/journal"]).run()
                socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
                var address = sockaddr_un()
                address.sun_family = sa_family_t(AF_UNIX)
                withUnsafeMutableBytes(of: &address.sun_path) {
                    $0.copyBytes(from: "/run/systemd/journal/socket".utf8)
                }
                let size = socklen_t(MemoryLayout<sockaddr_un>.size)
                let isBound = withUnsafePointer(to: &address) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, size) == 0 }
                }
                try #require(isBound, "errno \(errno)")
            }

            deinit {
                close(socket)
                _ = Command(["rm", "-r", "/run/systemd"]).run()
            }

            /// All up to now.
            var entries: [String] {
                var buffer = [UInt8](repeating: 0, count: 1 << 18)
                while true {
                    var watched = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
                    guard poll(&watched, 1, 100) > 0 else { return received }
                    let count = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
                    if count < 0 { return received }
                    received.append(String(decoding: buffer[..<count], as: UTF8.self))
                }
            }

            var messages: [Substring] { entries.compactMap { $0.split(separator: "MESSAGE=").last?.dropLast() } }
        }

        @Test("log.journal makes an entry of each line, whole or cut, with the jail's name") func journal() throws {
            try Machine.with { machine in
                let journal = try Journal()
                let long = String(repeating: "x", count: 60000)
                machine.write("one\ntwo\n\(long)\nend", to: "\(machine.root)/var/words")
                machine.configure("log.journal; exec.start = \"cat /var/words\"; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                #expect(eventually { journal.entries.count >= 4 })
                machine.stop()
                #expect(eventually { journal.messages.last == "end" }, "\(journal.entries.count)")
                #expect(
                    journal.entries.first
                        == "PRIORITY=6\nSYSLOG_IDENTIFIER=t\nJAILRUN_JAIL=t\nMESSAGE=one\n")
                #expect(journal.messages.map(\.utf8.count) == [3, 3, 49152, 60000 - 49152, 3])
            }
        }

        @Test("a journal that does not read blocks no jail, gets the first mebibyte, and is told what it misses")
        func slowJournal() throws {
            try Machine.with { machine in
                let journal = try Journal()
                machine.configure(
                    """
                    persist; log.journal; exec.start = 'seq 1 50000; touch /var/written;
                        (while [ ! -e /var/go ]; do sleep 0.05; done; echo late) &';
                    """)
                let outcome = machine.jailrun("start", machine.conf)
                #expect(outcome.status == 0 && machine.has("var/written"), "\(outcome)")
                usleep(500_000)  // until the supervisor has read what the pipe still held
                #expect(eventually { journal.messages.count > 10000 })
                machine.write("", to: "\(machine.root)/var/go")
                #expect(eventually { journal.messages.last == "late" })
                let messages = journal.messages
                let notice = try #require(messages.dropLast().last)
                #expect(notice.hasPrefix("jailrun: ") && notice.hasSuffix("journal did not accept them"), "\(notice)")
                let numbers = messages.compactMap { Int($0) }
                #expect(numbers == Array(1...numbers.count))
                let dropped = notice.split(separator: " ").compactMap { Int($0) }.first ?? 0
                #expect(numbers.count + dropped == 50000)
                machine.stop()
            }
        }

        @Test("without a journal a jail starts all the same, and check says so") func noJournal() throws {
            try Machine.with { machine in
                machine.configure("log.journal; persist; exec.start = \"echo there\";")
                let check = machine.jailrun("check", machine.conf)
                #expect(check.status == 0 && check.errors.contains("this host has no journal"), "\(check)")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                #expect(machine.jailrun("logs", "t").output.hasSuffix("there\n"))
                machine.stop()
            }
        }

        @Test("a full disk blocks no jail, and the log says later what it misses") func fullDisk() throws {
            try Machine.with { machine in
                let disk = "\(machine.directory)/disk"
                mkdir(disk, 0o755)
                #expect(Command(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]).run().status == 0)
                defer { _ = Command(["umount", disk]).run() }
                machine.configure(
                    """
                    persist; log.file = "\(disk)/log";
                    exec.start = 'seq 1 100000; touch /var/written; (while [ ! -e /var/go ]; do sleep 0.05; done; echo late) &';
                    """)
                let outcome = machine.jailrun("start", machine.conf)
                #expect(outcome.status == 0 && machine.has("var/written"), "\(outcome)")
                #expect(Command(["mount", "-o", "remount,size=1m", disk]).run().status == 0)
                machine.write("", to: "\(machine.root)/var/go")
                #expect(eventually { machine.read("\(disk)/log").hasSuffix("late\n") })
                let dropped = machine.read("\(disk)/log").split(separator: "\n").first {
                    $0.contains("bytes were dropped")
                }
                #expect(dropped?.hasPrefix("jailrun: ") == true)
                machine.stop()
            }
        }

        @Test("a caller that does not read the output of start blocks neither the start nor the jail") func slowReader()
            throws
        {
            try Machine.with { machine in
                machine.configure("persist; exec.start = \"seq 1 100000\"; exec.start += \"touch /var/written\";")
                let script = "'\(Laboratory.program)' start '\(machine.conf)' | { sleep 5; cat >/dev/null; }"
                let running = Command.shell(script).start()
                #expect(eventually(seconds: 4) { machine.has("var/written") })
                #expect(running.wait(seconds: 10).status == 0)
                machine.stop()
            }
        }

        @Test("a link, a pipe or a folder in the place of the log is an error before anything starts") func places()
            throws
        {
            try Machine.with { machine in
                let log = "\(machine.directory)/log"
                machine.configure("persist; log.file = \"\(log)\"; exec.start = \"touch /var/up\";")
                for make in ["ln -s /tmp/jailrun-elsewhere '\(log)'", "mkfifo '\(log)'", "mkdir '\(log)'"] {
                    #expect(Command.shell("rm -rf '\(log)'; \(make)").run().status == 0)
                    let outcome = machine.jailrun("start", machine.conf)
                    #expect(outcome.status == 125 && outcome.errors.contains("cannot write the log"), "\(outcome)")
                    #expect(outcome.errors.contains("jail.conf:3") && !machine.has("var/up"))
                }
                #expect(access("/tmp/jailrun-elsewhere", F_OK) != 0)
            }
        }

        // MARK: stats, top

        @Test("stats and top tell what a jail uses, as text, JSON and OpenMetrics") func statistics() throws {
            try Machine.with { machine in
                machine.configure("ip4.addr = 10.77.0.96; exec.start = \"while :; do :; done &\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let text = machine.jailrun("stats")
                let cells = text.lines.last?.split(separator: " ").map(String.init) ?? []
                #expect(text.lines.count == 2 && cells.first == "t" && (Double(cells[1]) ?? 0) > 1, "\(text)")
                let json = machine.jailrun("stats", "--json", "t").json as? [[String: Any]]
                #expect((json?.first?["cpuMicroseconds"] as? Int ?? 0) > 0 && json?.first?["receivedBytes"] is Int)
                let metrics = machine.jailrun("stats", "--openmetrics")
                #expect(
                    metrics.lines.contains { $0.hasPrefix("jailrun_cpu_seconds_total{jail=\"t\"} ") }
                        && metrics.lines.last == "# EOF")
                let top = machine.jailrun("top", "-c", "2")
                #expect(top.lines.count == 4 && !top.output.contains("\u{1b}"), "\(top)")
                #expect(machine.jailrun("stats", "nobody").status == 125)
            }
        }
    }
}
