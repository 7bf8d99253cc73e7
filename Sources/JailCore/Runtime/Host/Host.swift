internal import Glibc
internal import SystemPackage

/// This machine, as jailrun uses it: where state and cgroups are, and what this process may do there.
package struct Host: Sendable {
    package var state: StateDirectory
    package var cgroupRoot: Cgroup
    /// Controllers are enabled from there down: where the v2 hierarchy is mounted, or the cgroup that a service manager gave.
    let cgroupTop: String
    /// The cgroup root is a service's own, which it may divide, but it holds the service's processes too.
    let isDelegated: Bool
    package let authority: Authority
    /// The host that is meant, when it is not this one: nothing is looked for here then.
    let assumed: HostFacts?
    package var signals: SignalSource
    package var audience: Audience
    /// What this process waits for.
    package let waits = Waits()

    /// - Parameter isForLooks: nothing will be started: what a start needs may be missing, and without root the state
    ///   may belong to somebody else.
    package init(
        stateDirectory: String?, cgroupRoot: String?, signals: SignalSource, audience: Audience,
        isForLooks: Bool = false
    ) throws(RuntimeError) {
        authority = try .ofThisProcess()
        let place = stateDirectory ?? authority.stateDirectory
        var state = StateDirectory(path: place, assumed: isForLooks && !Self.sees(place) ? [] : nil)
        if !isForLooks || geteuid() == 0 { try state.checkOwner() }
        assumed = nil
        self.signals = signals
        self.audience = audience
        if authority.cgroup == .none && !isForLooks { throw Self.noHierarchy }
        (cgroupTop, self.cgroupRoot, isDelegated) = try Self.cgroups(authority.cgroup, asked: cgroupRoot)
        (state.cgroupRoot, state.cgroupMark) = (self.cgroupRoot, authority.mark)
        self.state = state
    }

    /// For containers of other engines, which have a state directory of their own.
    /// - Parameter usesCgroups: false: containers stay where their caller is.
    package init(
        containersOf stateDirectory: String, usesCgroups: Bool, signals: SignalSource, audience: Audience
    ) throws(RuntimeError) {
        authority = try .ofThisProcess()
        assumed = nil
        (self.signals, self.audience) = (signals, audience)
        (state, isDelegated) = (StateDirectory(path: stateDirectory, assumed: []), false)
        let top: String
        switch authority.cgroup {
        case .root(let path), .delegated(let path, _): top = usesCgroups ? path : ""
        case .none: if usesCgroups { throw Self.noHierarchy } else { top = "" }
        }
        (cgroupTop, cgroupRoot) = (top, Cgroup(path: top))
    }

    private static func cgroups(
        _ place: Authority.CgroupPlace, asked: String?
    ) throws(RuntimeError) -> (top: String, root: Cgroup, isDelegated: Bool) {
        if case .delegated(let path, _) = place, asked == nil { return (path, Cgroup(path: path), true) }
        let top: String
        switch place {
        case .root(let mountPoint): top = mountPoint
        case .delegated:
            top = try attempt("cannot look for cgroups") { () throws(Errno) in try Cgroup.mountPoint() } ?? ""
        case .none: top = ""
        }
        return (top, Cgroup(path: asked ?? "\(top)/jailrun"), false)
    }

    /// Who is not root does not see root's jails.
    private static func sees(_ stateDirectory: String) -> Bool {
        if geteuid() == 0 { return true }
        return unsafe access("\(stateDirectory)/jails", R_OK | X_OK) == 0
    }

    /// For `check` and `explain`, which start nothing: signals are as they were.
    package static func forLooks(
        stateDirectory: String? = nil, cgroupRoot: String? = nil,
        note: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(RuntimeError) -> Host {
        try Host(
            stateDirectory: stateDirectory, cgroupRoot: cgroupRoot, signals: SignalSource(descriptor: -1),
            audience: Audience(warn: note, note: note), isForLooks: true)
    }

    /// Another host, of which these facts were told.
    package init(assuming facts: HostFacts, note: @escaping @Sendable (String) -> Void = { _ in }) {
        state = StateDirectory(path: facts.stateDirectory, assumed: facts.jails)
        (cgroupRoot, cgroupTop) = (Cgroup(path: facts.cgroupRoot), facts.cgroupTop)
        (isDelegated, authority, assumed) = (false, facts.authorityThere, facts)
        signals = SignalSource(descriptor: -1)
        audience = Audience(warn: note, note: note)
    }

    /// Whether the rules of other jails can be read. Who is not root starts nothing, but may want to know what a start would do.
    static var seesRules: Bool { geteuid() == 0 }

    var hasCgroups: Bool { !cgroupTop.isEmpty }

    static let noHierarchy = RuntimeError.host(
        "no cgroup v2 hierarchy is mounted",
        hint: "mount -t cgroup2 none /sys/fs/cgroup/unified, or boot with systemd.unified_cgroup_hierarchy=1")

    /// Said before anything is tried: a user has no jails, and every other message would be misleading.
    package static func checkRoot() throws(RuntimeError) {
        if geteuid() == 0 { return }
        throw .host(
            "this needs root (or see jailrun(8), CAVEATS)",
            hint: "use sudo; check, explain, params and --dry-run work without it")
    }

    /// A nested jail's is below that of the jail around it, which may have had another name when its cgroup was made.
    func cgroup(of jail: String) throws(RuntimeError) -> Cgroup {
        guard let parent = JailName.parent(of: jail) else { return Cgroup(path: "\(cgroupRoot.path)/\(jail)") }
        if let trace = try state.trace(of: parent) { return Cgroup(path: "\(trace.cgroup)/\(jail)") }
        return Cgroup(path: "\(try cgroup(of: parent).path)/\(jail)")
    }

    /// Whether there is a cgroup that says it is of the jail of that name.
    func hasCgroup(of jail: String) throws(RuntimeError) -> Bool {
        let cgroup = try cgroup(of: jail)
        return try cgroup.look { (cgroup) throws(Errno) in try cgroup.belongs(to: jail, by: authority.mark) }
    }

    /// - Parameter since: when the wait for it began, if that was before.
    func lock(_ jail: String, since began: Int? = nil) throws(RuntimeError) -> JailLock {
        if let lock = try JailLock(tryLocking: state.lockPath(jail)) { return lock }
        JailHolder(of: jail, host: self).endLeft()
        return try JailLock(state.lockPath(jail), in: state, jail: jail, waits: (waits, signals), since: began)
    }

    /// A cgroup that holds processes cannot give controllers to others below it: cgroups(7), "no internal processes". Those
    /// of the service or of the jail, jailrun among them, move one down.
    func leaveDelegatedCgroup() throws(RuntimeError) {
        guard isDelegated, case .delegated(_, let delegator) = authority.cgroup else { return }
        do { try cgroupRoot.moveProcesses(to: delegator.leaf) } catch {
            throw .system("cannot move processes out of \(cgroupRoot.path)", error)
        }
    }
}
