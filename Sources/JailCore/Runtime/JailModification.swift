internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Changes a jail while it runs: jail -m. All of it is done, or none.
public struct JailModification {
    /// Why a jail is as it was.
    public enum Failure: Error {
        case parameters(ConfigurationFailure)
        /// This parameter would become another, and cannot while the jail runs.
        case fixed(String)
        case runtime(RuntimeError)
    }

    private let name: String
    private let host: Host

    /// - Parameter name: the jail's present name.
    public init(of name: String, host: Host) {
        self.name = name
        self.host = host
    }

    /// The first of the parameters given that would become another, and cannot while the jail runs.
    public static func fixedParameter(of record: JailRecord, in change: JailChange, among others: [JailRecord])
        -> String?
    {
        var asked = record
        asked.details.spec = change.asked
        let (before, after) = (JailValues(record, among: others), JailValues(asked, among: others))
        return change.names.first { name in
            KernelParameters.contains(name) && !KernelParameters.isChangeable(name) && before[name] != after[name]
        }
    }

    /// - Parameter makeChange: called with the jail as it is, which stays so until the change is made.
    public func run(_ makeChange: (JailSpec) throws(ConfigurationFailure) -> JailChange) throws(Failure) {
        let held = try runtime { () throws(RuntimeError) in try hold() }
        let change: JailChange
        do throws(ConfigurationFailure) { change = try makeChange(held.record.spec) } catch { throw .parameters(error) }
        if let fixed = Self.fixedParameter(of: held.record, in: change, among: host.state.records) {
            throw .fixed(fixed)
        }
        let isRenamed = change.result.name.value != name
        try runtime { () throws(RuntimeError) in
            if isRenamed { try rename(held.record, change) } else { try modify(held.record, change) }
        }
        if isRenamed { held.lock.unlinkAndRelease() }
    }

    /// The jail, which nobody else changes meanwhile.
    private struct Hold: ~Copyable {
        let lock: JailLock
        let record: JailRecord
    }

    private func hold() throws(RuntimeError) -> Hold {
        let lock = try host.lock(name)
        try JailRepair(host: host).repair(name)
        guard let record = host.state.record(of: name) else {
            lock.unlinkAndRelease()
            throw .notFound(jail: name)
        }
        return Hold(lock: lock, record: record)
    }

    private func runtime<Value: ~Copyable>(_ body: () throws(RuntimeError) -> Value) throws(Failure) -> Value {
        do throws(RuntimeError) { return try body() } catch { throw .runtime(error) }
    }

    private func modify(_ old: JailRecord, _ change: JailChange) throws(RuntimeError) {
        var new = old
        new.details.spec = change.result
        new.trace.revision += 1
        try apply(old, &new)
        try host.state.write(new.trace)
        try host.state.write(new.details)
        try setPersistence(from: old, to: new)
    }

    private func rename(_ old: JailRecord, _ change: JailChange) throws(RuntimeError) {
        let renaming = JailRenaming(old: old, name: change.result.name.value, host: host)
        let lock = try host.lock(change.result.name.value)
        var new = old
        new.details.spec = change.result
        new.trace.revision += 1
        try renaming.check()
        try apply(old, &new)
        try renaming.run(&new)
        try setPersistence(from: old, to: new)
        _ = consume lock
    }

    /// What fails takes back what was done before it.
    private func apply(_ old: JailRecord, _ new: inout JailRecord) throws(RuntimeError) {
        try LimitChange(of: old, host: host).run(to: new.spec)
        do throws(RuntimeError) {
            try setHostname(of: old, to: new.spec.hostname)
            do throws(RuntimeError) {
                try EnvironmentChange(of: old).run(to: new.spec)
                do throws(RuntimeError) { try NetworkChange(of: old, host: host).run(to: &new) } catch {
                    try? EnvironmentChange(of: new).run(to: old.spec)
                    throw error
                }
            } catch {
                try? setHostname(of: new, to: old.spec.hostname)
                throw error
            }
        } catch {
            try? LimitChange(of: new, host: host).run(to: old.spec)
            throw error
        }
    }

    private func setHostname(of record: JailRecord, to hostname: Located<String>) throws(RuntimeError) {
        if hostname.value == record.spec.hostname.value { return }
        let message = "\(record.spec.label): cannot set the hostname"
        let namespace = try attempt(message) { () throws(Errno) in try Files.open("/proc/\(record.pid)/ns/uts") }
        try attempt(message) { () throws(Errno) in
            _ = try checkedResult(unsafe cns_set_hostname(namespace.number, hostname.value))
        }
    }

    /// Last: a jail that no longer persists may end at once, and its record must be there for that.
    private func setPersistence(from old: JailRecord, to new: JailRecord) throws(RuntimeError) {
        if old.spec.isPersistent.value == new.spec.isPersistent.value { return }
        try JailNesting(of: new.name, host: host).setPersistence(new)
    }
}
