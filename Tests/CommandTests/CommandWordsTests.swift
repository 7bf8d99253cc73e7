import Foundation
import Glibc
import Testing

extension Typed {
    /// How command lines are read: one declaration says what each option takes.
    @Suite(
        .serialized,
        .enabled(if: !Laboratory.program.isEmpty || Laboratory.mustRun, "needs JAILRUN=program (run: make test)"))
    final class CommandWordsTests {
        /// An option or an operand, as the argument parser has it.
        private struct Argument: Decodable {
            struct Name: Decodable {
                var kind: String
                var name: String
                var spelled: String { kind == "short" ? "-\(name)" : "--\(name)" }
            }
            var kind: String
            var names: [Name]?
            var allValues: [String]?
            var allValueStrings: [String]?
            var valueName: String?
            /// One that it takes.
            var value: String {
                let isNumber = ["seconds", "count", "updates", "exposure"].contains(valueName)
                return (allValues ?? allValueStrings)?.last ?? (isNumber ? "7" : "list")
            }
        }
        private struct Verb: Decodable {
            var commandName: String
            var subcommands: [Verb]?
            var arguments: [Argument]?
        }
        private struct Dump: Decodable { var command: Verb }

        private let directory: String

        init() throws {
            var name = Array("/tmp/jailrun-words.XXXXXX".utf8CString)
            try #require(mkdtemp(&name) != nil)
            directory = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            chmod(directory, 0o755)
            for name in ["www.conf", "list", "logs"] {
                let path = "\(directory)/\(name)"
                try "list { path = /; persist; root.ephemeral; }\nwww { path = /; persist; root.ephemeral; }\n".write(
                    toFile: path, atomically: false, encoding: .utf8)
                chmod(path, 0o644)
            }
        }

        deinit { _ = Command(["rm", "-rf", directory]).run() }

        private func jailrun(_ words: [String]) -> Outcome {
            Command(["/bin/sh", "-c", "cd '\(directory)' && exec \"$0\" \"$@\"", Laboratory.program] + words).run()
        }
        private func jailrun(_ line: String) -> Outcome { jailrun(line.split(separator: " ").map(String.init)) }

        private func verbs() throws -> [Verb] {
            let outcome = jailrun(["--experimental-dump-help"])
            let dump = try JSONDecoder().decode(Dump.self, from: Data(outcome.output.utf8))
            return (dump.command.subcommands ?? []).filter { $0.commandName != "help" }
        }

        /// Were an option not declared, or declared to take nothing, `list` would be the verb, whose help comes; were a flag
        /// declared to take a value, it would take the verb.
        @Test("what the argument parser's options take is what the reader of all command lines takes them to take")
        func agreement() throws {
            let verbs = try verbs()
            #expect(verbs.count >= 16)
            for verb in verbs {
                let help = jailrun([verb.commandName, "--help"]).output
                #expect(!help.isEmpty && help != jailrun(["list", "--help"]).output || verb.commandName == "list")
                for argument in verb.arguments ?? [] where argument.kind != "positional" {
                    for name in (argument.names ?? []).map(\.spelled)
                    where !["-h", "--help", "--version"].contains(name) {
                        let words = argument.kind == "option" ? [name, argument.value] : [name]
                        let before = jailrun(words + [verb.commandName, "--help"])
                        let after = jailrun([verb.commandName] + words + ["--help"])
                        #expect(before.output == help, "\(words) before \(verb.commandName): \(before)")
                        #expect(after.output == help, "\(words) behind \(verb.commandName): \(after)")
                    }
                }
            }
        }

        /// A variable of a script that is not set: the next word is never the value.
        @Test("an empty value of an option is a usage error, however it is written") func empty() throws {
            var count = 0
            for verb in try verbs() {
                for argument in verb.arguments ?? [] where argument.kind == "option" {
                    for name in (argument.names ?? []).map(\.spelled) {
                        for words in [["\(name)="], [name, ""]] where words.count == 1 || name != "--timings" {
                            let outcome = jailrun([verb.commandName] + words + ["list", "www"])
                            #expect(outcome.status == 64, "\(verb.commandName) \(words): \(outcome)")
                            #expect(outcome.errors.hasPrefix("jailrun: \(name): empty\n"), "\(words): \(outcome)")
                            count += 1
                        }
                    }
                }
            }
            #expect(count > 60)
            #expect(jailrun(["--root=", "www.conf"]).errors.hasPrefix("jailrun: --root: empty\n"))
        }

        @Test("shells are offered the options that a verb has, and no other") func offered() throws {
            for verb in try verbs() {
                let names = (verb.arguments ?? []).filter { $0.kind != "positional" }.flatMap { $0.names ?? [] }.map(
                    \.spelled)
                let offered = jailrun(["__complete", verb.commandName, "-"]).lines.filter { $0.hasPrefix("-") }
                let builtin = ["-h", "--help", "--version"]
                #expect(
                    Set(offered).subtracting(builtin) == Set(names).subtracting(builtin), "\(verb.commandName)")
            }
        }

