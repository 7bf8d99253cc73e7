internal import Glibc
internal import SystemPackage

/// Where links and rules are: a jail has them in the namespace of whoever started it, and another one's are not to be taken
/// for them, or for their loss.
struct NetworkNamespace: Codable, Sendable, Equatable {
    var device: UInt64
    var inode: UInt64

    init(device: UInt64, inode: UInt64) { (self.device, self.inode) = (device, inode) }

    /// As `text` writes it.
    init?(device: some StringProtocol, inode: some StringProtocol) {
        guard let device = UInt64(device), let inode = UInt64(inode) else { return nil }
        self.init(device: device, inode: inode)
    }

    var text: String { "\(device) \(inode)" }
    /// As ls(1) shows it in `/proc/PID/ns`.
    var name: String { "net:[\(inode)]" }

    /// That of a file that stands for one, `/proc/PID/ns/net`.
    static func at(_ path: String) throws(Errno) -> Self {
        var status = stat()
        if unsafe stat(path, &status) < 0 { throw .current }
        return Self(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }
}
