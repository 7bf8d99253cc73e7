internal import Glibc

/// A process of a jail, as proc(5) of the host shows it.
public struct JailProcess: Sendable {
    public var pid: Int32
    /// The pid inside.
    public var innerPid: Int32
    /// The user id inside.
    public var uid: UInt32
    /// Letter of `/proc/PID/stat`: R, S, D, Z, T.
    public var state: String
    /// User and system time, in seconds.
    public var cpuSeconds: Double
    public var residentKiB: Int
    /// argv, or the name in brackets. Written by the process: to be escaped before it is shown.
    public var command: String

    /// The processes of a jail, by pid.
    public static func all(of record: JailRecord) -> [JailProcess] {
        Cgroup(path: record.cgroup).processes.sorted().compactMap { JailProcess(pid: $0, jail: record) }
    }

    init?(pid: Int32, jail: JailRecord) {
        guard let status = try? Files.text("/proc/\(pid)/status"), let stat = try? Files.text("/proc/\(pid)/stat"),
            let close = stat.lastIndex(of: ")")
        else { return nil }
        func field(_ name: String) -> [Substring] {
            status.split(separator: "\n").first { $0.hasPrefix(name + ":") }?.dropFirst(name.count + 1)
                .split(whereSeparator: \.isWhitespace) ?? []
        }
        let fields = stat[stat.index(after: close)...].split(separator: " ")
        guard fields.count > 12 else { return nil }
        self.pid = pid
        innerPid = field("NSpid").last.flatMap { Int32($0) } ?? 0
        let hostID = field("Uid").dropFirst().first.flatMap { UInt32($0) } ?? 0
        uid =
            jail.identity.idRange.map { hostID >= $0.first && hostID - $0.first < $0.count ? hostID - $0.first : 65534 }
            ?? hostID
        state = String(fields[0])
        let ticks = (Double(fields[11]) ?? 0) + (Double(fields[12]) ?? 0)
        cpuSeconds = ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
        residentKiB = field("VmRSS").first.flatMap { Int($0) } ?? 0
        let line = ((try? Files.text("/proc/\(pid)/cmdline")) ?? "").split(separator: "\0").joined(separator: " ")
        command = line.isEmpty ? "[\(field("Name").joined(separator: " "))]" : line
    }
}
