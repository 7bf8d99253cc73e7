import Foundation
import Glibc
import Testing

@testable import JailCore

@Suite("What is said of a jail that ran out of memory")
struct MemoryKillTests {
    /// What is told of a jail whose cgroup has those files.
    private func explanation(
        _ outcome: CommandOutcome, kills: Int?, before: Int = 0, limit: String = "cgroup.memory.max = 40M;"
    ) throws -> String? {
        let directory = FileManager.default.temporaryDirectory.appending(path: "jailrun-oom-\(UUID())").path()
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        if let kills {
            for (name, text) in [
                ("memory.events", "low 0\noom 2\noom_kill \(kills)\n"), ("memory.max", "41943040\n"),
                ("memory.peak", "41943040\n"),
            ] { try text.write(toFile: "\(directory)/\(name)", atomically: false, encoding: .utf8) }
        }
        let text = "j { path = /j; persist;\n    \(limit) }\n"
        let spec = try #require(
            try Configuration(path: "j.conf", source: TextSource(files: ["j.conf": text])).specs().first)
        let trace = JailTrace(
            name: "j", label: "j", identity: JailIdentity(jid: 1, idRange: nil, generation: 1), phase: .up,
            cgroup: directory, isTransient: true, supervisor: 1, supervisorStartTime: 1, hasNetwork: false)
        let details = JailDetails(
            generation: 1, spec: spec, networkUndo: [], createdSeconds: 0, configuration: "j.conf", filter: nil)
        return MemoryKill.explanation(of: outcome, JailRecord(trace: trace, details: details), before: before)
    }

    @Test("the limit, its value and its place are named", arguments: [CommandOutcome.signalled(9), .exited(137)])
    func told(outcome: CommandOutcome) throws {
        let words = try #require(try explanation(outcome, kills: 1))
        #expect(words.hasPrefix("j.conf:2:"), "\(words)")
        #expect(words.contains("j: killed by the kernel: memory.max 40M, peak 40M"), "\(words)")
        let unlimited = try #require(try explanation(outcome, kills: 1, limit: ""))
        #expect(unlimited.hasPrefix("j: killed by the kernel: memory.max 40M"), "\(unlimited)")
    }

    @Test("of every other end nothing is said") func silent() throws {
        #expect(try explanation(.signalled(9), kills: 0) == nil)
        #expect(try explanation(.signalled(9), kills: nil) == nil)
        #expect(try explanation(.signalled(9), kills: 3, before: 3) == nil, "it was before this command")
        for outcome in [CommandOutcome.exited(0), .exited(1), .signalled(15)] {
            #expect(try explanation(outcome, kills: 1) == nil)
        }
    }
}
