internal import Glibc
internal import SystemPackage

/// What jailrun remembers of running jails, `/run/jailrun`: a record of each, locks, the last jid. On a tmpfs, readable by
/// its owner only. The records are written before what they describe exists; the truth is in locks, cgroups and processes.
package struct StateDirectory: Sendable {
    package let path: String

    /// Those of another host, of which nothing else is known; nil for this one.
    private let assumed: [JailTrace]?
    /// Whether what is there is what it tells.
    var isSeen: Bool { assumed == nil }
    /// Below which the jails have their cgroups: what a record does not tell, the kernel does.
    var cgroupRoot = Cgroup(path: "")
    /// By what those are known.
    var cgroupMark = CgroupMark.trusted

    init(path: String, assumed: [JailTrace]? = nil) { (self.path, self.assumed) = (path, assumed) }

    /// `/run/jailrun`, or `$XDG_RUNTIME_DIR/jailrun` when not root. An empty variable counts as unset.
    package static func standardPath(isRoot: Bool, environment: (String) -> String?) -> String {
        if !isRoot, let directory = environment("XDG_RUNTIME_DIR"), !directory.isEmpty { return "\(directory)/jailrun" }
        return "/run/jailrun"
    }

    /// Where it is for this process.
    static func path(in namespace: OwnUserNamespace) -> String {
        if namespace.kind == .jail { return Planner.stateInside }
        return standardPath(isRoot: geteuid() == 0) { unsafe getenv($0).map { unsafe String(cString: $0) } }
    }

    func recordPath(_ name: String) -> String { "\(path)/jails/\(name).json" }
    /// Where the network namespace of a jail with `vnet.interface` is mounted.
    func namespacePath(_ name: String) -> String { "\(path)/net/\(name)" }
    func lockPath(_ name: String) -> String { "\(path)/locks/\(name)" }
    /// No jail has such a name.
    func restartLockPath(_ name: String) -> String { lockPath(name + Self.restartSuffix) }
    static let restartSuffix = "~restart"

    /// What is recorded here is entered and killed as root: nobody else may have written it.
    /// - Throws: when it is there, and is another's, or others can write it.
    func checkOwner() throws(RuntimeError) {
        var status = stat()
        if unsafe lstat(path, &status) < 0 {
            let error = Errno.current
            if error.meansAbsent { return }
            throw .system("cannot look at \(path)", error)
        }
        guard let objection = Self.objection(to: status, user: geteuid()) else { return }
        let place = Terminal.escaped(path)
        let change = objection.change.map { ", or \($0) \(place) if nothing else uses it" } ?? ""
        throw .host(
            "\(place): refused as state directory: \(objection.reason)",
            hint: "name another directory with --root\(change)")
    }

    /// Why a user does not keep state somewhere, and the command that would change it; never one that removes what is there.
    struct Objection: Equatable {
        var reason: String
        var change: String?
    }

    static func objection(to status: stat, user: uid_t) -> Objection? {
        if status.st_mode & S_IFMT != S_IFDIR { return Objection(reason: "it is not a directory") }
        if status.st_uid != user {
            let reason = "it belongs to user \(status.st_uid)"
            return Objection(reason: reason, change: user == 0 ? "chown root" : nil)
        }
        if status.st_mode & (S_IWGRP | S_IWOTH) == 0 { return nil }
        // A sticky one, such as /tmp, is meant to be written by all.
        let isShared = status.st_mode & S_ISVTX != 0
        return Objection(reason: "other users can write it", change: isShared ? nil : "chmod go-w")
    }

    /// Makes the directories, 0700.
    func prepare() throws(RuntimeError) {
        for directory in ["\(path)/jails", "\(path)/locks"] {
            do { try Self.makeAgain(directory) } catch {
                throw .host(
                    "cannot make \(directory): \(error.description)",
                    hint: geteuid() == 0 ? nil : "only root can start jails and look at them: use sudo")
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
    // MARK: What is recorded

    // Each look throws when it fails: then it is not known whether there is a jail, and nothing may be repaired or removed.

    /// What `look` finds at a path, of a jail.
    private func look<Found>(_ name: String, _ path: String, _ look: (String) throws(Errno) -> Found)
        throws(RuntimeError) -> Found
    {
        try attempt("cannot look \"\(Terminal.escaped(name))\" up: \(Terminal.escaped(path))") { () throws(Errno) in
            try look(path)
        }
    }

    func hasTrace(of name: String) throws(RuntimeError) -> Bool {
        try look(name, tracePath(name)) { (path) throws(Errno) in try Files.isNamed(path) }
    }

    /// The trace of a name; nil when there is none. One that cannot be understood is what the kernel says of the jail.
    func trace(of name: String) throws(RuntimeError) -> JailTrace? {
        if let assumed { return assumed.first { $0.name == name } }
        return try look(name, tracePath(name)) { (path) throws(Errno) in
            var text = ""
            do throws(Errno) {
                guard let found = try Files.recorded(path) else { return nil }
                text = String(decoding: found, as: UTF8.self)
            } catch {
                let why = try UnreadableRecord(error)
                return try JailTrace.salvaged(from: text, name: name, why: why, under: cgroupRoot, by: cgroupMark)
            }
            do throws(UnreadableRecord) { return try JailTrace(text: text) } catch let why {
                return try JailTrace.salvaged(from: text, name: name, why: why, under: cgroupRoot, by: cgroupMark)
            }
        }
    }

    /// The record of a name; nil when there is none or its start has not come so far.
    func record(of name: String) throws(RuntimeError) -> JailRecord? {
        if assumed != nil { return nil }
        guard let trace = try trace(of: name) else { return nil }
        let details = try look(name, recordPath(name)) { (path) throws(Errno) in
            try RecordForm.read(JailDetails.self, at: path, of: name, named: \.spec.name.value) {
                JailDetails(standardFor: name)
            }
        }
        switch details {
        case .success(let details)?:
            // An older one's, whose jail is gone.
            if trace.unreadable == nil && details.generation != trace.identity.generation { return nil }
            return JailRecord(trace: trace, details: details)
        case .failure(let why)?: return unreadable(trace, why.reason)
        // Its start has not come so far, unless it has a first process: that is written after the record.
        case nil:
            let why = trace.unreadable ?? (trace.pid > 0 ? UnreadableRecord.gone.reason : nil)
            return why.flatMap { unreadable(trace, $0) }
        }
    }

    private func unreadable(_ trace: JailTrace, _ why: String) -> JailRecord? {
        JailDetails(standardFor: trace.name, generation: trace.identity.generation).map {
            JailRecord(trace: trace, details: $0, unreadable: why)
        }
    }

    /// Whether a start came so far as to write a record, which may be one that only another version of jailrun can read.
    func hasRecord(of name: String) throws(RuntimeError) -> Bool {
        try look(name, recordPath(name)) { (path) throws(Errno) in try Files.isNamed(path) }
    }

    func write(_ trace: JailTrace) throws(RuntimeError) {
        try attempt("cannot write \(tracePath(trace.name))") { () throws(Errno) in
            try Files.replace(tracePath(trace.name), with: Array(trace.text.utf8))
        }
    }

    /// For an end, which needs no room: of a jail that is recorded already.
    func overwrite(_ trace: JailTrace) throws(RuntimeError) {
        try attempt("cannot write \(tracePath(trace.name))") { () throws(Errno) in
            try Files.replaceOrOverwrite(tracePath(trace.name), with: Array(trace.text.utf8))
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
        for path in [recordPath(name), tracePath(name)] where unsafe unlink(path) < 0 && errno == EISDIR {
            _ = unsafe rmdir(path)
        }
    }

    /// Names that have a trace, sorted.
    func names() throws(RuntimeError) -> [String] {
        if let assumed { return assumed.map(\.name) }
        return try files("jails").filter { !$0.hasSuffix(".json") && !$0.hasSuffix(".new") }
    }

    func files(_ directory: String) throws(RuntimeError) -> [String] {
        try attempt("cannot look at \(path)/\(directory)") { () throws(Errno) in
            try Files.namesIfThere(in: "\(path)/\(directory)")
        }
    }

    /// Gives a jail another name: its record first, then its trace, which is told the name before its file is. Whoever finds
    /// the two at odds finishes it.
    func rename(_ trace: JailTrace, _ details: JailDetails, from old: String) throws(RuntimeError) {
        try write(details)
        try attempt("cannot write \(tracePath(old))") { () throws(Errno) in
            try Files.replace(tracePath(old), with: Array(trace.text.utf8))
        }
        try finishRename(old)
    }

    /// - Returns: whether the name was an old one.
    @discardableResult
    func finishRename(_ old: String) throws(RuntimeError) -> Bool {
        guard let name = try trace(of: old)?.name, name != old else { return false }
        _ = unsafe Glibc.rename(tracePath(old), tracePath(name))
        _ = unsafe unlink(recordPath(old))
        return true
    }

    /// The present name of a jail, which was `name` once.
    func name(of identity: JailIdentity, once name: String) throws(RuntimeError) -> String? {
        if let trace = try trace(of: name), trace.identity == identity { return trace.name }
        return try traces().first { $0.identity == identity }?.name
    }

    func traces() throws(RuntimeError) -> [JailTrace] {
        var traces: [JailTrace] = []
        for name in try names() { if let trace = try trace(of: name) { traces.append(trace) } }
        return traces
    }

    /// All records, in the order of their jids, as jls(8) lists them.
    func records() throws(RuntimeError) -> [JailRecord] {
        var records: [JailRecord] = []
        for name in try names() { if let record = try record(of: name) { records.append(record) } }
        return records.sorted { $0.identity.jid < $1.identity.jid }
    }

    /// The records of jails that are up.
    func running() throws(RuntimeError) -> [JailRecord] {
        var running: [JailRecord] = []
        for record in try records() where try record.isAlive() { running.append(record) }
        return running
    }

    /// For completion, which only wants to look: nothing is repaired.
    /// - Parameters:
    ///   - path: where the state is, if not where it is for this process.
    ///   - alsoEnded: those, too, that somebody looks after and are not up.
    package static func jailNames(in path: String?, alsoEnded: Bool) throws(RuntimeError) -> [String] {
        let namespace = try attempt("cannot look for the state") { () throws(Errno) in
            try OwnUserNamespace.ofThisProcess
        }
        var state = StateDirectory(path: path ?? Self.path(in: namespace))
        state.cgroupMark = namespace.kind == .initial ? .trusted : .user
        let running = try state.running().map(\.name)
        if !alsoEnded { return running }
        return running + (try ServiceRegistry(state: state).names()).filter { !running.contains($0) }
    }

    /// Removes all of it when there is no jail: what nobody uses should not be there. Another jailrun may be at work: whatever
    /// it holds stays, and it makes again what it misses. On a doubt all of it stays, for the next command.
    func removeIfUnused(cgroupRoot: Cgroup) {
        do throws(RuntimeError) {
            let services = ServiceRegistry(state: self)
            guard try names().isEmpty else { return }
            guard let registry = try JailLock(tryLocking: registryPath, writesHolder: false) else {
                // A supervisor has taken the rest away, and had to leave the cgroup that its own was in.
                try attempt(cgroupRoot.path) { () throws(Errno) in
                    if try !Files.isThere(path) { try cgroupRoot.removeLevels(by: cgroupMark) }
                }
                return
            }
            guard try names().isEmpty else { return }
            try attempt(cgroupRoot.path) { () throws(Errno) in try cgroupRoot.removeLevels(by: cgroupMark) }
            // What is known of those that have ended needs no cgroup.
            guard try services.names().isEmpty else { return }
            services.removeIfUnused()
            try removeUnusedNetworkLock()
            for name in try files("locks") {
                if let lock = try JailLock(tryLocking: lockPath(name)) { lock.unlinkAndRelease() }
            }
            for name in try files("jails") { _ = unsafe unlink("\(path)/jails/\(name)") }
            for directory in ["jails", "locks", "net"] { _ = unsafe rmdir("\(path)/\(directory)") }
            registry.unlinkAndRelease()
            _ = unsafe rmdir(path)
        } catch {}
    }

    /// The file holds settings to be restored while there are any.
    private func removeUnusedNetworkLock() throws(RuntimeError) {
        guard try networkText()?.isEmpty == true,
            let lock = try JailLock(tryLocking: networkPath, writesHolder: false)
        else { return }
        if try networkText()?.isEmpty == true { lock.unlinkAndRelease() }
    }

    private func networkText() throws(RuntimeError) -> String? {
        if !isSeen { return nil }
        return try attempt("cannot read \(networkPath)") { () throws(Errno) in try Files.textIfThere(networkPath) }
    }

    /// What the host's shared settings were before jails needed others, for a look without the lock.
    func networkLedger() throws(RuntimeError) -> NetworkLedger {
        let text = try networkText() ?? ""
        return text.isEmpty ? NetworkLedger() : NetworkLedger(text).seen(in: try .own())
    }

    var registryPath: String { "\(path)/registry" }
    var networkPath: String { "\(path)/network" }
}
