import Foundation
import Glibc
import Testing

extension Kernel {
    /// `explain` in its forms, and what a start says of its time.
    @Suite struct ExplainTests {
        /// Every wide thing: long names, many capabilities, several kinds of mount, two commands.
        private static let wide = """
            host.hostname = a-very-long-name-of-a-jail-that-goes-on.and-on.example.org; cap.add = SYS_PTRACE, SYS_NICE, NET_RAW, MKNOD, IPC_LOCK, KILL, SYS_TIME; mount.devfs;
            ip4.addr = 10.77.0.5, 10.77.0.6; root.ephemeral; mount = "/etc $path/etc nullfs ro 0 0";
            exec.start = "/bin/sh -c 'echo </script><b>&amp; >/dev/null'"; command = "/bin/true";
            """

        private func explain(_ format: String, _ parameters: String = wide) throws -> Outcome {
            var outcome = Outcome(status: -1, output: "", errors: "")
            try Machine.with { machine in
                machine.configure(parameters)
                outcome = machine.jailrun("explain", "--format", format, machine.conf)
            }
            try #require(outcome.status == 0, "\(outcome)")
            return outcome
        }

        @Test("the text is at most 80 columns wide, without colour where nobody looks, and under its headings")
        func text() throws {
            let lines = try explain("text").lines
            // A line with one word in it cannot be broken; a rule of nft(8) is part of one, in quotes.
            let breakable = lines.filter {
                !$0.contains("'") && !$0.contains(" netdev jailrun ") && $0.split(separator: " ").count > 3
            }
            #expect(breakable.filter { $0.count > 80 } == [])
            #expect(!lines.contains { $0.contains("\u{1b}") })
            let headings = lines.filter {
                ["Namespaces", "Ids", "Files", "Devices", "Network", "Limits", "Privileges", "Command"].contains($0)
            }
            // What jails share is under two of them, too.
            #expect(Set(headings).count == 8 && headings.count == 10)
            #expect(lines.contains { $0.hasPrefix("    set by") && $0.contains("jail.conf:3 ") })
            #expect(lines.contains { $0.hasSuffix("default; turned off by: userns = host") })
        }

        @Test("a pager gets what is too long for the terminal, with colour") func pager() throws {
            try Machine.with { machine in
                machine.configure(Self.wide)
                let pages = "\(machine.directory)/pages"
                let command =
                    "stty rows 24 cols 80; unset NO_COLOR; TERM=xterm PAGER='cat >\(pages)' '\(Laboratory.program)' explain '\(machine.conf)'"
                let outcome = Command(["script", "-qec", command, "/dev/null"], input: nil).run()
                #expect(outcome.status == 0, "\(outcome)")
                #expect(machine.read(pages).contains("\u{1b}[1;36mNamespaces"))
            }
        }

        @Test("the JSON names each step once, in its order, with its part") func json() throws {
            struct Document: Decodable {
                struct Jail: Decodable {
                    struct Step: Decodable { var number: Int, part: Int, call: String, side: String }
                    struct Part: Decodable { var subject: String, steps: [Int] }
                    var name: String, steps: [Step], parts: [Part]
                }
                var version: Int, jails: [Jail]
            }
            let first = try explain("json").output
            let document = try JSONDecoder().decode(Document.self, from: Data(first.utf8))
            let jail = try #require(document.jails.first)
            #expect(document.version == 2 && jail.name == "t")
            #expect(jail.steps.map(\.number) == Array(1...jail.steps.count))
            #expect(jail.parts.flatMap(\.steps).sorted() == jail.steps.map(\.number))
        }

        @Test("the page needs nothing but itself, its links lead somewhere, and what the file says is text") func html()
            throws
        {
            let page = try explain("html").output
            for word in ["http:", "https:", "src=", "@import", "url(", "<b>", "</script><"] {
                #expect(!page.contains(word), "\(word)")
            }
            let ids = page.matches(of: /\bid="([^"]*)"/).map { String($0.1) }
            #expect(Set(ids).count == ids.count)
            let targets = page.matches(of: /href="#([^"]*)"/).map { String($0.1) }
            #expect(targets.filter { !ids.contains($0) } == [])
            #expect(targets.count > 20)
            #expect(page.contains(/<svg [^>]*role="group" aria-label="the host, and the jail t"/))
        }

        @Test("--timings says where the time went, step by step for tools") func timings() throws {
            struct Record: Decodable {
                struct Step: Decodable { var number: Int, microseconds: Int?, side: String, call: String }
                var jail: String, totalMicroseconds: Int, beforeMicroseconds: Int, steps: [Step]
            }
            try Machine.with { machine in
                let hooks = ["prestart", "created", "poststart"].map { "exec.\($0) = \"/bin/sleep 0.01\";" }
                machine.configure("command = \"/bin/true\"; \(hooks.joined())")
                let dry = machine.jailrun("run", "--dry-run", machine.conf)
                let outcome = machine.jailrun("run", "-q", "--timings=json", machine.conf)
                let line = try #require(outcome.errors.split(separator: "\n").first { $0.hasPrefix("{") })
                let record = try JSONDecoder().decode(Record.self, from: Data(line.utf8))
                #expect(record.jail == "t" && record.steps.map(\.number) == Array(1...record.steps.count))
                #expect(record.steps.map(\.call) == dry.lines)
                // Commands have no clock of their own, nor has the step that replaces the first process's program.
                let end = try #require(record.steps.firstIndex { $0.call.hasPrefix("execveat") })
                #expect(record.steps.allSatisfy { $0.microseconds != nil || $0.side == "child" })
                #expect(record.steps[..<end].count { $0.microseconds == nil } == 5)
                #expect(record.steps.count { ($0.microseconds ?? 0) >= 10_000 } >= 3)
                #expect(record.beforeMicroseconds <= record.totalMicroseconds)
                #expect(record.steps.contains { $0.side == "child" && ($0.microseconds ?? 0) > 0 })
                let text = machine.jailrun("start", "--timings", machine.conf)
                machine.stop()
                #expect(text.errors.contains("t: up in ") && text.errors.contains("slowest steps:"), "\(text)")
            }
        }
    }
}
