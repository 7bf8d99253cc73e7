/// What a group of steps is for: the unit that `jailrun explain` describes, such as a mounted file system or an id map.
///
/// A step cannot be made without one, and its description (`Purpose+….swift`) is in switches without a default: whoever
/// adds a purpose has to write its explanation, too, or nothing compiles.
///
/// Indirect: hundreds of steps share one, and a start copies them without asking for it.
package indirect enum Purpose: Equatable, Sendable {
    // MARK: Namespaces

    /// clone3(2) of the first process; `holder` is a jail whose network it is in.
    case clone(NamespaceFlags, holder: String?)
    /// jailrun and the first process wait for one another.
    case handOver
    /// unshare(2), once the ids are mapped.
    case ipcNamespace
    case privateMounts
    case hostname(String)
    case domainName(String)
    /// A file below /proc/sys, in the jail's namespaces.
    case kernelParameter(path: String, value: String)
    /// setns(2), by a command that enters a jail.
    case join(NamespaceFlags)
    /// Whether a jail that runs lives without processes.
    case persistence(Bool)

    // MARK: Ids

    case mapIDs(IDRange)
    case becomeRoot
    /// The user of a command.
    case becomeUser(StartFacts.User)
    /// The user namespace belongs to that id of the host, which is the jail's own root, around the clone.
    case ownNamespace(UInt32)

    // MARK: Files

    case cloneRoot(path: String, isRecursive: Bool)
    case idmapRoot(path: String, isRecursive: Bool, MountAttributes)
    case restrictRoot(path: String, MountAttributes)
    /// The overlay of `root.ephemeral`; the upper layer is given to the host's id `owner`.
    case layerRoot(owner: UInt32, MountAttributes)
    /// What is root's alone in the host's own root, by empty files in the upper layer.
    case hideFiles([HiddenPath], owner: UInt32)
    /// unionfs and overlay, with `root.ephemeral` that many mounts.
    case layers([Layering], owner: UInt32)
    /// A disk or a dataset of the host's.
    case disk(type: String, source: String)
    /// `host.hostuuid`, `host.hostid` and `mount.resolvconf`: the files that are covered.
    case identityFiles([IdentityFile])
    /// `env`, as `/dev/jail/env`.
    case environmentFile(String)
    case attachRoot
    case enterRoot
    case readOnlyRoot
    case cloneSource(BindSource)
    case restrictSource(BindSource, MountAttributes, isIdmapped: Bool)
    case bind(BindSource, target: String)
    case mount(NewFilesystem)
    /// Below /dev, relative to the jail's root.
    case mountPoint(String, isFile: Bool)
    case mask([StartFacts.MaskedPath])
    case readOnlyPaths([String])

    // MARK: Devices

    case deviceProgram(DeviceTree)
    /// `/dev`, its files given to the host's ids from `owner` on.
    case deviceTree(DeviceTree, owner: UInt32)
    case attachDevices
    /// In a jail: devices of the one around it.
    case boundDevices(DeviceTree)

    // MARK: Network

    case loopback
    case network(NetworkOperation)
    /// setns(2), by jailrun, around the clone.
    case enterNetwork(StartFacts.NetworkHolder)
    case leaveNetwork
    /// sysfs(5) of that network, made by the host: `number` tells several apart.
    case prepareSysfs(number: Int, MountAttributes)
    case attachSysfs(number: Int, target: String)

    // MARK: Limits

    case cgroupLevel(StartFacts.CgroupLevel)
    case cgroup(String, below: String)
    case cgroupValue(file: String, value: String)
    /// `children.max`: the cgroup is the host's id `owner`'s to divide.
    case delegatedCgroup(maximum: Int, owner: UInt32)
    case resourceLimits([StartFacts.ResourceLimit])
    /// What the file asks for.
    case processLimit(ProcessSettings.Limit)
    case oomScore(Int)
    case processAttribute(ProcessAttribute)
    /// Of AppArmor.
    case profile(String)

    // MARK: Privileges

    case leaveCaller
    case noNewPrivileges
    /// What stays in the bounding set.
    case boundingSet(CapabilitySet)
    case capabilities(CapabilitySet)
    /// A filter of that many instructions.
    case filter(instructions: Int)
    case closeDescriptors

    // MARK: The command

    case terminal
    case consoleLog(String)
    case outputPipe
    /// A descriptor of the caller's that the jail gets.
    case handedDescriptor(StartFacts.HandedDescriptor)
    case firstProcess
    /// The static stage of a command that enters a jail.
    case stage
    case session
    case directory(String)
    case execute(JailCommand)
    /// A command on the host, of `exec.prestart` or its like; jailrun's own has no parameter.
    case hostCommand(JailCommand, parameter: String?)
}

