/// What the jail believes about the machine that it is: `host`, `host.domainname`, `host.hostuuid`, `host.hostid`.
/// `host.hostname` is a field of `ConfiguredJail`.
public struct HostSpec: Equatable, Sendable, Codable {
    /// `host = inherit`: the host's UTS namespace, names and all.
    public var isInherited: Located<Bool>
    /// The NIS domain's name, at most 64 bytes.
    public var domainName: Located<String>?
    /// Lower-case, with hyphens: `00000000-0000-0000-0000-000000000000`.
    public var uuid: Located<String>?
    public var id: Located<UInt32>?
}

/// `meta` and `env`: text that is kept with the jail, lines of `KEY=VALUE` when it is set by key.
public struct MetadataSpec: Equatable, Sendable, Codable {
    /// For those who look at the jail from outside.
    public var meta: Located<String>?
    /// The jail can read it, too.
    public var environment: Located<String>?
}
