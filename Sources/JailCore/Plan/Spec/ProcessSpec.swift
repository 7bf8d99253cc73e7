/// A process of a jail: what it may do, and what it has besides its arguments. credentials(7), environ(7).
public struct ProcessSpec: Equatable, Sendable {
    public var user: StartFacts.User
    /// Who asked for that user.
    public var userOrigin: Origin
    /// `NAME=VALUE`.
    public var environment: [String]
    /// Of root inside; another user has none.
    public var capabilities: CapabilitySet
    /// Names that somebody took away.
    public var dropped: [Located<String>]
    /// Whether execve(2) may give it more than it has: without no_new_privs, prctl(2).
    public var gainsPrivileges: Bool
    public var filterOrigin: Origin
    public var umask: Located<UInt32>
    public var limits: [ProcessSettings.Limit]
    /// `oom_score_adj` of proc(5).
    public var oomScore: Located<Int>?
    /// A file of the host's that gets its output, and that of all others.
    public var output: Located<String>?
}

/// A command that pid 1 starts, or a process that enters the jail.
public struct StartCommand: Equatable, Sendable {
    /// How messages call it: the parameter that asked for it.
    public var name: String
    public var line: JailCommand
    public var origin: Origin
    /// 0 is no limit.
    public var timeoutSeconds: Int
    /// Nothing but its end tells what a shell could not execute.
    public var isWatched: Bool
}

/// A command of the host's that belongs to the jail's life.
public struct HookSpec: Equatable, Sendable {
    /// How messages call it.
    public var name: String
    public var line: JailCommand
    public var origin: Origin
    public var timeoutSeconds: Int
    /// `NAME=VALUE`.
    public var environment: [String]
    /// Whether the environment is jailrun's own, and not the caller's.
    public var hasOwnEnvironment: Bool
    /// Nil for whoever runs jailrun.
    public var user: StartFacts.User?
}

/// In the order of a jail's life.
public struct Hooks: Equatable, Sendable {
    /// Before anything of the jail exists.
    public var before: [HookSpec] = []
    /// When the jail exists and its first process waits.
    public var created: [HookSpec] = []
    /// When its commands have been started.
    public var after: [HookSpec] = []
    /// When it has ended.
    public var ended: [HookSpec] = []
}
