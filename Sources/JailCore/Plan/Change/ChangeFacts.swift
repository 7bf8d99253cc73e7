/// What was looked up before a running jail is changed.
package struct ChangeFacts: Equatable, Sendable {
    /// The jail's first process, in the host's pid namespace.
    package var process: Int32
    package var cgroup: String
    /// The user who runs jailrun: nobody inside can have made what belongs to that user.
    package var owner: UInt32
    /// How the jail's cgroup is recognised.
    package var mark = CgroupMark.trusted
    /// There are jails in it: it lives as long as they do.
    package var hasJails = false
    /// The kernel's present values of the limits that change. A limit whose file does not exist yet has none.
    package var limits: [CgroupSetting] = []
    /// Cgroups above it that lack a controller for those.
    package var cgroupLevels: [StartFacts.CgroupLevel] = []
    /// Nil if the network does not change.
    package var network: HostNetworkFacts?
    /// Names its links.
    package var networkNumber: Int
    /// Others of its network have rules of their own, by which the host speaks from 127.0.0.1.
    package var othersPublish = false
    /// What undoes its present network, newest first.
    package var networkUndo: [NetworkOperation] = []

    package init(process: Int32, cgroup: String, owner: UInt32, networkNumber: Int) {
        self.process = process
        self.cgroup = cgroup
        self.owner = owner
        self.networkNumber = networkNumber
    }
}
