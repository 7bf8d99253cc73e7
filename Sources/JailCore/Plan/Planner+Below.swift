internal import CNamespaces

/// Mounts of the file at and below `/dev`, `/proc` and `/sys`. They are made last: what jailrun mounts there by itself does not
/// cover what somebody has asked for, and is left out where that is in its place.
extension Planner {
    func mountBelowPseudoFilesystems() -> [Step] {
        jail.mounts.indices.filter { isBelowPseudoFilesystem(jail.mounts[$0]) }
            .flatMap { makeMountPoint($0) + mountFilesystem($0) }
    }

    /// Below one that jailrun makes.
    func isBelowPseudoFilesystem(_ mount: MountSpec) -> Bool {
        switch mount.relativeTarget.split(separator: "/").first {
        case "dev": hasDevices
        case "proc": hasProcfs
        case "sys": hasSysfs
        default: false
        }
    }

    /// The file mounts something of its own there.
    func isTaken(_ path: String) -> Bool {
        jail.mounts.contains { $0.relativeTarget == path && $0.kind != .fdescfs }
    }

    /// A line that means `mount.procfs`.
    func isProcfs(_ mount: MountSpec) -> Bool { hasProcfs && mount.isProcfs }

    /// A line that means `mount.sysfs`.
    func isSysfs(_ mount: MountSpec) -> Bool { hasSysfs && mount.isSysfs }

    /// `/dev` begins empty: no root can hold what is to be mounted on there.
    private func makeMountPoint(_ index: Int) -> [Step] {
        let mount = jail.mounts[index]
        let parts = mount.relativeTarget.split(separator: "/")
        guard parts.first == "dev", parts.count > 1, mount.kind != .fdescfs else { return [] }
        let path = parts.dropFirst().joined(separator: "/")
        if plainDirectories.contains(path) { return [] }
        let isFile = facts.mountedFiles.contains(index)
        let purpose = Purpose.mountPoint(mount.relativeTarget, isFile: isFile)
        let folders = DeviceTable.parents(of: path) + (isFile ? [] : [path])
        return folders.map {
            child(
                .makeDirectory($0, at: .devices, mode: 0o755, allowing: cns_error_exists), purpose, mount.origin,
                "make /dev/\($0)")
        }
            + (isFile
                ? [
                    child(
                        .makeNode(
                            path, at: .devices, type: .regular, mode: 0o644, major: 0, minor: 0,
                            allowing: cns_error_exists),
                        purpose, mount.origin, "make /dev/\(path)")
                ] : [])
    }
}

extension MountSpec {
    var isProcfs: Bool { kind.provision == .procfs && relativeTarget == "proc" }
    var isSysfs: Bool { kind.provision == .sysfs && relativeTarget == "sys" }
}
