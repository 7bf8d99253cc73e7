internal import Glibc
internal import SystemPackage

extension ChangeFacts {
    /// Looks up what a change depends on, and writes nothing. The lock on the network is the caller's, if the change is made.
    init(of record: JailRecord, to new: ConfiguredJail, host: Host) throws(RuntimeError) {
        self.init(
            process: record.pid, cgroup: record.cgroup, owner: geteuid(), networkNumber: record.trace.network)
        mark = host.authority.mark
        hasJails = try JailNesting(of: record.name, host: host).hasJails()
        networkUndo = record.details.networkUndo
        try addLimits(of: record, to: new, host)
        try addNetwork(of: record, to: new, host)
    }

    private mutating func addLimits(of record: JailRecord, to new: ConfiguredJail, _ host: Host) throws(RuntimeError) {
        var changed = new
        changed.name = record.spec.name
        changed.cgroup = new.cgroup(unlike: record.spec)
        if changed.cgroup.isEmpty { return }
        for setting in changed.cgroup {
            let text = try attempt("\(record.cgroup)/\(setting.file)") { () throws(Errno) in
                try Cgroup(path: record.cgroup).textIfThere(setting.file)
            }
            guard let value = text?.trimmed else { continue }
            limits.append(CgroupSetting(file: setting.file, value: value, origin: setting.origin))
        }
        var start = StartFacts()
        try FactFinder(jail: changed, host: host).addCgroupLevels(to: &start)
        cgroupLevels = start.cgroupLevels.filter { !$0.missingControllers.isEmpty }
    }

    private mutating func addNetwork(of record: JailRecord, to new: ConfiguredJail, _ host: Host) throws(RuntimeError) {
        guard record.spec.isNetworkChanged(to: new) else { return }
        if let elsewhere = try record.trace.elsewhere() { throw elsewhere }
        let others = try NetworkGroup(number: networkNumber, host: host).others(than: record.name)
        if let other = others.first, record.trace.hasNetwork {
            try checkShared(record.spec, with: other.name, new.network)
        }
        var both = new.network
        both.addresses += record.spec.network.addresses
        both.ports += record.spec.network.ports
        both.masquerade = both.masquerade ?? record.spec.network.masquerade
        both.leavesFirewall = Located(true, .commandLine)  // each network is asked about by itself
        let proc = try NetworkConnection.openProc()
        let ledger = try host.state.networkLedger()
        do throws(NetlinkError) {
            let netlink = try Netlink(proc: FileDescriptor(rawValue: proc.number))
            var found = try netlink.facts(for: both)
            found.obstacles =
                try netlink.obstacles(for: new.network, found)
                + netlink.obstacles(for: record.spec.network, found)
            found.doors = try netlink.doorOwners()
            found.remember(ledger)
            network = found
            if !others.isEmpty {
                othersPublish = try netlink.packetRules().contains { rule in others.contains { $0.name == rule.jail } }
            }
        } catch { throw .host("\(error)", hint: error.hint) }
    }

    /// Its processes cannot leave the network that others are in, too.
    private func checkShared(_ jail: ConfiguredJail, with other: String, _ new: NetworkSpec) throws(RuntimeError) {
        if jail.network.hasSameAddresses(as: new) { return }
        throw .unsuitable(
            jail: jail.label, origin: new.addresses.first?.origin ?? .commandLine,
            "its addresses are those of jail \"\(other)\", too, and cannot be changed while both are up",
            hint: "stop one of them, or create this one anew with jail -mr")
    }
}

extension ConfiguredJail {
    /// Whether the host's network has to be looked at: a new name stands in the jail's links and rules.
    func isNetworkChanged(to new: ConfiguredJail) -> Bool {
        guard network.mode.value == .own, network.isConnected || new.network.isConnected else { return false }
        return name.value != new.name.value || !network.hasSameAddresses(as: new.network)
            || !network.hasSamePorts(as: new.network)
            || (network.leavesFirewall == nil) != (new.network.leavesFirewall == nil)
    }
}
