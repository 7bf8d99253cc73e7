internal import SystemPackage

/// For looks alone, without the lock.
final class NetworkSockets {
    let netlink: Netlink
    private let proc: Descriptor

    init() throws(RuntimeError) {
        let proc = try NetworkConnection.openProc()
        do throws(NetlinkError) { netlink = try Netlink(proc: FileDescriptor(rawValue: proc.number)) } catch {
            throw .host("cannot look at the network: \(error)", hint: error.hint)
        }
        self.proc = proc
    }
}
