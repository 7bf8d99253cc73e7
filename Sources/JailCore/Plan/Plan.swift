internal import CNamespaces

/// A jail as an ordered list of steps: what is performed, printed, explained and undone.
///
/// A plan is pure: it is computed from a `ConfiguredJail` and from facts that were looked up before, and touches nothing.
package struct Plan: Equatable, Sendable {
    /// A command that pid 1 runs, or jailrun on the host, as the steps of its own process; the last is execve(2).
    package struct Command: Equatable, Sendable {
        package var parameter: String
        package var line: JailCommand
        package var origin: Origin
        package var timeoutSeconds: Int
        package var steps: [Step]
        /// The jail's main program: it is up while that runs.
        package var isMain = false
        /// Nothing but its end tells what a shell could not execute.
        var isWatched = false

        package init(parameter: String, line: JailCommand, origin: Origin, timeoutSeconds: Int, steps: [Step]) {
            self.parameter = parameter
            self.line = line
            self.origin = origin
            self.timeoutSeconds = timeoutSeconds
            self.steps = steps
        }

        /// When pid 1 goes on.
        var mode: cns_command_mode {
            let mode = isMain ? CNS_MAIN : line.isBackground ? CNS_BACKGROUND : CNS_AWAITED
            let isHidden = isWatched && line.isShell && (isLeft || line.leavesProcesses)
            return isHidden ? cns_command_mode(mode.rawValue | CNS_WATCHED.rawValue) : mode
        }

        /// It is not waited for: that it runs is the answer.
        var isLeft: Bool { isMain || line.isBackground }
    }

    /// Run on the host before anything of the jail exists.
    package var before: [Command] = []
    package var steps: [Step]
    /// Run on the host when the jail exists and its first process waits.
    package var created: [Command] = []
    /// Done by pid 1 that is to become a command, before it waits to be told to.
    package var prepared: [Step] = []
    /// Run by pid 1 inside, one after the other.
    package var commands: [Command]
    /// Run on the host after those.
    package var after: [Command] = []

    package init(steps: [Step], commands: [Command] = []) {
        self.steps = steps
        self.commands = commands
    }

    /// Every step, in the order of the numbers that failures are reported by.
    package var allSteps: [Step] {
        before.flatMap(\.steps) + steps + created.flatMap(\.steps) + prepared + (commands + after).flatMap(\.steps)
    }

    /// Where `steps` begin in `allSteps`.
    var firstStep: Int { before.stepCount }
    /// Where what pid 1 itself does begins in `allSteps`.
    var firstPreparedStep: Int { firstStep + steps.count + created.stepCount }
    /// Where the steps of `commands` begin in `allSteps`.
    var firstCommandStep: Int { firstPreparedStep + prepared.count }

    /// The child's first steps are performed before it is known how many are between.
    static let firstReportOfChild = 1 << 20

    /// The position in `allSteps` of a step that the child names.
    func index(ofReported number: Int) -> Int {
        if number < Self.firstReportOfChild { return number }
        let first = steps.firstIndex { $0.side == .child } ?? steps.count
        return firstStep + first + number - Self.firstReportOfChild
    }

    /// `command` is the main program, as CMD is an image's, unless it goes into the background itself.
    mutating func markMainProgram() {
        guard let last = commands.last, last.parameter == "command", !last.line.isBackground, !last.line.leavesProcesses
        else { return }
        commands[commands.count - 1].isMain = true
    }

    /// What undoes the plan, newest first.
    package var undo: [Operation] { steps.reversed().flatMap(\.undo) }
}

extension [Plan.Command] {
    /// Of all of them.
    var stepCount: Int { reduce(0) { $0 + $1.steps.count } }
}
