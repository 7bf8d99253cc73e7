internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// What is known about a supervised jail besides its own record: who looks after it, how it is, and how to start it
/// again.
package struct ServiceRecord: Codable, Sendable {
    package var spec: ConfiguredJail
    /// The configuration file it came from.
    package var configuration: String
    var supervisor: Int32
    var supervisorStartTime: UInt64
    /// Dies with its supervisor: nobody adopts it.
    package var isTransient: Bool
    var life: ServiceLife
    /// Why it is as it is: how it ended, or what the last failed health command said. Written by the jail: to be escaped.
    package var detail: String?
    var memoryKills = 0
    var lastMemoryKill: String?
    /// Where its console is kept, and whether the lines begin with the time; nil when `exec.consolelog` takes it.
    package var log: ConsoleLog.Place?
    /// How it ended, as far as that is known, when it is over.
    package var exitStatus: Int32?
    /// Seconds since 1970: of its last start, and of its end.
    package var startedSeconds: Int?
    package var endedSeconds: Int?
    /// The record outlives the jail, if that ends by itself.
    var remembersEnd: Bool?
    /// A restart has taken it down, or is about to, and starts it again: `supervisor` is that command's process.
    var awaitsRestart: Bool?
    /// Why the record cannot be read: then this is what is known about the jail itself. Not written.
    package internal(set) var unreadable: String?

    static let unseenEnd = "ended while nobody looked after it"
    static let leftDown = "not started again after a restart"

    package var name: String { spec.name.value }
    package var state: ServiceState { life.state }
    package var restarts: Int { life.restarts }
    /// It was up and ended by itself, for good: kept for whoever asks until it is started again, stopped or pruned.
    package var isEnded: Bool {
        !isTransient && life.state.isOver && life.isEstablished && !life.isAskedToStop
    }
    /// It is ended, and not about to be forgotten.
    var tellsEnd: Bool { isEnded && (remembersEnd == true || spec.restart.policy != .no) }
    func hasSupervisor(of other: ServiceRecord) -> Bool {
        supervisor == other.supervisor && supervisorStartTime == other.supervisorStartTime
    }
    /// Whoever looks after that jail writes it anew.
    var hasUnknownSupervisor: Bool { unreadable != nil && supervisor == 0 }
    /// - Throws: when that could not be looked at.
    package func isSupervisorAlive() throws(RuntimeError) -> Bool {
        try ProcessTable.isRunning(supervisor, since: supervisorStartTime)
    }
    /// Of a jail that the process takes down to start it again.
    func restarted(by process: Int32, since startTime: UInt64) -> Self {
        var record = self
        record.life.restarted(Clock.milliseconds())
        (record.supervisor, record.supervisorStartTime, record.awaitsRestart) = (process, startTime, true)
        (record.detail, record.exitStatus, record.log) = (nil, nil, nil)
        return record
    }

    /// Of one that a restart has not brought up again.
    func downAfterRestart() -> Self {
        var record = self
        record.life.downAfterRestart(Clock.milliseconds())
        (record.detail, record.exitStatus, record.log) = (Self.leftDown, nil, nil)
        (record.remembersEnd, record.awaitsRestart) = (true, nil)
        return record
    }

    /// It is down, and is started again in so many seconds. Nil for one that a restart takes down and starts.
    var pauseSeconds: Int? {
        guard state == .restarting, awaitsRestart != true, let moment = life.deadline else { return nil }
        return max(0, (moment - Clock.milliseconds() + 999) / 1000)
    }

    /// Its number may have come to mean another process: that is looked at once it is held.
    func signalSupervisor(_ signal: Int32) throws(RuntimeError) {
        let number = cns_pidfd_open(supervisor)
        if number < 0 { return }
        let pidfd = Descriptor(number)
        if try isSupervisorAlive() { _ = cns_pidfd_signal(pidfd.number, signal) }
    }

    /// For how many seconds it has been in its state.
    package var seconds: Int { max(0, (Clock.milliseconds() - life.sinceMilliseconds) / 1000) }

    /// Of a record that cannot be read: its jail is up, or nothing is known of it but that somebody looked after it.
    static func unread(_ name: String, _ jail: JailRecord?, isAlive: Bool, why: UnreadableRecord) -> Self? {
        guard let spec = jail?.spec ?? JailDetails(standardFor: name)?.spec else { return nil }
        var life = ServiceLife(spec, now: Clock.milliseconds())
        life.found(isAlive: isAlive, Clock.milliseconds())
        let trace = jail?.trace
        return Self(
            spec: spec, configuration: jail?.configuration ?? "-", supervisor: trace?.supervisor ?? 0,
            supervisorStartTime: trace?.supervisorStartTime ?? 0, isTransient: trace?.isTransient ?? false, life: life,
            unreadable: why.reason)
    }
}

/// The records of supervised jails, `/run/jailrun/services`.
///
/// A record is also the wish that its jail be up: `stop` removes it, and who is about to start the jail again looks for it first.
struct ServiceRegistry {
    let state: StateDirectory
    init(state: StateDirectory) { self.state = state }

