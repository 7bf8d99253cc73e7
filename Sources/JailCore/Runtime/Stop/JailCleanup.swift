/// What follows the end of a jail, for one that ended without it: jail -C. Its mounts and addresses are gone with it.
package struct JailCleanup {
    private let spec: ConfiguredJail
    private let host: Host

    package init(of spec: ConfiguredJail, host: Host) {
        self.spec = spec
        self.host = host
    }

    /// Runs `exec.poststop` and `exec.release`.
    /// - Throws: `.alreadyExists` for a jail that runs; the first command that fails, when the others have run.
    package func run() throws(RuntimeError) {
        let lock = try host.lock(spec.name.value)
        try JailRepair(host: host).repair(spec.name.value)
        let name = spec.name.value
        if try host.state.hasTrace(of: name) {
            throw .alreadyExists(jail: spec.label, holder: try NameHolder(state: host.state).words(of: name))
        }
        let hooks = HostCommand(jail: spec, identity: nil, host: host)
        var failure: RuntimeError?
        for (commands, parameter) in [
            (spec.commands.poststop, "exec.poststop"), (spec.commands.release, "exec.release"),
        ] {
            do throws(RuntimeError) { try hooks.run(commands, parameter: parameter) } catch {
                failure = failure ?? error
            }
        }
        lock.unlinkAndRelease()
        host.state.removeIfUnused(cgroupRoot: host.cgroupRoot)
        if let failure { throw failure }
    }
}
