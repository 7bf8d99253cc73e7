import ArgumentParser
import Glibc
import JailCore

struct Stats: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Print what jails use: CPU, memory, processes, disks and network, and how long they waited.",
        usage: "jailrun stats [<options>] [<jail> ...]",
        discussion: HelpText.discussion(
            "WAIT is the share of the last 10 seconds in which some process waited for CPU, memory or a disk.",
            examples: "jailrun stats www", "jailrun stats --openmetrics"))

    private static let sampleMicroseconds: UInt32 = 250_000

    @OptionGroup var global: GlobalOptions

    @Flag(help: "Print JSON.")
    var json = false

    @Flag(name: .customLong("openmetrics"), help: "Print OpenMetrics text for Prometheus.")
    var isOpenMetrics = false

    @Argument(help: "Jails by name or jid; all if omitted.")
    var jails: [String] = []

    func validate() throws {
        if json && isOpenMetrics { throw ValidationError("--json and --openmetrics cannot be used together") }
    }

    func run() throws {
        try reporting {
            let lookup = JailLookup(host: try global.host())
            let records = try Self.records(jails, lookup)
            let first = try records.map { try JailStatistics($0) }
            if json { return try Output.result(JailStatistics.json(first)) }
            if isOpenMetrics { return try Output.result(JailStatistics.openMetrics(first)) }
            if !records.isEmpty { usleep(Self.sampleMicroseconds) }
            let usages = try zip(records, first).map { try Usage($0, before: $1) }
            try Output.result(Usage.table(usages))
        }
    }

    static func records(_ names: [String], _ lookup: JailLookup) throws -> [JailRecord] {
        let running = try lookup.running()
        if names.isEmpty { return running }
        return try names.map { name in
            let found = running.first { $0.name == name } ?? running.first { String($0.identity.jid) == name }
            guard let found else { throw lookup.notFound(name) }
            return found
        }
    }
}

/// What a jail used between two looks.
struct Usage {
    let label: String
    let now: JailStatistics
    let processors: Double?
    /// Bytes a second.
    let readRate: Double?
    let writeRate: Double?
    let receiveRate: Double?
    let sendRate: Double?

    init(_ jail: JailRecord, before: JailStatistics?) throws(RuntimeError) {
        let now = try JailStatistics(jail)
        func rate(_ bytes: (JailStatistics) -> Int?) -> Double? {
            guard let before, let new = bytes(now), let old = bytes(before), now.milliseconds > before.milliseconds
            else {
                return nil
            }
            return Double(max(0, new - old)) * 1000 / Double(now.milliseconds - before.milliseconds)
        }
        label = jail.spec.label
        self.now = now
        processors = before.flatMap { now.processors(since: $0) }
        readRate = rate(\.readBytes)
        writeRate = rate(\.writtenBytes)
        receiveRate = rate(\.receivedBytes)
        sendRate = rate(\.sentBytes)
    }

    static let header = [
        "JAIL", "CPU%", "MEMORY", "LIMIT", "PIDS", "READ/s", "WRITE/s", "IN/s", "OUT/s", "WAIT%", "KILLS",
    ]

    var cells: [String] {
        let pressure = now.pressure
        let waits = [pressure.cpu, pressure.memory, pressure.io].compactMap { $0 }
        return [
            label, processors.map { Self.percent($0 * 100) } ?? "-", now.memoryBytes.map(ByteCount.text) ?? "-",
            now.memoryMaximum.map(ByteCount.text) ?? "-", String(now.processes), Self.rate(readRate),
            Self.rate(writeRate), Self.rate(receiveRate), Self.rate(sendRate),
            waits.isEmpty ? "-" : waits.map { String(Int($0.rounded())) }.joined(separator: "/"),
            now.memoryKills.map(String.init) ?? "-",
        ]
    }

    private static func percent(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    private static func rate(_ bytes: Double?) -> String { bytes.map { ByteCount.text(Int($0)) } ?? "-" }

    static func table(_ usages: [Usage]) -> String {
        TextTable(header, rightAligned: Array(1..<header.count), usages.map(\.cells)).text
    }
}
