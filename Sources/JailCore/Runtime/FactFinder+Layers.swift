internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// A root of several folders: what it holds is looked up in each, from the top down. A file that an upper one hides
/// (a whiteout) counts as there; the mounts are made all the same, or fail at their step.
extension FactFinder {
    private var source: RootSource { RootSource(jail) }

    /// Calls `look` with each folder of the root until it finds something; `root` is the lowest, open already.
    private func first<Found>(root: Int32, _ look: (Int32) -> Found?) -> Found? {
        let flags = Int32(OpenFlags([.path, .directory]).rawValue)
        for folder in source.folders.dropLast() {
            guard let opened = try? Files.open(folder, flags) else { continue }
            if let found = look(opened.number) { return found }
        }
        return look(root)
    }

    func rootDirectories(root: Int32) -> [String] {
        ["proc", "sys", "dev"].filter { name in first(root: root) { isDirectory(name, root: $0) ? true : nil } != nil }
    }

    /// - Throws: `.unsuitable` when `mount.resolvconf` finds nothing to cover.
    func identityFiles(root: Int32) throws(RuntimeError) -> [StartFacts.IdentityPlace] {
        let asked = (jail.host.uuid == nil ? [] : ["etc/machine-id"]) + (jail.host.id == nil ? [] : ["etc/hostid"])
        var places: [StartFacts.IdentityPlace] = []
        for path in asked + (jail.names == nil ? [] : Planner.nameFiles) {
            // The file's own word.
            if jail.mounts.contains(where: { $0.relativeTarget == path }) { continue }
            if NameSpec.needed.contains(path), jail.mounts.contains(where: { $0.covers(path) }) {
                // What is mounted there is seen by the step alone, which says what is wrong with it.
                places.append(.init(path: path))
            } else if let ground = first(root: root, { ground(of: path, root: $0) }) {
                places.append(.init(path: path, ground: ground))
            } else if let names = jail.names, Planner.nameFiles.contains(path) {
                try checkMissing(path, names, root: root)
                if jail.root.isEphemeral.value { places.append(.init(path: path, ground: .nothing)) }
            }
        }
        return places
    }

    /// A jail does without /etc/hostname: the kernel knows its name.
    private func checkMissing(_ path: String, _ names: NameSpec, root: Int32) throws(RuntimeError) {
        let hasFolder = first(root: root) { isDirectory("etc", root: $0) ? true : nil } != nil
        if !NameSpec.needed.contains(path) || hasFolder && jail.root.isEphemeral.value { return }
        throw .unsuitable(
            jail: jail.label, origin: names.origin,
            "mount.resolvconf: the root has no file /\(path) that could be covered",
            hint: jail.hint(forMissing: path, hasFolder: hasFolder))
    }

    func passwords(root: Int32) -> PasswordFile {
        if source.layers.isEmpty { return PasswordFile(root: root) }
        return first(root: root) { isRegularFile("etc/passwd", root: $0) ? PasswordFile(root: $0) : nil }
            ?? PasswordFile(passwd: "", group: "")
    }

    /// Overlayfs wants its two folders on one mount, which a mount point is not.
    func checkLayers() throws(RuntimeError) {
        for mount in jail.mounts {
            guard let layers = mount.layers else { continue }
            for folder in layers.folders + [layers.upper].compactMap({ $0 }) where !isFolder(folder) {
                throw .unsuitable(
                    jail: jail.label, origin: mount.origin, "mount: \(folder) is not a directory", hint: nil)
            }
            if let upper = layers.upper, isMountPoint(upper) {
                throw .unsuitable(
                    jail: jail.label, origin: mount.origin, "mount: \(upper) is a mount point",
                    hint: "name a folder in it: \(upper)/upper; overlayfs works in a second one beside it")
            }
        }
    }

    private func isFolder(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private func isMountPoint(_ path: String) -> Bool {
        var (status, parent) = (stat(), stat())
        guard unsafe stat(path, &status) == 0, unsafe stat("\(path)/..", &parent) == 0 else { return false }
        return status.st_dev != parent.st_dev
    }
}
