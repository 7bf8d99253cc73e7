/// A trace of a file with several jails: each is started by a process of its own, and compared with its part of the
/// dry run.
struct FileTrace {
    private let calls: [TracedCall]
    /// The child of whom a process is.
    private var parents: [Int: Int] = [:]

    init(_ calls: [TracedCall]) {
        self.calls = calls
        for call in calls where ["clone", "clone3", "fork", "vfork"].contains(call.name) {
            if let child = Int(call.result), child > 0 { parents[child] = call.pid }
        }
    }

    /// jailrun itself is executed; its supervisor gives rights up, those of no jail but its own.
    private static let ofSupervisor = ["execve", "prctl", "capset", "seccomp"]

    /// The dry run's parts, by the line in front of each.
    static func parts(of lines: [String]) -> [(title: String, lines: [String])] {
        var parts: [(title: String, lines: [String])] = []
        for line in lines {
            if line.hasPrefix("# ") {
                parts.append((String(line.dropFirst(2)), []))
            } else {
                parts[parts.count - 1].lines.append(line)
            }
        }
        return parts
    }

    /// - Returns: steps that nobody made, and calls that no step asked for.
    func compare(_ lines: [String]) -> (missing: [String], extra: [String]) {
        let parts = Self.parts(of: lines)
        let jails = parts.filter { $0.title != "shared" }
        var missing: [String] = []
        var comparisons: [TraceComparison] = []
        var starters: [Int] = []
        for jail in jails {
            guard let starter = starter(of: jail.title) else { return (["nobody makes \(jail.title)"], []) }
            starters.append(starter)
            comparisons.append(TraceComparison(calls.filter { isOf($0.pid, starter) }))
        }
        let others = calls.filter { call in !starters.contains { isOf(call.pid, $0) } }
        // Each by whoever needed it first.
        for line in parts.first(where: { $0.title == "shared" })?.lines ?? [] {
            let isFound = comparisons.indices.contains { index in
                comparisons[index].finds(line) { $0.makesCgroup(jails[index].title) }
            }
            if !isFound && !others.contains(where: { $0.makesLevel(of: line) }) { missing.append("shared: \(line)") }
        }
        for (index, jail) in jails.enumerated() {
            for line in jail.lines { comparisons[index].find(line) }
            missing += comparisons[index].missing.map { "\(jail.title): \($0)" }
        }
        return (
            missing,
            zip(jails, comparisons).flatMap { jail, comparison in comparison.extra.map { "\(jail.title): \($0)" } }
                + others.filter { TraceComparison.isIsolation($0) && !Self.ofSupervisor.contains($0.name) }
                .map { "\($0)" }
        )
    }

    private func starter(of jail: String) -> Int? { calls.first { $0.makesCgroup(jail) }?.pid }

    private func isOf(_ pid: Int, _ ancestor: Int) -> Bool {
        var current: Int? = pid
        while let known = current {
            if known == ancestor { return true }
            current = parents[known]
        }
        return false
    }
}

extension TracedCall {
    /// The supervisor's cgroup is below that of all jails, too, so that it may be the first to need it.
    fileprivate func makesLevel(of line: String) -> Bool {
        guard name == "mkdir" || name == "mkdirat", result == "0" else { return false }
        let words = TracedCall(pid: 0, line + " = 0")?.arguments ?? []
        return words.contains { $0.hasPrefix("\"/") && arguments.contains($0) }
    }

    /// The first of a jail's own steps.
    fileprivate func makesCgroup(_ jail: String) -> Bool {
        name == "mkdirat" && arguments.count > 1 && arguments[1] == "\"\(jail)\""
    }
}
