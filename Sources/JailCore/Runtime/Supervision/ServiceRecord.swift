internal import FoundationEssentials
internal import Glibc
internal import SystemPackage

/// What is known of a supervised jail beside its own record: who looks after it, how it is, and how it is to be started again.
public struct ServiceRecord: Codable, Sendable {
    public var spec: JailSpec
    /// The configuration file it came from.
    public var configuration: String
    var supervisor: Int32
    var supervisorStartTime: UInt64
    /// Dies with its supervisor: nobody adopts it.
    public var isTransient: Bool
    var life: ServiceLife
    /// Why it is as it is: how it ended, or what the last failed health command said. Written by the jail: to be escaped.
    public var detail: String?
    var memoryKills = 0
    var lastMemoryKill: String?
    /// Where its console is kept, and whether the lines begin with the time; nil when `exec.consolelog` takes it.
    public var log: ConsoleLog.Place?

    public var name: String { spec.name.value }
    public var state: ServiceState { life.state }
    public var restarts: Int { life.restarts }
    public var isSupervisorAlive: Bool { ProcessTable.startTime(of: supervisor) == supervisorStartTime }
    /// Seconds since it is in its state.
    public var seconds: Int { max(0, (Clock.milliseconds() - life.sinceMilliseconds) / 1000) }
}

/// A supervised jail as others see it.
public struct ServiceStatus: Codable, Equatable, Sendable {
    public var name: String
    public var label: String
    public var state: ServiceState
    /// Seconds since 1970.
    public var sinceSeconds: Int
    /// It is starting with `command`, which runs for as long as the jail does: there is nothing to wait for.
    public var runsCommand = false
    public var restarts: Int
    /// Health commands since its start, and how many failed in a row.
    public var checks: Int
    public var failedChecks: Int
    /// Why it is in this state. Written by the jail: to be escaped.
    public var detail: String?
    /// How its start, or its last start command, or the jail itself ended.
    public var exitStatus: Int32
    /// A jail that it depends on failed.
    public var isSkipped: Bool
    /// Why its start failed was said already, by who started it.
    public var isReported: Bool
    /// Processes that the kernel killed because memory ran out, and the last of them in words: to be escaped.
    public var memoryKills: Int
    public var lastMemoryKill: String?

    public init(_ record: ServiceRecord) {
        self.init(
            record.spec, record.life, detail: record.detail, exitStatus: 0, isSkipped: false, isReported: false,
            memoryKills: record.memoryKills, lastMemoryKill: record.lastMemoryKill)
    }

    init(
        _ spec: JailSpec, _ life: ServiceLife, detail: String?, exitStatus: Int32, isSkipped: Bool, isReported: Bool,
        memoryKills: Int, lastMemoryKill: String?
    ) {
        (name, label, state) = (spec.name.value, spec.label, life.state)
        sinceSeconds = time(nil) - (Clock.milliseconds() - life.sinceMilliseconds) / 1000
        (restarts, checks, failedChecks) = (life.restarts, life.checks, life.failuresInARow)
        (self.detail, self.exitStatus) = (detail, exitStatus)
        (self.isSkipped, self.isReported) = (isSkipped, isReported)
        (self.memoryKills, self.lastMemoryKill) = (memoryKills, lastMemoryKill)
    }
}

/// The records of supervised jails, `/run/jailrun/services`.
///
/// A record is also the wish that its jail be up: `stop` removes it, and who is about to start the jail again looks for it first.
struct ServiceRegistry {
    let state: StateDirectory
    init(state: StateDirectory) { self.state = state }

    private var directory: String { "\(state.path)/services" }
    private func path(_ name: String) -> String { "\(directory)/\(name).json" }
    func logPath(_ name: String) -> String { "\(directory)/\(name).log" }

    var names: [String] {
        ((try? Files.names(in: directory)) ?? []).filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }
    }

    var records: [ServiceRecord] { names.compactMap(record) }

    func record(of name: String) -> ServiceRecord? {
        guard let file = try? Files.open(path(name)), let bytes = try? Files.read(file) else { return nil }
        return try? JSONDecoder().decode(ServiceRecord.self, from: Data(bytes))
    }

    func prepare() throws(RuntimeError) {
        do { try Files.makeDirectories(directory, mode: 0o700) } catch {
            throw .system("cannot make \(directory)", error)
        }
    }

    /// Takes the name for a supervisor that is about to start its jail.
    /// - Throws: `.alreadyExists` when somebody else has it; `.notFound` when the jail was to be started again, and a stop came
    ///   before.
    func claim(_ record: ServiceRecord, isAgain: Bool, host: Host) throws(RuntimeError) {
        let lock = try host.lock(record.name)
        try checkFree(record)
        if isAgain && self.record(of: record.name) == nil { throw .notFound(jail: record.name) }
        try write(record)
        _ = consume lock
    }

    /// - Throws: `.alreadyExists` when somebody else has the name.
    func checkFree(_ record: ServiceRecord) throws(RuntimeError) {
        guard let other = self.record(of: record.name) else { return }
        let isOwn = other.supervisor == record.supervisor && other.supervisorStartTime == record.supervisorStartTime
        let isKept = other.isSupervisorAlive && !other.state.isOver
        if !isOwn && (isKept || state.trace(of: record.name)?.isAlive == true) {
            throw .alreadyExists(jail: record.spec.label)
        }
    }

    func write(_ record: ServiceRecord) throws(RuntimeError) {
        try prepare()
        do {
            try Files.replace(path(record.name), with: Array(try JSONEncoder().encode(record)))
        } catch let error as Errno {
            throw .system("cannot write \(path(record.name))", error)
        } catch { throw .host("cannot encode the record of \(record.name)", hint: nil) }
    }

    /// A jail that is up has another name: jail -m. The log stays where it is.
    func rename(_ old: String, to spec: JailSpec) throws(RuntimeError) {
        guard var record = record(of: old) else { return }
        record.spec = spec
        try write(record)
        withdraw(old)
    }

    /// The wish is gone, the log is not.
    func withdraw(_ name: String) { _ = unsafe unlink(path(name)) }

    func remove(_ name: String) {
        // A jail that was renamed has the log of its first name.
        let place = record(of: name)?.log?.path
        withdraw(name)
        ConsoleLog.remove(logPath(name))
        if let place, place.hasPrefix("\(directory)/") { ConsoleLog.remove(place) }
    }

    /// Records of jails that are down and that nobody looks after: their start was broken off, or they died with their supervisor.
    /// - Parameter all: those too that another supervisor would start again, and those that failed.
    /// - Returns: whether there was one.
    @discardableResult
    func removeAbandoned(all: Bool = false) -> Bool {
        var isAny = false
        for record in records where !record.isSupervisorAlive {
            let isAlive = state.trace(of: record.name)?.isAlive ?? false
            let isWanted = !record.isTransient && record.life.isEstablished && record.spec.restart.policy != .no
            guard !isAlive && (all || !isWanted) || record.isTransient else { continue }
            remove(record.name)
            isAny = true
        }
        return isAny
    }

    /// When no record is left.
    func removeIfUnused() {
        guard names.isEmpty else { return }
        for name in (try? Files.names(in: directory)) ?? [] { _ = unsafe unlink("\(directory)/\(name)") }
        _ = unsafe rmdir(directory)
    }
}
