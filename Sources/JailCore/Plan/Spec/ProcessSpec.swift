/// A process of a jail: what it may do, and what it has besides its arguments. credentials(7), environ(7).
package struct ProcessSpec: Equatable, Sendable {
    package var user: StartFacts.User
    /// Who asked for that user.
    package var userOrigin: Origin
    /// `NAME=VALUE`.
    package var environment: [String]
    package var capabilities: CapabilitySets
    /// Names that somebody took away.
    package var dropped: [Located<String>]
    /// Whether execve(2) may give it more than it has: without no_new_privs, prctl(2).
    package var gainsPrivileges: Bool
    package var filterOrigin: Origin
    package var umask: Located<UInt32>
    package var limits: [ProcessSettings.Limit]
    /// `oom_score_adj` of proc(5).
    package var oomScore: Located<Int>?
    /// A file of the host's that gets its output, and that of all others.
    package var output: Located<String>?
    /// Where it starts, in the jail; nil for the root.
    package var directory: Located<String>?
    /// The AppArmor profile that execve(2) gives it.
    package var profile: Located<String>?
    package var attributes: [Located<ProcessAttribute>] = []
    /// Of a process that joins: when it has.
    package var joinedAttributes: [Located<ProcessAttribute>] = []
    /// How many descriptors it is given behind 0, 1 and 2.
    package var passedDescriptors = 0
}

/// The sets of capabilities(7), "Thread capability sets".
package struct CapabilitySets: Equatable, Sendable {
    package var bounding: CapabilitySet
    package var effective: CapabilitySet
    package var permitted: CapabilitySet
    package var inheritable: CapabilitySet = []
    package var ambient: CapabilitySet = []
}

/// A command that pid 1 starts, or a process that enters the jail.
package struct StartCommand: Equatable, Sendable {
    /// How messages call it: the parameter that asked for it.
    package var name: String
    package var line: JailCommand
    package var origin: Origin
    /// 0 is no limit.
    package var timeoutSeconds: Int
    /// Nothing but its end tells what a shell could not execute.
    package var isWatched: Bool
}

/// A command of the host's that belongs to the jail's life.
package struct HookSpec: Equatable, Sendable {
    /// How messages call it.
    package var name: String
    package var line: JailCommand
    package var origin: Origin
    package var timeoutSeconds: Int
    /// `NAME=VALUE`.
    package var environment: [String]
    /// Whether the environment is jailrun's own, and not the caller's.
    package var hasOwnEnvironment: Bool
    /// Nil for whoever runs jailrun.
    package var user: StartFacts.User?
}

/// In the order of a jail's life.
package struct Hooks: Equatable, Sendable {
    /// Before anything of the jail exists.
    package var before: [HookSpec] = []
    /// When the jail exists and its first process waits.
    package var created: [HookSpec] = []
    /// When its commands have been started.
    package var after: [HookSpec] = []
    /// When it has ended.
    package var ended: [HookSpec] = []
}
