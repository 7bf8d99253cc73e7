import Foundation
import Testing

/// The lessons of docs/tour, typed into a lab as their reader does.
@Suite(.serialized, .enabled(if: Laboratory.isHere || Laboratory.mustRun, "needs a lab (run: make test)"))
struct TourTests {
    static let folder = "docs/tour"
    /// In the lab of the tests: the examples' roots are in their places already.
    static let lab = ["Tests/Lab/lab", "sh"]

    static let pages: [String] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { $0.hasSuffix(".md") && $0 != "README.md" }.sorted()
    }()

    static func text(_ page: String) throws -> String {
        try String(contentsOfFile: "\(folder)/\(page)", encoding: .utf8)
    }

    @Test("every command of a lesson does what the lesson says, and leaves nothing behind", arguments: pages)
    func lesson(page: String) throws {
        let lesson = TourLesson(try Self.text(page))
        #expect(lesson.commands.count > 3)
        for surprise in lesson.surprises(in: Self.lab) {
            Issue.record("\(Self.folder)/\(page):\(surprise.line): \(surprise.description)")
        }
    }

    @Test("a lesson has a failure to see and questions with answers, and leads to the next one") func form() throws {
        #expect((8...12).contains(Self.pages.count))
        let contents = try Self.text("README.md")
        for (index, page) in Self.pages.enumerated() {
            let text = try Self.text(page)
            #expect(text.contains("```console fails\n") || text.contains("## Without it"), "\(page)")
            #expect(text.contains("## Questions") && text.contains("<details><summary>Answers</summary>"), "\(page)")
            #expect(contents.contains("(\(page))"), "\(page)")
            #expect(
                text.contains("\n*Type into [the lab](README.md#where-to-type), not on the machine itself.*\n"),
                "\(page)")
            let next = index + 1 < Self.pages.count ? Self.pages[index + 1] : "README.md"
            #expect(text.contains("(\(next))"), "\(page)")
        }
        let readme = try String(contentsOfFile: "README.md", encoding: .utf8)
        #expect(readme.contains("(docs/tour/\(Self.pages[0]))"))
    }

    @Test("a shell of the lab, left by exit on a terminal, says nothing, and its status is the lab's") func terminal() {
        let typing = "sleep 1; echo 'exit 7'"
        let outcome = Command(["sh", "-c", "(\(typing)) | script -qec 'Tests/Lab/lab sh' /dev/null"]).run()
        #expect(outcome.status == 7 && !outcome.output.contains("Cannot set tty"), "\(outcome)")
    }

    /// dash(1) says so on a terminal, and the lessons are typed by the other tests without one.
    @Test("what a shell in a pid namespace says when it is left on a terminal is explained by its lessons")
    func processGroup() throws {
        let typing = "sleep 1; echo 'unshare --pid --fork sh'; sleep 1; echo exit; sleep 1; echo exit"
        let outcome = Command(["sh", "-c", "(\(typing)) | script -qec 'Tests/Lab/lab sh' /dev/null"]).run()
        let words = "Cannot set tty process group"
        #expect(outcome.output.contains("\(words) (No such process)"), "\(outcome)")
        for page in Self.pages {
            let lesson = TourLesson(try Self.text(page))
            let startsOne = lesson.commands.contains { $0.text.hasPrefix("unshare") && $0.text.hasSuffix("--fork sh") }
            #expect(try !startsOne || Self.text(page).contains(words), "\(page)")
        }
    }

    @Test("the picture is the one that explain draws") func picture() {
        let outcome = Command(["docs/make-picture", "--check", Laboratory.program]).run()
        #expect(outcome.status == 0, "\(outcome)")
    }

    @Test("the picture of a terminal shows what the commands print") func terminalPicture() {
        let outcome = Command(["Tests/Lab/lab", "docs/make-terminal", "--check", Laboratory.program]).run()
        #expect(outcome.status == 0, "\(outcome)")
    }

    @Test(
        "a lesson that says something else than what happens is found out",
        arguments: [
            ("```console\n$ echo a\nb\n```", "printed"), ("```console\n$ echo a\n```", "printed"),
            ("```console\n$ true\na\n```", "printed"), ("```console\n$ false\n```", "failed"),
            ("```console fails\n$ true\n```", "did not fail"), ("```console\n$ no-such-command\n…\n```", "failed"),
            ("```console\n$ sleep 0.1; echo b\na…\n```", "printed"),
            ("```console\n$ ip link add tour0 type bridge\n```", "ended with 99"),
        ])
    func broken(text: String, word: String) {
        let surprises = TourLesson(text).surprises(in: Self.lab)
        #expect(surprises.count == 1 && surprises[0].description.contains(word), "\(surprises)")
    }

    @Test("a command may start a shell that takes what follows, and print what cannot be foreseen") func nested() {
        let text = """
            ```console
            $ echo one; echo two; echo three
            o…
            …
            $ sh
            jail$ echo $((6 *
            > 7))
            42
            jail$ exit
            $ echo back
            back
            ```
            """
        let lesson = TourLesson(text)
        #expect(lesson.surprises(in: Self.lab).isEmpty && lesson.commands.count == 5)
    }
}
