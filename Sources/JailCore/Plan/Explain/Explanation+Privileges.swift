extension Explanation {
    static let leaveCaller = Explanation(
        "Leaves the caller's session, keyring and umask for new ones.",
        without: "A key of the caller's could be used inside, and a signal to its terminal would reach the jail.",
        manual: "setsid(2)", "session-keyring(7)", "umask(2)")

    static let noNewPrivileges = Explanation(
        "Forbids to gain privileges by executing a program: set-user-id bits and file capabilities no longer count.",
        without: "A set-user-id program of the root would lift a user of the jail to its root.",
        manual: "prctl(2)")

    static func boundingSet(_ kept: CapabilitySet) -> Self {
        let names = kept.capabilities.map(\.name)
        return Explanation(
            "Drops from the bounding set every capability but \(names.count): \(names.enumerated).",
            without: "Root in the jail could be given any of them again by executing a program.",
            manual: "capabilities(7)", turnedOff: "cap.add = NAME")
    }

    static func capabilities(_ set: CapabilitySet) -> Self {
        Explanation(
            set.isEmpty
                ? "Drops every capability: the user is not root."
                : "Keeps \(set.capabilities.count) capabilities permitted and effective, and none inheritable.",
            without: "The command would have all that pid 1 still had.",
            manual: "capset(2)", "capabilities(7)", turnedOff: "cap.add = NAME")
    }

    static func filter(_ instructions: Int) -> Self {
        Explanation(
            "Installs a filter of \(instructions) instructions that the kernel asks at each system call: what is not on "
                + "the list fails.",
            without: "All of the kernel's calls would be open to an attacker, the old and rarely used ones too.",
            manual: "seccomp(2)", turnedOff: "seccomp = none")
    }

    static let closeDescriptors = Explanation(
        "Marks every descriptor above 2 to be closed when the command is executed.",
        without: "A file of the host that somebody forgot to close would be open in the jail.",
        manual: "close_range(2)")
}
