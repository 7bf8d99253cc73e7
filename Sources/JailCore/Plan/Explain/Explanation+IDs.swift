extension Explanation {
    static func ownNamespace(_ id: UInt32) -> Self {
        Explanation(
            "Makes user \(id) of the host, which has no rights there, the owner of the jail's user namespace.",
            without:
                "What the jail uses, such as inotify instances, would count against the limits of the host's root.",
            manual: "user_namespaces(7)", "namespaces(7)", turnedOff: "userns = host")
    }

    static func mapIDs(_ range: IDRange) -> Self {
        let last = range.first + range.count - 1
        return Explanation(
            "Maps the jail's user and group ids 0-\(range.count - 1) to the host's \(range.first)-\(last), which own nothing.",
            without: "Root in the jail would be root on the host, with only capabilities and the filter in between.",
            manual: "user_namespaces(7)", turnedOff: "userns = host")
    }

    static let becomeRoot = Explanation(
        "Becomes user and group 0 of the jail, and drops the caller's supplementary groups.",
        without: "The process would keep the caller's ids and groups, and could read whatever they may read.",
        manual: "setresuid(2)", "setgroups(2)")

    static func becomeUser(_ user: StartFacts.User) -> Self {
        let groups = user.groups.isEmpty ? "" : ", and the groups \(user.groups.map(String.init).enumerated)"
        return Explanation(
            "Runs the command as the jail's user \(user.name): user id \(user.uid), group id \(user.gid)\(groups).",
            without: user.uid == 0
                ? "The command would inherit whatever ids pid 1 has at that moment."
                : "The command would run as root of the jail.",
            manual: "setresuid(2)", "setgroups(2)", turnedOff: "exec.jail_user = NAME")
    }
}
