/// What parameters change in a running jail: `jail -m`.
///
/// Only parts that can change while it runs are changed: `ParameterTable` says by which parameter. The rest stays as it
/// was.
package struct JailChange: Sendable {
    /// The parameters that were given, by the names of the table.
    package let names: [String]
    /// The jail that would be made of these parameters now.
    package let asked: ConfiguredJail
    /// The jail that runs, changed.
    package let result: ConfiguredJail

    /// - Throws: every error of the parameters.
    package init(of old: ConfiguredJail, by changes: EffectiveJail, in configuration: Configuration)
        throws(ConfigurationFailure)
    {
        var reader = JailReader(old.parameters.changed(by: changes), configuration)
        let new = ConfiguredJail(&reader)
        // What runs has its commands already; without `persist` it ends with the last of their processes.
        let errors = reader.diagnostics.filter {
            $0.severity == .error && $0.code != .lifeless
        }
        guard errors.isEmpty else { throw ConfigurationFailure(errors) }
        var result = old
        for part in Self.parts(of: changes) { result.take(part, of: new) }
        result.parameters = new.parameters
        names = changes.parameters.map { parameter in
            guard let row = ParameterTable.row(parameter.name), row.prefix == nil else {
                return parameter.name.printable()
            }
            return row.name
        }
        asked = new
        self.result = result
    }

    /// Those that a parameter was given for.
    private static func parts(of changes: EffectiveJail) -> [ParameterTable.Row.Part] {
        let named = changes.parameters.compactMap { ParameterTable.row($0.name)?.change }
        return ParameterTable.Row.Part.allCases.filter { named.contains(.whileUp($0)) }
    }

    /// Parameters with a new value that only a start reads: the running jail and its supervisor keep the old ones.
    package func namesWithoutEffect(on old: ConfiguredJail) -> [String] {
        names.filter { name in
            guard ParameterTable.row(exactly: name)?.change == .atNextStart else { return false }
            func values(_ spec: ConfiguredJail) -> [String?] {
                let setting = spec.parameters.settings.first { $0.baseName == name }
                return [setting?.name] + (setting?.values ?? [])
            }
            return values(asked) != values(old)
        }
    }
}

extension ConfiguredJail {
    fileprivate mutating func take(_ part: ParameterTable.Row.Part, of new: ConfiguredJail) {
        switch part {
        case .name: takeName(of: new)
        case .hostname: if case .standard = new.hostname.origin {} else { hostname = new.hostname }
        case .persistence: isPersistent = new.isPersistent
        // Those that the resolver gave are not among the parameters; nor are links moved while a jail runs.
        case .addresses: network.addresses = new.network.addresses
        // A port that the kernel chose stays, unless others are asked for.
        case .ports: network.ports = new.network.ports
        case .masquerade: network.masquerade = new.network.masquerade
        case .firewall: network.leavesFirewall = new.network.leavesFirewall
        case .metadata: metadata = new.metadata
        case .limits: cgroup = new.cgroup
        case .commands: takeCommands(of: new)
        }
    }

    private mutating func takeName(of new: ConfiguredJail) {
        let isLabelled = label != name.value
        if !new.name.value.isEmpty { name = new.name }
        if !isLabelled { label = name.value }
    }

    /// What runs was given its program already.
    private mutating func takeCommands(of new: ConfiguredJail) {
        let old = commands
        commands = new.commands
        (commands.commandVector, commands.awaitsCommand) = (old.commandVector, old.awaitsCommand)
    }
}
