/// Owners of files that have no id in this process's user namespace: stat(2) shows all of them as one. docs/design/0039.
struct UnmappedOwner {
    /// The kernel's usual `kernel.overflowuid`. Where an administrator has chosen another, nothing is taken for an unmapped owner's.
    static let shownAs: UInt32 = 65534

    /// Whether whoever is shown as that number may be taken for root outside: that one has no id here, and / is his. Where a jail's
    /// own root has /, that number is its nobody's.
    /// - Parameter slash: the owner of /.
    static func isOutside(_ users: [IDMapping], slash: UInt32) -> Bool {
        slash == shownAs && !users.isEmpty && !users.has(outside: 0)
    }

    /// The folders that are root's on every machine, with all that is in them: no user of the machine's has a file there that root
    /// did not give away.
    private static let wholly = ["/etc", "/usr"]
    /// Folders that are root's on every machine, in which only root makes entries. Some of these are given to users.
    private static let itself = ["/", "/home", "/media", "/mnt", "/opt", "/run", "/srv", "/var", "/var/lib"]

    /// Whether a file in that folder is root's if its owner has no id here.
    static func isRoots(fileIn folder: String) -> Bool {
        wholly.contains { folder == $0 || folder.hasPrefix("\($0)/") }
    }

    /// Whether only root makes links in that folder.
    static func isRoots(linkIn folder: String) -> Bool { itself.contains(folder) || isRoots(fileIn: folder) }
}
