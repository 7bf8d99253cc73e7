/// The `exec.*` commands that belong on the host, each as a process of its own.
struct HostCommandPlanner {
    let jail: ConfiguredJail
    /// Nil as long as the jail has no number.
    let identity: JailIdentity?
    let caller: StartFacts.Caller

    /// - Parameter parameter: the list's name, `exec.prestart`.
    func commands(_ list: [Located<String>], parameter: String) -> [Plan.Command] {
        list.compactMap { command in
            let line = JailCommand(command.value)
            if line.arguments.isEmpty { return nil }
            return Plan.Command(
                parameter: parameter, line: line, origin: command.origin,
                timeoutSeconds: jail.commands.timeoutSeconds.value,
                steps: steps(line, parameter: parameter, origin: command.origin))
        }
    }

    /// A session of its own, so that no terminal's signal reaches it but through jailrun.
    private func steps(_ line: JailCommand, parameter: String, origin: Origin) -> [Step] {
        let identity =
            caller.user.map { [SystemCall.setGroups($0.groups), .setGroupIDs($0.gid), .setUserIDs($0.uid)] } ?? []
        // After it has become another user, which would undo it: prctl(2).
        let bond = line.isBackground ? [] : [SystemCall.dieWithParent(9, spelled: "SIGKILL")]
        let calls =
            [.startSession(), .clearSignalMask()] + identity + bond
            + [.closeRange(from: 3, onExec: true), execute(line)]
        func step(_ operation: Operation, _ side: Step.Side) -> Step {
            Step(
                operation: operation, side: side, purpose: .hostCommand(line, parameter: parameter), origin: origin,
                words: "run \(line.text)")
        }
        return [step(.fork(ownCgroup: !line.isBackground), .host)] + calls.map { step(.call($0), .child) }
    }

    private func execute(_ line: JailCommand) -> SystemCall {
        let variables =
            (identity.map { ["JID=\($0.jid)"] } ?? []) + ["JNAME=\(jail.name.value)", "JPATH=\(jail.path.value)"]
        let isClean = jail.commands.isClean.value
        let environment = (isClean ? clean : caller.environment) + variables
        return .execute(
            line.arguments, environment: environment, shown: isClean ? .vector(environment) : .environment(environment))
    }

    static let cleanPath = "/bin:/usr/bin"

    /// jail(8): `exec.clean` gives the host's commands a fresh environment, too.
    private var clean: [String] {
        let user = caller.user ?? caller.owner
        let terminal = caller.environment.first { $0.hasPrefix("TERM=") }
        return ["PATH=\(Self.cleanPath)", "HOME=\(user.home)", "SHELL=\(user.shell)", "USER=\(user.name)"]
            + (terminal.map { [$0] } ?? [])
    }
}

extension Planner {
    /// A command of the host's learns the jail's number when the jail has one: before that, when the file gives it.
    func hostCommands(_ list: [Located<String>], parameter: String, isBefore: Bool = false) -> [Plan.Command] {
        guard !list.isEmpty, let caller = facts.caller else { return [] }
        return HostCommandPlanner(jail: jail, identity: isBefore && jail.jid == nil ? nil : identity, caller: caller)
            .commands(list, parameter: parameter)
    }
}
