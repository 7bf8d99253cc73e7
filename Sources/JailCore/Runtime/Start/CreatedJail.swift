internal import CNamespaces
internal import SystemPackage

/// A jail that exists, and what its maker holds of it: its first process is isolated and has run no command, or, where nothing is
/// to be done before, is at the first one.
struct CreatedJail: ~Copyable {
    let record: JailRecord
    let pidfd: Descriptor
    let control: Descriptor
    let session: Session
    let commands: RunningCommands
    /// What was heard of the first command already.
    let first: Session.Event?

    /// Tells the first process, which waits for it, to start the commands.
    func release() throws(RuntimeError) {
        try attempt("\(record.spec.label): cannot reach the jail's first process") { () throws(Errno) in
            try Control.go(control.number)
        }
    }

    /// - Parameter outcome: how the last command ended that was waited for.
    consuming func running(_ outcome: CommandOutcome, _ handed: HandedDescriptors) -> RunningJail {
        RunningJail(
            record: record, pidfd: pidfd, control: control, session: session, handed: handed, outcome: outcome,
            hasMainProgram: commands.hasMainProgram)
    }
}

/// A jail that has been started, and what its starter holds of it.
package struct RunningJail: ~Copyable {
    package internal(set) var record: JailRecord
    let pidfd: Descriptor
    let control: Descriptor
    let session: Session
    let handed: HandedDescriptors
    /// How the last of `exec.start` and `command` ended, unless that is a main program, which runs.
    package internal(set) var outcome: CommandOutcome
    let hasMainProgram: Bool
}

/// What is left of a plan when its steps have been performed.
struct RunningCommands {
    let commands: [Plan.Command]
    private let firstStep: Int

    var hasMainProgram: Bool { commands.last?.isMain == true }

    init(_ plan: Plan) { (commands, firstStep) = (plan.commands, plan.firstCommandStep) }

    /// - Parameter index: its position in `Plan.allSteps`.
    func step(_ index: Int) -> Step? {
        let steps = commands.flatMap(\.steps)
        return steps.indices.contains(index - firstStep) ? steps[index - firstStep] : nil
    }
}
