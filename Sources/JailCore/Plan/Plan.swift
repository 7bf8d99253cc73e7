/// A jail as an ordered list of steps: what is performed, printed, explained and taken back.
///
/// A plan is pure: it is computed from a `JailSpec` and from facts that were looked up before, and touches nothing.
public struct Plan: Equatable, Sendable {
    /// A command that pid 1 runs, as the steps of its own process; the last is execve(2).
    public struct Command: Equatable, Sendable {
        public var parameter: String
        public var line: JailCommand
        public var origin: Origin
        public var timeoutSeconds: Int
        public var steps: [Step]
    }

    public var steps: [Step]
    /// Run by pid 1 inside, one after the other.
    public var commands: [Command]

    public init(steps: [Step], commands: [Command] = []) {
        self.steps = steps
        self.commands = commands
    }

    /// Every step, in the order of the numbers that failures are reported by.
    public var allSteps: [Step] { steps + commands.flatMap(\.steps) }

    /// What takes the plan back, newest first.
    public var undo: [Operation] { steps.reversed().compactMap(\.undo) }
}
