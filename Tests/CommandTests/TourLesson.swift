import Foundation
import Glibc
import Testing

/// A page of docs/tour as its reader types it. In a fenced block `console` each line after a prompt, `$ ` or `jail$ `, is a command,
/// `> ` goes on with one, and what else stands there is what is printed; `…` is anything, alone in a line any lines. Every
/// command ends with 0, but for the last of a block that is marked `console fails`.
struct TourLesson {
    struct Typed: Equatable {
        var text: String
        var output: [String] = []
        var mayFail = false
        var line: Int
        /// A command that it starts may go on when its shell takes the next line.
        var leavesSomethingBehind: Bool { text.hasSuffix(" &") || text.contains(" & sleep ") }
    }

    private static let pauseMicroseconds: UInt32 = 3_000_000

    /// What went otherwise than the page says.
    struct Surprise: CustomStringConvertible {
        var line: Int
        var description: String
    }

    let commands: [Typed]

    init(_ markdown: String) {
        var commands: [Typed] = []
        var block: String?
        for (index, line) in markdown.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            if line.hasPrefix("```") {
                if block == "console fails", !commands.isEmpty { commands[commands.count - 1].mayFail = true }
                block = block == nil ? String(line.dropFirst(3)) : nil
            } else if block?.hasPrefix("console") == true {
                Self.read(String(line), number: index + 1, into: &commands)
            }
        }
        self.commands = commands
    }

    private static func read(_ line: String, number: Int, into commands: inout [Typed]) {
        if let prompt = ["$ ", "jail$ "].first(where: line.hasPrefix) {
            commands.append(Typed(text: String(line.dropFirst(prompt.count)), line: number))
        } else if line.hasPrefix("> "), let last = commands.last, last.output.isEmpty {
            commands[commands.count - 1].text += "\n" + line.dropFirst(2)
        } else if !commands.isEmpty {
            commands[commands.count - 1].output.append(line)
        }
    }

    /// Types the commands into the shell of a lab, each when the one before has ended, as slowly as a person where something
    /// goes on in the background: a lesson may not depend on how fast somebody types. A shell that a command starts reads
    /// what follows, as on a terminal: each line is a packet, so none takes more than its own.
    func surprises(in lab: [String]) -> [Surprise] {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue) | O_CLOEXEC, 0, &ends) == 0 else {
            return [Surprise(line: 0, description: "socketpair: errno \(errno)")]
        }
        defer { close(ends[0]) }
        let shell = Command(["/bin/sh", "-c", "exec \"$@\" 2>&1", "sh"] + lab, input: ends[1]).start()
        close(ends[1])
        var surprises: [Surprise] = []
        for (number, command) in commands.enumerated() {
            if number > 0, commands[number - 1].leavesSomethingBehind { usleep(Self.pauseMicroseconds) }
            guard let surprise = Self.type(command, number, ends[0], shell) else { continue }
            surprises.append(surprise)
            if surprise.description.hasPrefix("no end") { break }
        }
        shutdown(ends[0], Int32(SHUT_WR))
        let outcome = shell.wait()
        if outcome.status != 0 {
            let words = outcome.output.suffix(400)
            surprises.append(Surprise(line: 0, description: "the lab ended with \(outcome.status): \(words)"))
        }
        return surprises
    }

    private static func type(_ command: Typed, _ number: Int, _ input: Int32, _ shell: Running) -> Surprise? {
        let before = shell.output.utf8.count
        let mark = "<end of \(number):"
        for line in [command.text, "echo \"\(mark) $?>\""] {
            send(input, line + "\n", line.utf8.count + 1, Int32(MSG_NOSIGNAL))
        }
        var said = ""
        let hasEnded = eventually(seconds: 20) {
            said = String(decoding: shell.output.utf8.dropFirst(before), as: UTF8.self)
            return said.range(of: "\(mark) [0-9]+>", options: .regularExpression) != nil || shell.hasEnded
        }
        guard hasEnded, let end = said.range(of: mark) else {
            return Surprise(line: command.line, description: "no end of \(command.text): \(said)")
        }
        let status = said[end.upperBound...].drop { $0 == " " }.prefix { $0 != ">" }
        return judge(command, String(said[..<end.lowerBound]), failed: status != "0")
    }

    static func judge(_ command: Typed, _ said: String, failed: Bool) -> Surprise? {
        var lines = said.split(separator: "\n", omittingEmptySubsequences: false).map {
            String($0).trimmingSuffix { $0 == " " || $0 == "\r" }
        }
        if lines.last == "" { lines.removeLast() }
        if failed != command.mayFail && command.text != "exit" {
            let words = failed ? "failed" : "did not fail"
            return Surprise(line: command.line, description: "\(command.text)\n\(words):\n\(said)")
        }
        if matches(command.output[...], lines[...]) { return nil }
        return Surprise(line: command.line, description: "\(command.text)\nprinted:\n\(said)")
    }

    private static func matches(_ wanted: ArraySlice<String>, _ lines: ArraySlice<String>) -> Bool {
        guard let first = wanted.first else { return lines.isEmpty }
        if first == "…" {
            return (lines.startIndex...lines.endIndex).contains { matches(wanted.dropFirst(), lines[$0...]) }
        }
        guard let line = lines.first else { return false }
        let pattern = first.split(separator: "…", omittingEmptySubsequences: false)
            .map { NSRegularExpression.escapedPattern(for: String($0)) }.joined(separator: ".*")
        return line.range(of: "^\(pattern)$", options: .regularExpression) != nil
            && matches(wanted.dropFirst(), lines.dropFirst())
    }
}

extension String {
    fileprivate func trimmingSuffix(_ isTrimmed: (Character) -> Bool) -> String {
        String(reversed().drop(while: isTrimmed).reversed())
    }
}
