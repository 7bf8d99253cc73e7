internal import Glibc
internal import SystemPackage

/// The cgroup in which a command of the host's runs: all that it starts can be ended with it, whatever sessions and groups
/// those processes make. The name says whose it is: only who holds the jail's lock runs one.
struct HookCgroup: ~Copyable {
    static let prefix = ".hooks."
    /// Nil where none can be made: then the command is in this process's own.
    let cgroup: Cgroup?
    private let directory: Descriptor
    private let host: Host

    /// - Parameter isNeeded: what stays in the background is nobody's to end.
    init(of jail: String, host: Host, isNeeded: Bool) {
        self.host = host
        let made = isNeeded ? Self.make(Self.place(of: jail, host), host) : nil
        let opened = made.flatMap { Self.open($0) }
        cgroup = opened == nil ? nil : made
        directory = opened ?? Descriptor.none
    }

    private static func open(_ cgroup: Cgroup) -> Descriptor? {
        do throws(Errno) { return try Files.open(cgroup.path, O_DIRECTORY) } catch {
            cgroup.removeIfEmpty()
            return nil
        }
    }

    static func place(of jail: String, _ host: Host) -> Cgroup {
        Cgroup(path: "\(host.cgroupRoot.path)/\(prefix)\(jail)")
    }

    /// Whoever removes the unused cgroup of all jails may come between two calls.
    private static func make(_ cgroup: Cgroup, _ host: Host) -> Cgroup? {
        end(cgroup, host)
        for _ in 0..<10 {
            host.makeCgroupRoot()
            if unsafe mkdir(cgroup.path, 0o755) == 0 { return cgroup }
            if errno != ENOENT { return nil }
        }
        return nil
    }

    /// For clone3(2); -1 is this process's own.
    var descriptor: Int32 { directory.number }

    /// SIGKILL to the command and all that it has started.
    func kill() { if let cgroup { Self.kill(cgroup, host) } }

    /// The command has ended. What it has started to stay goes on beside this process.
    func leave() {
        guard let cgroup, !cgroup.removeIfEmpty() else { return }
        do throws(Errno) {
            host.move(try cgroup.ownProcesses(), to: [try host.ownCgroup(), host.topCgroup])
        } catch { host.audience.warn("cannot move processes out of \(cgroup.path): \(error.description)") }
        cgroup.removeIfEmpty()
    }

    /// What is left of a command whose jailrun was killed.
    static func end(_ cgroup: Cgroup, _ host: Host) {
        // One that is not there has nothing to be killed.
        if cgroup.removeIfEmpty() { return }
        kill(cgroup, host)
        cgroup.removeIfEmpty()
    }

    private static func kill(_ cgroup: Cgroup, _ host: Host) {
        do throws(Errno) { try cgroup.killAll(timeoutMilliseconds: 5000) } catch {
            host.audience.warn("processes of \(cgroup.path) do not end: \(error.description)")
        }
    }
}
