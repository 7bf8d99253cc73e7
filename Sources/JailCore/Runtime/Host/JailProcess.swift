internal import Glibc
internal import SystemPackage

/// A process of a jail, as proc(5) of the host shows it.
package struct JailProcess: Sendable {
    package var pid: Int32
    /// The pid inside.
    package var innerPid: Int32
    /// The user id inside.
    package var uid: UInt32
    /// Letter of `/proc/PID/stat`: R, S, D, Z, T.
    package var state: String
    /// User and system time, in seconds.
    package var cpuSeconds: Double
    package var residentKiB: Int
    /// argv, or the name in brackets. Written by the process: to be escaped before it is shown.
    package var command: String

    /// The processes of a jail, by pid.
    /// - Throws: when one that is there cannot be looked at.
    package static func all(of record: JailRecord) throws(RuntimeError) -> [JailProcess] {
        let pids = try Cgroup(path: record.cgroup).look { (cgroup) throws(Errno) in try cgroup.processes().sorted() }
        var processes: [JailProcess] = []
        for pid in pids {
            let found = try attempt("cannot look at process \(pid)") { () throws(Errno) in
                try ProcessTable.ifRunning { () throws(Errno) in try JailProcess(pid: pid, jail: record) }
            }
            if case .some(.some(let process)) = found { processes.append(process) }
        }
        return processes
    }

    /// Nil for one that has ended in the middle of it.
    private init?(pid: Int32, jail: JailRecord) throws(Errno) {
        let status = try Files.text("/proc/\(pid)/status")
        let stat = try Files.text("/proc/\(pid)/stat")
        let line = try Files.beginning(of: "/proc/\(pid)/cmdline").split(separator: "\0").joined(separator: " ")
        guard let close = stat.lastIndex(of: ")") else { return nil }
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
        command = line.isEmpty ? "[\(field("Name").joined(separator: " "))]" : line
    }
}
