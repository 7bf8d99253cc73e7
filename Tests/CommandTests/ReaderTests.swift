import Foundation
import Glibc
import Testing

/// What is printed for a person, on a terminal of a size and by a pager.
@Suite(
    .serialized,
    .enabled(if: !Laboratory.program.isEmpty || Laboratory.mustRun, "needs JAILRUN=program (run: make test)"))
final class ReaderTests {
    private let directory: String
    private var conf: String { "\(directory)/jail.conf" }

    init() throws {
        var name = Array("/tmp/jailrun-reader.XXXXXX".utf8CString)
        try #require(mkdtemp(&name) != nil)
        directory = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let long = "\(directory)/a-folder/with-a-name-that-is-long/and-goes-on/and-on/beyond/each/line"
        try FileManager.default.createDirectory(atPath: long, withIntermediateDirectories: true)
        let text = """
            a { path = /; root.ephemeral; host.hostname = a-very-long-name-of-a-jail-that-goes-on.and-on.example.org;
              mount = "tmpfs \(long) tmpfs rw 0 0"; ip4.addr = 10.77.9.9; port = "8098:80"; nat;
              exec.start = "/bin/sh -c 'echo  two   words in quotes that a line of sixty columns cannot hold'"; persist; }

            """
        try text.write(toFile: conf, atomically: false, encoding: .utf8)
        chmod(conf, 0o644)
        // Stands for each program that a pager can be: it tells what it was given.
        let pager = """
            #!/bin/sh
            { echo "LESS=$LESS LV=$LV"; cat; } >'\(directory)/pages'

            """
        for name in ["less", "lv", "unknown"] {
            try pager.write(toFile: "\(directory)/\(name)", atomically: false, encoding: .utf8)
            chmod("\(directory)/\(name)", 0o755)
        }
    }

    deinit { _ = Command(["rm", "-rf", directory]).run() }

    /// On a terminal of that size.
    private func terminal(
        _ words: String, rows: Int = 5000, columns: Int, environment: String = "PAGER=cat"
    ) -> String {
        let clean = "env -u NO_COLOR -u COLUMNS -u LESS -u LV -u PAGER TERM=xterm \(environment)"
        let script = "stty rows \(rows) cols \(columns); \(clean) '\(Laboratory.program)' \(words)"
        return Command(["script", "-qec", script, "/dev/null"]).run().output.replacing("\r\n", with: "\n")
    }

    private func pages(_ environment: String) -> String {
        unlink("\(directory)/pages")
        let programs = "PATH='\(directory)':\"$PATH\""
        _ = terminal("explain '\(conf)'", rows: 24, columns: 80, environment: "\(programs) \(environment)")
        return (try? String(contentsOfFile: "\(directory)/pages", encoding: .utf8)) ?? ""
    }

