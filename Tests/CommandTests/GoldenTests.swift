import Foundation
import Glibc
import Testing

extension Typed {
    /// What the program says of the configurations in `JailCoreTests/Golden/Plan`, on their made-up hosts.
    @Suite(
        .serialized,
        .enabled(if: !Laboratory.program.isEmpty || Laboratory.mustRun, "needs JAILRUN=program (run: make test)"))
    final class GoldenTests {
        private static let plans = "JailCoreTests/Golden/Plan"
        static let names = ((try? FileManager.default.contentsOfDirectory(atPath: GoldenFile.place(plans))) ?? [])
            .filter { !$0.hasPrefix(".") && !$0.hasSuffix(".json") }.sorted()
        static let refused = ["refused"]
        static let planned = names.filter { !refused.contains($0) }

        /// A copy: of a working tree that others can write the program reads no file as root.
        private let directory: String

        init() throws {
            var name = Array("/tmp/jailrun-golden.XXXXXX".utf8CString)
            try #require(mkdtemp(&name) != nil)
            directory = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let copied = Command.shell(
                "cp -R '\(GoldenFile.place(Self.plans))/.' '\(directory)' && chmod -R go-w '\(directory)'"
            ).run()
            try #require(copied.status == 0, "\(copied)")
        }

        deinit { _ = Command(["rm", "-rf", directory]).run() }

        /// In the folder of a configuration, where no terminal says how wide it is.
        private func jailrun(in name: String, _ words: String) -> Outcome {
            let facts = access("\(directory)/\(name)/facts.json", F_OK) == 0 ? "facts.json" : "../facts.json"
            return Command.shell(
                "cd '\(directory)/\(name)' && COLUMNS=80 exec '\(Laboratory.program)' \(words) --assume \(facts) jail.conf"
            ).run()
        }

        private func file(_ name: String, _ kind: String) -> GoldenFile { GoldenFile("\(Self.plans)/\(name)/\(kind)") }

        @Test("the explanation of a configuration is the one that was looked at", arguments: planned)
        func explanation(name: String) throws {
            let outcome = jailrun(in: name, "explain")
            try #require(outcome.status == 0 && outcome.errors == "", "\(outcome)")
            try file(name, "explain").expect(GoldenFile.settled(outcome.output))
        }

        @Test("the program's dry run and its script are those that the planner is held to", arguments: planned)
        func plan(name: String) throws {
            for (words, kind) in [
                ("explain --format strace", "dry-run"), ("run --dry-run", "dry-run"), ("explain --format sh", "script"),
            ] {
                let outcome = jailrun(in: name, words)
                try #require(outcome.status == 0, "\(words)\n\(outcome)")
                // The pipes that stand for this test's own files.
                let lines = outcome.output.split(separator: "\n", omittingEmptySubsequences: false)
                let own = lines.filter { !$0.contains("(relay-") || words != "run --dry-run" }
                try file(name, kind).expect(GoldenFile.settled(own.joined(separator: "\n")))
            }
        }

        @Test("what cannot be kept ends each of them with the same errors", arguments: refused)
        func refusal(name: String) throws {
            for words in ["explain", "explain --format strace", "explain --format sh", "run --dry-run"] {
                let outcome = jailrun(in: name, words)
                #expect(outcome.status == 65 && outcome.output == "", "\(words)\n\(outcome)")
                try file(name, "errors").expect(outcome.errors)
            }
        }

        @Test("the help of each command is the one that was looked at, and there is none of another")
        func help() throws {
            func help(_ words: String) -> String {
                Command.shell("COLUMNS=80 exec '\(Laboratory.program)' \(words)").run().output
            }
            let all = help("--help")
            let verbs = all.matches(of: /\n  ([a-z]+)(?: \(default\))?  +[A-Z]/).map { String($0.1) }
            try #require(verbs.count > 10, "\(all)")
            try GoldenFile("CommandTests/Golden/Help/jailrun").expect(all)
            for verb in verbs { try GoldenFile("CommandTests/Golden/Help/\(verb)").expect(help("\(verb) --help")) }
            let held = try FileManager.default.contentsOfDirectory(atPath: GoldenFile.place("CommandTests/Golden/Help"))
            #expect(Set(held) == Set(verbs + ["jailrun"]))
        }
    }
}
