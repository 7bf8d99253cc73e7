internal import Glibc
internal import SystemPackage

/// Takes back whatever of a jail may be there, from its record alone. What is gone is done: it can be run at any point of a
/// start or a stop that was interrupted, and again.
struct JailRemoval {
    let record: JailRecord
    let host: Host

    /// - Returns: whether nothing is left.
    @discardableResult
    func run() -> Bool {
        let isDead = killAll()
        disconnectNetwork()
        let isRemoved = isDead && removeCgroup()
        if isRemoved {
            host.state.remove(record.name)
            host.state.removeIfUnused(cgroupRoot: host.cgroupRoot)
        }
        return isRemoved
    }

    private func killAll() -> Bool {
        do {
            try Cgroup(path: record.cgroup).killAll(timeoutMilliseconds: 10000)
            return true
        } catch {
            host.warn("\(record.spec.label): processes of \(record.cgroup) do not die: \(error.description)")
            return false
        }
    }

    private func removeCgroup() -> Bool {
        do {
            try Cgroup(path: record.cgroup).remove()
            return true
        } catch {
            host.warn("\(record.spec.label): cannot remove \(record.cgroup): \(error.description)")
            return false
        }
    }

    private func disconnectNetwork() {
        NetworkStop(record: record, host: host).run()
    }
}

/// Takes a jail's network back: the undo that its record holds, then what the kernel says is left.
struct NetworkStop {
    let record: JailRecord
    let host: Host

    func run() {
        guard record.spec.network.mode.value == .own, !record.spec.network.addresses.isEmpty else { return }
        do throws(RuntimeError) {
            let connection = try NetworkConnection(host: host)
            do throws(NetlinkError) {
                for operation in record.networkUndo { try connection.netlink.perform(operation, under: connection.lock) }
                _ = try connection.netlink.removeLeftovers(
                    jail: record.name, jid: record.identity.jid, under: connection.lock)
            } catch { throw .host("\(error)", hint: error.hint) }
        } catch { host.warn("\(record.spec.label): cannot take the network back: \(error.message)") }
    }
}

/// What every command does first with the name it works on: a jail whose starter or whose processes died is removed.
public struct JailRepair {
    let host: Host
    public init(host: Host) { self.host = host }

    /// The caller holds the name's lock.
    func repair(_ name: String) throws(RuntimeError) {
        if let record = host.state.record(of: name) {
            if isDead(record) { JailRemoval(record: record, host: host).run() }
        } else if host.cgroup(of: name).exists {
            try removeUnrecorded(name)
        }
    }

    /// Nobody works on it (its lock is ours) and it is not up.
    private func isDead(_ record: JailRecord) -> Bool {
        if record.phase == .starting || record.phase == .stopping { return true }
        if record.isTransient && ProcessTable.startTime(of: record.supervisor) != record.supervisorStartTime { return true }
        return !record.isAlive
    }

    /// A cgroup of a jail whose record is lost.
    private func removeUnrecorded(_ name: String) throws(RuntimeError) {
        let cgroup = host.cgroup(of: name)
        do {
            try cgroup.killAll(timeoutMilliseconds: 10000)
            try cgroup.remove()
        } catch { throw .system("cannot remove the cgroup \(cgroup.path)", error) }
    }

    /// Repairs every name that nobody works on; `prune` and every listing.
    /// - Returns: the names of which something was removed.
    @discardableResult
    public func repairAll() -> [String] {
        var repaired: [String] = []
        for name in host.state.names + unrecordedNames where !repaired.contains(name) {
            guard let lock = JailLock(tryLocking: host.state.lockPath(name)) else { continue }
            let existed = host.state.record(of: name) != nil || host.cgroup(of: name).exists
            do { try repair(name) } catch { host.warn(error.message) }
            let exists = host.state.record(of: name) != nil || host.cgroup(of: name).exists
            if existed && !exists { repaired.append(name) }
            if exists { _ = consume lock } else { lock.unlinkAndRelease() }
        }
        return repaired
    }

    private var unrecordedNames: [String] {
        ((try? Files.names(in: host.cgroupRoot.path)) ?? []).filter {
            !$0.hasPrefix("cgroup.") && Files.exists("\(host.cgroupRoot.path)/\($0)/cgroup.procs")
                && host.state.record(of: $0) == nil
        }
    }
}
