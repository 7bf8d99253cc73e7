import Foundation
import Glibc
import Testing

extension Typed {
    /// Completion, as shells do it: the scripts are read by them, and asked.
    @Suite(.serialized, .enabled(if: Laboratory.isHere || Laboratory.mustRun, "needs a lab (run: make test)"))
    final class CompletionTests {
        private let directory: String

        init() throws {
            var name = Array("/tmp/jailrun-completion.XXXXXX".utf8CString)
            try #require(mkdtemp(&name) != nil)
            directory = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let script = """
                set -e; cd '\(directory)'; chmod 0755 .; ln -s '\(Laboratory.program)' jailrun
                printf 'web { path = /; root.ephemeral; persist; }\\ndb { path = /; root.ephemeral; persist; }\\n' >web.conf
                chmod 644 web.conf; touch web.txt; mkdir webs 'a b'; ./jailrun start -q web.conf
                for shell in bash zsh fish; do ./jailrun --generate-completion-script "$shell" >"completion.$shell"; done
                """
            let made = Command.shell(script).run()
            try #require(made.status == 0, "\(made)")
        }

        deinit { _ = Command.shell("cd '\(directory)'; ./jailrun stop web.conf; rm -rf '\(directory)'").run() }

        /// What follows which words; `_` is nothing typed yet.
        static let offers: [(line: String, offered: [String])] = [
            ("jailrun web", ["web.conf", "webs/"]), ("jailrun chec", ["check"]), ("jailrun res", ["restart"]),
            ("jailrun stop w", ["web", "web.conf", "webs/"]), ("jailrun exec _", ["db", "web"]),
            ("jailrun exec web _", []),
            ("jailrun restart d", ["db"]), ("jailrun inspect _", ["db", "web"]), ("jailrun ps we", ["web"]),
            ("jailrun stats web _", ["db"]), ("jailrun wait -q _", ["db", "web"]), ("jailrun top d", ["db"]),
            ("jailrun logs -f d", ["db"]), ("jailrun params mount.pr", ["mount.procfs"]),
            ("jailrun web.conf _", ["db", "web"]),
            ("jailrun start web.conf d", ["db"]), ("jailrun explain --format h", ["html"]),
            ("jailrun --timings j", ["json"]),
            ("jailrun --logs we", ["webs/"]), ("jailrun check --fail", ["--fail-over"]),
            ("jailrun --root /nothing stop d", []),
            ("jailrun list _", []), ("jailrun exec --us", ["--user"]), ("jailrun logs -n d", []),
            ("jailrun help pru", ["prune"]), ("jailrun --ver", ["--verbose", "--version"]),
            ("jailrun list --ver", ["--verbose"]), ("jailrun oc", ["oci"]), ("jailrun oci st", ["start", "state"]),
            ("jailrun oci state _", []),
        ]

        @Test("bash is offered what fits", arguments: offers) func bash(line: String, offered: [String]) {
            let words = line.split(separator: " ").map { $0 == "_" ? "''" : "'\($0)'" }
            let script = """
                cd '\(directory)'; PATH=.:$PATH; . ./completion.bash; compopt() { :; }
                COMP_WORDS=(\(words.joined(separator: " "))); COMP_CWORD=\(words.count - 1)
                _jailrun; printf '%s\\n' "${COMPREPLY[@]}"
                """
            let outcome = Command(["bash", "--norc", "-c", script]).run()
            #expect(outcome.lines.sorted() == offered && outcome.errors == "", "\(outcome)")
        }

        @Test("a jail's name is completed in a terminal with bash") func terminal() throws {
            let typed =
                "cd '\(directory)'; PATH=.:$PATH; . ./completion.bash; set -o emacs\\r"
                + "echo jailrun-is; jailrun inspect we\\t| grep -c pid\\rexit\\r"
            let script = "(sleep 1; printf \"\(typed)\"; sleep 3) | script -qec 'bash --norc -i' /dev/null"
            let outcome = Command(["env", "TERM=xterm", "bash", "-c", script]).run()
            #expect(outcome.output.contains("jailrun inspect web |"), "\(outcome)")
        }

        @Test(
            "fish is offered what fits", .enabled(if: access("/usr/bin/fish", X_OK) == 0),
            arguments: offers)
        func fish(line: String, offered: [String]) {
            let typed = line.hasSuffix("_") ? String(line.dropLast()) : line
            let script = "cd '\(directory)'; set PATH . $PATH; source completion.fish; complete -C '\(typed)'"
            let outcome = Command(["env", "HOME=\(directory)", "fish", "-c", script]).run()
            let found = outcome.lines.map { $0.split(separator: "\t").first.map(String.init) ?? "" }
            #expect(Set(offered).isSubset(of: Set(found)), "\(line): \(outcome)")
        }

        @Test(
            "zsh reads its script, and is offered names and verbs",
            .enabled(if: access("/usr/bin/zsh", X_OK) == 0))
        func zsh() {
            for (line, word) in [("stop d", "db"), ("chec", "check"), ("params mount.pr", "mount.procfs")] {
                let words = "jailrun \(line)".split(separator: " ").map { "'\($0)'" }.joined(separator: " ")
                let script = """
                    cd '\(directory)'; path=(. $path); autoload -U compinit; compinit -u -D; . ./completion.zsh
                    _describe() { print -l -- "${(@P)2}" }; _files() { : }
                    words=(\(words)); CURRENT=${#words}; _jailrun
                    """
                let outcome = Command(["zsh", "-f", "-c", script]).run()
                #expect(outcome.lines.contains { $0 == word || $0.hasPrefix("\(word):") }, "\(line): \(outcome)")
            }
        }

        @Test("the program answers in a line each, and leaves nothing behind") func answer() {
            let outcome = Command(["\(directory)/jailrun", "__complete", "stop", ""]).run()
            #expect(
                outcome.lines == ["db", "web", ":configurations"] || outcome.lines == ["web", "db", ":configurations"],
                "\(outcome)")
            #expect(Command(["\(directory)/jailrun", "__complete"]).run().status == 0)
        }
    }
}
