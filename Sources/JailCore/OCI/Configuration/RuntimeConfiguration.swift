/// config.json of a bundle, read and checked: <https://github.com/opencontainers/runtime-spec>, config.md and config-linux.md.
package struct RuntimeConfiguration: Sendable {
    package var version: String
    /// As written: relative to the bundle, unless it is absolute.
    package var root: Located<String>
    package var isReadOnly: Located<Bool>
    package var hostname: Located<String>?
    package var domainName: Located<String>?
    /// Nil: nothing is to run.
    package var process: ContainerProcess?
    var mounts: [ContainerMount]
    package var hooks: ContainerHooks
    /// In their order.
    package var annotations: [JSONValue.Member]
    var namespaces: [ContainerNamespace]
    var users: [IDMapping]
    var groups: [IDMapping]
    var mapsOrigin: Origin
    var devices: [ContainerDevice]
    package var cgroupsPath: Located<String>?
    var resources: ContainerResources
    var settings: [ProcessSettings.Setting]
    var seccomp: ContainerFilter?
    /// Of each process, whichever it is.
    var attributes: [Located<ProcessAttribute>]
    /// Relative to the root.
    var masked: [String]
    var readOnly: [String]
    var propagation: Mount.Propagation
    /// What is taken, and has no effect.
    package var warnings: [Diagnostic]
}

/// `process`, and what `exec` is given.
package struct ContainerProcess: Sendable {
    package var origin: Origin
    package var isTerminal: Bool
    package var consoleSize: (height: UInt16, width: UInt16)?
    var user: UInt32
    var group: UInt32
    var groups: [UInt32]
    var userOrigin: Origin
    var umask: Located<UInt32>
    package var arguments: [String]
    var argumentsOrigin: Origin
    var environment: [String]
    var directory: Located<String>
    var capabilities: CapabilitySets
    var limits: [ProcessSettings.Limit]
    var gainsPrivileges: Bool
    var oomScore: Located<Int>?
    /// Of AppArmor.
    var profile: Located<String>?
    var attributes: [Located<ProcessAttribute>]
    /// `execCPUAffinity`, of a process that joins: before it does, and when it has.
    var joining: (before: [Located<ProcessAttribute>], joined: [Located<ProcessAttribute>])
    var warnings: [Diagnostic]
}

struct ContainerMount: Sendable {
    /// Absolute.
    var target: String
    var type: String
    /// Of a bind relative to the bundle, unless it is absolute.
    var source: String
    var options: MountOptions
    /// Ids of its own that its files show; empty: those of the container, if it is idmapped at all.
    var users: [IDMapping] = []
    var groups: [IDMapping] = []
    var origin: Origin
}

struct ContainerNamespace: Sendable {
    var kind: NamespaceFlags
    /// Nil: a new one.
    var path: String?
    var origin: Origin
}

struct ContainerDevice: Sendable {
    /// Absolute.
    var path: String
    var kind: Kind
    var major: UInt32
    var minor: UInt32
    var mode: UInt16
    var uid: UInt32
    var gid: UInt32
    var origin: Origin

    enum Kind { case character, block, fifo }
}

struct ContainerResources: Sendable {
    var settings: [CgroupSetting] = []
    /// In their order; a later one overrides an earlier one.
    var devices: [DeviceRule] = []
    var devicesOrigin = Origin.standard("")
}

struct ContainerFilter: Sendable {
    /// `linux.seccomp`.
    var json: [UInt8]
    var profile: SeccompProfile
    var origin: Origin
}

package struct ContainerHooks: Sendable {
    package struct Hook: Sendable {
        package var path: String
        package var arguments: [String]
        /// Nil: that of the runtime.
        package var environment: [String]?
        /// 0 is no limit.
        package var timeoutSeconds: Int
        package var origin: Origin
    }

    package enum Moment: String, CaseIterable, Sendable {
        case prestart, createRuntime, createContainer, poststart, poststop
    }

    package var all: [(moment: Moment, hook: Hook)] = []

    package func at(_ moment: Moment) -> [Hook] { all.filter { $0.moment == moment }.map(\.hook) }
}
