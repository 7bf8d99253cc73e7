internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// A root of several folders: what it holds is looked up in each, from the top down. A file that an upper one hides
/// (a whiteout) counts as there; the mounts are made all the same, or fail at their step.
extension FactFinder {
    private var source: RootSource { RootSource(jail) }

    /// Calls `look` with each folder of the root until it finds something; `root` is the lowest, open already.
    func first<Found>(root: Int32, _ look: (Int32) -> Found?) -> Found? {
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

    /// What the root has at the places of files that a jail may have of its own.
    struct IdentityPlaces {
        var ground: (String) -> IdentityFile.Ground?
        var hasEtc: () -> Bool
    }

    func places(root: Int32) -> IdentityPlaces {
        IdentityPlaces(
            ground: { path in first(root: root) { ground(of: path, root: $0) } },
            hasEtc: { first(root: root) { isDirectory("etc", root: $0) ? true : nil } != nil })
    }

    /// - Throws: `.unsuitable` when `mount.resolvconf` finds nothing to cover.
    func identityFiles(in root: IdentityPlaces) throws(RuntimeError) -> [StartFacts.IdentityPlace] {
        let asked = (jail.host.uuid == nil ? [] : ["etc/machine-id"]) + (jail.host.id == nil ? [] : ["etc/hostid"])
        var places: [StartFacts.IdentityPlace] = []
        for path in asked + (jail.names == nil ? [] : Planner.nameFiles) {
            // The file's own word.
            if jail.mounts.contains(where: { $0.relativeTarget == path }) { continue }
            if NameSpec.needed.contains(path), jail.mounts.contains(where: { $0.covers(path) }) {
                // What is mounted there is seen by the step alone, which says what is wrong with it.
                places.append(.init(path: path))
            } else if let ground = root.ground(path) {
                places.append(.init(path: path, ground: ground))
            } else if let names = jail.names, Planner.nameFiles.contains(path) {
                try checkMissing(path, names, root)
                if jail.root.isEphemeral.value { places.append(.init(path: path, ground: .nothing)) }
            }
        }
        return places
    }

    /// A jail does without /etc/hostname: the kernel knows its name.
    private func checkMissing(_ path: String, _ names: NameSpec, _ root: IdentityPlaces) throws(RuntimeError) {
        let hasFolder = root.hasEtc()
        if !NameSpec.needed.contains(path) || hasFolder && jail.root.isEphemeral.value { return }
        try object(
            .unsuitable(
                jail: jail.label, origin: names.origin,
                "mount.resolvconf: the root has no file /\(path) that could be covered",
                hint: jail.hint(forMissing: path, hasFolder: hasFolder)), isAbsent: true)
    }

    func passwords(root: Int32) -> PasswordFile {
        if source.layers.isEmpty { return PasswordFile(root: root) }
        return first(root: root) { isRegularFile("etc/passwd", root: $0) ? PasswordFile(root: $0) : nil }
            ?? PasswordFile(passwd: "", group: "")
    }
}
