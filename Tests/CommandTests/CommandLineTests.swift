import Foundation
import Glibc
import Testing

extension Typed {
    /// What the program prints and how it ends, where it touches nothing. What needs jails that are up is in KernelTests.
    @Suite(
        .serialized,
        .enabled(if: !Laboratory.program.isEmpty || Laboratory.mustRun, "needs JAILRUN=program (run: make test)"))
    final class CommandLineTests {
        private let directory: String

        init() throws {
            var name = Array("/tmp/jailrun-command.XXXXXX".utf8CString)
            try #require(mkdtemp(&name) != nil)
            directory = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            for link in ["jail", "jls", "jexec"] { symlink(Laboratory.program, "\(directory)/\(link)") }
        }

        deinit { _ = Command(["rm", "-rf", directory]).run() }

        private func file(_ text: String) -> String {
            let path = "\(directory)/jail.conf"
            try? text.write(toFile: path, atomically: false, encoding: .utf8)
            chmod(path, 0o644)
            return path
        }

        private func jailrun(_ arguments: String...) -> Outcome { Command([Laboratory.program] + arguments).run() }
        private func link(_ name: String, _ arguments: String...) -> Outcome {
            Command(["\(directory)/\(name)"] + arguments).run()
        }

        private static let good = "www { path = /; exec.start = \"/bin/true\"; persist; }\n"

        @Test("help names every command and ends with 0") func help() {
            let outcome = jailrun("--help")
            #expect(outcome.status == 0)
            for verb in [
                "run", "start", "stop", "restart", "list", "exec", "ps", "logs", "stats", "top", "inspect", "wait",
                "check",
                "explain", "params",
                "prune",
            ] {
                #expect(outcome.output.contains("  \(verb) "), "\(verb)")
            }
            #expect(jailrun("exec", "--help").output.contains("--terminal"))
        }

        @Test(
            "what is no command line ends with 64 and says how one looks",
            arguments: [
                ["run", "--nonsense", "x"], ["--nonsense"], ["exec"], ["run"], [], ["exec", "-e", "=x", "t", "true"],
                ["x.conf", "--"], ["run", "--logs", "d", "x.conf"], ["--timeout", "3", "x.conf"],
                ["--timeout", "x", "x.conf", "--", "true"],
                ["logs", "--since", "yesterday"],
            ])
        func usage(words: [String]) {
            let outcome = Command([Laboratory.program] + words).run()
            #expect(outcome.status == 64 && outcome.output == "", "\(outcome)")
            #expect(["usage:", "--help"].contains(where: outcome.errors.lowercased().contains), "\(outcome)")
        }

        @Test(
            "a command behind -- is told which command line takes it",
            arguments: [
                ("start", "jailrun x.conf -- true"), ("check", "jailrun x.conf -- true"),
                ("explain", "jailrun x.conf -- true"), ("stop", "jailrun FILE -- true"),
                ("restart", "jailrun exec JAIL true"), ("logs", "jailrun exec JAIL true"),
                ("ps", "jailrun exec x.conf true"), ("wait", "jailrun exec x.conf true"),
            ])
        func misplaced(verb: String, hint: String) {
            let outcome = jailrun(verb, "x.conf", "--", "true")
            #expect(outcome.status == 64 && outcome.errors.contains("\(verb) takes no command after --"), "\(outcome)")
            #expect(outcome.errors.contains(hint), "\(outcome)")
            #expect(!jailrun(verb, "--", "x.conf").errors.contains("takes no command"))
        }

        @Test("a bad file ends with 65, with its place, line, caret and the likely word") func badFile() {
            let path = file("www {\n    path = /;\n    persist;\n    mount.prcfs;\n}\n")
            for verb in ["check", "run", "start"] {
                let outcome = jailrun(verb, path)
                #expect(outcome.status == 65, "\(verb): \(outcome)")
                #expect(outcome.errors.contains("\(path):4:5: "))
                #expect(outcome.errors.contains("(did you mean \"mount.procfs\"?)"))
                #expect(outcome.errors.contains("\n    mount.prcfs;\n    ^"), "\(outcome)")
            }
        }

