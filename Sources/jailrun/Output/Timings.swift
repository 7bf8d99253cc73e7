import ArgumentParser
import Glibc
import JailCore

/// Where the time of a start went: `--timings`.
///
/// What starts a jail is one thread of one process and has a copy of its own, so nothing here is ever shared.
final class Timings: @unchecked Sendable {
    enum Form: String, ExpressibleByArgument, CaseIterable { case text, json }

    static let help = ArgumentHelp(
        "Print how long each part of a start took, as text (the default) or JSON.", valueName: "text|json")

    /// A step, as the JSON form has it.
    struct TimedStep: Codable {
        /// From 1, as messages name it.
        var number: Int
        var side: String
        var subject: String
        /// Of a command of the host's until its end, at the step that forks it. Nil for what is not timed: a step that replaces a
        /// program, and the steps of commands.
        var microseconds: Int?
        var call: String
    }

    struct Record: Codable {
        var version = 1
        var jail: String
        /// From the reading of the command line to the jail being up.
        var totalMicroseconds: Int
        /// Reading, checking and planning.
        var beforeMicroseconds: Int
        var steps: [TimedStep]
    }

    private let form: Form
    private let began = Timings.now()
    private var firstStepBegan: Int?
    private var steps: [TimedStep] = []

    init(_ form: Form) { self.form = form }

    func add(_ step: Step, _ microseconds: Int?) {
        if firstStepBegan == nil { firstStepBegan = Self.now() - (microseconds ?? 0) }
        steps.append(
            TimedStep(
                number: steps.count + 1, side: step.side.rawValue, subject: step.subject.rawValue,
                microseconds: microseconds, call: step.operation.spelling))
    }

    /// On standard error: standard output is the jail's.
    func report(_ jail: String) {
        let record = Record(
            jail: jail, totalMicroseconds: Self.now() - began,
            beforeMicroseconds: (firstStepBegan ?? Self.now()) - began, steps: steps)
        switch form {
        case .text: for line in TimingsText(record).lines { Output.notice(line) }
        case .json: Output.notice(JSONText.of(record, isPretty: false))
        }
    }

    private static func now() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
    }
}

/// The same for people: what each subject took on each side, what is left, and the slowest steps.
struct TimingsText {
    private(set) var lines: [String] = []
    private let record: Timings.Record

    init(_ record: Timings.Record) {
        self.record = record
        lines.append("\(record.jail): up in \(Self.milliseconds(record.totalMicroseconds)) ms")
        add(record.beforeMicroseconds, nil, "reading, checking and planning")
        // The wait of the first process for the host's side is the host's time.
        let counted = record.steps.filter {
            $0.microseconds != nil && ($0.side == "host" || !$0.call.hasPrefix("recvmsg"))
        }
        for (side, title) in [("host", "by jailrun"), ("child", "by the first process")] {
            for subject in Step.Subject.allCases {
                let steps = counted.filter { $0.side == side && $0.subject == subject.rawValue }
                if !steps.isEmpty { add(Self.sum(steps), steps.count, "\(subject.rawValue), \(title)") }
            }
        }
        let rest = record.totalMicroseconds - record.beforeMicroseconds - Self.sum(counted)
        add(max(0, rest), nil, "the rest: pid 1, the jail's commands, state on disk")
        lines.append("slowest steps:")
        let slowest = counted.sorted { ($0.microseconds ?? 0) > ($1.microseconds ?? 0) }
        for step in slowest.prefix(5) { add(step.microseconds ?? 0, step.number, String(step.call.prefix(76))) }
    }

    private mutating func add(_ microseconds: Int, _ number: Int?, _ text: String) {
        lines.append(
            Self.right(Self.milliseconds(microseconds), 9) + Self.right(number.map(String.init) ?? "", 6) + "  " + text)
    }

    private static func sum(_ steps: [Timings.TimedStep]) -> Int { steps.reduce(0) { $0 + ($1.microseconds ?? 0) } }

    private static func right(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    /// `12.345`.
    private static func milliseconds(_ microseconds: Int) -> String {
        let rest = String(microseconds % 1000)
        return "\(microseconds / 1000)." + String(repeating: "0", count: 3 - rest.count) + rest
    }
}
