internal import CNamespaces
internal import Glibc
internal import SystemPackage

extension FactFinder {
    /// The files of the root that `host.hostuuid` and `host.hostid` cover: regular ones, not reached by a link.
    func identityFiles(root: Int32) -> [String] {
        let asked = (jail.host.uuid == nil ? [] : ["etc/machine-id"]) + (jail.host.id == nil ? [] : ["etc/hostid"])
        return asked.filter { isRegularFile($0, root: root) }
    }

    /// `env` is a file below /dev.
    func checkEnvironment(_ facts: StartFacts) throws(RuntimeError) {
        guard let text = jail.metadata.environment, !text.value.isEmpty else { return }
        let devfs = jail.pseudoFilesystems.devfs.value
        if devfs == .always || devfs == .ifPresent && facts.rootDirectories.contains("dev") { return }
        throw .unsuitable(
            jail: jail.label, origin: text.origin, "env: the jail has no /dev, where /dev/jail/env would be",
            hint: "mount.devfs")
    }

    private func isRegularFile(_ path: String, root: Int32) -> Bool {
        let flags = Int32(OpenFlags([.path, .noFollow]).rawValue)
        guard let file = try? RootPath.open(path, root: root, flags: flags, followingLinks: false) else { return false }
        var status = stat()
        return unsafe fstat(file.number, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }
}