        @Test(
            "each error of a file has its line",
            arguments: [
                ("a {\n  path = /; persist;\n\n", 2), ("a { path = /; persist; }\n}\n", 2),
                ("a { path = \"x; persist; }\n", 1),
                ("a {\n path = /;\n persist;\n jid = 99999999999;\n}\n", 4),
                ("a {\n path = /;\n persist;\n ip4.addr = 1.2.3;\n}\n", 4),
                ("a {\n path = relative;\n persist;\n}\n", 2),
                ("a {\n path = /;\n persist;\n cap.add = NOTHING;\n}\n", 4),
            ])
        func lines(text: String, line: Int) {
            let path = file(text)
            let outcome = jailrun("check", path)
            #expect(outcome.status == 65, "\(outcome)")
            #expect(outcome.errors.contains("jail.conf:\(line):"), "\(outcome)")
        }

        /// Where the host has no cgroup controller for the number of processes.
        private static let withoutLimit =
            "note: without the default cgroup.pids.max: this host has no cgroup controller pids, so the jails run without "
            + "this limit; you need not do anything\n"

        @Test("check of a good file says how open each jail is, in a line, and ends with 0") func goodFile() {
            let outcome = jailrun("check", file(Self.good))
            let isLimited = outcome.errors == ""
            #expect(outcome.status == 0 && (isLimited || outcome.errors == Self.withoutLimit), "\(outcome)")
            let figure = isLimited ? "8.36" : "8.40"
            #expect(outcome.output == "www: exposure \(figure) of 10, not confined\n", "\(outcome)")
            let quiet = jailrun("check", "-q", file(Self.good))
            #expect(quiet.status == 0 && quiet.output == "" && quiet.errors == "", "\(quiet)")
        }

        /// Long names, and something open in each part.
        private static let open = """
            a { path = /; root.ephemeral; exec.start = "/bin/true"; userns = host; seccomp = none; host = inherit;
              ip4 = inherit; ip6 = inherit;
              mount = "/etc/a-folder-with-a-name-that-is-long/and-another-one-which-goes-on/and-on /mnt nullfs rw 0 0";
              cap.add = sys_time; }
            b { path = /; root.readonly; exec.start = "/bin/true"; cgroup.memory.max = 64M; }

            """

        @Test("the posture has each finding's line and mend, is at most 80 columns wide, and the same as -v")
        func posture() {
            let path = file(Self.open)
            let outcome = jailrun("check", "--posture", path)
            #expect(outcome.output == jailrun("check", "-v", path).output)
            #expect(outcome.lines.filter { $0.count > 80 && $0.split(separator: " ").count > 3 } == [])
            #expect(!outcome.output.contains("\u{1b}"))
            for line in [
                "          \(path):1  userns = private", "          \(path):2  ip4.addr = ADDRESS",
                "          \(path):4  leave sys_time out of cap.add", "          default  cgroup.memory.max = 512M",
                "  sys_time          can set the clock of the machine",
            ] {
                #expect(outcome.lines.contains(line), "\(line)\n\(outcome)")
            }
            #expect(outcome.lines.filter { $0.contains("exposure") }.map { $0.prefix(2) } == ["a:", "b:"])
        }

        @Test("a link of the host is judged by where it leads") func postureOfLink() {
            symlink("/etc", "\(directory)/link")
            let path = file(
                "a { path = /; root.readonly; exec.start = true; mount = \"\(directory)/link /mnt nullfs rw 0 0\"; }\n")
            var command = Command([Laboratory.program, "check", "--posture", path])
            command.extraEnvironment = ["COLUMNS=100"]
            let outcome = command.run()
            #expect(outcome.output.contains("link, which is /etc: write to the host's own system"), "\(outcome)")
            #expect(outcome.output.contains("of 10, not confined"))
        }

        @Test("the parts of a posture add up to its figure") func postureJSON() throws {
            let outcome = jailrun("check", "--posture", "--json", file(Self.open))
            let document = try #require(
                try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
            #expect((document["diagnostics"] as? [Any])?.isEmpty == false && document["version"] as? Int == 1)
            let jails = try #require(document["jails"] as? [[String: Any]])
            #expect(jails.map { $0["name"] as? String } == ["a", "b"])
            for jail in jails {
                let parts = try #require(jail["parts"] as? [[String: Any]])
                let sum = parts.reduce(0) { $0 + Int((($1["exposure"] as? Double ?? -1) * 100).rounded()) }
                let figure = Int(((jail["exposure"] as? Double ?? -1) * 100).rounded())
                #expect(jail["givesMachine"] as? Bool == false && parts.count == 8 && sum == figure, "\(jail)")
            }
        }

