internal import Glibc
internal import SystemPackage

/// A lock on a name, for the whole of a command. flock(2): it is gone with its last holder, however that died.
struct JailLock: ~Copyable {
    let descriptor: Descriptor
    private let path: String

    /// Nil when somebody else holds it, or when its directory is gone.
    init?(tryLocking path: String, writesHolder: Bool = true) throws(RuntimeError) {
        guard let taken = try Self.take(path, writesHolder) else { return nil }
        descriptor = taken
        self.path = path
    }

    /// Waits for the lock.
    /// - Parameter waits: who is told, and which signals end the wait.
    /// - Throws: `.locked` with its holder when the time is over; `.interrupted`.
    init(
        _ path: String, in state: StateDirectory, jail: String, writesHolder: Bool = true,
        timeoutMilliseconds: Int = 60000, waits: (told: Waits, signals: SignalSource)? = nil, since began: Int? = nil
    ) throws(RuntimeError) {
        if let taken = try Self.take(path, writesHolder) {
            descriptor = taken
            self.path = path
            return
        }
        let deadline = Clock.milliseconds() + timeoutMilliseconds
        waits?.told.begin(
            jail, "its lock, held by \(LockHolder(of: path)?.text ?? "another jailrun")", since: began)
        defer { waits?.told.end() }
        var pauseMilliseconds = 0  // at first only its directory may be missing
        while true {
            try state.prepare()
            if let taken = try Self.take(path, writesHolder) {
                descriptor = taken
                self.path = path
                return
            }
            if Clock.milliseconds() > deadline { throw .locked(jail: jail, holder: LockHolder(of: path)?.text ?? "") }
            if pauseMilliseconds > 0 {
                if waits == nil { usleep(UInt32(pauseMilliseconds) * 1000) }
                if let signal = waits.flatMap({ $0.told.pause(milliseconds: pauseMilliseconds, $0.signals) }) {
                    throw .interrupted(jail: jail, signal: signal)
                }
            }
            pauseMilliseconds = min(max(pauseMilliseconds * 2, 1), 20)
        }
    }

    /// Nil when somebody else holds it, or when its directory is gone. The file may be unlinked between open and flock: then
    /// the lock is on a file that nobody else will find.
    private static func lock(_ path: String, writesHolder: Bool) throws(Errno) -> Descriptor? {
        while true {
            guard let file = try open(path) else { return nil }
            if flock(file.number, LOCK_EX | LOCK_NB) < 0 {
                if errno == EWOULDBLOCK { return nil }
                throw .current
            }
            var opened = stat()
            var named = stat()
            _ = try unsafe checked(fstat(file.number, &opened))
            if unsafe stat(path, &named) < 0 {
                if errno == ENOENT { continue }
                throw .current
            }
            if opened.st_ino != named.st_ino { continue }
            if writesHolder { writeHolder(file) }
            return file
        }
    }

    /// For people who look into the directory; jailrun itself asks the kernel. A full disk keeps nobody from a lock.
    private static func writeHolder(_ file: borrowing Descriptor) {
        ftruncate(file.number, 0)
        let text = Array("pid \(getpid())".utf8)
        _ = unsafe text.withUnsafeBytes { unsafe Glibc.write(file.number, $0.baseAddress, $0.count) }
    }

    private static func take(_ path: String, _ writesHolder: Bool) throws(RuntimeError) -> Descriptor? {
        try attempt("cannot lock \(path)") { () throws(Errno) in try lock(path, writesHolder: writesHolder) }
    }

    private static func open(_ path: String) throws(Errno) -> Descriptor? {
        do { return try Files.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600) } catch {
            if error == .noSuchFileOrDirectory { return nil }
            throw error
        }
    }

    consuming func unlinkAndRelease() { _ = unsafe unlink(path) }

    /// Of whoever only looked: who had the name may be gone by now, and nobody else takes the file away.
    consuming func release(of name: String, in state: StateDirectory) {
        if (try? state.hasTrace(of: name)) == false { unlinkAndRelease() }
    }
}
