/// What the jail reads about itself and others, from a read-only tmpfs over the root's files: machine-id(5) and the file of
/// gethostid(3) for `host.hostuuid` and `host.hostid`, and those of `mount.resolvconf`. What the root has not is not covered,
/// unless its writes vanish with the jail: there it is made.
extension Planner {
    func identifyHost(_ files: [Located<IdentityFile>], _ attributes: MountAttributes, _ origin: Origin) -> [Step] {
        let purpose = Purpose.identityFiles(files.map(\.value))
        func step(_ call: SystemCall, _ words: Phrase) -> Step { child(call, purpose, origin, words) }
        let make = [
            step(.openFilesystem("tmpfs", into: .filesystem), "open tmpfs"),
            step(.configure(.filesystem, "mode", "0755"), "set the mode of tmpfs"),
            // As of the mask: df(1) leaves it out.
            step(.configure(.filesystem, "size", "0"), "keep it out of df(1)"),
            step(.createSuperblock(.filesystem), "make the file system of the jail's identity"),
            step(.mountDetached(.filesystem, attributes, into: .identity), "mount it"),
            step(.close(.filesystem), "close tmpfs"),
        ]
        let hide = [
            step(.setAttributes(attributes.union(.readOnly), on: .identity, isRecursive: false), "make it read-only"),
            // open_tree(2) clones only what is attached: the host's /proc is out of the jail's sight.
            step(.moveMount(.identity, ontoPath: "/proc"), "attach it where the jail will not see it"),
        ]
        let close = step(.close(.identity), "close the file system of the jail's identity")
        return make + files.flatMap { write($0, purpose) } + hide + files.flatMap { cover($0, purpose) } + [close]
    }

    private func write(_ located: Located<IdentityFile>, _ purpose: Purpose) -> [Step] {
        let file = located.value
        func step(_ call: SystemCall, _ words: Phrase) -> Step { child(call, purpose, located.origin, words) }
        return [
            step(
                .makeNode(file.name, at: .identity, type: .regular, mode: 0o444, major: 0, minor: 0),
                "make \(file.name)"),
            step(.open(file.name, at: .identity, [.writeOnly, .closeOnExec], into: .file), "open \(file.name)"),
            step(.write(file.bytes, to: .file), "write \(file.name)"),
            step(.close(.file), "close \(file.name)"),
        ]
    }

    private func cover(_ located: Located<IdentityFile>, _ purpose: Purpose) -> [Step] {
        let (file, origin) = (located.value, located.origin)
        return (file.ground == .nothing ? make(file, purpose, origin) : []) + [
            child(
                .cloneTree(file.name, at: .identity, isRecursive: false, into: .mount), purpose, origin,
                "clone the mount of \(file.name)")
        ]
            // A link itself is covered, wherever it leads: what it is replaced by is found in its place, path_resolution(7).
            + attach(.mount, at: file.path, isLink: file.ground == .link, origin, purpose)
            + [child(.close(.mount), purpose, origin, "close the mount of \(file.name)")]
    }

    /// In the layer that vanishes with the jail.
    private func make(_ file: IdentityFile, _ purpose: Purpose, _ origin: Origin) -> [Step] {
        [
            child(
                .openInRoot(file.folder, root: .root, resolve: Self.inside, into: .mountPoint), purpose, origin,
                "open /\(file.folder)"),
            child(
                .makeNode(file.name, at: .mountPoint, type: .regular, mode: 0o444, major: 0, minor: 0), purpose, origin,
                "make /\(file.path), to be covered"),
            child(.close(.mountPoint), purpose, origin, "close /\(file.folder)"),
        ]
    }
}

extension Slot {
    static let identity = Slot("identity")
}
