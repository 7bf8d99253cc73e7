/// What the kernel is asked for: a root file system, namespaces, ids, mounts, limits, and what the processes may do. All choices
/// are made, and no value has a meaning that only one front door knows; what the host has for them is in `StartFacts`.
///
/// It has no word of jail(8), nor of the runtime specification of OCI: `ConfiguredJail.lowered(as:on:)` makes one of what
/// jail.conf says. `Planner` turns it into steps. Every part knows who asked for it.
package struct JailSpec: Equatable, Sendable {
    /// The name of the jail's cgroup.
    package var id: String
    package var root: RootFilesystem
    /// Those that are not the host's.
    package var namespaces: [NamespaceSpec]
    /// Nil: the jail has the ids of whoever makes it.
    package var ids: Located<IDMaps?>
    /// Of the jail's own UTS namespace.
    package var names: UTSNames
    /// In this order; a later one covers an earlier one.
    package var mounts: [Mount]
    /// Nil: no `/dev` is made.
    package var devices: DeviceSpec?
    package var cgroup: CgroupSpec
    /// Below `/proc/sys`, as the jail's own namespaces have them.
    package var kernelParameters: [ProcessSettings.Setting]
    /// What all processes of the jail have.
    package var process: ProcessSpec
    /// What pid 1 starts, one after the other.
    package var commands: [StartCommand]
    /// Pid 1 is to be the only command itself, once it is told to go on.
    package var becomesCommand = false
    /// Files of the host's show the jail's ids, and neither device files nor set-user-id programs count in them.
    package var ownsFiles = true
    /// It has a cgroup of its own, `cgroup`; else it is in that of whoever makes it.
    package var hasCgroup = true
    package var hooks: Hooks
}

/// The tree that becomes `/`.
package struct RootFilesystem: Equatable, Sendable {
    /// What `path` is made of: itself, or what is mounted on it.
    package var source: RootSource
    /// The folder that everybody calls the jail's root.
    package var path: Located<String>
    package var isReadOnly: Located<Bool>
    /// An overlay whose writes vanish with the jail.
    package var isEphemeral: Located<Bool>
    /// Of the whole tree in the end; unchanged: nothing propagates.
    package var propagation = Mount.Propagation.unchanged
}

/// hostname(7), domainname(1): nil where nothing is set.
package struct UTSNames: Equatable, Sendable {
    package var hostname: Located<String>?
    package var domainName: Located<String>?
}

/// cgroups(7)
package struct CgroupSpec: Equatable, Sendable {
    /// Files of the jail's cgroup, and what is written to them.
    package var settings: [CgroupSetting]
    /// A value that the kernel rounds is as good.
    package var isRounded = false
    /// What may be done with devices; nil: what `JailSpec.devices` has in `/dev` may be used.
    package var deviceRules: Located<[DeviceRule]>?
    /// Root inside owns it, and may divide it.
    package var isGiven = false
    /// How many cgroups root inside may make in it for jails of its own; 0 for none.
    package var children: Located<Int>
}

/// `/dev`: a tmpfs that is filled before the jail sees it. What is in it is a fact of the host: `StartFacts.deviceTree`.
package struct DeviceSpec: Equatable, Sendable {
    /// Who asked for a `/dev`, and for these devices.
    package var origin: Origin
    package var rulesOrigin: Origin
    /// Of the tmpfs: options of fsconfig(2), and attributes.
    package var options = ["mode=0755", "size=65536"]
    package var attributes: MountAttributes = [.noSetuid, .noExec]
    /// Once all is made in it.
    package var isReadOnly = false
    /// Empty directories, on which other file systems are mounted.
    package var directories: [String]
    /// The text of `/dev/jail/env`.
    package var environment: Located<String>?
}
