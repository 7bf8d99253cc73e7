internal import SystemPackage

/// What a jail uses: the files of its cgroup and of its network namespace. Nil where this host has no such controller.
package struct JailStatistics: Codable, Equatable, Sendable {
    /// Share of the last 10 seconds in which some process had to wait, in percent: PSI.
    package struct Pressure: Codable, Equatable, Sendable {
        package var cpu: Double?
        package var memory: Double?
        package var io: Double?
    }

    package var name: String
    /// CLOCK_MONOTONIC at which it was looked at.
    package var milliseconds: Int
    package var cpuMicroseconds: Int?
    package var throttledMicroseconds: Int?
    package var memoryBytes: Int?
    /// Nil without a limit.
    package var memoryMaximum: Int?
    package var memoryPeak: Int?
    /// Processes that the kernel killed because memory ran out.
    package var memoryKills: Int?
    package var processes: Int
    package var processMaximum: Int?
    package var readBytes: Int?
    package var writtenBytes: Int?
    /// Of all its links except `lo`; nil if the network is the host's.
    package var receivedBytes: Int?
    package var sentBytes: Int?
    package var pressure: Pressure

    /// - Throws: when a file is there and cannot be read.
    package init(_ jail: JailRecord) throws(RuntimeError) {
        let look = { (cgroup: Cgroup) throws(Errno) in try JailStatistics(jail, cgroup) }
        self = try Cgroup(path: jail.cgroup).look(look)
    }

    private init(_ jail: JailRecord, _ cgroup: Cgroup) throws(Errno) {
        func text(_ file: String) throws(Errno) -> String? { try cgroup.textIfThere(file) }
        func number(_ file: String) throws(Errno) -> Int? { try text(file).flatMap { Int($0.trimmed) } }
        name = jail.name
        milliseconds = Clock.milliseconds()
        let cpu = try text("cpu.stat")
        cpuMicroseconds = cpu.flatMap { Self.value("usage_usec", in: $0) }
        throttledMicroseconds = cpu.flatMap { Self.value("throttled_usec", in: $0) }
        memoryBytes = try number("memory.current")
        memoryMaximum = try number("memory.max")
        memoryPeak = try number("memory.peak")
        memoryKills = try text("memory.events").flatMap { Self.value("oom_kill", in: $0) }
        let counted = try number("pids.current")
        processes = if let counted { counted } else { try cgroup.processes().count }
        processMaximum = try number("pids.max")
        let io = try text("io.stat")
        readBytes = io.map { Self.sum("rbytes", in: $0) }
        writtenBytes = io.map { Self.sum("wbytes", in: $0) }
        let isOwn = jail.spec.network.mode.value == .own && jail.unreadable == nil
        let links = isOwn ? try Self.links(of: jail.pid).map(Self.traffic) : nil
        (receivedBytes, sentBytes) = (links?.received, links?.sent)
        pressure = Pressure(
            cpu: try text("cpu.pressure").flatMap(Self.share), memory: try text("memory.pressure").flatMap(Self.share),
            io: try text("io.pressure").flatMap(Self.share))
    }

    /// Nil of a process that has ended meanwhile.
    private static func links(of pid: Int32) throws(Errno) -> String? {
        try ProcessTable.ifRunning { () throws(Errno) in try Files.text("/proc/\(pid)/net/dev") }
    }

    /// Processors in use between two looks: 1 is one of them, all the time.
    package func processors(since earlier: JailStatistics) -> Double? {
        guard let now = cpuMicroseconds, let before = earlier.cpuMicroseconds, milliseconds > earlier.milliseconds
        else {
            return nil
        }
        return Double(max(0, now - before)) / Double((milliseconds - earlier.milliseconds) * 1000)
    }

    // MARK: Files

    /// `key value`, one a line.
    static func value(_ key: String, in text: String) -> Int? {
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, words[0] == key { return Int(words[1]) }
        }
        return nil
    }

    /// `8:0 rbytes=1 wbytes=2`, one device a line.
    static func sum(_ key: String, in text: String) -> Int {
        text.split(whereSeparator: \.isWhitespace).filter { $0.hasPrefix(key + "=") }
            .compactMap { Int($0.dropFirst(key.count + 1)) }.reduce(0, +)
    }

    /// avg10 of `some`.
    static func share(in text: String) -> Double? {
        let words = text.split(separator: "\n").first { $0.hasPrefix("some ") }?.split(separator: " ") ?? []
        return words.first { $0.hasPrefix("avg10=") }.flatMap { Double($0.dropFirst(6)) }
    }

    /// /proc/net/dev: two lines of titles, then a link each.
    static func traffic(in text: String) -> (received: Int, sent: Int) {
        var (received, sent) = (0, 0)
        for line in text.split(separator: "\n").dropFirst(2) {
            let parts = line.split(separator: ":", maxSplits: 1)
            let fields = parts.last?.split(separator: " ") ?? []
            guard parts.count == 2, parts[0].drop(while: { $0 == " " }) != "lo", fields.count > 8 else { continue }
            received += Int(fields[0]) ?? 0
            sent += Int(fields[8]) ?? 0
        }
        return (received, sent)
    }
}

