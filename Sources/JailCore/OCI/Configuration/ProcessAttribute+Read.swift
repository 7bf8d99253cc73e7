extension ProcessAttribute {
    /// `process.scheduler` and `process.ioPriority`.
    static func ofProcess(_ node: ConfigurationNode) throws(Diagnostic) -> [Located<Self>] {
        var all: [Located<Self>] = []
        if let node = try node["scheduler"] { all.append(Located(.scheduling(try Scheduling(node)), node.origin)) }
        if let node = try node["ioPriority"] {
            let kind = try node.required("class").word(words(ioClasses))
            let level: Int = try node["priority"]?.integer() ?? 0
            if !(0...7).contains(level) { throw try node.required("priority").wrong("\(level): not from 0 to 7") }
            all.append(Located(.ioPriority(class: kind, level: level), node.origin))
        }
        return all
    }

    /// `process.execCPUAffinity`, of a process that joins: before it is in the container, and when it is.
    static func ofEntry(
        _ node: ConfigurationNode
    ) throws(Diagnostic) -> (before: [Located<Self>], joined: [Located<Self>]) {
        guard let affinity = try node["execCPUAffinity"] else { return ([], []) }
        return (try processors(try affinity["initial"]), try processors(try affinity["final"]))
    }

    private static func processors(_ node: ConfigurationNode?) throws(Diagnostic) -> [Located<Self>] {
        guard let node, try !node.string.isEmpty else { return [] }
        return [Located(.processors(try numbers(node)), node.origin)]
    }

    /// `linux.memoryPolicy` and `linux.personality`.
    static func ofContainer(_ linux: ConfigurationNode) throws(Diagnostic) -> [Located<Self>] {
        var all: [Located<Self>] = []
        if let node = try linux["memoryPolicy"] {
            var mode = try node.required("mode").word(words(memoryModes))
            for flag in try node["flags"]?.elements ?? [] {
                let flag = try flag.word(words(memoryFlags))
                mode = Word(name: "\(mode.name)|\(flag.name)", value: mode.value | flag.value)
            }
            let nodes = try node["nodes"].map { (node) throws(Diagnostic) in try numbers(node) } ?? NumberList("")
            if let nodes { all.append(Located(.memoryPolicy(mode: mode, nodes: nodes), node.origin)) }
        }
        if let node = try linux["personality"] {
            let domain = try node.required("domain").word(words([("LINUX", 0), ("LINUX32", 8)]))
            if let flag = try node["flags"]?.elements.first { throw flag.wrong("no flags are known") }
            all.append(Located(.personality(domain), node.origin))
        }
        return all
    }

    private static func numbers(_ node: ConfigurationNode) throws(Diagnostic) -> NumberList {
        if let list = NumberList(try node.string) { return list }
        throw node.wrong("\"\(shown(try node.string))\" is no list of numbers, such as 0-3,7")
    }

    fileprivate static func words(_ all: [(String, UInt64)]) -> [(String, Word)] {
        all.map { ($0.0, Word(name: $0.0, value: $0.1)) }
    }

    private static let ioClasses: [(String, UInt64)] = [
        ("IOPRIO_CLASS_RT", 1), ("IOPRIO_CLASS_BE", 2), ("IOPRIO_CLASS_IDLE", 3),
    ]
    static let memoryModes: [(String, UInt64)] = [
        ("MPOL_DEFAULT", 0), ("MPOL_PREFERRED", 1), ("MPOL_BIND", 2), ("MPOL_INTERLEAVE", 3), ("MPOL_LOCAL", 4),
        ("MPOL_PREFERRED_MANY", 5), ("MPOL_WEIGHTED_INTERLEAVE", 6),
    ]
    static let memoryFlags: [(String, UInt64)] = [
        ("MPOL_F_NUMA_BALANCING", 1 << 13), ("MPOL_F_RELATIVE_NODES", 1 << 14), ("MPOL_F_STATIC_NODES", 1 << 15),
    ]
}

extension ProcessAttribute.Scheduling {
    init(_ node: ConfigurationNode) throws(Diagnostic) {
        policy = try node.required("policy").word(ProcessAttribute.words(Self.policies))
        for flag in try node["flags"]?.elements ?? [] {
            flags.append(try flag.word(ProcessAttribute.words(Self.flagValues)))
        }
        nice = try node["nice"]?.integer() ?? 0
        priority = try node["priority"]?.integer() ?? 0
        runtime = try node["runtime"]?.integer() ?? 0
        deadline = try node["deadline"]?.integer() ?? 0
        period = try node["period"]?.integer() ?? 0
    }

    private static let policies: [(String, UInt64)] = [
        ("SCHED_OTHER", 0), ("SCHED_FIFO", 1), ("SCHED_RR", 2), ("SCHED_BATCH", 3), ("SCHED_ISO", 4), ("SCHED_IDLE", 5),
        ("SCHED_DEADLINE", 6),
    ]
    private static let flagValues: [(String, UInt64)] = [
        ("SCHED_FLAG_RESET_ON_FORK", 1), ("SCHED_FLAG_RECLAIM", 2), ("SCHED_FLAG_DL_OVERRUN", 4),
        ("SCHED_FLAG_KEEP_POLICY", 8), ("SCHED_FLAG_KEEP_PARAMS", 0x10), ("SCHED_FLAG_UTIL_CLAMP_MIN", 0x20),
        ("SCHED_FLAG_UTIL_CLAMP_MAX", 0x40),
    ]
}
