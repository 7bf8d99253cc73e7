import Foundation
import Testing

/// What a test found when somebody last read it and called it right. With JAILRUN_GOLDEN=write, what it finds now is written instead.
struct GoldenFile {
    static let isWriting = ProcessInfo.processInfo.environment["JAILRUN_GOLDEN"] == "write"

    /// Below `Tests`.
    let path: String

    init(_ path: String) { self.path = path }

    static func place(_ path: String) -> String {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return tests.appendingPathComponent(path).path
    }

    /// Where nothing is expected, there is no file.
    func expect(_ found: String, sourceLocation: Testing.SourceLocation = #_sourceLocation) throws {
        let place = Self.place(path)
        let held =
            FileManager.default.fileExists(atPath: place) ? try String(contentsOfFile: place, encoding: .utf8) : ""
        if held == found { return }
        if Self.isWriting { return try write(found, to: place) }
        let how = held.isEmpty ? "does not exist" : "differs"
        Issue.record(
            "\(path) \(how) (JAILRUN_GOLDEN=write writes it):\n\(LineDifference(from: held, to: found))",
            sourceLocation: sourceLocation)
    }

    private func write(_ found: String, to place: String) throws {
        if found.isEmpty { return try FileManager.default.removeItem(atPath: place) }
        try found.write(toFile: place, atomically: true, encoding: .utf8)
    }

    /// Without what libseccomp's version and the processor decide: how long a filter is that was compiled, what is in it, and the
    /// numbers of system calls. A profile's filter in the facts of a host is as short as it was written.
    static func settled(_ text: String) -> String {
        text.replacing(/len=[0-9]{3,}, filter/, with: "len=…, filter")
            .replacing(/(filter\s+of\s+)[0-9]{3,}(\s+instructions)/) { "\($0.1)…\($0.2)" }
            .replacing(/syscall\([0-9]+,/, with: "syscall(…,")
            .replacing(/(<<'END_OF_FILTER'\n)(?:[A-Za-z0-9+\/]{76}\n)+[A-Za-z0-9+\/=]*\n/) { "\($0.1)…\n" }
    }
}

/// The lines that are gone and those that are new, each with its neighbours, as `diff -u` shows them.
struct LineDifference: CustomStringConvertible {
    private static let neighbours = 2
    private static let mostLines = 60

    private struct Line {
        var mark: Character
        var text: Substring
        /// In the old text.
        var number: Int
    }

    private var lines: [Line] = []

    init(from old: String, to new: String) {
        let before = old.split(separator: "\n", omittingEmptySubsequences: false)
        let after = new.split(separator: "\n", omittingEmptySubsequences: false)
        var (gone, added): (Set<Int>, Set<Int>) = ([], [])
        for change in after.difference(from: before) {
            switch change {
            case .remove(let offset, _, _): gone.insert(offset)
            case .insert(let offset, _, _): added.insert(offset)
            }
        }
        var (left, right) = (0, 0)
        while left < before.count || right < after.count {
            let number = left + 1
            if gone.contains(left) {
                lines.append(Line(mark: "-", text: before[left], number: number))
                left += 1
            } else if added.contains(right) {
                lines.append(Line(mark: "+", text: after[right], number: number))
                right += 1
            } else {
                lines.append(Line(mark: " ", text: before[left], number: number))
                (left, right) = (left + 1, right + 1)
            }
        }
    }

    private var shown: [Int] {
        let changed = lines.indices.filter { lines[$0].mark != " " }
        let near = changed.flatMap { max(0, $0 - Self.neighbours)...min(lines.count - 1, $0 + Self.neighbours) }
        return Set(near).sorted()
    }

    var description: String {
        let shown = shown
        var text: [String] = []
        for (place, index) in shown.prefix(Self.mostLines).enumerated() {
            if place == 0 || shown[place - 1] != index - 1 { text.append("@@ line \(lines[index].number)") }
            text.append("\(lines[index].mark)\(lines[index].text)")
        }
        let rest = shown.dropFirst(Self.mostLines).count { lines[$0].mark != " " }
        return (text + (rest > 0 ? ["… and \(rest) more lines that differ"] : [])).joined(separator: "\n")
    }
}
