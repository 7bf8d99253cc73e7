extension ConfiguredJail {
    /// Reads a jail's parameters. The specification is to be used only when `reader` has found no error.
    init(_ reader: inout JailReader) {
        reader.checkNames()
        let name = reader.name()
        let path = reader.path()
        let commands = reader.commands()
        let isPersistent = reader.boolean("persist", otherwise: false, "persist")
        reader.checkLiveliness(isPersistent, commands)
        let host = reader.host()
        let network = reader.network()
        var privileges = reader.privileges(root: path.value)
        reader.withholdNetwork(network.mode, from: &privileges)
        let mounts = reader.mounts(root: path.value)
        let root = RootSpec(
            isReadOnly: reader.boolean("root.readonly", otherwise: false, "root.readonly"),
            isEphemeral: reader.boolean("root.ephemeral", otherwise: false, "root.ephemeral"),
            unmasked: reader.unmasked(root: path.value))
        reader.checkReadOnly(root, mounts, privileges)
        self.init(
            name: name, label: reader.jail.label.printable(), jid: reader.jid(), path: path,
            hostname: reader.hostname(of: name, inherits: host.isInherited), host: host, isPersistent: isPersistent,
            root: root, commands: commands, mounts: mounts, pseudoFilesystems: reader.pseudoFilesystems(mounts),
            network: network,
            cgroup: reader.cgroup(), privileges: privileges,
            process: reader.process(network: network, privileges: privileges), metadata: reader.metadata(), depend: [],
            health: reader.health(), restart: reader.restart(), log: reader.log(), parent: nil,
            parameters: reader.parameters())
        names = reader.names(of: self)
        reader.checkConfiguration(against: writtenFolders)
    }
}

extension Configuration {
    /// Everything there is to say about the jails: errors, and accepted parameters that have no effect, in file order.
    package func check() -> [Diagnostic] { lackOfJails.map { [$0] } ?? readJails().checked }

    /// A file without a jail is a mistake: whoever starts nothing, and hears nothing, believes that all is well.
    var lackOfJails: Diagnostic? {
        guard jails.isEmpty, let file = tree.sources.first?.file else { return nil }
        let settings = tree.blocks.flatMap(\.settings).filter { !$0.isVariable }
        if let setting = settings.first(where: { JailReader.isMeantToInclude($0.name) }) {
            return Diagnostic(
                "no jail is defined, and \"\(setting.name.printable())\" is an unknown parameter", at: setting.location,
                hint: JailReader.includeHint, sourceLine: tree.line(at: setting.location))
        }
        let hint =
            tree.blocks.isEmpty
            ? "define one like this: NAME { path = \"/ROOT\"; command = \"/bin/sh\"; }"
            : "parameters outside of blocks, and in blocks with a *, apply to jails that the file defines: NAME { … }"
        return Diagnostic("\(Bytes(file.utf8).printable()): no jail is defined", at: nil, hint: hint)
    }

    /// The jails of those names or labels and what they depend on, checked, in file order; without names all jails.
    ///
    /// A name may be a wildcard. Throws every error of those jails at once.
    /// - Parameters:
    ///   - starts: they will be up together, so there must be room for all of them.
    ///   - warn: called with what the file asks for and jailrun does not do.
    package func specs(of names: [String] = [], starts: Bool = false, warn: ([Diagnostic]) -> Void = { _ in })
        throws(ConfigurationFailure) -> [ConfiguredJail]
    {
        if let lackOfJails { throw ConfigurationFailure([lackOfJails]) }
        var reading = readJails()
        if !names.isEmpty { try reading.select(names) }
        reading.requireRoots()
        if starts { reading.checkNesting() }
        let errors = reading.diagnostics.filter { $0.severity == .error }
        guard errors.isEmpty else {
            throw ConfigurationFailure(reading.distinctDiagnostics.filter { $0.severity == .error }, jail: errors)
        }
        if reading.jails.contains(where: { !$0.reader.diagnostics.isEmpty }) {
            warn(reading.distinctDiagnostics.filter { $0.severity == .warning })
        }
        return reading.jails.map(\.spec)
    }

    /// The jails of those names or labels and what they depend on, each with its own errors, in file order: jail(8)
    /// starts the others.
    package func checkedJails(of names: [String] = []) throws(ConfigurationFailure) -> [CheckedJail] {
        var reading = readJails()
        if !names.isEmpty { try reading.select(names) }
        return reading.jails.map { jail in
            CheckedJail(
                spec: jail.spec, parameters: jail.reader.jail,
                errors: jail.reader.diagnostics.filter { $0.severity == .error },
                warnings: jail.reader.diagnostics.filter { $0.severity == .warning })
        }
    }

    func readJails() -> ConfigurationReading {
        var reading = ConfigurationReading(
            jails: jails.map { jail in
                var reader = JailReader(jail, self)
                let spec = ConfiguredJail(&reader)
                return ConfigurationReading.Jail(label: jail.label, spec: spec, reader: reader)
            })
        reading.checkUniqueness()
        reading.readDependencies()
        reading.introduceJails()
        reading.chooseGateways()
        return reading
    }
}

/// A jail of the configuration, and what is wrong with it.
package struct CheckedJail: Sendable {
    /// To be used only when there are no errors.
    package var spec: ConfiguredJail
    package var parameters: EffectiveJail
    package var errors: [Diagnostic]
    /// What the file asks for and jailrun does not do.
    package var warnings: [Diagnostic] = []
}
