internal import SystemPackage

/// Everything that is known of a running jail: its record, and what the kernel says now.
package struct JailInspection: Codable, Sendable {
    package struct Value: Codable, Sendable {
        package var file: String
        package var value: String
    }

    /// Who looks after it, and how it is.
    package struct Service: Codable, Sendable {
        package var status: ServiceStatus
        package var supervisor: Int32
        package var isSupervisorAlive: Bool
        package var log: ConsoleLog.Place?
        package var configuration: String
        /// Seconds since 1970, as far as they are known.
        package var startedSeconds: Int?
        package var endedSeconds: Int?

        fileprivate init(_ record: ServiceRecord) throws(RuntimeError) {
            (status, supervisor) = (ServiceStatus(record), record.supervisor)
            isSupervisorAlive = try record.isSupervisorAlive()
            (log, configuration) = (record.log, record.configuration)
            (startedSeconds, endedSeconds) = (record.startedSeconds, record.endedSeconds)
        }
    }

    /// Why its record cannot be read: then only what the kernel says is known.
    package var unreadable: String?
    var trace: JailTrace?
    /// Nil when the jail is down: it has ended, or is to be started again.
    package var record: JailRecord?
    /// What it was, and will be when it is started again; nil when the record has it.
    package var spec: ConfiguredJail?
    package var service: Service?
    package var isAlive: Bool
    package var processes: [Int32]
    /// Files of its cgroup that this kernel has.
    package var cgroupValues: [Value]
    package var capabilities: String

    /// Nil when nothing is known of the jail.
    /// - Throws: when something of it could not be looked at.
    package init?(_ record: JailRecord?, _ service: ServiceRecord? = nil) throws(RuntimeError) {
        guard let spec = record?.spec ?? service?.spec else { return nil }
        unreadable = record?.unreadable ?? service?.unreadable
        if unreadable == nil {
            self.record = record
            self.spec = record == nil ? spec : nil
        } else {
            trace = record?.trace
        }
        self.service = try service.map { (service) throws(RuntimeError) in try Service(service) }
        isAlive = try record?.isAlive() ?? false
        let cgroup = record.map { Cgroup(path: $0.cgroup) }
        processes = try cgroup?.look { (cgroup) throws(Errno) in try cgroup.processes() } ?? []
        cgroupValues = try cgroup?.look { (cgroup) throws(Errno) in try Self.values(in: cgroup) } ?? []
        capabilities = unreadable == nil ? CapabilitySet(spec.privileges).description : ""
    }

    private static func values(in cgroup: Cgroup) throws(Errno) -> [Value] {
        var values: [Value] = []
        for file in try Files.namesIfThere(in: cgroup.path)
        where [".max", ".current", ".events", ".high"].contains(where: file.hasSuffix) || file == "cpu.weight" {
            if let text = try cgroup.textIfThere(file) { values.append(Value(file: file, value: text.trimmed)) }
        }
        return values
    }

    /// JSON with sorted keys.
    package func json() -> String { JSONText.of(self) }
}
