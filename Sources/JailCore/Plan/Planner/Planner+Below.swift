internal import CNamespaces

/// Mount points that a plan makes: `/dev` begins empty, and no root can hold what is to be mounted on there.
extension Planner {
    /// Somebody lists something of his own there.
    func isTaken(_ path: String) -> Bool { jail.mounts.contains { $0.number != nil && $0.target == path } }

    func makeMountPoint(of mount: Mount) -> [Step] {
        switch mount.place {
        case .root, .base: return []
        case .made(let isFile): return makeInDevices(mount, isFile)
        case .walked(let missing, let isFile): return missing.flatMap { makeInRoot(mount, $0, isFile) }
        }
    }

    /// One part of the way, which nobody has made meanwhile, or somebody has.
    private func makeInRoot(_ mount: Mount, _ path: String, _ isFile: Bool) -> [Step] {
        let purpose = Purpose.mountPoint(mount.target, isFile: isFile)
        let parts = path.split(separator: "/")
        let (folder, name) = (parts.dropLast().joined(separator: "/"), String(parts.last ?? ""))
        func step(_ call: SystemCall, _ words: Phrase) -> Step { child(call, purpose, mount.origin, words) }
        return [
            step(
                .openInRoot(folder.isEmpty ? "." : folder, root: .root, resolve: Self.inside, into: .mountPoint),
                "open /\(folder)"),
            step(
                isFile && path == mount.target
                    ? .makeNode(
                        name, at: .mountPoint, type: .regular, mode: 0o755, major: 0, minor: 0,
                        allowing: cns_error_exists)
                    : .makeDirectory(name, at: .mountPoint, mode: 0o755, allowing: cns_error_exists),
                "make /\(path)"),
            step(.close(.mountPoint), "close /\(folder)"),
        ]
    }

    private func makeInDevices(_ mount: Mount, _ isFile: Bool) -> [Step] {
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
