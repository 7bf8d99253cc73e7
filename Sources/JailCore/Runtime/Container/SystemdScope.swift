internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// A scope of systemd's, below which a container's cgroup lies: systemd.scope(5), and for who may change what of it
/// <https://systemd.io/CGROUP_DELEGATION>. What is asked of systemd busctl(1) asks, which comes with it.
struct SystemdScope {
    let id: String
    let name: String
    let slice: String
    let origin: Origin

    /// The container's cgroup in it: the scope itself belongs to systemd.
    private static let leaf = "container"
    /// Where the process is that keeps the scope until the container's is there.
    private static let holding = "hold"

    /// - Parameter path: `SLICE:PREFIX:NAME`, as engines write `linux.cgroupsPath` for this; nil or empty: what is usual.
    /// - Throws: `.unsuitable` for anything else.
    init(_ path: Located<String>?, id: String) throws(RuntimeError) {
        (self.id, origin) = (id, path?.origin ?? .standard(""))
        let parts = path?.value.split(separator: ":", omittingEmptySubsequences: false).map(String.init) ?? []
        if path?.value.isEmpty ?? true {
            (slice, name) = ("system.slice", "jailrun-\(id).scope")
            return
        }
        guard parts.count == 3, !parts[2].isEmpty, !parts.contains(where: { $0.contains("/") }) else {
            throw .unsuitable(
                jail: id, origin: origin,
                "linux.cgroupsPath: \(Terminal.escaped(path?.value ?? "")) is not SLICE:PREFIX:NAME, which "
                    + "--systemd-cgroup needs", hint: nil)
        }
        slice = parts[0].isEmpty ? "system.slice" : parts[0]
        name = (parts[1].isEmpty ? "" : "\(parts[1])-") + parts[2] + ".scope"
    }

    /// Below the mount point: `a-b.slice` lies in `a.slice`, systemd.slice(5).
    var cgroup: String { "\(folder)/\(Self.leaf)" }

    private var folder: String {
        let words = slice.hasSuffix(".slice") ? slice.dropLast(".slice".count).split(separator: "-") : []
        let slices = words.indices.map { words[...$0].joined(separator: "-") + ".slice" }
        return (slices + [name]).joined(separator: "/")
    }

    /// Keeps a scope, which goes with its last process, until that of the container is in it.
    final class Hold {
        private let pid: Int32
        private let pidfd: Descriptor
        private let folder: String

        fileprivate init(_ pid: Int32, _ pidfd: consuming Descriptor, in folder: String) {
            (self.pid, self.folder) = (pid, folder)
            self.pidfd = pidfd
        }

        deinit {
            _ = cns_pidfd_signal(pidfd.number, SIGKILL)
            _ = cns_wait(pidfd.number, -1)
            Cgroup(path: folder).removeIfEmpty()
        }
    }

    private static let startSeconds = 30

    /// - Throws: `.command` with how busctl ended; `.timedOut`; `.interrupted`.
    func start(on host: Host) throws(RuntimeError) -> Hold {
        let place = "\(host.cgroupTop)/\(folder)"
        var ended: Int32 = -1
        let pid = unsafe cns_fork(&ended)
        if pid == 0 { wait(for: getppid()) }
        if pid < 0 { throw .system("\(id): cannot make a process for \(name)", Errno(-pid)) }
        let hold = Hold(pid, Descriptor(ended), in: "\(place)/\(Self.holding)")
        try ask(
            "StartTransientUnit", "ssa(sv)a(sa(sv))",
            [
                name, "replace", "5", "Description", "s", "container \(id)", "Slice", "s", slice, "Delegate", "b",
                "true",
                "CollectMode", "s", "inactive-or-failed", "PIDs", "au", "1", "\(pid)", "0",
            ], host)
        let deadline = Clock.milliseconds() + Self.startSeconds * 1000
        while try !isIn(pid) {
            if Clock.milliseconds() > deadline { throw .timedOut(jail: id, "systemd to start \(name)") }
            if let signal = host.waits.pause(milliseconds: 2, host.signals) {
                throw .interrupted(jail: id, signal: signal)
            }
        }
        try attempt("\(id): cannot divide the cgroup \(place)") { () throws(Errno) in
            _ = try unsafe checked(mkdir("\(place)/\(Self.holding)", 0o755))
            let file = try Files.open("\(place)/\(Self.holding)/cgroup.procs", O_WRONLY)
            try Files.write(Array("\(pid)".utf8), to: file.number)
        }
        return hold
    }

    private func isIn(_ pid: Int32) throws(RuntimeError) -> Bool {
        let text = try attempt("\(id): cannot look at the cgroup of a process") { () throws(Errno) in
            try Files.text("/proc/\(pid)/cgroup")
        }
        return text.split(separator: "\n").contains { $0.hasPrefix("0::") && $0.hasSuffix("/\(folder)") }
    }

    /// Nothing but its being there is asked of it, as long as the runtime lives.
    private func wait(for parent: Int32) -> Never {
        for number: Int32 in 0...2 { redirect(number, to: CNS_CONTROL_DESCRIPTOR.int32) }
        while getppid() == parent { sleep(1) }
        _exit(0)
    }

    private static let manager = [
        "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
    ]

    private func ask(_ method: String, _ types: String, _ values: [String], _ host: Host) throws(RuntimeError) {
        let words = ["busctl", "--quiet", "call"] + Self.manager + [method, types] + values
        let hook = ContainerHooks.Hook(
            path: "/usr/bin/busctl", arguments: words, environment: nil, timeoutSeconds: Self.startSeconds,
            origin: origin)
        do throws(RuntimeError) { try HookRun(id: id, host: host, state: []).run([hook]) } catch {
            if case .interrupted = error { throw error }
            throw .host(
                "\(id): systemd has not made the scope \(name): \(error.finding.text)",
                hint: "cgroupfs as the engine's cgroup manager does without systemd")
        }
    }

    // MARK: The end

    private static let endMilliseconds = 5000

    /// Of a container whose cgroup is gone: systemd takes an empty scope away, and then its name is free.
    static func awaitEnd(of cgroup: String) {
        guard cgroup.hasSuffix(".scope/\(leaf)") else { return }
        let scope = String(cgroup.dropLast(leaf.utf8.count + 1))
        let deadline = Clock.milliseconds() + endMilliseconds
        while unsafe access(scope, F_OK) == 0, Clock.milliseconds() < deadline { usleep(2000) }
    }
}
