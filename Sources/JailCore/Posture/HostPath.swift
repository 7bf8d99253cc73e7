/// How much of the host a path stands for.
enum HostPath: Equatable {
    /// Who writes there is root of the host, by a program or a file that root uses; or a daemon does what it is told there.
    case machine
    /// A part of the system.
    case system
    /// Data.
    case plain

    private static let folders = [
        "bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "root", "run", "sbin", "sys", "usr/bin",
        "usr/lib", "usr/lib32", "usr/lib64", "usr/libx32", "usr/local/bin", "usr/local/lib", "usr/local/sbin",
        "usr/sbin", "var/lib/dpkg", "var/run", "var/spool/cron",
    ].map { $0.split(separator: "/").map(String.init) }
    /// Sockets of daemons that start whatever they are asked to, as root.
    private static let sockets = ["containerd.sock", "crio.sock", "docker.sock", "podman.sock"]

    init(_ path: String) {
        var parts: [String] = []
        for part in path.split(separator: "/").map(String.init) where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        if Self.isSocket(path) || Self.folders.contains(where: { $0.starts(with: parts) }) {
            self = .machine
        } else if Self.folders.contains(where: { parts.starts(with: $0) }) {
            self = .system
        } else {
            self = .plain
        }
    }

    /// The host's root itself.
    static func isWhole(_ path: String) -> Bool { path.utf8.allSatisfy { $0 == .slash } }

    /// A read-only mount does not stop a connection.
    static func isSocket(_ path: String) -> Bool { sockets.contains { path.hasSuffix("/\($0)") } }

    /// Hundredths.
    func weight(isWritable: Bool) -> Int {
        switch self {
        case .machine: isWritable ? 90 : 25
        case .system: isWritable ? 50 : 10
        case .plain: isWritable ? 15 : 2
        }
    }
}
