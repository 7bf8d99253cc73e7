internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// A jail in a jail, `a.b` in `a`: it is in the other's cgroup, ends with it, and keeps it from ending by itself. jail(8),
/// "Hierarchical Jails".
struct JailNesting {
    private let name: String
    private let host: Host

    init(of name: String, host: Host) {
        (self.name, self.host) = (name, host)
    }

    private var parentName: String? { JailName.parent(of: name) }

    /// Whether there is a jail around it.
    var isLimited: Bool { parentName != nil || host.authority.isInJail }

    /// Names of the jails inside it, at any depth, deepest first.
    func jails() throws(RuntimeError) -> [String] {
        try host.state.names().filter { $0.hasPrefix("\(name).") }.sorted { left, right in
            let depths = (left.split(separator: ".").count, right.split(separator: ".").count)
            return depths.0 == depths.1 ? left < right : depths.0 > depths.1
        }
    }

    func hasJails() throws(RuntimeError) -> Bool { try host.state.names().contains { $0.hasPrefix("\(name).") } }

    // MARK: Start

    /// - Throws: what jail_set(2) says in a jail without `children.max`.
    func checkPermission(_ jail: ConfiguredJail) throws(RuntimeError) {
        guard host.authority.isInJail, unsafe access("\(host.cgroupRoot.path)/cgroup.procs", W_OK) != 0 else { return }
        throw .unsuitable(
            jail: jail.label, origin: .standard(""), "jail_set: Operation not permitted",
            hint: "this is a jail that may not have jails in it: set children.max where it is defined")
    }

    /// - Throws: what jail_set(2) says when the jail around is not there, or one has as many jails in it as it may.
    func check(_ jail: ConfiguredJail) throws(RuntimeError) {
        try checkParent(jail)
        try checkLimits(jail)
    }

    /// - Parameter others: what is started before it.
    /// - Throws: when it is one too many; not of one that is up.
    func checkLimits(_ jail: ConfiguredJail, after others: [ConfiguredJail] = []) throws(RuntimeError) {
        let limits = try limits()
        if limits.isEmpty { return }
        if try host.state.hasTrace(of: name) { return }
        var coming: [String] = []
        for other in others where try !host.state.hasTrace(of: other.name.value) { coming.append(other.name.value) }
        for limit in limits {
            let present = try limit.cgroup.look { (cgroup) throws(Errno) in try cgroup.nestedCount() }
            let beside = coming.filter { name in limit.jail.map { name.hasPrefix("\($0).") } ?? true }.count
            if present + beside < limit.maximum { continue }
            throw .unsuitable(
                jail: jail.label, origin: jail.name.origin, "prison limit exceeded",
                hint: limit.words(present, beside))
        }
    }

    /// `children.max` of a jail around this one.
    private struct Limit {
        /// Nil for the jail in which jailrun runs.
        var jail: String?
        var origin: Origin?
        var cgroup: Cgroup
        var maximum: Int

        func words(_ present: Int, _ coming: Int) -> String {
            let whose = jail.map { "jail \"\(Terminal.escaped($0))\"" } ?? "this jail"
            let place =
                if case .configuration(let place) = origin { " in \(place.file), line \(place.line)" } else { "" }
            return "children.max = \(maximum) of \(whose)\(place): \(present) up in it"
                + (coming > 0 ? ", \(coming) about to start" : "")
        }
    }

    func checkParent(_ jail: ConfiguredJail) throws(RuntimeError) {
        guard let parentName else { return }
        if let parent = try host.state.trace(of: parentName), parent.phase == .up, try parent.isAlive() { return }
        throw .unsuitable(jail: jail.label, origin: jail.name.origin, "jail \"\(parentName)\" not found", hint: nil)
    }

    /// `children.max` of the jails around it. From outside 0 is no limit, as on FreeBSD: who made a jail may put others into it.
    private func limits() throws(RuntimeError) -> [Limit] {
        var limits: [Limit] = []
        if host.authority.isInJail {
            // `max` where nothing limits it.
            let text = try host.cgroupRoot.look { (cgroup) throws(Errno) in
                try cgroup.value(of: CgroupSetting.nestedCount).trimmed
            }
            if let cgroups = Int(text) { limits.append(Limit(cgroup: host.cgroupRoot, maximum: (cgroups - 1) / 2)) }
        }
        var around = parentName
        while let name = around {
            if let record = try host.state.record(of: name) {
                let own = record.spec.privileges.childrenMaximum
                let cgroup = Cgroup(path: record.cgroup)
                if own.value > 0 {
                    limits.append(Limit(jail: name, origin: own.origin, cgroup: cgroup, maximum: own.value))
                }
            }
            around = JailName.parent(of: name)
        }
        return limits
    }

