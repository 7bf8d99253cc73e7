internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Where links and rules are: a jail has them in the namespace of whoever started it, and another one's are not to be taken
/// for them, or for their loss.
struct NetworkNamespace: Codable, Sendable, Equatable {
    var device: UInt64
    var inode: UInt64
    /// The inode is given to another one when this is gone, SO_NETNS_COOKIE never. Nil where only a file was looked at,
    /// on Linux before 5.14, and in what an older jailrun wrote.
    var cookie: UInt64?

    init(device: UInt64, inode: UInt64, cookie: UInt64? = nil) {
        (self.device, self.inode, self.cookie) = (device, inode, cookie)
    }

    /// As it is written.
    init?(device: some StringProtocol, inode: some StringProtocol, cookie: (some StringProtocol)?) {
        guard let device = UInt64(device), let inode = UInt64(inode) else { return nil }
        self.init(device: device, inode: inode, cookie: cookie.flatMap { UInt64($0) })
    }

    /// As ls(1) shows it in `/proc/PID/ns`.
    var name: String { "net:[\(inode)]" }

    /// Whether both have one inode, as two can that are not there at once.
    func hasInode(of other: Self) -> Bool { (device, inode) == (other.device, other.inode) }

    /// By the inode alone where one has no cookie.
    func isSame(as other: Self) -> Bool {
        hasInode(of: other) && (cookie == nil || other.cookie == nil || cookie == other.cookie)
    }

    /// That of a file that stands for one, `/proc/PID/ns/net`, without its cookie, which only a socket in it tells.
    static func at(_ path: String) throws(Errno) -> Self {
        var status = stat()
        if unsafe stat(path, &status) < 0 { throw .current }
        return Self(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }

    /// Of this thread.
    static func ofThread() throws(Errno) -> Self {
        var own = try at("/proc/thread-self/ns/net")
        var cookie: UInt64 = 0
        let code = unsafe cns_network_cookie(&cookie)
        if code < 0 { throw Errno(rawValue: -code) }
        own.cookie = code > 0 ? cookie : nil
        return own
    }
}
