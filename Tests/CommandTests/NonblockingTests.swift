import Foundation
import Glibc
import Testing

extension Typed {
    /// Standard input and output that somebody has made nonblocking: programs that share a pipe share the flag.
    @Suite(
        .serialized,
        .enabled(if: !Laboratory.program.isEmpty || Laboratory.mustRun, "needs JAILRUN=program (run: make test)"))
    final class NonblockingTests {
        private let file: String

        init() throws {
            var name = Array("/tmp/jailrun-nonblocking.XXXXXX".utf8CString)
            let descriptor = mkstemp(&name)
            try #require(descriptor >= 0)
            close(descriptor)
            file = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let text = "www { path = /; persist; root.ephemeral; }\n"
            try text.write(toFile: file, atomically: false, encoding: .utf8)
        }

        deinit { unlink(file) }

        /// Prints what the program prints into a pipe of a page, which is read later; its status is the program's.
        private static let lateReader = """
            use Fcntl; pipe(my $reader, my $writer); fcntl($writer, 1031, 4096);
            fcntl($writer, F_SETFL, O_WRONLY | O_NONBLOCK);
            if (!fork) { close $reader; open(STDOUT, ">&", $writer); close $writer; exec @ARGV }
            close $writer; sleep 1; print while <$reader>; wait; exit $? >> 8
            """
        /// Gives the program an input that comes later.
        private static let lateWriter = """
            use Fcntl; pipe(my $reader, my $writer); fcntl($reader, F_SETFL, O_RDONLY | O_NONBLOCK);
            my $file = shift; if (!fork) { close $writer; open(STDIN, "<&", $reader); close $reader; exec @ARGV }
            close $reader; sleep 1; open(my $text, "<", $file); print $writer $_ while <$text>; close $writer;
            wait; exit $? >> 8
            """

        private func perl(_ script: String, _ words: [String]) -> Outcome {
            Command(["perl", "-e", script] + words).run()
        }

        @Test(
            "what is printed into a nonblocking pipe is whole",
            arguments: [
                "explain --format json FILE", "explain --format html FILE", "explain --format sh FILE", "explain FILE",
                "check --json FILE", "check --posture FILE", "params", "--dry-run FILE", "--help",
                "explain --facts FILE", "--generate-completion-script bash",
            ])
        func output(line: String) {
            let words = [Laboratory.program] + line.split(separator: " ").map { $0 == "FILE" ? file : String($0) }
            let meant = Command(words).run()
            #expect(meant.status == 0 && !meant.output.isEmpty, "\(meant)")
            let outcome = perl(Self.lateReader, words)
            #expect(outcome.status == 0 && !outcome.errors.contains("cannot write"), "\(outcome.errors)")
            // Numbers of a moment differ, such as those of what is mounted meanwhile.
            #expect(outcome.output.utf8.count > meant.output.utf8.count * 9 / 10, "\(outcome.output.utf8.count)")
        }

        @Test("a nonblocking standard input is read to its end") func input() {
            let check = perl(Self.lateWriter, [file, Laboratory.program, "check", "-"])
            #expect(check.status == 0 && !check.errors.contains("unavailable"), "\(check)")
            let facts = "\(file).facts"
            defer { unlink(facts) }
            _ = Command.shell("'\(Laboratory.program)' explain --facts '\(file)' >'\(facts)'").run()
            let explain = perl(Self.lateWriter, [facts, Laboratory.program, "explain", "--assume", "-", file])
            #expect(explain.status == 0 && !explain.output.isEmpty, "\(explain)")
        }
    }
}
