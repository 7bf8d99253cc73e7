internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Removes all that is left of jails that are not up: by records, by cgroups, and by what the network says of itself.
public struct JailPrune {
    let host: Host
    public init(host: Host) { self.host = host }

    /// - Returns: a line for each thing that was removed.
    public func run() throws(RuntimeError) -> [String] {
        try host.state.prepare()
        var removed = JailRepair(host: host).repairAll(waitingMilliseconds: 2000).map { "removed \($0)" }
        ServiceRegistry(state: host.state).removeAbandoned(all: true)
        removed += try pruneNetwork()
        host.state.removeIfUnused(cgroupRoot: host.cgroupRoot)
        return removed
    }

    private func pruneNetwork() throws(RuntimeError) -> [String] {
        let connection = try NetworkConnection(host: host)
        do throws(NetlinkError) {
            let known = host.state.names
            var removed: [String] = []
            for jail in try connection.netlink.jailNames() where !known.contains(jail) {
                removed += try connection.netlink.removeLeftovers(jail: jail, jid: nil, under: connection.lock)
            }
            return try removed + connection.netlink.removeUnused(under: connection.lock)
        } catch { throw .host("cannot look for what the network of dead jails left: \(error)", hint: error.hint) }
    }
}

/// Waits for the end of a jail that somebody else keeps.
public struct JailWait {
    let record: JailRecord
    let host: Host

    public init(record: JailRecord, host: Host) {
        self.record = record
        self.host = host
    }

    /// - Throws: `.interrupted` when a signal ends the wait; the jail goes on.
    public func run() throws(RuntimeError) {
        let number = cns_pidfd_open(record.pid)
        guard number >= 0, record.isAlive else { return }
        let pidfd = Descriptor(number)
        while true {
            var watched = [
                pollfd(fd: pidfd.number, events: Int16(POLLIN), revents: 0),
                pollfd(fd: host.signals.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            _ = unsafe poll(&watched, 2, -1)
            if watched[0].revents != 0 { return }
            if watched[1].revents != 0, let signal = host.signals.next(), signal != SIGWINCH {
                throw .interrupted(jail: record.spec.label, signal: signal)
            }
        }
    }
}
