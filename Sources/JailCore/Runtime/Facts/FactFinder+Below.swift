internal import Glibc

extension FactFinder {
    /// The places in `mount` of what needs a file below `/dev` to be mounted on: its source is no directory.
    var mountedFiles: [Int] {
        jail.mounts.indices.filter { index in
            let mount = jail.mounts[index]
            guard mount.kind.isBind, mount.relativeTarget.hasPrefix("dev/") else { return false }
            if let assumed = host.assumed { return assumed.mountedFiles.contains(mount.source) }
            var status = stat()
            return unsafe stat(mount.source, &status) == 0 && status.st_mode & S_IFMT != S_IFDIR
        }
    }
}