        /// Each of these is the one command line that is meant.
        @Test(
            "a dry run is the same however its command line is written",
            arguments: [
                "--dry-run www.conf www", "www.conf --dry-run www", "www.conf www --dry-run",
                "run --dry-run www.conf www",
                "--dry-run run www.conf www", "--logs logs --dry-run www.conf www -- make test",
                "--logs=logs --dry-run www.conf www -- make test", "www.conf --logs list --dry-run www -- list",
                "--dry-run --root top www.conf www", "--root=top --dry-run www.conf www",
                "--dry-run --timings json www.conf www",
                "--dry-run --timings www.conf www", "--timings=text --dry-run www.conf www",
                "-qv --dry-run www.conf www",
                "--dry-run ./list www", "run --dry-run list www", "run --dry-run -- www.conf",
                "--timeout 5 --keep --fail-fast --dry-run ./logs www -- true",
            ])
        func spellings(line: String) throws {
            let meant = jailrun("--dry-run www.conf www")
            #expect(meant.status == 0 && meant.lines.count > 50, "\(meant)")
            let outcome = jailrun(line)
            if line.hasSuffix("-- www.conf") {
                #expect(outcome.status == 64, "\(outcome)")  // a FILE stands before --
            } else {
                #expect(outcome.status == 0 && outcome.lines.count == meant.lines.count, "\(line): \(outcome)")
            }
        }

        @Test(
            "a value is the option's, whatever else it could mean",
            arguments: [
                ("--logs list --instance top www.conf list -- true", ["--logs list", "instance"]),
                ("logs --root top nothing", ["\"nothing\" not found"]),
                ("exec -u list -w logs nothing ls -t --help", ["\"nothing\" not found"]),
                ("exec -ulist -e A=list nothing -- list", ["\"nothing\" not found"]),
                ("exec -tu=top nothing", ["\"nothing\" not found"]),
                ("--root top stop list", ["\"list\" not found"]), ("-n 5 logs --since 1h list", ["\"list\" not found"]),
                ("logs -n5 -f stop", ["\"stop\" not found"]), ("top -d -5", ["must be 1 to 3600"]),
                ("top -c -1", ["at least 1"]),
                ("stop -- -x", ["\"-x\" not found"]), ("-t logs nothing", ["\"nothing\" not found"]),
                ("logs --since --lines list", ["Missing value for '--since"]),
                ("www.conf --logs", ["Missing value for '--logs"]),
                ("--logs -- true", ["Missing value for '--logs"]),
                ("stop --logs list", ["unknown option \"--logs\" of stop; it belongs to run\n"]),
                ("params -q path", ["unknown option \"-q\" of params, which"]),
                ("params exec", ["unknown parameter \"exec\"\n", "exec.start, "]),
                ("--nonsense", ["unknown option \"--nonsense\" of run\n"]),
                ("-t list", ["unknown option \"-t\" of list; it belongs to exec, logs\n"]),
                (
                    "--log logs j.conf b -- true",
                    ["unknown option \"--log\" of logs (did you mean \"--logs\", of run?)"]
                ),
                ("stop --forse a", ["unknown option \"--forse\" of stop (did you mean \"--force\"?)"]),
                ("run run j.conf", ["\"run\" is not a file, and the command line already has a command"]),
                ("ls", ["(did you mean \"list\"?)"]), ("up j.conf", ["(did you mean \"start\"?)"]),
                ("version", ["(did you mean \"--version\"?)"]), ("strat j.conf", ["(did you mean \"start\"?)"]),
                ("j.conf --", ["no command after --", "see jailrun run --help"]),
                ("--timings=wrong www.conf", ["--timings"]), ("list.conf", ["No such file"]),
                ("start --timings json ./none.conf", ["No such file"]),
            ])
        func values(line: String, said: [String]) {
            let outcome = jailrun(line)
            #expect(outcome.status != 0, "\(outcome)")
            if line.contains("--instance top") {
                return #expect(!outcome.errors.contains("unknown") && outcome.status != 64, "\(outcome)")
            }
            for words in said { #expect(outcome.errors.contains(words), "\(line): \(outcome)") }
        }

        @Test("without a word it says what it is and how it is used, and ends with 64") func bare() {
            let outcome = jailrun([])
            #expect(outcome.status == 64 && outcome.output == "")
            #expect(outcome.errors.hasPrefix("jailrun runs FreeBSD-style jails on Linux"), "\(outcome)")
            let lines = outcome.errors.components(separatedBy: "\n")
            #expect(lines.filter { $0.hasPrefix("    jailrun ") }.count == 3 && lines.allSatisfy { $0.count <= 80 })
        }
    }
}
