/// What the jail's processes have, and which there are: `exec.start`, `command`, and the lists of the host's commands.
extension Lowering {
    var process: ProcessSpec {
        ProcessSpec(
            user: facts.jailUser, userOrigin: jail.commands.jailUser?.origin ?? .standard(""),
            environment: environment, capabilities: capabilities,
            dropped: jail.privileges.capDrop, gainsPrivileges: grants(.setUserID) != nil,
            filterOrigin: jail.privileges.seccomp.origin, umask: jail.process.umask, limits: limits,
            oomScore: oomScore, output: jail.commands.consoleLog)
    }

    /// Root inside has all of the jail's; another user has none.
    private var capabilities: CapabilitySets {
        let held = facts.jailUser.uid == 0 ? facts.capabilities : []
        return CapabilitySets(bounding: facts.capabilities, effective: held, permitted: held)
    }

    static let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// Nothing of the caller's environment gets in but the terminal's type.
    private var environment: [String] {
        let user = facts.jailUser
        return [
            "PATH=\(Self.path)", "HOME=\(user.home)", "USER=\(user.name)", "SHELL=\(user.shell)", "container=jailrun",
        ]
            + (facts.terminalType.map { ["TERM=\($0)"] } ?? [])
            + facts.environment
    }

    private func grants(_ permission: Permission) -> Located<Permission>? {
        jail.privileges.granted.first { $0.value == permission }
    }

    /// The file's, and what `allow.mlock` means.
    private var limits: [ProcessSettings.Limit] {
        guard let mlock = grants(.mlock), !jail.process.limits.contains(where: { $0.resource == .memlock }) else {
            return jail.process.limits
        }
        let unlimited = ProcessSettings.Limit(resource: .memlock, soft: .max, hard: .max, origin: mlock.origin)
        return jail.process.limits + [unlimited]
    }

    /// Nil when jailrun's own, which a process inherits, is as good: 0, unless the file says otherwise.
    private var oomScore: Located<Int>? {
        if let score = jail.process.oomScore { return score }
        return facts.ownOomScore == 0 ? nil : Located(0, .standard("oom.score = SCORE"))
    }

    var commands: [StartCommand] {
        jail.startCommands.map {
            StartCommand(
                name: $0.parameter, line: $0.line, origin: $0.origin,
                timeoutSeconds: jail.commands.timeoutSeconds.value, isWatched: jail.health == nil)
        }
    }

    var hooks: Hooks {
        guard let caller = facts.caller else { return Hooks() }
        // A command learns the jail's number when the jail has one: before that, when the file gives it.
        let beforehand = HookLowering(jail: jail, identity: jail.jid == nil ? nil : identity, caller: caller)
        let later = HookLowering(jail: jail, identity: identity, caller: caller)
        let lists = jail.commands
        return Hooks(
            before: beforehand.hooks(lists.prepare, parameter: "exec.prepare")
                + beforehand.hooks(lists.prestart, parameter: "exec.prestart"),
            created: later.hooks(lists.created, parameter: "exec.created"),
            after: later.hooks(lists.poststart, parameter: "exec.poststart"),
            ended: later.hooks(lists.poststop, parameter: "exec.poststop")
                + later.hooks(lists.release, parameter: "exec.release"))
    }
}

/// The `exec.*` commands that belong on the host, and what jail(8) gives them.
struct HookLowering {
    let jail: ConfiguredJail
    /// Nil as long as the jail has no number.
    let identity: JailIdentity?
    let caller: StartFacts.Caller

    /// - Parameter parameter: the list's name, `exec.prestart`.
    func hooks(_ list: [Located<String>], parameter: String) -> [HookSpec] {
        list.compactMap { command in
            let line = JailCommand(command.value)
            if line.arguments.isEmpty { return nil }
            let isClean = jail.commands.isClean.value
            return HookSpec(
                name: parameter, line: line, origin: command.origin,
                timeoutSeconds: jail.commands.timeoutSeconds.value,
                environment: (isClean ? clean : caller.environment) + variables, hasOwnEnvironment: isClean,
                user: caller.user)
        }
    }

    private var variables: [String] {
        (identity.map { ["JID=\($0.jid)"] } ?? []) + ["JNAME=\(jail.name.value)", "JPATH=\(jail.path.value)"]
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