    /// Once its trace is written: the jail around lives as long as there are jails in it, and its processes make room, for a
    /// cgroup that holds some cannot give controllers to others below it.
    func enterParent(_ jail: ConfiguredJail) throws(RuntimeError) {
        guard let parentName else { return }
        try checkParent(jail)
        guard let parent = try host.state.trace(of: parentName) else { return }
        try keepAlive(parent)
        do { try Cgroup(path: parent.cgroup).moveProcesses(to: CgroupMark.leaf) } catch {
            if error.rawValue == EAGAIN {
                throw .unsuitable(
                    jail: jail.label, origin: jail.name.origin,
                    "jail \"\(parentName)\" has no room for the cgroup of its own processes: \(error.description)",
                    hint: Step.hintForCgroupLimits)
            }
            throw .system(
                "\(jail.label): cannot move the processes of \"\(parentName)\" out of \(parent.cgroup)", error)
        }
    }

    // MARK: How long the jail around lives

    /// Says to its pid 1 whether it is to live without processes.
    /// - Throws: when that cannot be reached.
    func setPersistence(_ record: JailRecord) throws(RuntimeError) {
        let lock = try IdentityRegistry(host).lock()
        let isPersistent = record.spec.isPersistent.value ? true : try hasJails()
        try attempt("\(record.spec.label): cannot reach the jail's first process") { () throws(Errno) in
            let pidfd = Descriptor(try checkedResult(cns_pidfd_open(record.pid)))
            let signal = isPersistent ? CNS_SIGNAL_PERSIST : CNS_SIGNAL_NO_PERSIST
            _ = try checkedResult(cns_pidfd_signal(pidfd.number, Int32(signal.rawValue)))
        }
        _ = consume lock
    }

    /// The same of a jail that may have ended meanwhile.
    func settle(_ record: JailRecord) {
        do throws(RuntimeError) { try setPersistence(record) } catch {
            if case .system(_, .noSuchProcess) = error { return }
            host.audience.warn(error.message)
        }
    }

    private static let settlingMilliseconds = 1000

    /// When it is gone, the one around may end, unless somebody is at its start, who settles it at the end.
    func settleParent() {
        do throws(RuntimeError) { try settleParentLocked() } catch {
            // Whoever has the lock is at its start, or its end.
            if case .locked = error { return }
            host.audience.warn(error.message)
        }
    }

    private func settleParentLocked() throws(RuntimeError) {
        guard let parentName, try host.state.trace(of: parentName)?.isAlive() == true else { return }
        let lock = try JailLock(
            host.state.lockPath(parentName), in: host.state, jail: parentName, writesHolder: false,
            timeoutMilliseconds: Self.settlingMilliseconds)
        if let record = try host.state.record(of: parentName), record.unreadable == nil, try record.isAlive(),
            !record.isDying, !record.spec.isPersistent.value
        {
            JailNesting(of: parentName, host: host).settle(record)
        }
        _ = consume lock
    }

    private func keepAlive(_ trace: JailTrace) throws(RuntimeError) {
        let number = cns_pidfd_open(trace.pid)
        if number == -ESRCH { return }
        let pidfd = Descriptor(number)
        try attempt("\(trace.label): cannot reach the jail's first process") { () throws(Errno) in
            _ = try checkedResult(number)
        }
        guard try trace.isAlive() else { return }
        _ = cns_pidfd_signal(pidfd.number, Int32(CNS_SIGNAL_PERSIST.rawValue))
    }

    // MARK: End

    /// What is left of the jails in a cgroup whose processes were all killed. Whoever works on one of them learns of its end.
    /// - Throws: when something of one is left: then the cgroup around it is, too.
    func removeJails(in cgroup: Cgroup) throws(RuntimeError) {
        // Only what is in it is looked at: what is wrong with another jail keeps nobody here.
        for other in try jails() {
            guard let nested = try host.state.trace(of: other), nested.cgroup.hasPrefix("\(cgroup.path)/") else {
                continue
            }
            let lock = try host.lock(nested.name)
            // Its start may have gone on for a moment.
            try Cgroup(path: nested.cgroup).look { (inside) throws(Errno) in
                if try inside.belongs(to: nested.name, by: host.authority.mark) {
                    try inside.killAll(timeoutMilliseconds: 10000)
                }
            }
            try JailRepair(host: host).repair(nested.name)
            if try host.state.hasTrace(of: nested.name) { _ = consume lock } else { lock.unlinkAndRelease() }
        }
    }
}