        @Test("a jail that is more open than the bound ends with 65, one that is not with 0") func failOver() {
            let path = file("www { path = /; root.readonly; exec.start = \"/bin/true\"; }\n")
            let check = jailrun("check", path)
            let figure = check.output.split(separator: " ")[2]
            let isLimited = check.errors == ""
            #expect(figure == (isLimited ? "1.05" : "1.25"), "\(check)")
            let below = isLimited ? "1.04" : "1.24"
            for (bound, status) in [
                (below, 65), (String(figure), 0), ("1", 65), ("10", 0), ("x", 64), ("11", 64),
            ] as [(String, Int32)] {
                let outcome = jailrun("check", "--fail-over", bound, path)
                #expect(outcome.status == status, "\(bound): \(outcome)")
                let complaint = "jailrun: www: exposure \(figure) is higher than \(bound)"
                #expect(outcome.errors.contains(complaint) == (status == 65))
                #expect(jailrun("check", "--json", "--fail-over", bound, path).status == status)
            }
        }

        @Test("check looks at the host, and changes nothing there") func host() {
            let outcome = jailrun("check", file("www {\n    path = /no/such;\n    persist;\n}\n"))
            #expect(outcome.status == 65, "\(outcome)")
            #expect(
                outcome.errors.contains("jail.conf:2:12: path /no/such: No such file or directory\n"), "\(outcome)")
            #expect(access("/run/jailrun", F_OK) != 0 && access("/no", F_OK) != 0)
        }

