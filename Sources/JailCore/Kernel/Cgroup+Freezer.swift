internal import Glibc
internal import SystemPackage

/// The freezer: `cgroup.freeze` of cgroups(7). What is frozen runs nothing and hears no signal; SIGKILL ends it all the same.
extension Cgroup {
    private static let file = "cgroup.freeze"

    /// Whether its processes are kept from running: by itself, by its leaf, or by a cgroup above it.
    func isFrozen() throws(Errno) -> Bool {
        for cgroup in [self, leaf] where try cgroup.isOwnFrozen() { return true }
        return try isFrozenAbove()
    }

    /// Lets its processes run again, as far as it is the one that keeps them from it.
    func thaw() throws(Errno) {
        for cgroup in [self, leaf] where try cgroup.isOwnFrozen() {
            let file = try Files.open("\(cgroup.path)/\(Self.file)", O_WRONLY)
            try Files.write(Array("0".utf8), to: file.number)
        }
    }

    private var leaf: Cgroup { Cgroup(path: "\(path)/\(CgroupMark.leaf)") }

    /// The hierarchy's own root has no such file, nor has what is above it.
    private func isFrozenAbove() throws(Errno) -> Bool {
        guard let slash = path.lastIndex(of: "/"), slash > path.startIndex else { return false }
        let above = Cgroup(path: String(path[..<slash]))
        guard let text = try above.textIfThere(Self.file) else { return false }
        if text.hasPrefix("1") { return true }
        return try above.isFrozenAbove()
    }

    private func isOwnFrozen() throws(Errno) -> Bool { try textIfThere(Self.file)?.hasPrefix("1") == true }
}
