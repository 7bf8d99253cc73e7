/// What the kernel is asked for: a root file system, namespaces, ids, mounts, limits, and what the processes may do. All is
/// decided: nothing in it waits for a look at the machine, and no value has a meaning that only one front door knows.
///
/// It has no word of jail(8), nor of the runtime specification of OCI: `ConfiguredJail.lowered(as:on:)` makes one of what
/// jail.conf says. `Planner` turns it into steps. Every part knows who asked for it.
public struct JailSpec: Equatable, Sendable {
    public var id: JailID
    public var root: RootFilesystem
    /// Those that are not the host's.
    public var namespaces: [NamespaceSpec]
    /// Nil: the jail has the ids of whoever makes it.
    public var ids: Located<IDMaps?>
    /// Of the jail's own UTS namespace.
    public var names: UTSNames
    /// In this order; a later one covers an earlier one.
    public var mounts: [Mount]
    /// Nil: no `/dev` is made.
    public var devices: DeviceSpec?
    public var cgroup: CgroupSpec
    /// Below `/proc/sys`, as the jail's own namespaces have them.
    public var kernelParameters: [ProcessSettings.Setting]
    /// What all processes of the jail have.
    public var process: ProcessSpec
    /// What pid 1 starts, one after the other.
    public var commands: [StartCommand]
    public var hooks: Hooks
}

/// The name of a jail as files and cgroups have it: 1 to 1,024 bytes without a slash. Nothing is derived from it.
public struct JailID: Equatable, Sendable {
    static let maximum = 1024

    public let text: String

    /// The name of a jail of jail.conf has been checked, and is shorter.
    init(checked text: String) { self.text = text }

    /// Nil for what is no file name, or too long.
    public init?(_ text: String) {
        guard (1...Self.maximum).contains(text.utf8.count), text != ".", text != "..",
            !text.utf8.contains(where: { $0 == .slash || $0 == 0 })
        else { return nil }
        self.text = text
    }
}

/// The tree that becomes `/`.
public struct RootFilesystem: Equatable, Sendable {
    /// What `path` is made of: itself, or what is mounted on it.
    public var source: RootSource
    /// The folder that everybody calls the jail's root.
    public var path: Located<String>
    public var isReadOnly: Located<Bool>
    /// An overlay whose writes vanish with the jail.
    public var isEphemeral: Located<Bool>
}

/// hostname(7), domainname(1): nil where nothing is set.
public struct UTSNames: Equatable, Sendable {
    public var hostname: Located<String>?
    public var domainName: Located<String>?
}

/// cgroups(7)
public struct CgroupSpec: Equatable, Sendable {
    /// Files of the jail's cgroup, and what is written to them.
    public var settings: [CgroupSetting]
    /// How many cgroups root inside may make in it for jails of its own; 0 for none.
    public var children: Located<Int>
}

/// `/dev`: a tmpfs that is filled before the jail sees it. What is in it is a fact of the host: `StartFacts.deviceTree`.
public struct DeviceSpec: Equatable, Sendable {
    /// Who asked for a `/dev`, and for these devices.
    public var origin: Origin
    public var rulesOrigin: Origin
    /// Empty directories, on which other file systems are mounted.
    public var directories: [String]
    /// The text of `/dev/jail/env`.
    public var environment: Located<String>?
}
