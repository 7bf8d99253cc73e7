internal import Glibc
internal import SystemPackage

/// Removes everything that is left of jails that are not up, found by records, by cgroups, and by names in the network.
package struct JailPrune {
    let host: Host
    package init(host: Host) { self.host = host }

    /// - Returns: a line for each thing that was removed, and the names of jails of which something could not be.
    package func run() throws(RuntimeError) -> (removed: [String], left: [String]) {
        try host.state.prepare()
        let repair = JailRepair(host: host, isForced: true)
        var repaired = try repair.repairAll(waitingMilliseconds: 2000)
        // Who was killed a moment ago may have held a lock until now, or have told of a jail since.
        if try !repair.left().isEmpty { repaired += try repair.repairAll(waitingMilliseconds: 2000) }
        var removed = repaired.map { "removed \($0)" }
        let forgotten = try ServiceRegistry(state: host.state).removeAbandoned(all: true)
        removed += forgotten.map { "forgot \($0), which had ended" }
        removed += try pruneNetwork()
        host.state.removeIfUnused(cgroupRoot: host.cgroupRoot)
        return (removed, try repair.left() + doubtful())
    }

    /// A record that is damaged in the pause before a restart is of a jail that is to be up again.
    private func doubtful() throws(RuntimeError) -> [String] {
        try ServiceRegistry(state: host.state).doubtful().map { record in
            let name = Terminal.escaped(record.name)
            host.audience.warn(
                "\(name): its record cannot be read, \(record.unreadable ?? ""): a supervisor that is there may be about to "
                    + "start it again; jailrun stop \(name) ends that")
            return record.name
        }
    }

    private func pruneNetwork() throws(RuntimeError) -> [String] {
        let connection = try NetworkConnection(host: host)
        let known = try host.state.names()
        let names: [String]
        do throws(NetlinkError) { names = try connection.netlink.jailNames() } catch { throw failure(error) }
        var dead: [String] = []
        for jail in names where !known.contains(jail) {
            if try !JailRepair(host: host).isPopulatedUnrecorded(jail) { dead.append(jail) }
        }
        do throws(NetlinkError) {
            var removed: [String] = []
            for jail in dead {
                removed += try connection.netlink.removeLeftovers(jail: jail, jid: nil, under: connection.lock)
            }
            return try removed + connection.netlink.removeUnused(under: connection.lock)
        } catch { throw failure(error) }
    }

    private func failure(_ error: NetlinkError) -> RuntimeError {
        .host("cannot look for what the networks of dead jails left: \(error)", hint: error.hint)
    }
}
