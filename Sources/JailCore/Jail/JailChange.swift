/// What parameters make of a jail that runs: `jail -m`.
///
/// Only what can be changed while it runs is: name, hostname, addresses, ports, `nat`, `firewall`, limits, `persist`, `meta` and `env`, and the
/// commands of its stop. The rest stays as it was made.
public struct JailChange: Sendable {
    /// The parameters that were given, by the names of the table.
    public let names: [String]
    /// The jail that would be made of these parameters now.
    public let asked: JailSpec
    /// The jail that runs, changed.
    public let result: JailSpec

    /// - Throws: every error of the parameters.
    public init(of old: JailSpec, by changes: EffectiveJail, in configuration: Configuration)
        throws(ConfigurationFailure)
    {
        var reader = JailReader(old.parameters.changed(by: changes), configuration)
        let new = JailSpec(&reader)
        // What runs has its commands already; without `persist` it ends with the last of their processes.
        let errors = reader.diagnostics.filter {
            $0.severity == .error && $0.message != JailSpec.livelinessObjection
        }
        guard errors.isEmpty else { throw ConfigurationFailure(errors) }
        var result = old
        if !new.name.value.isEmpty { result.name = new.name }
        if old.label == old.name.value { result.label = result.name.value }
        if case .standard = new.hostname.origin {} else { result.hostname = new.hostname }
        result.isPersistent = new.isPersistent
        // Those that the resolver gave are not among the parameters; nor are links moved while a jail runs.
        if ["ip4.addr", "ip6.addr", "interface"].contains(where: { changes.parameter($0) != nil }) {
            result.network.addresses = new.network.addresses
        }
        // A port that the kernel chose stays, unless others are asked for.
        if changes.parameter("port") != nil { result.network.ports = new.network.ports }
        result.network.masquerade = new.network.masquerade
        result.network.leavesFirewall = new.network.leavesFirewall
        result.metadata = new.metadata
        result.cgroup = new.cgroup
        result.commands = new.commands
        result.commands.commandVector = old.commands.commandVector
        result.commands.awaitsCommand = old.commands.awaitsCommand
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

    /// Parameters that would become another, which only a start reads: who keeps the jail up and its log has the old ones.
    public func namesWithoutEffect(on old: JailSpec) -> [String] {
        names.filter { name in
            guard name == "mount.resolvconf" || ParameterTable.services.contains(where: { $0.name == name }) else {
                return false
            }
            func values(_ spec: JailSpec) -> [String?] {
                let setting = spec.parameters.settings.first { $0.baseName == name }
                return [setting?.name] + (setting?.values ?? [])
            }
            return values(asked) != values(old)
        }
    }
}
