internal import Glibc
internal import SystemPackage

/// A supervisor's own cgroup: it looks after jails that are nobody's child, and must not end with the CI step, the unit or the
/// login session that started them.
struct SupervisorCgroup {
    static let prefix = ".supervisor."
    private let host: Host
    private let cgroup: Cgroup
    /// Where it was started: it goes back there to end.
    private let home: Cgroup?

    /// Moves this process. Nil, and said, where that cannot be; nil in a cgroup that a service manager has given away, whose end
    /// is meant to be that of everything in it.
    init?(_ host: Host) {
        guard !host.isDelegated else { return nil }
        // One that is not seen is not gone back to.
        (self.host, home) = (host, (try? host.ownCgroup()) ?? nil)
        cgroup = Cgroup(path: "\(host.cgroupRoot.path)/\(Self.prefix)\(getpid())")
        // Whoever removes what nobody uses may come between two calls.
        for _ in 0..<10 {
            host.makeCgroupRoot()
            _ = unsafe mkdir(cgroup.path, 0o755)
            if cgroup.take(getpid()) { return }
        }
        cgroup.removeIfEmpty()
        host.audience.note("the supervisor stays in the caller's cgroup, and ends with it: cannot enter \(cgroup.path)")
        return nil
    }

    /// Whether a supervisor is at work, of whichever jails.
    static func isAnyThere(below root: Cgroup) throws(RuntimeError) -> Bool {
        try attempt("cannot look for supervisors in \(root.path)") { () throws(Errno) in
            for name in try Files.foldersIfThere(in: root.path) where name.hasPrefix(prefix) {
                if try Cgroup(path: "\(root.path)/\(name)").isPopulated() { return true }
            }
            return false
        }
    }

    /// Nothing of it stays. What a command of the host has started for good goes out with the supervisor.
    func leave() {
        // A process that is just ending keeps its cgroup for a moment, though nothing lists it any more.
        for _ in 0..<100 {
            // What cannot be looked at now is looked at again.
            host.move((try? cgroup.ownProcesses()) ?? [], to: [home, host.topCgroup])
            if cgroup.removeIfEmpty() || errno == ENOENT { return }
            usleep(2000)
        }
    }
}