    private var directory: String { "\(state.path)/services" }
    func path(_ name: String) -> String { "\(directory)/\(name).json" }
    func logPath(_ name: String) -> String { "\(directory)/\(name).log" }

    // Each look throws when it fails: then it is not known whether somebody looks after a jail.

    func names() throws(RuntimeError) -> [String] {
        try attempt("cannot look at \(directory)") { () throws(Errno) in try Files.namesIfThere(in: directory) }
            .filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }
    }

    func records() throws(RuntimeError) -> [ServiceRecord] {
        var records: [ServiceRecord] = []
        for name in try names() { if let record = try record(of: name) { records.append(record) } }
        return records
    }

    /// One that cannot be understood is what is known of the jail otherwise.
    func record(of name: String) throws(RuntimeError) -> ServiceRecord? {
        let found = try attempt("cannot read \(Terminal.escaped(path(name)))") { () throws(Errno) in
            try RecordForm.read(ServiceRecord.self, at: path(name), of: name, named: \.name) { Self.standard(name) }
        }
        switch found {
        case .success(let record)?: return record
        case .failure(let why)?:
            let jail = try state.record(of: name)
            let (isAlive, keeper) = (try jail?.isAlive() ?? false, try keeper(of: name))
            guard var record = ServiceRecord.unread(name, jail, isAlive: isAlive, why: why) else { return nil }
            if let keeper { (record.supervisor, record.supervisorStartTime) = (keeper.pid, keeper.startTime) }
            if !isAlive, keeper != nil, try record.isSupervisorAlive() { record.life.foundKept(Clock.milliseconds()) }
            return record
        case nil: return nil
        }
    }

    private static func standard(_ name: String) -> ServiceRecord? {
        ServiceRecord.unread(name, nil, isAlive: false, why: .changed).map {
            var record = $0
            record.unreadable = nil
            return record
        }
    }

    func prepare() throws(RuntimeError) {
        do { try Files.makeDirectories(directory, mode: 0o700) } catch {
            throw .system("cannot make \(directory)", error)
        }
    }

    /// Takes the name for a supervisor that is about to start its jail. The caller holds the name's lock.
    /// - Parameter restart: the process of the restart that has taken the jail down.
    /// - Throws: `.alreadyExists` when somebody else has it; `.notFound` when the jail was to be started again, and a stop came
    ///   before.
    func claim(_ record: ServiceRecord, isAgain: Bool, after restart: Int32? = nil) throws(RuntimeError) {
        try prepare()
        try alone { () throws(RuntimeError) in
            try checkFree(record, after: restart)
            if isAgain || restart != nil, try self.record(of: record.name) == nil { throw .notFound(jail: record.name) }
            try write(record)
        }
    }

    /// - Throws: `.alreadyExists` when somebody else has the name.
    func checkFree(_ record: ServiceRecord, after restart: Int32? = nil) throws(RuntimeError) {
        guard let other = try self.record(of: record.name), !other.hasSupervisor(of: record) else { return }
        if other.awaitsRestart == true, other.supervisor == restart { return }
        let isKept = other.state.isOver ? false : try other.isSupervisorAlive()
        let isHeld = isKept ? true : try state.trace(of: record.name)?.isAlive() == true
        if isHeld {
            throw .alreadyExists(
                jail: record.spec.label, holder: try NameHolder(state: state).words(of: record.name))
        }
    }

    /// - Throws: `.notFound` when the name is no longer that supervisor's: its jail was stopped before it had started.
    func checkClaim(_ record: ServiceRecord) throws(RuntimeError) {
        if try !isOwn(record) { throw .notFound(jail: record.name) }
    }

    /// What its supervisor has to tell of a jail. One that is gone was taken away by a stop, and stays so; one of another
    /// supervisor's is of another jail.
    func update(_ record: ServiceRecord) throws(RuntimeError) {
        try alone { () throws(RuntimeError) in
            if try isOwn(record) { try write(record) }
        }
    }

    /// Asks a jail's supervisor to start it again now, and not when the pause is over.
    func hasten(_ name: String) throws(RuntimeError) {
        let hastened = try alone { () throws(RuntimeError) -> ServiceRecord? in
            guard var record = try self.record(of: name), record.pauseSeconds != nil else { return nil }
            record.life.hasten(Clock.milliseconds())
            try write(record)
            return record
        }
        try hastened?.signalSupervisor(SIGHUP)
    }

    /// A restart takes the jail from its supervisor, unless a stop has taken it away from both.
    func take(_ record: ServiceRecord) throws(RuntimeError) {
        try alone { () throws(RuntimeError) in
            if try self.record(of: record.name) != nil { try write(record) }
        }
    }

    /// What is left of a jail that a restart could not bring up again, unless somebody else has its name.
    func leave(_ record: ServiceRecord) throws(RuntimeError) {
        try prepare()
        try alone { () throws(RuntimeError) in
            if let other = try self.record(of: record.name), other.awaitsRestart != true {
                // It has done its work since.
                if other.isEnded { return }
                try checkFree(record)
            }
            try write(record)
        }
    }

    /// What is known of a jail that is down, unless it is known already how it ended.
    func remember(_ record: ServiceRecord) throws(RuntimeError) {
        try prepare()
        try alone { () throws(RuntimeError) in
            if try self.record(of: record.name)?.isEnded != true { try write(record) }
        }
    }

    /// Whether it is that supervisor's still.
    private func isOwn(_ record: ServiceRecord) throws(RuntimeError) -> Bool {
        guard let known = try self.record(of: record.name) else { return false }
        return known.hasSupervisor(of: record) || known.hasUnknownSupervisor
    }

    /// Another supervisor takes over from the one that was killed. The caller holds the name's lock.
    func adopt(_ record: ServiceRecord) throws(RuntimeError) {
        try alone { () throws(RuntimeError) in
            guard try self.record(of: record.name) != nil else { throw .notFound(jail: record.name) }
            try write(record)
        }
    }

    /// A jail that is up has another name: jail -m. The log stays where it is.
    func rename(_ old: String, to spec: ConfiguredJail) throws(RuntimeError) {
        try alone { () throws(RuntimeError) in
            guard var record = try record(of: old) else { return }
            record.spec = spec
            try write(record)
            unlinkRecord(old)
        }
    }

    /// The wish is gone, the log is not.
    func withdraw(_ name: String) { alone { unlinkRecord(name) } }

    func remove(_ name: String) { alone { removeRecord(name) } }

    /// The same, of a supervisor that has no more to do with a jail; its name may have another one by now.
    func remove(own record: ServiceRecord) {
        alone {
            // What is not known to be its own stays: prune forgets it.
            do throws(RuntimeError) { if try isOwn(record) { removeRecord(record.name) } } catch {}
        }
    }

    /// A jail of that name starts that no supervisor looks after: what is known of the last is no longer so.
    func forgetEnd(of name: String) throws(RuntimeError) {
        if let record = try record(of: name), record.isEnded || record.unreadable != nil { remove(name) }
    }

    // MARK: One at a time

    /// A record is looked at and changed by one jailrun at a time: a supervisor that tells how its jail is must not write again
    /// what a stop has removed meanwhile. The lock is flock(2) of the directory, held for that moment alone, so nobody waits
    /// for a command of a jail's; where there is no directory there is nothing to be changed.
    func alone<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        let lock = lockDirectory()
        defer { if lock >= 0 { close(lock) } }
        return try body()
    }

    /// Who removes the unused directory may have come between open and flock.
    private func lockDirectory() -> Int32 {
        let deadline = Clock.milliseconds() + Self.lockMilliseconds
        while true {
            let descriptor = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
            if descriptor < 0 {
                if Errno.current.meansAbsent || Clock.milliseconds() > deadline { return -1 }
                // Others may give a descriptor back.
                usleep(10000)
                continue
            }
            Self.await(descriptor)
            var (opened, named) = (stat(), stat())
            if unsafe fstat(descriptor, &opened) == 0, unsafe stat(directory, &named) == 0,
                opened.st_ino == named.st_ino
            {
                return descriptor
            }
            close(descriptor)
        }
    }

    private static let lockMilliseconds = 20_000

    /// Who holds it for longer than that has been stopped in the middle, and is not waited for: each change is a whole file's.
    private static func await(_ descriptor: Int32) {
        let deadline = Clock.milliseconds() + lockMilliseconds
        while flock(descriptor, LOCK_EX | LOCK_NB) < 0, Clock.milliseconds() < deadline { usleep(500) }
    }

    func write(_ record: ServiceRecord) throws(RuntimeError) {
        try prepare()
        var whole = record
        whole.unreadable = nil
        noteKeeper(of: record)
        do {
            try Files.replace(path(record.name), with: RecordForm.sealed(try JSONValueEncoder().encode(whole).bytes))
        } catch let error as Errno {
            throw .system("cannot write \(path(record.name))", error)
        } catch { throw .host("cannot encode the record of \(record.name)", hint: nil) }
    }

    private func unlinkRecord(_ name: String) {
        _ = unsafe unlink(path(name))
        forgetKeeper(of: name)
    }

    func removeRecord(_ name: String) {
        // A jail that was renamed has the log of its first name.
        let place = renamedLog(name)
        unlinkRecord(name)
        LogFile(logPath(name), walk: HostWalk()).remove()
        if let place, place.hasPrefix("\(directory)/") { LogFile(place, walk: HostWalk()).remove() }
    }

    /// Of a jail that is down and stays known.
    func removeLog(of name: String) { alone { LogFile(logPath(name), walk: HostWalk()).remove() } }

    /// One that is not found now goes with the directory.
    private func renamedLog(_ name: String) -> String? {
        do throws(RuntimeError) { return try record(of: name)?.log?.path } catch { return nil }
    }

    /// When no record is left.
    func removeIfUnused() {
        alone {
            do throws(RuntimeError) {
                guard try names().isEmpty else { return }
                let left = try attempt(directory) { () throws(Errno) in try Files.namesIfThere(in: directory) }
                for name in left { _ = unsafe unlink("\(directory)/\(name)") }
                _ = unsafe rmdir(directory)
            } catch {}  // On a doubt all of it stays, for the next command.
        }
    }
}
