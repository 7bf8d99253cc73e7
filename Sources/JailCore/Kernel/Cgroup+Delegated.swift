internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// A cgroup that a service manager handed over: systemd.resource-control(5), `Delegate=`.
extension Cgroup {
    /// This process's own cgroup, when systemd started it and marked the cgroup as the service's to divide.
    static func delegated(under mountPoint: String) -> Cgroup? {
        // Only services have it; nobody else pays for the look.
        guard unsafe getenv("INVOCATION_ID") != nil, let text = try? Files.text("/proc/self/cgroup"),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("0::/") })
        else { return nil }
        let path = String(line.dropFirst(3))
        let cgroup = Cgroup(path: path == "/" ? mountPoint : mountPoint + path)
        return cgroup.isDelegated ? cgroup : nil
    }

    /// The attribute that systemd sets on it.
    private var isDelegated: Bool {
        ["trusted.delegate", "user.delegate"].contains { name in
            var value = [UInt8](repeating: 0, count: 2)
            return unsafe cns_get_attribute(path, name, &value, value.count) == 1 && value[0] == UInt8(ascii: "1")
        }
    }

    /// Moves the processes that are in the cgroup itself to one below it, which is made if it is not there.
    /// - Throws: the errno of mkdir(2), or of write(2) to `cgroup.procs`.
    func moveProcesses(to name: String) throws(Errno) {
        if ownProcesses.isEmpty { return }
        try Files.makeDirectories("\(path)/\(name)", mode: 0o755)
        // They may fork meanwhile.
        for _ in 0..<100 where !ownProcesses.isEmpty {
            for process in ownProcesses { try move(process, to: name) }
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
