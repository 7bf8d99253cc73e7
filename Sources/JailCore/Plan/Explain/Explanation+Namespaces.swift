extension Explanation {
    static func clone(_ flags: NamespaceFlags, holder: String?) -> Self {
        // The IPC namespace follows: ipcNamespace.
        let shared = NamespaceFlags.all.subtracting(flags).subtracting(holder == nil ? .ipc : [.ipc, .network])
        let rest =
            (holder.map { "; its network is that of jail \"\($0)\"" } ?? "")
            + (shared.isEmpty ? "" : "; it shares the host's \(shared.words.enumerated)")
        return Explanation(
            "Starts the jail's first process in namespaces of its own (\(flags.words.enumerated)) and in its cgroup\(rest).",
            without: "The process would see and change the host's \(flags.words.enumerated).",
            manual: "namespaces(7)", "clone(2)", "pid_namespaces(7)")
    }

    static let handOver = Explanation(
        "The first process waits until the host's side is done, and receives descriptors of the mounts made for it.",
        without: "It would continue with ids that are not mapped, and without its network.",
        manual: "unix(7)", "recv(2)")

    static let ipcNamespace = Explanation(
        "Gives the jail message queues and shared memory of its own, which belong to its root: the ids are mapped by now.",
        without: "The jail would reach the queues and memory that programs of the host share.",
        manual: "ipc_namespaces(7)", "mq_overview(7)", "unshare(2)")

    static let privateMounts = Explanation(
        "Stops mounts from propagating between the jail's mount namespace and the host's.",
        without: "A mount made in the jail would appear on the host, and one made on the host in the jail.",
        manual: "mount_namespaces(7)", "mount_setattr(2)")

    static func hostname(_ name: String) -> Self {
        Explanation(
            "Sets the hostname \(name) in the jail's UTS namespace.",
            without: "The jail would have the host's name.",
            manual: "sethostname(2)", "uts_namespaces(7)", turnedOff: "host.hostname = NAME")
    }

    static func persistence(_ isOn: Bool) -> Self {
        Explanation(
            isOn
                ? "Tells the jail's first process to stay when the others have ended."
                : "Tells the jail's first process to end with the last of the others.",
            without: "The jail would end when it was first meant to.", manual: "pidfd_send_signal(2)", "signal(7)")
    }

    static let join = Explanation(
        "Joins every namespace of the jail at once, by a pidfd of its first process.",
        without: "The command would run on the host.",
        manual: "setns(2)")
}

extension NamespaceFlags {
    static let all: NamespaceFlags = [.mount, .cgroup, .uts, .ipc, .user, .pid, .network]

    private static let words: [(Self, String)] = [
        (.user, "user ids"), (.mount, "mounts"), (.pid, "processes"), (.network, "network"), (.uts, "hostname"),
        (.ipc, "System V IPC"), (.cgroup, "view of cgroups"),
    ]

    /// What each namespace isolates.
    var words: [String] { Self.words.filter { contains($0.0) }.map(\.1) }
}
