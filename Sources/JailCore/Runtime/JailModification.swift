internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Changes a jail while it runs: jail -m. All of it is done, or none.
public struct JailModification {
    private let name: String
    private let change: JailChange
    private let host: Host

    /// - Parameter name: the jail's present name.
    public init(of name: String, by change: JailChange, host: Host) {
        self.name = name
        self.change = change
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

    /// - Throws: `.notFound`; what could not be changed, when the jail is as it was.
    public func run() throws(RuntimeError) {
        let lock = try host.lock(name)
        try JailRepair(host: host).repair(name)
        guard let old = host.state.record(of: name) else {
            lock.unlinkAndRelease()
            throw .notFound(jail: name)
        }
        var new = old
        new.details.spec = change.result
        if new.spec.name.value == name {
            try apply(old, &new)
            try host.state.write(new.trace)
            try host.state.write(new.details)
            _ = consume lock
        } else {
            let newLock = try host.lock(new.spec.name.value)
            try JailRenaming(old: old, name: new.spec.name.value, host: host).check()
            try apply(old, &new)
            try JailRenaming(old: old, name: new.spec.name.value, host: host).run(&new)
            _ = consume newLock
            lock.unlinkAndRelease()
        }
        // Last: a jail that no longer persists may end at once, and its record must be there for that.
        if old.spec.isPersistent.value != new.spec.isPersistent.value { try setPersistence(new) }
    }

    /// What fails takes back what was done before it.
    private func apply(_ old: JailRecord, _ new: inout JailRecord) throws(RuntimeError) {
        try LimitChange(of: old, host: host).run(to: new.spec)
        do throws(RuntimeError) {
            try setHostname(of: old, to: new.spec.hostname)
            do throws(RuntimeError) { try NetworkChange(of: old, host: host).run(to: &new) } catch {
                try? setHostname(of: old, to: old.spec.hostname)
                throw error
            }
        } catch {
            try? LimitChange(of: new, host: host).run(to: old.spec)
            throw error
        }
    }

    private func setHostname(of record: JailRecord, to hostname: Located<String>) throws(RuntimeError) {
        let message = "\(record.spec.label): cannot set the hostname"
        let namespace = try attempt(message) { () throws(Errno) in try Files.open("/proc/\(record.pid)/ns/uts") }
        try attempt(message) { () throws(Errno) in
            _ = try checkedResult(unsafe cns_set_hostname(namespace.number, hostname.value))
        }
    }

    private func setPersistence(_ record: JailRecord) throws(RuntimeError) {
        let signal = record.spec.isPersistent.value ? CNS_SIGNAL_PERSIST : CNS_SIGNAL_NO_PERSIST
        try attempt("\(record.spec.label): cannot reach the jail's first process") { () throws(Errno) in
            let pidfd = Descriptor(try checkedResult(cns_pidfd_open(record.pid)))
            _ = try checkedResult(cns_pidfd_signal(pidfd.number, Int32(signal.rawValue)))
        }
    }
}
