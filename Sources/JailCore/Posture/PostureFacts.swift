/// What was looked up before a jail is judged, so that judging needs no look at the machine.
package struct PostureFacts: Sendable {
    /// Nil for `seccomp = none`.
    package var filter: SeccompFilter?
    /// Those of `filter`, when they are known.
    package var answers: FilterAnswers?
    /// What the ruleset leaves of `/dev` on this host.
    package var devices: DeviceTree
    /// The user whom the commands run as; nil when it cannot be told, and is taken for root.
    package var user: StartFacts.User?
    /// Where a path of the host that the jail sees leads, if that is elsewhere; none for what does not exist.
    package var realPaths: [String: String] = [:]

    /// The file's other jails that have its address, and so share its network.
    package var neighbours: [String] = []

    /// The folders that root inside can write to and users of the host can reach, and what would keep them away.
    package var reachable: [(path: String, mend: String)] = []

    /// The program to which this kernel gives core dumps; nil when it writes files. core(5)
    package var coreHandler: String?

    /// Files of limits that jailrun sets of its own accord, and this host has no cgroup controller for.
    package var unavailableLimits: [String] = []

    package init(filter: SeccompFilter?, devices: DeviceTree, user: StartFacts.User? = nil) {
        (self.filter, self.devices, self.user) = (filter, devices, user)
    }
}
