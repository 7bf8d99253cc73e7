internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// A root of several folders: what it holds is looked up in each, from the top down. A file that an upper one hides
/// (a whiteout) counts as there; the mounts are made all the same, or fail at their step.
extension FactFinder {
    private var source: RootSource { RootSource(jail) }

    /// Calls `look` with each folder of the root until it finds something; `root` is the lowest, open already.
    func first<Found>(root: Int32, _ look: (Int32) throws(Errno) -> Found?) throws(Errno) -> Found? {
        let flags = Int32(OpenFlags([.path, .directory]).rawValue)
        for folder in source.folders.dropLast() {
            let opened = try Files.ifThere { () throws(Errno) in try Files.open(folder, flags) }
            guard let opened else { continue }
            if let found = try look(opened.number) { return found }
        }
        return try look(root)
    }

    private func firstDirectory(_ name: String, root: Int32) throws(Errno) -> Bool {
        try first(root: root) { (folder) throws(Errno) in try isDirectory(name, root: folder) ? true : nil } != nil
    }

    func rootDirectories(root: Int32) throws(RuntimeError) -> [String] {
        var present: [String] = []
        for name in ["proc", "sys", "dev"]
        where try lookIntoRoot(name, { () throws(Errno) in try firstDirectory(name, root: root) }) {
            present.append(name)
        }
        return present
    }

    private func lookIntoRoot<Found>(_ path: String, _ look: () throws(Errno) -> Found) throws(RuntimeError) -> Found {
        try attempt("\(jail.label): cannot look at /\(path) of the root", look)
    }

    /// What the root has at the places of files that a jail may have of its own.
    struct IdentityPlaces {
        var ground: (String) throws(RuntimeError) -> IdentityFile.Ground?
        var hasEtc: () throws(RuntimeError) -> Bool
    }

    func places(root: Int32) -> IdentityPlaces {
        IdentityPlaces(
            ground: { (path) throws(RuntimeError) in
                try lookIntoRoot(path) { () throws(Errno) in
                    try first(root: root) { (folder) throws(Errno) in try ground(of: path, root: folder) }
                }
            },
            hasEtc: { () throws(RuntimeError) in
                try lookIntoRoot("etc") { () throws(Errno) in try firstDirectory("etc", root: root) }
            })
    }

    /// - Throws: `.unsuitable` when `mount.resolvconf` finds nothing to cover.
    func identityFiles(in root: IdentityPlaces) throws(RuntimeError) -> [StartFacts.IdentityPlace] {
        let asked = (jail.host.uuid == nil ? [] : ["etc/machine-id"]) + (jail.host.id == nil ? [] : ["etc/hostid"])
        var places: [StartFacts.IdentityPlace] = []
        for path in asked + (jail.names == nil ? [] : Lowering.nameFiles) {
            // The file's own word.
            if jail.mounts.contains(where: { $0.relativeTarget == path }) { continue }
            if NameSpec.needed.contains(path), jail.mounts.contains(where: { $0.covers(path) }) {
                // What is mounted there is seen by the step alone, which says what is wrong with it.
                places.append(.init(path: path))
            } else if let ground = try root.ground(path) {
                places.append(.init(path: path, ground: ground))
            } else if let names = jail.names, Lowering.nameFiles.contains(path) {
                try checkMissing(path, names, root)
                if jail.root.isEphemeral.value { places.append(.init(path: path, ground: .nothing)) }
            }
        }
        return places
    }

    /// A jail does without /etc/hostname: the kernel knows its name.
    private func checkMissing(_ path: String, _ names: NameSpec, _ root: IdentityPlaces) throws(RuntimeError) {
        let hasFolder = try root.hasEtc()
        if !NameSpec.needed.contains(path) || hasFolder && jail.root.isEphemeral.value { return }
        try refuse(
            "mount.resolvconf: the root has no file /\(path) to cover", names.origin,
            hint: jail.hint(forMissing: path, hasFolder: hasFolder), isAbsent: true)
    }

    func passwords(root: Int32) throws(RuntimeError) -> PasswordFile {
        if source.layers.isEmpty { return PasswordFile(root: root) }
        return try lookIntoRoot("etc/passwd") { () throws(Errno) in
            try first(root: root) { (folder) throws(Errno) in
                try isRegularFile("etc/passwd", root: folder) ? PasswordFile(root: folder) : nil
            }
        } ?? PasswordFile(passwd: "", group: "")
    }
}
