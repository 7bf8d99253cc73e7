import Foundation
import Glibc
import Testing

/// Tests of command lines without `--root`: some start jails, and others look whether there are any. So one at a time.
@Suite(.serialized) enum Typed {}

extension Typed {
    /// What the documents tell people to type, typed.
    @Suite(.serialized, .enabled(if: Laboratory.isHere || Laboratory.mustRun, "needs a lab (run: make test)"))
    final class DocumentTests {
        /// What is written for people, in the folder from which the tests run; the decisions tell of the past.
        static let documents: [String] = {
            let all = FileManager.default.enumerator(atPath: ".")?.compactMap { $0 as? String } ?? []
            let shown = all.filter { path in
                path.hasSuffix(".md") && !path.hasPrefix(".build/") && !path.hasPrefix("docs/design/")
                    && path != "CHANGELOG.md"
            }
            return (shown + all.filter { $0.hasPrefix("docs/man/") && $0.last?.isNumber == true }).sorted()
        }()

        static let commands: [DocumentCommand] = documents.flatMap { document in
            DocumentCommand.all(of: document, (try? String(contentsOfFile: document, encoding: .utf8)) ?? "")
        }

        private let directory: String

        init() throws {
            var name = Array("/tmp/jailrun-document.XXXXXX".utf8CString)
            try #require(mkdtemp(&name) != nil)
            directory = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let script = """
                set -e; cd '\(directory)'; chmod 0755 .
                for name in \(DocumentCommand.programs.joined(separator: " ")); do ln -s '\(Laboratory.program)' "$name"; done
                cp '\(Laboratory.examples)/www/jail.conf' jail.conf; cp jail.conf www.conf; cp jail.conf web.conf
                printf 'test:\\n\\t@echo $$JAILRUN_DB_IP $$JAILRUN_WEB_IP >tested\\n' >Makefile
                mount -t tmpfs none /srv; mkdir -p /srv/jails/db; cp -a '\(Laboratory.template)'/files/. /srv/jails/db
                cp -a '\(Laboratory.template)/bin' /srv/jails/db/bin; cd /srv/jails/db
                printf '#!/bin/sh\\nexec sleep 1000\\n' >bin/redis-server; printf '#!/bin/sh\\n' >bin/redis-cli
                chmod 755 bin/redis-*; touch etc/hosts etc/resolv.conf; cp bin/redis-server bin/nginx
                cp -a /srv/jails/db /srv/jails/web; chmod -R go-w /srv/jails
                """
            let made = Command.shell(script).run()
            try #require(made.status == 0, "\(made)")
            let readme = try String(contentsOfFile: "README.md", encoding: .utf8)
            let services = try #require(Self.file("services.conf", of: readme))
            try services.write(toFile: "\(directory)/services.conf", atomically: false, encoding: .utf8)
            chmod("\(directory)/services.conf", 0o644)
        }

        deinit { _ = Command.shell("umount /srv; rm -rf '\(directory)'").run() }

        /// What `$ cat NAME` is said to print.
        private static func file(_ name: String, of text: String) -> String? {
            guard let start = text.range(of: "$ cat \(name)\n") else { return nil }
            let rest = text[start.upperBound...]
            return rest.range(of: "\n$ ").map { rest[..<$0.lowerBound] + "\n" }
        }

        private func type(_ text: String, seconds: Int = 60) -> Outcome {
            let script = "cd '\(directory)' && PATH='\(directory)':\"$PATH\" && export PATH && \(text)"
            return Command(["timeout", "-k", "5", "-s", "INT", "\(seconds)", "/bin/sh", "-c", script]).run(seconds: 90)
        }

        /// Nothing that waits for somebody, or for ever.
        private static func typed(_ command: DocumentCommand) -> String {
            var text = command.text
            for (word, stand) in [
                ("FILE", "www.conf"), ("NAME", "path"), ("JAIL", "www"), ("COMMAND", "true"), ("…", ""),
            ] {
                text = text.replacingOccurrences(of: " \(word)", with: " \(stand)")
            }
            let words = text.components(separatedBy: " ")
            let runs = words.count > 1 && words[1].hasSuffix(".conf") && !words.contains("--")
            return runs ? "jailrun --dry-run \(words.dropFirst().joined(separator: " "))" : text
        }

        /// 64, or 1 and a usage: no command line.
        private static func isNone(_ outcome: Outcome) -> Bool {
            let said = outcome.errors
            return outcome.status == 64 || said.hasPrefix("usage: ") || said.contains("unknown option")
                || said.contains(/; see jailrun(-| )oci --help/)
        }

        @Test("the documents show command lines, and the rule finds them") func found() {
            let texts = Self.commands.map(\.text)
            for text in [
                "jailrun --logs logs services.conf -- make test", "jailrun start jail.conf", "jailrun params NAME",
                "jailrun check --fail-over 2 www.conf", "jexec www sh -c 'ps; ls /dev'", "jail -r '*'",
                "jailrun-oci run --bundle web web",
            ] {
                #expect(texts.contains(text), "\(text)")
            }
            let documents = Set(Self.commands.map(\.document))
            for document in [
                "README.md", "docs/ci.md", "docs/man/jailrun.8", "docs/man/jail.8", "rootfs-examples/www/README.md",
            ] {
                #expect(documents.contains(document), "\(document)")
            }
            #expect(texts.count > 60)
        }

