internal import Glibc

/// What is known about jails that a restart stops. While it works, they belong to it: others see them as `restarting`,
/// and a stop takes them away from it. If it does not start them again, they can still be started by name.
package struct RestartMemory: Sendable {
    private let records: [ServiceRecord]
    private let host: Host
    private let process: Int32
    private let startTime: UInt64

    /// - Throws: when it could not be looked for one: nothing has been stopped yet.
    package init(of names: [String], host: Host) throws(RuntimeError) {
        self.host = host
        var records: [ServiceRecord] = []
        for name in names {
            guard let record = try ServiceRegistry(state: host.state).record(of: name), record.unreadable == nil
            else { continue }
            records.append(record)
        }
        self.records = records
        (process, startTime) = (getpid(), try ProcessTable.ownStartTime())
    }

    private func record(_ name: String) -> ServiceRecord? { records.first { $0.name == name } }

    /// What takes the place of its record when it is stopped; nil of a jail that nobody looks after.
    func successor(of name: String) -> ServiceRecord? { record(name)?.restarted(by: process, since: startTime) }

    /// Its record when it is not brought up again.
    func down(_ name: String) -> ServiceRecord? { record(name)?.downAfterRestart() }

    /// The restart, if that has the name.
    func process(holding name: String) -> Int32? { record(name).map { _ in process } }

    /// Whether nobody has started it again.
    package func isUnclaimed(_ name: String) throws(RuntimeError) -> Bool {
        guard let record = try ServiceRegistry(state: host.state).record(of: name) else { return false }
        return record.awaitsRestart == true && record.supervisor == process
    }

    /// Records that those are down, until they are started, stopped or pruned.
    package func remember(_ names: [String]) {
        for record in names.compactMap(down) {
            do throws(RuntimeError) { try ServiceRegistry(state: host.state).leave(record) } catch {
                host.audience.warn(error.message)
            }
        }
    }
}