        @Test("check --json prints an object, of errors in the grammar, too, and ends as without it") func json() throws
        {
            for (text, status, count) in [
                (Self.good, 0, 0), ("a { path = /; persist; linux = new; }", 0, 1),
                ("a { x y z; }\nb { x y z; }", 65, 2),
                ("a { path = /; persist; foo; bar; }", 65, 2),
            ] as [(String, Int32, Int)] {
                let outcome = jailrun("check", "--json", file(text))
                #expect(outcome.status == status && outcome.errors == "", "\(outcome)")
                let printed = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any]
                let all = printed?["diagnostics"] as? [[String: Any]]
                let found = all?.filter { ($0["message"] as? String)?.hasPrefix("without the default") != true }
                #expect(printed?["version"] as? Int == 1 && printed?["jails"] == nil, "\(outcome)")
                #expect((printed?["facts"] != nil) == (status == 0), "\(outcome)")
                #expect(found?.count == count, "\(outcome)")
                #expect(found?.allSatisfy { $0["line"] is Int && $0["message"] is String } == true, "\(outcome)")
                #expect(found?.contains { $0["severity"] as? String == "error" } == (status != 0), "\(outcome)")
            }
        }

        @Test("colour is for a terminal, unless TERM, NO_COLOR or --no-color is against it") func color() {
            let path = file("x y z;\n")
            func check(_ variables: String, _ option: String = "") -> Outcome {
                let command = "\(variables) '\(Laboratory.program)' check \(option) '\(path)'"
                return Command(["env", "-u", "NO_COLOR", "script", "-qec", command, "/dev/null"]).run()
            }
            #expect(check("TERM=xterm").output.contains("\u{1b}[1;31m^"))
            for outcome in [
                check("TERM=xterm", "--no-color"), check("TERM=xterm NO_COLOR=1"), check("TERM=dumb"),
                jailrun("check", path),
            ] {
                #expect(!(outcome.output + outcome.errors).contains("\u{1b}["), "\(outcome)")
                #expect((outcome.output + outcome.errors).contains(":1:5: syntax error"), "\(outcome)")
            }
        }

        @Test("params names each parameter once, and tells of one what carries it") func params() {
            let all = jailrun("params")
            let names = all.lines.map { String($0.prefix { $0 != " " }) }
            #expect(all.status == 0 && names.count > 60 && Set(names).count == names.count)
            for name in ["path", "exec.start", "ip4.addr", "seccomp", "userns", "root.ephemeral"] {
                #expect(names.contains(name))
            }
            let one = jailrun("params", "mount.devfs")
            #expect(one.status == 0 && one.output.contains("on Linux:"))
            let none = jailrun("params", "mount.devsf")
            #expect(none.status == 64 && none.errors.contains("did you mean \"mount.devfs\""), "\(none)")
        }

        @Test("the program is one static file, without a setuid bit") func program() throws {
            #expect(Command(["ldd", Laboratory.program]).run().errors.contains("not a dynamic executable"))
            var status = stat()
            #expect(stat(Laboratory.program, &status) == 0 && status.st_mode & 0o6000 == 0)
        }

        // MARK: The names of FreeBSD

        @Test("what jail, jls and jexec print where no jail runs is FreeBSD's, to the byte") func transcript() throws {
            let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden")
            try FileManager.default.copyItem(
                at: golden.appendingPathComponent("jail.conf"), to: URL(fileURLWithPath: "\(directory)/jail.conf"))
            chmod("\(directory)/jail.conf", 0o644)
            let expected = try String(contentsOf: golden.appendingPathComponent("links.golden"), encoding: .utf8)
            let commands = expected.split(separator: "\n").filter { $0.hasPrefix("$ ") }.map { $0.dropFirst(2) }
            #expect(commands.count > 40)
            var found = ""
            for command in commands {
                let script = "cd '\(directory)' && PATH='\(directory)':\"$PATH\" && \(command) 2>&1"
                let outcome = Command(["/bin/sh", "-c", script]).run()
                found += "$ \(command)\n\(outcome.output)[\(outcome.status)]\n"
            }
            let pairs = zip(found.split(separator: "$ "), expected.split(separator: "$ "))
            for (found, expected) in pairs where found != expected { Issue.record("\(found)-- expected:\n\(expected)") }
            #expect(found == expected)
        }

        @Test(
            "what is no command line of FreeBSD's ends with 1 and shows all forms",
            arguments: [
                ["jail"], ["jail", "-x"], ["jail", "-c", "-e", ","], ["jail", "-r"], ["jail", "-r", "a=b"],
                ["jail", "-cR", "a=b"], ["jail", "-cR", "a"], ["jail", "-n", "x"], ["jail", "-c", "-n", "x"],
                ["jail", "-l", "-r", "x"], ["jail", "relative", "host", "10.0.0.1", "true"],
                ["jail", "/path", "host", "10.0.0.1"], ["jail", "-f"], ["jail", "-e"], ["jls", "-j"], ["jls", "-c"],
                ["jls", "-z"], ["jls", "--libxo"], ["jls", "--libxo", "html"], ["jexec"], ["jexec", "-u"],
                ["jexec", "-u", "a", "-U", "b", "x", "true"], ["jexec", "-e", "novalue", "x", "true"],
            ])
        func linkUsage(words: [String]) {
            let outcome = Command(["\(directory)/\(words[0])"] + words.dropFirst()).run()
            #expect(outcome.status == 1 && outcome.output == "", "\(outcome)")
            #expect(outcome.errors.hasPrefix("usage: \(words[0]) "), "\(outcome)")
        }

        @Test(
            "what is not there is said, and leaves nothing behind",
            arguments: ["stop", "exec", "ps", "inspect", "wait", "restart"])
        func notFound(verb: String) {
            let outcome = Command([Laboratory.program, verb, "nobody"] + (verb == "exec" ? ["true"] : [])).run()
            #expect(outcome.status == 125 && outcome.errors.contains("\"nobody\" not found"), "\(outcome)")
            #expect(access("/run/jailrun", F_OK) != 0)
        }

        @Test("a mistyped command is told the likely one") func command() {
            let outcome = jailrun("chekc")
            #expect(outcome.status == 64 && outcome.errors.contains("(did you mean \"check\"?)"), "\(outcome)")
        }

        @Test("bytes that others chose are not printed raw") func escapes() {
            let outcome = jailrun("exec", "a\u{1b}[31m\nforged: line", "true")
            #expect(
                !outcome.errors.contains("\u{1b}") && outcome.errors.split(separator: "\n").count == 1, "\(outcome)")
        }
    }
}