        /// A name of a verb or an option in a sentence may be without what it needs.
        @Test("every command line of the documents is one, as it is printed") func lines() {
            for command in Self.commands {
                let outcome = type(Self.typed(command), seconds: command.text.contains("top") ? 2 : 60)
                let said = outcome.errors
                let isPart =
                    command.kind == .prose && (said.contains("Missing expected") || said.contains("needs a command"))
                if Self.isNone(outcome) && !isPart { Issue.record("\(command)\n\(outcome)") }
            }
            _ = type("jail -r '*'; jailrun prune")
        }

        @Test(
            "a command line that no longer is one is found out",
            arguments: [
                "```\n$ jailrun --log logs services.conf -- make test\n```", "    jailrun chekc www.conf\n",
                "Say `jailrun params --all`.",
                "```yaml\n    - run: sudo jailrun stop --now www\n```", "It is `jailrun\nexplain --form html`.",
                "    jailrun oci crate web\n", "    jailrun-oci run --bundel web web\n",
            ])
        func broken(text: String) {
            let commands = DocumentCommand.all(of: "x.md", text)
            #expect(commands.count == 1)
            for command in commands { #expect(Self.isNone(type(Self.typed(command))), "\(command)") }
        }

        @Test("what is not jailrun's is left out") func others() {
            let text = """
                <!-- not jailrun -->
                    jailrun of another world

                ```
                $ echo 1
                jailrun said this
                ```

                `jailrun.service` and `make test` and jailrun here.
                """
            #expect(DocumentCommand.all(of: "x.md", text).isEmpty)
        }

        @Test("the two sessions of README.md go as it says", arguments: ["$ cat jail.conf", "$ cat services.conf"])
        func sessions(start: String) throws {
            let readme = try String(contentsOfFile: "README.md", encoding: .utf8)
            let block = try #require(readme.components(separatedBy: "```").first { $0.contains("\n\(start)\n") })
            let commands = block.components(separatedBy: "\n").filter { $0.hasPrefix("$ ") }.map { $0.dropFirst(2) }
            #expect(commands.count > 1)
            let outcome = type(
                "set -ex\n\(commands.joined(separator: "\n"))\n[ ! -e Makefile ] || [ -e tested ] || [ -e /usr/jail/www ]"
            )
            #expect(outcome.status == 0, "\(outcome)")
            #expect(type("jailrun list").lines.count == 1)
            if start.contains("services") {
                #expect(type("cat tested").output == "10.77.0.20 10.77.0.21\n")
                #expect(type("ls logs").lines == ["db.log", "web.log"])
            } else {
                #expect(outcome.output.contains("It works: this page comes from inside a jail."), "\(outcome)")
                let typed = type("script -qec 'jailrun start jail.conf' /dev/null; jailrun stop www")
                for line in block.components(separatedBy: "\n") where line.contains("up at") {
                    #expect(typed.output.contains(line.prefix { $0 != "," }), "\(typed)")
                }
            }
        }

        @Test("the job of docs/ci.md that needs no root of its own builds a project of an ordinary user")
        func job() throws {
            let text = try String(contentsOfFile: "docs/ci.md", encoding: .utf8)
            let block = try #require(text.components(separatedBy: "```").first { $0.contains("/home/runner/project") })
            let job = block.replacingOccurrences(of: "/home/runner/project", with: "\(directory)/project")
                .replacingOccurrences(of: "exec.jail_user = runner;", with: "exec.jail_user = daemon;")
            try job.write(toFile: "\(directory)/job.conf", atomically: false, encoding: .utf8)
            let outcome = type(
                """
                chmod 0644 job.conf; mkdir -m 0755 project; cd project
                printf 'test:\\n\\ttouch built\\n\\t@echo built\\n' >Makefile; cd ..
                chown -R daemon project; jailrun job.conf
                """)
            #expect(outcome.status == 0 && outcome.lines.contains("built"), "\(outcome)")
            #expect(type("ls project").output == "Makefile\n")
        }

        @Test("the tables of parameters, in a manual and a document, are those of the program") func parameters() {
            let outcome = Command(["docs/make-parameters", "--check", Laboratory.program]).run()
            #expect(outcome.status == 0, "\(outcome)")
        }

        @Test("each verb's help has an example, which is one") func examples() throws {
            let help = type("jailrun --help")
            let verbs = help.lines.compactMap { line -> String? in
                let words = line.split(separator: " ")
                return line.hasPrefix("  ") && !line.hasPrefix("   ") && !line.hasPrefix("  -")
                    ? words.first.map(String.init) : nil
            }
            #expect(verbs.count >= 16, "\(help)")
            for verb in verbs where verb != "help" {
                let text = type("jailrun \(verb) --help").output
                let examples = text.components(separatedBy: "\n").filter { $0.hasPrefix("  jailrun ") }
                #expect(!examples.isEmpty, "\(text)")
                for example in examples {
                    let command = DocumentCommand(
                        document: verb, line: 0, text: example.trimmingCharacters(in: .whitespaces), kind: .example)
                    let outcome = type(Self.typed(command), seconds: verb == "top" ? 2 : 60)
                    #expect(!Self.isNone(outcome), "\(command)\n\(outcome)")
                }
            }
            _ = type("jail -r '*'")
        }
    }
}
