internal import Glibc

/// One restart of a jail at a time: its lock is held from before the stop until the start has ended.
///
/// flock(2) belongs to the open file: what is forked in the meantime has the locks, too, until it releases them.
package final class RestartLocks {
    /// Some belonged to another restart, which has ended by now.
    package let wereAwaited: Bool
    private var locks: [RestartLock]
    private let host: Host

    /// Waits for other restarts.
    /// - Throws: `.interrupted`.
    package init(of names: [String], host: Host) throws(RuntimeError) {
        var locks: [RestartLock] = []
        // In one order, so that of two that want several none waits for the other.
        for name in names.sorted() { locks.append(try RestartLock(name, host)) }
        wereAwaited = locks.contains(where: \.wasAwaited)
        (self.locks, self.host) = (locks, host)
    }

    /// Of this process, or the one that it was forked by.
    private nonisolated(unsafe) static var descriptors: [Int32] = []

    /// In a process that goes on without the restart.
    static func letGo() {
        for descriptor in unsafe descriptors { close(descriptor) }
        unsafe descriptors = []
    }

    fileprivate static func hold(_ descriptor: Int32) { unsafe descriptors.append(descriptor) }
    fileprivate static func forget(_ descriptor: Int32) { unsafe descriptors.removeAll { $0 == descriptor } }

    deinit {
        locks = []
        host.state.removeIfUnused(cgroupRoot: host.cgroupRoot)
    }
}

private final class RestartLock {
    let wasAwaited: Bool
    private var lock: JailLock?
    private let number: Int32
    /// It ends with its holder.
    private static let timeoutMilliseconds = 7 * 24 * 3_600_000

    init(_ name: String, _ host: Host) throws(RuntimeError) {
        let path = host.state.restartLockPath(name)
        try host.state.prepare()
        var taken = try JailLock(tryLocking: path)
        wasAwaited = taken == nil
        if wasAwaited {
            taken = try JailLock(
                path, in: host.state, jail: name, timeoutMilliseconds: Self.timeoutMilliseconds,
                waits: (host.waits, host.signals))
        }
        number = taken?.descriptor.number ?? -1
        lock = consume taken
        RestartLocks.hold(number)
    }

    deinit {
        RestartLocks.forget(number)
        if let held = lock.take() { held.unlinkAndRelease() }
    }
}
