import Foundation
import Testing

extension Typed {
    /// `jailrun oci --help`, and jailrun-oci(8).
    @Suite(
        .serialized,
        .enabled(if: !Laboratory.program.isEmpty || Laboratory.mustRun, "needs JAILRUN=program (run: make test)"))
    struct ContainerHelpTests {
        private func oci(_ words: String...) -> Outcome { Command([Laboratory.program, "oci"] + words).run() }

        /// Below a title in capitals, the lines that are no explanation.
        private func rows(_ title: String, of help: String) -> [String] {
            let parts = help.components(separatedBy: "\n\(title):\n")
            return parts.count < 2
                ? [] : parts[1].components(separatedBy: "\n").prefix { !$0.isEmpty }.map { String($0) }
        }

        private func verbs() -> [String] {
            rows("COMMANDS", of: oci("--help").output).compactMap { $0.split(separator: " ").first.map(String.init) }
        }

        /// Of a row `  -b, --bundle <dir>  …`.
        private func options(of verb: String) -> [(names: [String], isValued: Bool)] {
            rows("OPTIONS", of: oci(verb, "--help").output).map { row in
                let names = row.matches(of: /(?:^ |,) (--?[a-z-]+)/).map { String($0.1) }
                return (names, row.contains(/^ +(?:-[a-z], )?--[a-z-]+ </))
            }
        }

        /// What `.It` of the manual has below each command; those that share an item share its options.
        private func manual() throws -> [String: Set<String>] {
            let text = try String(contentsOfFile: GoldenFile.place("../docs/man/jailrun-oci.8"), encoding: .utf8)
            var found: [String: Set<String>] = [:]
            var verbs: [String] = []
            for line in text.components(separatedBy: "\n") {
                if line.hasPrefix(".Sh ") { verbs = [] }
                if line.hasPrefix(".It Cm ") {
                    verbs = line.dropFirst(7).components(separatedBy: " , ")
                    for verb in verbs { found[verb] = [] }
                } else if line.hasPrefix(".It Fl ") || line.hasPrefix(".Fl ") {
                    for verb in verbs { found[verb]?.formUnion(Self.flags(of: line)) }
                }
            }
            return found
        }

        /// What stands behind the macro `Fl`, up to the next one.
        private static func flags(of line: String) -> [String] {
            var isFlag = false
            var found: [String] = []
            for word in line.split(separator: " ") {
                if word.contains(/^\.?[A-Z][a-z]$/) {
                    isFlag = word.hasSuffix("Fl")
                } else if isFlag, word.first != "," && word.first != "." {
                    found.append("-\(word)")
                }
            }
            return found
        }

        @Test("each command has a help of its own, with an example, and the program takes every option that it names")
        func options() {
            let verbs = verbs()
            #expect(verbs.count == 14, "\(verbs)")
            #expect(oci("--help").lines.filter { $0.count > 80 } == [])
            for verb in verbs {
                let help = oci(verb, "--help")
                #expect(help.status == 0 && help.output.contains("\n  jailrun oci \(verb)"), "\(help)")
                #expect(oci(verb, "-h").output == help.output)
                #expect(help.lines.filter { $0.count > 80 } == [])
                for option in options(of: verb) {
                    for name in option.names {
                        let words = ["oci", verb, name] + (option.isValued ? ["1"] : []) + ["--nothing"]
                        let outcome = Command([Laboratory.program] + words).run()
                        #expect(outcome.errors.contains("unknown option --nothing;"), "\(words): \(outcome)")
                    }
                }
            }
        }

        @Test("the manual has every command, and the options that each one's help has") func page() throws {
            let manual = try manual()
            #expect(Set(manual.keys) == Set(verbs()))
            for verb in verbs() {
                var named = manual[verb] ?? []
                // These are said to be as in create.
                if verb == "run" { named.formUnion(manual["create"] ?? []) }
                let names = Set(options(of: verb).flatMap(\.names))
                #expect(named == names, "\(verb): \(named.symmetricDifference(names).sorted())")
            }
        }

        @Test("help that stands behind an operand belongs to the command in the container") func operand() {
            let outcome = oci("exec", "no-such-container", "ls", "--help")
            #expect(outcome.status == 1 && outcome.output.isEmpty, "\(outcome)")
        }

        @Test("what is no command line is refused with a pointer to the help, and ends with 1") func refused() {
            for words in [["crate", "web"], ["run", "--bundel", "x", "web"], ["state"], ["kill", "web", "NOTHING"]] {
                let outcome = Command([Laboratory.program, "oci"] + words).run()
                #expect(outcome.status == 1 && outcome.errors.hasSuffix("; see jailrun oci --help\n"), "\(outcome)")
            }
        }
    }
}
