internal import CNamespaces

/// Running a command in a jail that is up: jexec(8), `exec.stop`. setns(2) with a pidfd joins every namespace at once.
extension Planner {
    /// The three parts of an entry.
    package struct Entry {
        /// By the child of jailrun: it becomes the static stage before anything in the jail can see it.
        package var spawn: [Step]
        /// By the stage: it joins, and drops privileges.
        package var enter: [Step]
        /// By its child, which is in the jail's pid namespace.
        package var command: Plan.Command
    }

    package func enter(_ command: StartCommand, directory: String?) -> Entry {
        Entry(
            spawn: becomeStage(), enter: join(),
            command: Plan.Command(
                parameter: command.name, line: command.line, origin: command.origin,
                timeoutSeconds: command.timeoutSeconds,
                steps: commandSteps(command.line, origin: command.origin, directory: directory)))
    }

    private func becomeStage() -> [Step] {
        let origin = Origin.standard("")
        let passed = jail.process.passedDescriptors
        let descriptors = giveEntryOutput() + handDescriptors()
        return [Self.leaveSupervisor()] + descriptors + limitEntry() + [
            child(.duplicate(.control, to: CNS_CONTROL_DESCRIPTOR + passed), .stage, origin, "keep the control socket"),
            child(.duplicate(.stagePlan, to: CNS_PLAN_DESCRIPTOR + passed), .stage, origin, "keep the plan"),
            child(.duplicate(.joined, to: CNS_JOINED_DESCRIPTOR + passed), .stage, origin, "keep the jail's pidfd"),
            child(
                .closeRange(from: CNS_JOINED_DESCRIPTOR + passed + 1, onExec: true), .stage, origin, "close the rest"),
            child(
                .executeDescriptor(.stage, stageArguments("jailrun-exec"), environment: []), .stage, origin,
                "run the stage"),
        ]
    }

    private func join() -> [Step] {
        let control = CallArgument.integer(CNS_CONTROL_DESCRIPTOR + jail.process.passedDescriptors)
        return scoreEntry() + joinJail() + setJoinedAttributes() + becomeRoot() + resetProcess()
            + (facts.terminals.isEmpty
                ? [] : Self.openTerminal(terminals: facts.terminals, user: jail.process.user, control: control))
            + narrowPrivileges()
    }
}

extension Slot {
    /// The pidfd of the jail's pid 1.
    static let joined = Slot("pidfd")
}
