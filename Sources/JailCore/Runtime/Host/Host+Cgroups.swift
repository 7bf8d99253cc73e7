internal import Glibc
internal import SystemPackage

extension Cgroup {
    /// What `look` finds in it.
    func look<Found>(_ look: (Cgroup) throws(Errno) -> Found) throws(RuntimeError) -> Found {
        try attempt("cannot look at the cgroup \(path)") { () throws(Errno) in try look(self) }
    }
}

/// Cgroups beside those of jails: of commands of the host, and of supervisors.
extension Host {
    /// The cgroup of all jails, marked as a start's steps mark it, so that it goes when nothing is left in it.
    func makeCgroupRoot() {
        var path = cgroupTop
        for name in cgroupRoot.path.dropFirst(cgroupTop.utf8.count).split(separator: "/") {
            path += "/\(name)"
            if unsafe mkdir(path, CgroupMark.levelMode) == 0 {
                Cgroup(path: path).set(authority.mark, to: CgroupMark.level)
            }
        }
    }

    /// The cgroup that this process is in; nil when it is not to be seen from here.
    func ownCgroup() throws(Errno) -> Cgroup? {
        guard let mountPoint = try Cgroup.mountPoint(),
            let line = try Files.text("/proc/self/cgroup").split(separator: "\n").first(where: { $0.hasPrefix("0::/") }
            ),
            !line.hasPrefix("0::/..")
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
    func removeLeftCgroups() throws(RuntimeError) -> Bool {
        var isLeft = false
        let names = try cgroupRoot.look { (cgroup) throws(Errno) in try Files.namesIfThere(in: cgroup.path) }
        for name in names where name.hasPrefix(".") {
            let cgroup = Cgroup(path: "\(cgroupRoot.path)/\(name)")
            if name.hasPrefix(SupervisorCgroup.prefix) {
                // One that lives is in it.
                isLeft = cgroup.removeIfEmpty() || isLeft
            } else if name.hasPrefix(HookCgroup.prefix) {
                isLeft = try removeHooks(of: String(name.dropFirst(HookCgroup.prefix.count)), cgroup) || isLeft
            }
        }
        return isLeft
    }

    private func removeHooks(of jail: String, _ cgroup: Cgroup) throws(RuntimeError) -> Bool {
        guard let lock = try JailLock(tryLocking: state.lockPath(jail)) else { return false }
        HookCgroup.end(cgroup, self)
        if try state.hasTrace(of: jail) { _ = consume lock } else { lock.unlinkAndRelease() }
        return true
    }
}
