/// How jails are started, and who hears of it. The closures are called in the process that starts the jail, whose output comes
/// after what the jail's commands have printed before.
package struct StartOptions: Sendable {
    /// How many jails may be starting at once: each runs one command at a time. jail -p.
    package var limit = Int.max
    /// Until it is up, the jail has the caller's input, and those of descriptors 0 to 2 that are terminals.
    package var isInteractive = false
    /// The jail's output is spelled out as `logs` does it, wherever it is shown; else on terminals alone.
    package var spellsOutput = false
    /// A first start that never was good is not repeated, whatever `restart` says: somebody waits for the answer.
    package var isFirstFinal = false
    /// What is known of a jail that ends by itself stays, until it is started again, stopped or pruned.
    package var remembersEnds = false
    /// Names of jails that are left to whoever has begun to start them at the same moment.
    package var yields: [String] = []
    /// Jails that a restart has taken down.
    package var restarted: RestartMemory?
    /// The jail exists, and none of its commands has run.
    package var created: @Sendable (ConfiguredJail, JailIdentity) -> Void = { _, _ in }
    /// Its start commands have ended well.
    package var started: @Sendable (ConfiguredJail) -> Void = { _ in }
    /// A jail that existed is gone because its start failed; called after that was reported.
    package var removed: @Sendable (ConfiguredJail) -> Void = { _ in }

    package init() {}
}