    /// Without what gives it colour.
    private static func plain(_ text: String) -> [String] {
        text.replacing(/\u{1b}\[[0-9;]*m/, with: "").split(separator: "\n").map(String.init)
    }

    @Test(
        "text is as wide as the terminal, and never wider than 100 columns", arguments: [60, 80, 100, 200],
        ["explain", "check --posture"])
    func width(columns: Int, words: String) {
        let text = terminal("\(words) '\(conf)' 2>/dev/null", columns: columns)
        let lines = Self.plain(text)
        #expect(lines.count > 5, "\(text)")
        let most = min(columns, 100)
        // What a shell is given is broken between its words only.
        let wide = lines.filter { $0.count > most && $0.split(separator: " ").count > 3 && !$0.contains("'") }
        #expect(wide == [])
        #expect(!words.hasPrefix("explain") || lines.contains { $0.count > most - 12 }, "it could be wider")
    }

    @Test(
        "help and parameters are as wide as $COLUMNS says; without it, a parameter is one line",
        arguments: [
            ("run --help", 60), ("start --help", 60), ("exec --help", 60), ("check --help", 60), ("--help", 60),
            ("params", 80), ("params", 60), ("params cap.add", 60),
        ])
    func narrow(line: String, columns: Int) {
        var command = Command([Laboratory.program] + line.split(separator: " ").map(String.init))
        command.extraEnvironment = ["COLUMNS=\(columns)"]
        let lines = command.run().output.components(separatedBy: "\n")
        #expect(lines.count > 5 && lines.filter { $0.count > columns } == [], "\(line)")
        let plain = Command(["env", "-u", "COLUMNS", Laboratory.program, "params"]).run()
        #expect(plain.output.components(separatedBy: "\n").allSatisfy { !$0.hasPrefix(" ") })
    }

    @Test("without a terminal it is 80 columns wide, or as wide as $COLUMNS says") func noTerminal() {
        for (columns, most) in [("", 80), ("60", 60), ("1000", 100), ("x", 80)] {
            var command = Command([Laboratory.program, "explain", conf])
            command.extraEnvironment = ["COLUMNS=\(columns)"]
            let lines = command.run().lines.filter { !$0.contains("'") && $0.split(separator: " ").count > 3 }
            #expect(lines.filter { $0.count > most } == [], "COLUMNS=\(columns)")
            #expect(lines.contains { $0.count > most - 12 }, "COLUMNS=\(columns) makes it narrow")
        }
    }

    @Test("a command of the shell is never broken between quotes") func quotes() {
        let text = Self.plain(terminal("explain '\(conf)'", columns: 60)).joined(separator: "\n")
        #expect(text.contains("'echo  two   words in quotes that a line of sixty columns cannot hold'"), "\(text)")
    }

    @Test("less gets the options that git gives it, and the caller's own stay") func less() {
        #expect(pages("PAGER=less").hasPrefix("LESS=FRX LV=-c\n"))
        #expect(pages("").hasPrefix("LESS=FRX LV=-c\n"))
        #expect(pages("PAGER=less LESS=MR LV=x").hasPrefix("LESS=MR LV=x\n"))
    }

    @Test(
        "a pager gets escapes only if it shows them as colours",
        arguments: [
            ("PAGER=less", true), ("", true), ("PAGER='less -R'", true), ("PAGER=less LESS=-R", true),
            ("PAGER=less LESS=FR", true), ("PAGER=less LESS=FX", false), ("PAGER=less LESS=", false),
            ("PAGER='less -i' LESS=", false), ("PAGER='less --RAW-CONTROL-CHARS' LESS=", true),
            ("PAGER=lv", true), ("PAGER=lv LV=-x", false), ("PAGER=unknown", false),
            ("PAGER=less NO_COLOR=1", false), ("PAGER=less TERM=dumb", false),
        ])
    func escapes(environment: String, areSent: Bool) {
        let pages = pages(environment)
        #expect(pages.contains("Namespaces") && pages.contains("\u{1b}[") == areSent, "\(pages.prefix(300))")
    }

    @Test(
        "cat, nothing, and a program that is not there show all of it in colour, at once",
        arguments: ["cat", "", "/no/such/pager"])
    func noPager(name: String) {
        let text = terminal("explain '\(conf)'", rows: 24, columns: 80, environment: "PAGER='\(name)'")
        #expect(text.contains("\u{1b}[1;36mNamespaces") && text.contains("\u{1b}[1;36mPrivileges"))
    }

    @Test("what fits the terminal needs no pager") func short() {
        unlink("\(directory)/pages")
        let text = terminal("explain '\(conf)'", columns: 80, environment: "PAGER='cat >\(directory)/pages'")
        #expect(text.contains("Namespaces") && access("\(directory)/pages", F_OK) != 0)
    }

    @Test("NO_COLOR counts when it is not empty") func noColour() {
        #expect(terminal("explain '\(conf)'", columns: 80, environment: "PAGER=cat NO_COLOR=").contains("\u{1b}["))
        #expect(!terminal("explain '\(conf)'", columns: 80, environment: "PAGER=cat NO_COLOR=1").contains("\u{1b}["))
    }
}
