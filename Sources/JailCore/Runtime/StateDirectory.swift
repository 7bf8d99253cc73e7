internal import FoundationEssentials
internal import Glibc
internal import SystemPackage

/// What jailrun remembers of running jails, `/run/jailrun`: a record of each, locks, the last jid. On a tmpfs, readable by
/// its owner only. The records are written before what they describe exists; the truth is in locks, cgroups and processes.
public struct StateDirectory: Sendable {
    public let path: String

    /// Those of another host, of which nothing else is known; nil for this one.
    private let assumed: [JailTrace]?

    public init(path: String) { self.init(path: path, assumed: nil) }
    init(path: String, assumed: [JailTrace]?) { (self.path, self.assumed) = (path, assumed) }

    /// `/run/jailrun`, or `$XDG_RUNTIME_DIR/jailrun` when not root. An empty variable counts as unset.
    public static func standardPath(isRoot: Bool, environment: (String) -> String?) -> String {
        if !isRoot, let directory = environment("XDG_RUNTIME_DIR"), !directory.isEmpty { return "\(directory)/jailrun" }
        return "/run/jailrun"
    }

    /// Where it is for this process.
    static func path(isNested: Bool) -> String {
        if isNested && Files.exists(Planner.stateInside) { return Planner.stateInside }
        return standardPath(isRoot: geteuid() == 0) { unsafe getenv($0).map { unsafe String(cString: $0) } }
    }
    public static var present: String { path(isNested: !OwnUserNamespace.isInitial) }

    func recordPath(_ name: String) -> String { "\(path)/jails/\(name).json" }
    /// Where the network namespace of a jail with `vnet.interface` is mounted.
    func namespacePath(_ name: String) -> String { "\(path)/net/\(name)" }
    func lockPath(_ name: String) -> String { "\(path)/locks/\(name)" }

