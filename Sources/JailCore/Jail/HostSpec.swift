/// What the jail believes about the machine that it is: `host`, `host.domainname`, `host.hostuuid`, `host.hostid`.
/// `host.hostname` is a field of `ConfiguredJail`.
package struct HostSpec: Equatable, Sendable, Codable {
    /// `host = inherit`: the host's UTS namespace, names and all.
    package var isInherited: Located<Bool>
    /// The NIS domain's name, at most 64 bytes.
    package var domainName: Located<String>?
    /// Lower-case, with hyphens: `00000000-0000-0000-0000-000000000000`.
    package var uuid: Located<String>?
    package var id: Located<UInt32>?
}

/// `meta` and `env`: text that is stored with the jail, as lines of `KEY=VALUE` if it is set by key.
package struct MetadataSpec: Equatable, Sendable, Codable {
    /// For those who look at the jail from outside.
    package var meta: Located<String>?
    /// The jail can read it, too.
    package var environment: Located<String>?
}
