extension Explanation {
    static func cgroupLevel(_ level: StartFacts.CgroupLevel) -> Self {
        let controllers = level.missingControllers.enumerated
        let make = level.exists ? "" : "Makes the cgroup \(level.path), below which jails are"
        let enable = controllers.isEmpty ? "" : "ives the cgroups below \(level.path) the controllers \(controllers)"
        let text = make.isEmpty ? "G\(enable)" : enable.isEmpty ? make : "\(make), and g\(enable)"
        return Explanation(
            "\(text).",
            without: controllers.isEmpty
                ? "There would be no place for the jails' cgroups."
                : "The jail's cgroup would lack these files: nothing would enforce its limits.",
            manual: "cgroups(7)")
    }

    static func cgroup(_ name: String, below parent: String) -> Self {
        Explanation(
            "Makes \(parent)/\(name), and marks it as jailrun's: its processes are limited, counted and killed together.",
            without: "The jail's processes would count as the caller's, and no single write could kill them all.",
            manual: "cgroups(7)", "mkdir(2)")
    }

    static func cgroupValue(_ file: String, _ value: String) -> Self {
        Explanation(
            "Writes \(value) to \(file) of the jail's cgroup, and reads it back.",
            without: consequence(ofNotLimiting: file), manual: "cgroups(7)", turnedOff: "cgroup.\(file) = max")
    }

    static func delegatedCgroup(maximum: Int) -> Self {
        Explanation(
            "Delegates the jail's cgroup to its root, for \(maximum) jails inside; its own processes are in a leaf.",
            without: "Root inside could not make jails: each needs a cgroup below its own.",
            manual: "cgroups(7)", turnedOff: "children.max = 0")
    }

    private static func consequence(ofNotLimiting file: String) -> String {
        switch file.prefix(while: { $0 != "." }) {
        case "pids": "A jail that forks endlessly would use up all process ids of the machine."
        case "memory": "The jail could take all memory, and the kernel would kill processes of the host."
        case "cpu", "cpuset": "A busy jail would slow down everything else."
        case "io": "A jail that reads and writes a lot would slow down the disk for everybody."
        default: "The jail would have the kernel's default for it."
        }
    }

    static func resourceLimits(_ limits: [StartFacts.ResourceLimit]) -> Self {
        Explanation(
            "Sets \(limits.map(\.name).enumerated) to jailrun's own values.",
            without: "The jail's limits would depend on the shell that started it.",
            manual: "prlimit(2)", turnedOff: "start it from a shell with these limits")
    }
}
