import Foundation
import Testing

extension Kernel {
    /// `make test-nightly` takes all points, and JAILRUN_SWEEP=restart those of one command; else some are drawn.
    @Suite struct SweepTests {
        private static let environment = ProcessInfo.processInfo.environment
        private static let whole = environment["JAILRUN_SWEEP"]
        private static let seed = environment["JAILRUN_SWEEP_SEED"].flatMap { UInt64($0) } ?? 1
        /// Of each command, in proportion to what it does, and no more than fits into a test that others wait for.
        private static let drawn: [Sweep.Subject: Int] = [.run: 80, .start: 60, .exec: 60, .stop: 50, .restart: 50]

        @Test(
            "no failed system call of jailrun's, and no SIGKILL before one, leaves a jail weaker, hung or behind",
            arguments: Sweep.Subject.allCases)
        func each(subject: Sweep.Subject) throws {
            try Machine.with { machine in
                let sweep = Sweep(subject, machine)
                defer { sweep.end() }
                try #require(sweep.prepare(), "a good \(subject) is not")
                var generator = SeededGenerator(seed: Self.seed)
                let points = sweep.points.shuffled(using: &generator)
                let drawn = Laboratory.rounds(Self.drawn[subject] ?? 0)
                let isWhole = Self.whole == "all" || Self.whole == "\(subject)"
                let chosen = isWhole ? sweep.points : Array(points.prefix(drawn))
                var counts: [Sweep.Kind: Int] = [:]
                var tried = 0
                for point in chosen {
                    guard let findings = sweep.findings(at: point) else { continue }
                    tried += 1
                    for finding in findings {
                        counts[finding.kind, default: 0] += 1
                        Issue.record("\(subject): \(point): \(finding)")
                    }
                }
                let report = Sweep.Kind.allCases.map { "\($0.rawValue) \(counts[$0] ?? 0)" }.joined(separator: ", ")
                print("sweep of \(subject), seed \(Self.seed): points \(tried) of \(sweep.points.count), \(report)")
                #expect(tried * 10 > chosen.count * 9, "\(chosen.count - tried) points were not reached")
            }
        }
    }
}
