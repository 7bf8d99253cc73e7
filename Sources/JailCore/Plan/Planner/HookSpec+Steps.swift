extension HookSpec {
    /// Its steps, as a process of its own. A session of its own, so that no terminal's signal reaches it but through jailrun.
    var planned: Plan.Command {
        let identity = user.map { [SystemCall.setGroups($0.groups), .setGroupIDs($0.gid), .setUserIDs($0.uid)] } ?? []
        // After it has become another user, which would undo it: prctl(2).
        let bond = line.isBackground ? [] : [SystemCall.dieWithParent(9, spelled: "SIGKILL")]
        let calls =
            [.startSession(), .clearSignalMask()] + identity + bond + [.closeRange(from: 3, onExec: true), execute]
        let steps = [step(.fork(ownCgroup: !line.isBackground), .host)] + calls.map { step(.call($0), .child) }
        return Plan.Command(parameter: name, line: line, origin: origin, timeoutSeconds: timeoutSeconds, steps: steps)
    }

    private func step(_ operation: Operation, _ side: Step.Side) -> Step {
        Step(
            operation: operation, side: side, purpose: .hostCommand(line, parameter: name), origin: origin,
            words: "run \(line.text)")
    }

    private var execute: SystemCall {
        .execute(
            line.arguments, environment: environment,
            shown: hasOwnEnvironment ? .vector(environment) : .environment(environment))
    }
}
