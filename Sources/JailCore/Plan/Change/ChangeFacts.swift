/// What was looked up before a running jail is changed.
package struct ChangeFacts: Equatable, Sendable {
    /// The jail's first process, in the host's pid namespace.
    package var process: Int32
    package var cgroup: String
    /// Who jailrun is run by: what is its own in the jail, nobody inside can have made.
    package var owner: UInt32
    /// By what the jail's cgroup is known.
    package var mark = CgroupMark.trusted
    /// There are jails in it: it lives on for as long.
    package var hasJails = false
    /// Of the limits that become others: what the kernel has now. One whose file is still to be made has none.
    package var limits: [CgroupSetting] = []
    /// Cgroups above it that lack a controller for those.
    package var cgroupLevels: [StartFacts.CgroupLevel] = []
    /// Nil when nothing of the network becomes another.
    package var network: HostNetworkFacts?
    /// Names its links.
    package var networkNumber: Int
    /// Others of its network have rules of their own, by which the host speaks from 127.0.0.1.
    package var othersPublish = false
    /// What takes back the network that it has, newest first.
    package var networkUndo: [NetworkOperation] = []

    package init(process: Int32, cgroup: String, owner: UInt32, networkNumber: Int) {
        self.process = process
        self.cgroup = cgroup
        self.owner = owner
        self.networkNumber = networkNumber
    }
}