    /// What is recorded here is entered and killed as root: nobody else may have written it.
    /// - Throws: when it is there, and is another's, or others can write it.
    func checkOwner() throws(RuntimeError) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return }
        let isOurs = status.st_mode & S_IFMT == S_IFDIR && status.st_uid == geteuid()
        guard isOurs, status.st_mode & (S_IWGRP | S_IWOTH) == 0 else {
            throw .host(
                "\(path): refused: it is no directory, belongs to another user, or others can write it",
                hint: "rm -r \(path), or name another directory with --root")
        }
    }

    /// Makes the directories, 0700.
    func prepare() throws(RuntimeError) {
        for directory in ["\(path)/jails", "\(path)/locks"] {
            do { try Self.makeAgain(directory) } catch {
                throw .host(
                    "cannot make \(directory): \(error.description)",
                    hint: geteuid() == 0 ? nil : "jails are started and looked at by root: use sudo")
            }
        }
    }

    /// Another jailrun may remove the empty parent between two calls: then it is made again.
    private static func makeAgain(_ directory: String) throws(Errno) {
        for _ in 0..<1000 {
            do throws(Errno) { return try Files.makeDirectories(directory, mode: 0o700) } catch {
                if error != .noSuchFileOrDirectory { throw error }
            }
        }
        throw .noSuchFileOrDirectory
    }

    func tracePath(_ name: String) -> String { "\(path)/jails/\(name)" }
    func hasTrace(of name: String) -> Bool { unsafe access(tracePath(name), F_OK) == 0 }

    /// The trace of a name, or nil. One that cannot be read counts as none: the cgroup tells the rest.
    func trace(of name: String) -> JailTrace? {
        if let assumed { return assumed.first { $0.name == name } }
        return (try? readTrace(of: name)) ?? nil
    }

    /// - Throws: when it could not be looked at: then nothing may be removed.
    func readTrace(of name: String) throws(Errno) -> JailTrace? {
        do { return JailTrace(text: try Files.text(tracePath(name))) } catch {
            if error.meansAbsent { return nil }
            throw error
        }
    }

    /// Why a name was not found, unless that is because no jail has it.
    func doubt(about name: String) -> RuntimeError? {
        for place in ["\(path)/jails", tracePath(name), recordPath(name)] {
            do throws(Errno) {
                let file = try Files.open(place)
                _ = try Files.readOnce(file.number)
            } catch {
                if error.meansAbsent || error.rawValue == EISDIR { continue }
                return .system("cannot look \"\(Terminal.escaped(name))\" up: \(Terminal.escaped(place))", error)
            }
        }
        guard let trace = trace(of: name), trace.isAlive, hasRecord(of: name), record(of: name) == nil else {
            return nil
        }
        return .host(
            "\(name): \(recordPath(name)) cannot be understood",
            hint: "another version of jailrun wrote it: use that one, or stop the jail with: jailrun stop \(name)")
    }

    /// The record of a name, or nil when there is none or its start has not come so far.
    public func record(of name: String) -> JailRecord? {
        guard assumed == nil, let trace = trace(of: name), let file = try? Files.open(recordPath(name)),
            let bytes = try? Files.read(file),
            let details = try? JSONDecoder().decode(JailDetails.self, from: Data(bytes)),
            details.generation == trace.identity.generation
        else { return nil }
        return JailRecord(trace: trace, details: details)
    }

    /// Whether a start came so far as to write a record, which may be one that only another version of jailrun can read.
    func hasRecord(of name: String) -> Bool { unsafe access(recordPath(name), F_OK) == 0 }

    func write(_ trace: JailTrace) throws(RuntimeError) {
        try attempt("cannot write \(tracePath(trace.name))") { () throws(Errno) in
            try Files.replace(tracePath(trace.name), with: Array(trace.text.utf8))
        }
    }

    func write(_ details: JailDetails) throws(RuntimeError) {
        let name = details.spec.name.value
        do {
            try Files.replace(recordPath(name), with: try details.json())
        } catch let error as Errno {
            throw .system("cannot write \(recordPath(name))", error)
        } catch { throw .host("cannot encode the record of \(name)", hint: nil) }
    }

    /// The trace last: as long as it is there, the rest is looked for.
    func remove(_ name: String) {
        _ = unsafe unlink(recordPath(name))
        _ = unsafe unlink(tracePath(name))
    }

    /// Names that have a trace, sorted.
    public var names: [String] {
        if let assumed { return assumed.map(\.name) }
        return ((try? Files.names(in: "\(path)/jails")) ?? []).filter {
            !$0.hasSuffix(".json") && !$0.hasSuffix(".new")
        }
    }

    /// Gives a jail another name: its record first, then its trace, which is told the name before its file is. Whoever finds
    /// the two at odds finishes it.
    func rename(_ trace: JailTrace, _ details: JailDetails, from old: String) throws(RuntimeError) {
        try write(details)
        try attempt("cannot write \(tracePath(old))") { () throws(Errno) in
            try Files.replace(tracePath(old), with: Array(trace.text.utf8))
        }
        finishRename(old)
    }

    /// - Returns: whether the name was an old one.
    @discardableResult
    func finishRename(_ old: String) -> Bool {
        guard let name = trace(of: old)?.name, name != old else { return false }
        _ = unsafe Glibc.rename(tracePath(old), tracePath(name))
        _ = unsafe unlink(recordPath(old))
        return true
    }

    /// The present name of a jail, which was `name` once.
    func name(of identity: JailIdentity, once name: String) -> String? {
        if let trace = trace(of: name), trace.identity == identity { return trace.name }
        return traces.first { $0.identity == identity }?.name
    }

    var traces: [JailTrace] { names.compactMap { trace(of: $0) } }

    /// All records, in the order of their jids, as jls(8) lists them.
    public var records: [JailRecord] { names.compactMap(record).sorted { $0.identity.jid < $1.identity.jid } }

    /// For whoever only wants to look: nothing is repaired.
    /// - Parameter alsoEnded: those, too, that somebody looks after and are not up.
    public func jailNames(alsoEnded: Bool) -> [String] {
        let running = records.filter(\.isAlive).map(\.name)
        if !alsoEnded { return running }
        return running + ServiceRegistry(state: self).names.filter { !running.contains($0) }
    }

    /// Removes all of it when there is no jail: what nobody uses should not be there. Another jailrun may be at work: whatever
    /// it holds stays, and it makes again what it misses.
    func removeIfUnused(cgroupRoot: Cgroup) {
        let services = ServiceRegistry(state: self)
        guard names.isEmpty, services.names.isEmpty else { return }
        guard let registry = JailLock(tryLocking: registryPath, writesHolder: false) else {
            // A supervisor has taken the rest away, and had to leave the cgroup that its own was in.
            if (try? Files.isThere(path)) == false { cgroupRoot.removeLevels() }
            return
        }
        if names.isEmpty {
            services.removeIfUnused()
            cgroupRoot.removeLevels()
            removeUnusedNetworkLock()
            for name in (try? Files.names(in: "\(path)/locks")) ?? [] {
                if let lock = JailLock(tryLocking: lockPath(name)) { lock.unlinkAndRelease() }
            }
            for name in (try? Files.names(in: "\(path)/jails")) ?? [] { _ = unsafe unlink("\(path)/jails/\(name)") }
            for directory in ["jails", "locks", "net"] { _ = unsafe rmdir("\(path)/\(directory)") }
            registry.unlinkAndRelease()
            _ = unsafe rmdir(path)
        }
    }

    /// The file holds settings to be restored while there are any.
    private func removeUnusedNetworkLock() {
        guard (try? Files.text(networkPath))?.isEmpty == true,
            let lock = JailLock(tryLocking: networkPath, writesHolder: false)
        else { return }
        if (try? Files.text(networkPath))?.isEmpty == true { lock.unlinkAndRelease() }
    }

    var registryPath: String { "\(path)/registry" }
    var networkPath: String { "\(path)/network" }
}

