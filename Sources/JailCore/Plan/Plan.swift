/// A jail as an ordered list of steps: what is performed, printed, explained and taken back.
///
/// A plan is pure: it is computed from a `JailSpec` and from facts that were looked up before, and touches nothing.
public struct Plan: Equatable, Sendable {
    /// A command that pid 1 runs, or jailrun on the host, as the steps of its own process; the last is execve(2).
    public struct Command: Equatable, Sendable {
        public var parameter: String
        public var line: JailCommand
        public var origin: Origin
        public var timeoutSeconds: Int
        public var steps: [Step]
    }

    /// Run on the host before anything of the jail exists.
    public var before: [Command] = []
    public var steps: [Step]
    /// Run on the host when the jail exists and its first process waits.
    public var created: [Command] = []
    /// Run by pid 1 inside, one after the other.
    public var commands: [Command]
    /// Run on the host after those.
    public var after: [Command] = []

    public init(steps: [Step], commands: [Command] = []) {
        self.steps = steps
        self.commands = commands
    }

    /// Every step, in the order of the numbers that failures are reported by.
    public var allSteps: [Step] {
        before.flatMap(\.steps) + steps + (created + commands + after).flatMap(\.steps)
    }

    /// Where `steps` begin in `allSteps`.
    var firstStep: Int { before.stepCount }
    /// Where the steps of `commands` begin in `allSteps`.
    var firstCommandStep: Int { firstStep + steps.count + created.stepCount }

    /// The child's first steps are performed before it is known how many are between.
    static let firstReportOfChild = 1 << 20

    /// The position in `allSteps` of a step that the child names.
    func index(ofReported number: Int) -> Int {
        if number < Self.firstReportOfChild { return number }
        let first = steps.firstIndex { $0.side == .child } ?? steps.count
        return firstStep + first + number - Self.firstReportOfChild
    }

    /// What takes the plan back, newest first.
    public var undo: [Operation] { steps.reversed().flatMap(\.undo) }
}

extension [Plan.Command] {
    /// Of all of them.
    var stepCount: Int { reduce(0) { $0 + $1.steps.count } }
}
