extension Explanation {
    static let leaveCaller = Explanation(
        "Leaves the caller's session, keyring and umask for new ones.",
        without: "The caller's keys could be used inside, and a signal to its terminal would reach the jail.",
        manual: "setsid(2)", "session-keyring(7)", "umask(2)")

    static let noNewPrivileges = Explanation(
        "Forbids gaining privileges by executing a program: set-user-id bits and file capabilities no longer count.",
        without: "A set-user-id program in the root would turn a user of the jail into its root.",
        manual: "prctl(2)")

    static func boundingSet(_ kept: CapabilitySet) -> Self {
        let names = kept.capabilities.map(\.name)
        return Explanation(
            "Drops from the bounding set every capability but \(names.count): \(names.enumerated).",
            without: "Root in the jail could regain any of them by executing a program.",
            manual: "capabilities(7)", turnedOff: "cap.add = NAME")
    }

    static func capabilities(_ set: CapabilitySet) -> Self {
        Explanation(
            set.isEmpty
                ? "Drops every capability: the user is not root."
                : "Keeps \(set.capabilities.count) capabilities permitted and effective, and none inheritable.",
            without: "The command would have all that pid 1 still has.",
            manual: "capset(2)", "capabilities(7)", turnedOff: "cap.add = NAME")
    }

    static func filter(_ instructions: Int) -> Self {
        Explanation(
            "Installs a filter of \(instructions) instructions that the kernel runs at each system call: what is not "
                + "on the list fails.",
            without: "An attacker could use all system calls of the kernel, including old and rarely used ones.",
            manual: "seccomp(2)", turnedOff: "seccomp = none")
    }

    static let closeDescriptors = Explanation(
        "Marks every descriptor above 2 to be closed when the command is executed.",
        without: "A file of the host that somebody forgot to close would be open in the jail.",
        manual: "close_range(2)")
}