/// A lock on a name, for the whole of a command. flock(2): it is gone with its last holder, however that died.
struct JailLock: ~Copyable {
    let descriptor: Descriptor
    private let path: String

    /// Nil when somebody else holds it, or when its directory is gone.
    init?(tryLocking path: String, writesHolder: Bool = true) {
        do throws(Errno) {
            guard let taken = try Self.lock(path, writesHolder: writesHolder) else { return nil }
            descriptor = taken
        } catch { return nil }
        self.path = path
    }

    /// Waits for the lock.
    /// - Parameter waits: who is told, and which signals end the wait.
    /// - Throws: `.locked` with its holder when the time is over; `.interrupted`.
    init(
        _ path: String, in state: StateDirectory, jail: String, writesHolder: Bool = true,
        timeoutMilliseconds: Int = 60000, waits: (told: Waits, signals: SignalSource)? = nil
    ) throws(RuntimeError) {
        if let taken = try Self.take(path, writesHolder) {
            descriptor = taken
            self.path = path
            return
        }
        let deadline = Clock.milliseconds() + timeoutMilliseconds
        waits?.told.begin(jail, "its lock, held by \(LockHolder(of: path)?.text ?? "another jailrun")")
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
            guard unsafe fstat(file.number, &opened) == 0, unsafe stat(path, &named) == 0, opened.st_ino == named.st_ino
            else { continue }
            if writesHolder {
                ftruncate(file.number, 0)
                try? Files.write(Array("pid \(getpid())".utf8), to: file.number)
            }
            return file
        }
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
}

/// proc(5) of the host.
enum ProcessTable {
    /// Field 22 of `/proc/PID/stat`, in clock ticks since boot; nil for a process that is gone or a zombie.
    static func startTime(of pid: Int32) -> UInt64? { (try? readStartTime(of: pid)) ?? nil }

    /// - Throws: when it could not be looked at, which does not say that it is gone.
    static func readStartTime(of pid: Int32) throws(Errno) -> UInt64? {
        let bytes: [UInt8]
        do { bytes = try Files.read(try Files.open("/proc/\(pid)/stat")) } catch {
            if error.meansAbsent || error.rawValue == ESRCH { return nil }
            throw error
        }
        guard let close = bytes.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = bytes[(close + 1)...].split(separator: UInt8(ascii: " "), maxSplits: 20)
        guard fields.count > 19, let state = fields[0].first, state != UInt8(ascii: "Z"), state != UInt8(ascii: "X")
        else { return nil }
        return UInt64(String(decoding: fields[19], as: UTF8.self))
    }
}