/// What covers a file of the root.
package struct IdentityFile: Equatable, Sendable {
    /// Relative to the jail's root.
    package var path: String
    package var bytes: [UInt8]
    package var ground = Ground.file

    /// What is covered.
    package enum Ground: String, Equatable, Sendable, Codable {
        case file
        /// A symbolic link, which may lead nowhere.
        case link
        /// The root has no such file, and forgets what is written to it.
        case nothing
    }

    /// Its last component, by which the file system that covers knows it.
    package var name: String { path.split(separator: "/").last.map(String.init) ?? path }

    /// The folder that it is in, of the root.
    var folder: String { path.split(separator: "/").dropLast().joined(separator: "/") }
}

/// One overlay of `Purpose.layers`.
package struct Layering: Equatable, Sendable {
    package enum Source: Equatable, Sendable {
        case path(String)
        /// The root as the overlays before this one left it.
        case root
    }

    package enum Upper: Equatable, Sendable {
        case nowhere
        case temporary
        case folders(upper: String, work: String, makesWork: Bool)
    }

    package enum Result: Equatable, Sendable {
        case root
        /// A place in `mount`, as of `BindSource`.
        case source(Int)
    }

    /// From the top down.
    package var lower: [Source]
    package var upper: Upper
    package var result: Result
    package var attributes: MountAttributes
}

/// A path of the host that is mounted a second time, and its place in `mount`.
package struct BindSource: Equatable, Sendable {
    package var path: String
    package var number: Int
}

/// A file system that is made for the jail: fsopen(2) and what follows.
package struct NewFilesystem: Equatable, Sendable {
    package var type: String
    /// Relative to the jail's root.
    package var target: String
    package var attributes: MountAttributes
    /// `size=64m`.
    package var options: [String]
}

extension Purpose {
    /// The heading under which it is explained.
    package var subject: Step.Subject {
        switch self {
        case .clone, .handOver, .ipcNamespace, .privateMounts, .hostname, .domainName, .kernelParameter, .join:
            .namespaces
        case .mapIDs, .becomeRoot, .becomeUser, .ownNamespace: .ids
        case .cloneRoot, .idmapRoot, .restrictRoot, .layerRoot, .hideFiles, .layers, .disk, .identityFiles,
            .environmentFile,
            .attachRoot, .enterRoot, .readOnlyRoot, .cloneSource,
            .restrictSource, .bind, .mask, .readOnlyPaths, .prepareSysfs, .attachSysfs:
            .files
        case .mount(let filesystem): filesystem.target.hasPrefix("dev/") ? .devices : .files
        case .deviceProgram, .deviceTree, .attachDevices, .boundDevices, .mountPoint: .devices
        case .loopback, .network, .enterNetwork, .leaveNetwork: .network
        case .cgroupLevel, .cgroup, .cgroupValue, .delegatedCgroup, .resourceLimits, .processLimit, .oomScore,
            .processAttribute:
            .limits
        case .leaveCaller, .noNewPrivileges, .boundingSet, .capabilities, .filter, .closeDescriptors, .profile:
            .privileges
        case .terminal, .consoleLog, .outputPipe, .handedDescriptor, .firstProcess, .persistence, .stage, .session,
            .directory, .execute,
            .hostCommand:
            .command
        }
    }
}
