/// One restart of a jail at a time: its lock is held from before the stop until the start has ended.
public final class RestartLocks {
    /// Some were another restart's, which has ended by now.
    public let wereAwaited: Bool
    private var locks: [RestartLock]
    private let host: Host

    /// Waits for other restarts.
    /// - Throws: `.interrupted`.
    public init(of names: [String], host: Host) throws(RuntimeError) {
        var locks: [RestartLock] = []
        // In one order, so that of two that want several none waits for the other.
        for name in names.sorted() { locks.append(try RestartLock(name, host)) }
        wereAwaited = locks.contains(where: \.wasAwaited)
        (self.locks, self.host) = (locks, host)
    }

    deinit {
        locks = []
        host.state.removeIfUnused(cgroupRoot: host.cgroupRoot)
    }
}

private final class RestartLock {
    let wasAwaited: Bool
    private var lock: JailLock?
    /// It ends with its holder.
    private static let timeoutMilliseconds = 7 * 24 * 3_600_000

    init(_ name: String, _ host: Host) throws(RuntimeError) {
        let path = host.state.restartLockPath(name)
        try host.state.prepare()
        lock = try JailLock(tryLocking: path)
        wasAwaited = lock == nil
        if !wasAwaited { return }
        lock = try JailLock(
            path, in: host.state, jail: name, timeoutMilliseconds: Self.timeoutMilliseconds,
            waits: (host.waits, host.signals))
    }

    deinit { if let held = lock.take() { held.unlinkAndRelease() } }
}
