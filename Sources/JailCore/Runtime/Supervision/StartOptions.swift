/// How jails are started, and who is told. The closures are called in the process that starts the jail, whose output
/// comes after what the jail's commands have already printed.
package struct StartOptions: Sendable {
    /// How many jails may be starting at once: each runs one command at a time. jail -p.
    package var limit = Int.max
    /// Until it is up, the jail has the caller's input, and those of descriptors 0 to 2 that are terminals.
    package var isInteractive = false
    /// The jail's output is escaped as by `logs`, wherever it is shown; otherwise only on terminals.
    package var spellsOutput = false
    /// A first start that never succeeded is not repeated, whatever `restart` says: somebody waits for the answer.
    package var isFirstFinal = false
    /// A jail that ends by itself is remembered until it is started again, stopped or pruned.
    package var remembersEnds = false
    /// Names of jails that are left to whoever has begun to start them at the same moment.
    package var yields: Set<String> = []
    /// Jails that a restart has stopped.
    package var restarted: RestartMemory?
    /// The jail exists, and none of its commands has run yet.
    package var created: @Sendable (ConfiguredJail, JailIdentity) -> Void = { _, _ in }
    /// Its start commands have succeeded.
    package var started: @Sendable (ConfiguredJail) -> Void = { _ in }
    /// A jail that existed is gone because its start failed; called after that was reported.
    package var removed: @Sendable (ConfiguredJail) -> Void = { _ in }

    package init() {}
}