extension JailStatistics {
    /// JSON, an array with sorted keys.
    package static func json(_ all: [JailStatistics]) -> String { JSONText.of(all) }

    /// OpenMetrics 1.0, as Prometheus reads it.
    package static func openMetrics(_ all: [JailStatistics]) -> String {
        func family(
            _ name: String, _ kind: String, _ unit: String?, _ help: String, _ value: (JailStatistics) -> Double?
        ) -> String {
            let samples = all.compactMap { jail in
                value(jail).map {
                    "jailrun_\(name)\(kind == "counter" ? "_total" : ""){jail=\"\(jail.name)\"} \(number($0))\n"
                }
            }
            let unit = unit.map { "# UNIT jailrun_\(name) \($0)\n" } ?? ""
            return "# TYPE jailrun_\(name) \(kind)\n\(unit)# HELP jailrun_\(name) \(help)\n\(samples.joined())"
        }
        func gauge(_ name: String, _ unit: String?, _ help: String, _ value: (JailStatistics) -> Int?) -> String {
            family(name, "gauge", unit, help) { value($0).map(Double.init) }
        }
        func counter(_ name: String, _ unit: String?, _ help: String, _ value: (JailStatistics) -> Int?) -> String {
            family(name, "counter", unit, help) { value($0).map(Double.init) }
        }
        func seconds(_ name: String, _ help: String, _ value: (JailStatistics) -> Int?) -> String {
            family(name, "counter", "seconds", help) { value($0).map { Double($0) / 1e6 } }
        }
        func ratio(_ name: String, _ help: String, _ value: (JailStatistics) -> Double?) -> String {
            family(name, "gauge", "ratio", help) { value($0).map { $0 / 100 } }
        }
        let parts = [
            seconds("cpu_seconds", "Processor time used.", \.cpuMicroseconds),
            seconds("cpu_throttled_seconds", "Time for which cpu.max throttled it.", \.throttledMicroseconds),
            gauge("memory_bytes", "bytes", "Memory used.", \.memoryBytes),
            gauge("memory_limit_bytes", "bytes", "memory.max.", \.memoryMaximum),
            gauge("memory_peak_bytes", "bytes", "Peak memory used.", \.memoryPeak),
            counter("memory_kills", nil, "Processes killed because memory ran out.", \.memoryKills),
            gauge("processes", nil, "Processes and threads.", \.processes),
            gauge("processes_limit", nil, "pids.max.", \.processMaximum),
            counter("read_bytes", "bytes", "Bytes read from devices.", \.readBytes),
            counter("written_bytes", "bytes", "Bytes written to devices.", \.writtenBytes),
            counter("network_received_bytes", "bytes", "Bytes received, except over lo.", \.receivedBytes),
            counter("network_sent_bytes", "bytes", "Bytes sent, except over lo.", \.sentBytes),
            ratio("cpu_pressure_ratio", "Share of 10 s in which some process waited for a processor.", \.pressure.cpu),
            ratio("memory_pressure_ratio", "Share of 10 s in which some process waited for memory.", \.pressure.memory),
            ratio("io_pressure_ratio", "Share of 10 s in which some process waited for a device.", \.pressure.io),
        ]
        return parts.joined() + "# EOF"
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
    }
}
