internal import Glibc

/// This machine, as jailrun uses it: where state and cgroups are, and how the caller sees what happens.
public struct Host: Sendable {
    public var state: StateDirectory
    public var cgroupRoot: Cgroup
    /// Where the v2 hierarchy is mounted: controllers are enabled from there down.
    let cgroupMountPoint: String
    public var signals: SignalSource
    /// Called with each step as it is performed and the microseconds that it took, nil for a step of the child: `-v`.
    public var observe: (@Sendable (Step, Int?) -> Void)?
    /// Called with a jail's label and what is about to be done to it, in jail(8)'s words: `jail -v`.
    public var tell: (@Sendable (String, String) -> Void)?
    /// Called with a warning: something that went wrong but did not stop what was asked for.
    public var warn: @Sendable (String) -> Void
    /// Called with what failed when it could stop nothing any more: a command after the end of a jail.
    public var complain: @Sendable (RuntimeError) -> Void
    /// Called with what was decided before a start and the caller may want to know.
    public var note: @Sendable (String) -> Void

    public init(
        stateDirectory: String?, cgroupRoot: String?, signals: SignalSource,
        observe: (@Sendable (Step, Int?) -> Void)? = nil, warn: @escaping @Sendable (String) -> Void,
        note: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(RuntimeError) {
        let standard = StateDirectory.standardPath(isRoot: geteuid() == 0) {
            unsafe getenv($0).map { unsafe String(cString: $0) }
        }
        state = StateDirectory(path: stateDirectory ?? standard)
        self.signals = signals
        self.observe = observe
        self.warn = warn
        complain = { warn($0.message) }
        self.note = note
        guard let mountPoint = Cgroup.mountPoint() else {
            throw .host(
                "no cgroup v2 hierarchy is mounted",
                hint: "mount -t cgroup2 none /sys/fs/cgroup/unified, or boot with systemd.unified_cgroup_hierarchy=1")
        }
        cgroupMountPoint = mountPoint
        self.cgroupRoot = Cgroup(path: cgroupRoot ?? "\(mountPoint)/jailrun")
    }

    func cgroup(of jail: String) -> Cgroup { Cgroup(path: "\(cgroupRoot.path)/\(jail)") }
    func lock(_ jail: String) throws(RuntimeError) -> JailLock {
        try JailLock(state.lockPath(jail), in: state, jail: jail)
    }
}
