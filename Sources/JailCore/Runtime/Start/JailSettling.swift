internal import Glibc
internal import SystemPackage

/// A jail that has run its command and does not persist ends at once: whoever started it finds it gone when its start returns.
package struct JailSettling {
    private static let pauseMicroseconds: UInt32 = 5000
    private static let timeoutMilliseconds = 10000

    private let name: String
    private let host: Host

    package init(of name: String, host: Host) {
        self.name = name
        self.host = host
    }

    /// Waits as long as the jail has no process but its first, and is not meant to live without: it neither persists nor has
    /// another jail in it.
    package func run() throws(RuntimeError) {
        let deadline = Clock.milliseconds() + Self.timeoutMilliseconds
        while Clock.milliseconds() < deadline, let record = try host.state.record(of: name) {
            if record.spec.isPersistent.value { return }
            if try JailNesting(of: name, host: host).hasJails() { return }
            let processes = try Cgroup(path: record.cgroup).look { (cgroup) throws(Errno) in try cgroup.processes() }
            if processes.count > 1, try record.isAlive() { return }
            usleep(Self.pauseMicroseconds)
        }
    }
}
