internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// A cgroup that a service manager handed over: systemd.resource-control(5), `Delegate=`.
extension Cgroup {
    /// This process's own cgroup, when systemd started it and marked the cgroup as the service's to divide.
    /// - Throws: when that could not be looked at: jails would be outside of what the service was given.
    static func delegated(under mountPoint: String) throws(Errno) -> Cgroup? {
        // Only services have it; nobody else pays for the look.
        if unsafe getenv("INVOCATION_ID") == nil { return nil }
        let text = try Files.text("/proc/self/cgroup")
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("0::/") }) else { return nil }
        let path = String(line.dropFirst(3))
        let cgroup = Cgroup(path: path == "/" ? mountPoint : mountPoint + path)
        return try cgroup.isDelegated() ? cgroup : nil
    }

    /// The attribute that systemd sets on it.
    private func isDelegated() throws(Errno) -> Bool {
        for name in ["trusted.delegate", "user.delegate"]
        where try attribute(name)?.elementsEqual("1".utf8) == true { return true }
        return false
    }

    /// Moves the processes that are in the cgroup itself to one below it, which is made if it is not there.
    /// - Throws: the errno of mkdir(2), or of write(2) to `cgroup.procs`.
    func moveProcesses(to name: String) throws(Errno) {
        if try ownProcesses().isEmpty { return }
        try Files.makeDirectories("\(path)/\(name)", mode: 0o755)
        // They may fork meanwhile.
        for _ in 0..<100 {
            let processes = try ownProcesses()
            if processes.isEmpty { return }
            for process in processes { try move(process, to: name) }
        }
    }

    private func move(_ process: Int32, to name: String) throws(Errno) {
        let file = try Files.open("\(path)/\(name)/cgroup.procs", O_WRONLY)
        do { try Files.write(Array("\(process)".utf8), to: file.number) } catch {
            // It has ended.
            if error.rawValue != ESRCH { throw error }
        }
    }
}
