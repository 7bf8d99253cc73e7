internal import Glibc
internal import SystemPackage

/// Cgroups beside those of jails: of commands of the host, and of supervisors.
extension Host {
    /// The cgroup of all jails, marked as a start's steps mark it, so that it goes when nothing is left in it.
    func makeCgroupRoot() {
        var path = cgroupTop
        for name in cgroupRoot.path.dropFirst(cgroupTop.utf8.count).split(separator: "/") {
            path += "/\(name)"
            if unsafe mkdir(path, CgroupMark.levelMode) == 0 { Cgroup(path: path).mark(CgroupMark.level) }
        }
    }

    /// The cgroup that this process is in; nil when it is not to be seen from here.
    var ownCgroup: Cgroup? {
        guard let mountPoint = Cgroup.mountPoint(), let text = try? Files.text("/proc/self/cgroup"),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("0::/") }), !line.hasPrefix("0::/..")
        else { return nil }
        let path = String(line.dropFirst(3))
        return Cgroup(path: path == "/" ? mountPoint : mountPoint + path)
    }

    /// Moves processes that stay, by the wish of whoever started them, to the first of the places that takes them; what takes none
    /// of them leaves them where they are.
    func move(_ processes: [Int32], to places: [Cgroup?]) {
        for process in processes { _ = places.contains { $0?.take(process) == true } }
    }

    /// Where everything may be that is in no cgroup of its own.
    var topCgroup: Cgroup { Cgroup(path: cgroupTop) }

    /// What was left in cgroups that are no jail's by a jailrun that was killed.
    /// - Returns: whether there was something.
    func removeLeftCgroups() -> Bool {
        var isLeft = false
        for name in (try? Files.names(in: cgroupRoot.path)) ?? [] where name.hasPrefix(".") {
            let cgroup = Cgroup(path: "\(cgroupRoot.path)/\(name)")
            if name.hasPrefix(SupervisorCgroup.prefix) {
                // One that lives is in it.
                isLeft = cgroup.removeIfEmpty() || isLeft
            } else if name.hasPrefix(HookCgroup.prefix) {
                isLeft = removeHooks(of: String(name.dropFirst(HookCgroup.prefix.count)), cgroup) || isLeft
            }
        }
        return isLeft
    }

    private func removeHooks(of jail: String, _ cgroup: Cgroup) -> Bool {
        guard let lock = JailLock(tryLocking: state.lockPath(jail)) else { return false }
        HookCgroup.end(cgroup)
        if state.hasTrace(of: jail) { _ = consume lock } else { lock.unlinkAndRelease() }
        return true
    }
}
