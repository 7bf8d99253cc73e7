/// A file of the host's own root file system that only root may read, or a folder on the way to one. Where `path` is
/// "/" the jail gets an empty one in its place.
package struct HiddenPath: Equatable, Sendable {
    package enum Kind: Equatable, Sendable {
        /// It is shown; something in it is not.
        case way
        case folder
        case file
    }

    /// Relative to the root.
    package var path: String
    package var kind: Kind
    /// Those of the file on disk.
    package var mode: UInt32
    package var uid: UInt32
    package var gid: UInt32

    /// What root and users keep for themselves, wherever it is: whole folders, and names in the users' homes.
    static let folders = ["root", "lost+found"]
    static let inHomes = [
        ".ssh", ".gnupg", ".aws", ".azure", ".docker", ".kube", ".config/gcloud", ".config/gh", ".local/share/keyrings",
        ".password-store", ".netrc", ".pgpass", ".git-credentials", ".npmrc", ".pypirc",
    ]
    /// Where files of root's own are looked for, and how deep below the root. What is in `tmp` lies there for the moment.
    static let places: [(folder: String, depth: Int)] = [
        ("etc", 12), ("boot", 3), ("home", 2), ("mnt", 3), ("opt", 3), ("run", 4), ("srv", 3), ("usr/local", 6),
        ("var", 4),
    ]
}

/// In the layer that vanishes with the jail, where root inside cannot take the covers away; and the masks of a root without one.
extension Planner {
    /// - Parameter number: of the overlay, whose upper layer is there.
    func hideFiles(_ number: Int) -> [Step] {
        facts.hidden.flatMap { hide($0, "\(number)/upper/\($0.path)") }
    }

    private func hide(_ hidden: HiddenPath, _ place: String) -> [Step] {
        let words: Phrase = hidden.kind == .way ? "make the path to what is hidden" : "hide /\(hidden.path)"
        func step(_ call: SystemCall) -> Step {
            host(call, .hideFiles(facts.hidden, owner: firstID), .standard("root.unmask = PATH"), words)
        }
        let isFile = hidden.kind == .file
        return [
            step(
                isFile
                    ? .makeNode(place, at: .scratch, type: .regular, mode: 0o600, major: 0, minor: 0)
                    : .makeDirectory(place, at: .scratch, mode: 0o700)),
            step(.changeOwner(place, at: .scratch, uid: inside(hidden.uid), gid: inside(hidden.gid))),
            step(.changeMode(of: place, at: .scratch, to: hidden.mode & 0o7777)),
        ] + (hidden.kind == .folder ? makeOpaque(place, step) : [])
    }

    /// Nothing of the folder below is seen in it: Documentation/filesystems/overlayfs.
    private func makeOpaque(_ place: String, _ step: (SystemCall) -> Step) -> [Step] {
        [
            step(.open(place, at: .scratch, [.directory, .closeOnExec], into: .mountPoint)),
            step(.setAttribute("trusted.overlay.opaque", to: "y", on: .mountPoint)),
            step(.close(.mountPoint)),
        ]
    }

    /// As a file of the root's own shows it; who has no number in the jail is nobody.
    private func inside(_ id: UInt32) -> UInt32 {
        guard let ids = jail.ids.value else { return id }
        return ids.outside(id) ?? ids.outside(65534) ?? ids.users.last.map { $0.outside + $0.count - 1 } ?? id
    }

    /// Of a root whose writes stay, or that has none.
    var maskedInRoot: [StartFacts.MaskedPath] {
        if jail.root.isEphemeral.value { return [] }
        return facts.hidden.filter { $0.kind != .way && !isTaken($0.path) }
            .map { StartFacts.MaskedPath(path: $0.path, isDirectory: $0.kind == .folder) }
    }
}
