internal import CNamespaces

/// Mount points that a plan makes: `/dev` begins empty, and no root can hold what is to be mounted on there.
extension Planner {
    /// Somebody lists something of his own there.
    func isTaken(_ path: String) -> Bool { jail.mounts.contains { $0.number != nil && $0.target == path } }

    func makeMountPoint(of mount: Mount) -> [Step] {
        guard case .made(let isFile) = mount.place else { return [] }
        let path = mount.target.split(separator: "/").dropFirst().joined(separator: "/")
        let purpose = Purpose.mountPoint(mount.target, isFile: isFile)
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
