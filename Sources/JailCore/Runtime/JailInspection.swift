/// Everything that is known of a running jail: its record, and what the kernel says now.
public struct JailInspection: Codable, Sendable {
    public struct Value: Codable, Sendable {
        public var file: String
        public var value: String
    }

    /// Who looks after it, and how it is.
    public struct Service: Codable, Sendable {
        public var status: ServiceStatus
        public var supervisor: Int32
        public var isSupervisorAlive: Bool
        public var log: ConsoleLog.Place?
        public var configuration: String
        /// Seconds since 1970, as far as they are known.
        public var startedSeconds: Int?
        public var endedSeconds: Int?
    }

    /// Nil when the jail is down: it has ended, or is to be started again.
    public var record: JailRecord?
    /// What it was, and will be when it is started again; nil when the record has it.
    public var spec: JailSpec?
    public var service: Service?
    public var isAlive: Bool
    public var processes: [Int32]
    /// Files of its cgroup that this kernel has.
    public var cgroupValues: [Value]
    public var capabilities: String

    /// Nil when nothing is known of the jail.
    public init?(_ record: JailRecord?, _ service: ServiceRecord? = nil) {
        guard let spec = record?.spec ?? service?.spec else { return nil }
        self.record = record
        self.spec = record == nil ? spec : nil
        self.service = service.map {
            Service(
                status: ServiceStatus($0), supervisor: $0.supervisor, isSupervisorAlive: $0.isSupervisorAlive,
                log: $0.log, configuration: $0.configuration, startedSeconds: $0.startedSeconds,
                endedSeconds: $0.endedSeconds)
        }
        isAlive = record?.isAlive ?? false
        let cgroup = record.map { Cgroup(path: $0.cgroup) }
        processes = cgroup?.processes ?? []
        let files = ((try? cgroup.map { try Files.names(in: $0.path) }) ?? []).filter {
            $0.hasSuffix(".max") || $0.hasSuffix(".current") || $0.hasSuffix(".events") || $0 == "cpu.weight"
                || $0.hasSuffix(".high")
        }
        cgroupValues = files.compactMap { file in
            (try? cgroup?.value(of: file)).map { Value(file: file, value: $0.trimmed) }
        }
        capabilities = CapabilitySet(spec.privileges).description
    }

    /// JSON with sorted keys.
    public func json() -> String { JSONText.of(self) }
}
