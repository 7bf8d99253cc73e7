/// The commands that run inside: `exec.start`, `command`, `exec.stop`, jexec(8).
extension Planner {
    func commands() -> [Plan.Command] {
        jail.commands.map { command in
            var planned = Plan.Command(
                parameter: command.name, line: command.line, origin: command.origin,
                timeoutSeconds: command.timeoutSeconds,
                steps: commandSteps(command.line, origin: command.origin, directory: nil))
            planned.isWatched = command.isWatched
            return planned
        }
    }

    /// The steps of one command's own process, forked by pid 1 or by the stage that joined the jail.
    func commandSteps(_ line: JailCommand, origin: Origin, directory: String?) -> [Step] {
        func step(
            _ call: SystemCall, _ purpose: Purpose, _ words: Phrase, askedBy origin: Origin = .standard("")
        ) -> Step {
            child(call, purpose, origin, words)
        }
        let process = jail.process
        let (user, asking, variables) = (process.user, process.userOrigin, process.environment)
        let capabilities = process.capabilities
        // What another user is to keep, a change of ids would take.
        let keepsPermitted = user.uid != 0 && !capabilities.permitted.union(capabilities.inheritable).isEmpty
        return (jail.becomesCommand ? [] : [step(.startSession(), .session, "start a session")])
            + facts.terminals.prefix(1).map {
                step(
                    .controlTerminal(.integer($0), request: 0x540e, name: "TIOCSCTTY", .integer(0)), .terminal,
                    "take the pty as controlling terminal")
            }
            + (directory.map { [step(.changeDirectory($0), .directory($0), "enter \($0)", askedBy: origin)] } ?? [])
            + setProfile() + narrowCommand()
            // Without no_new_privs a filter is installed with rights that the next steps take away.
            + (process.gainsPrivileges ? filter : [])
            + (keepsPermitted
                ? [step(.keepPermitted(), .capabilities(capabilities.effective), "keep the capabilities")] : [])
            + [
                step(.setGroups(user.groups), .becomeUser(user), "set the groups of \(user.name)", askedBy: asking),
                step(.setGroupIDs(user.gid), .becomeUser(user), "become group \(user.gid)", askedBy: asking),
                step(.setUserIDs(user.uid), .becomeUser(user), "become \(user.name)", askedBy: asking),
                step(
                    .setCapabilities(capabilities), .capabilities(capabilities.effective), "set the capabilities"),
            ]
            + capabilities.ambient.capabilities.map {
                step(.raiseAmbient($0), .capabilities(capabilities.effective), "make \($0.name) ambient")
            }
            + (process.gainsPrivileges ? [] : filter)
            + [
                step(
                    .closeRange(from: 3 + process.passedDescriptors, onExec: true), .closeDescriptors,
                    "close every other descriptor"),
                step(
                    .execute(line.arguments, environment: variables, shown: .vector(variables)), .execute(line),
                    "execute \(line.arguments.first ?? "")", askedBy: origin),
            ]
    }

    /// By root, who alone may once its ids have changed: apparmor(7), "change_onexec".
    private func setProfile() -> [Step] {
        jail.process.profile.map {
            set("/proc/self/attr/apparmor/exec", to: "exec \($0.value)", $0.origin, .profile($0.value))
        } ?? []
    }

    /// What pid 1 that becomes its command does before it waits: what is missing is known then.
    func prepareCommand() -> [Step] {
        guard jail.becomesCommand, let command = jail.commands.first else { return [] }
        let process = jail.process
        return
            (process.directory.map {
                [child(.changeDirectory($0.value), .directory($0.value), $0.origin, "enter \($0.value)")]
            } ?? []) + [
                child(
                    .find(command.line.arguments, environment: process.environment), .execute(command.line),
                    command.origin,
                    "find \(command.line.arguments.first ?? "")")
            ]
    }

    private var filter: [Step] {
        if facts.filter.isEmpty { return [] }
        return [
            child(
                .installFilter(facts.filter, flags: facts.filterFlags), .filter(instructions: facts.filter.count / 8),
                jail.process.filterOrigin, "install the seccomp filter")
        ]
    }
}
