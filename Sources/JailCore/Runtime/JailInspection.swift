internal import FoundationEssentials

/// Everything that is known of a running jail: its record, and what the kernel says now.
public struct JailInspection: Codable, Sendable {
    public struct Value: Codable, Sendable {
        public var file: String
        public var value: String
    }

    public var record: JailRecord
    public var isAlive: Bool
    public var processes: [Int32]
    /// Files of its cgroup that this kernel has.
    public var cgroupValues: [Value]
    public var capabilities: String

    public init(_ record: JailRecord) {
        self.record = record
        isAlive = record.isAlive
        let cgroup = Cgroup(path: record.cgroup)
        processes = cgroup.processes
        let files = ((try? Files.names(in: record.cgroup)) ?? []).filter {
            $0.hasSuffix(".max") || $0.hasSuffix(".current") || $0.hasSuffix(".events") || $0 == "cpu.weight"
                || $0.hasSuffix(".high")
        }
        cgroupValues = files.compactMap { file in
            (try? cgroup.value(of: file)).map { Value(file: file, value: $0.trimmed) }
        }
        capabilities = CapabilitySet(record.spec.privileges).description
    }

    /// JSON with sorted keys.
    public func json() -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(self) else { return "{}" }
        return String(decoding: data, as: UTF8.self)
    }
}
