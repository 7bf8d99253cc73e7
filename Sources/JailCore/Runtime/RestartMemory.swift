/// What is known of jails that a restart takes down: should it not bring them up again, they can be started by name still.
public struct RestartMemory {
    private let records: [ServiceRecord]
    private let host: Host

    /// - Throws: when it could not be looked for one: nothing has been stopped yet.
    public init(of names: [String], host: Host) throws(RuntimeError) {
        self.host = host
        var records: [ServiceRecord] = []
        for name in names {
            if let record = try ServiceRegistry(state: host.state).record(of: name) { records.append(record) }
        }
        self.records = records
    }

    /// Notes of those that they are down, until they are started, stopped or pruned.
    public func remember(_ names: [String]) {
        for var record in records where names.contains(record.name) {
            record.life.leftDown(Clock.milliseconds())
            (record.detail, record.exitStatus) = ("not started again after a restart", nil)
            (record.remembersEnd, record.log) = (true, nil)
            do throws(RuntimeError) {
                try ServiceRegistry(state: host.state).claim(record, isAgain: false)
            } catch { host.warn(error.message) }
        }
    }
}
