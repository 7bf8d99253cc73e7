internal import Glibc

/// What the kernel's out-of-memory killer did to a jail.
extension Supervisor {
    /// Nil when nothing new happened: `db: killed by the kernel` is told once for each kill.
    func memoryKill(_ service: Service) -> String? {
        guard let cgroup = service.record.map({ Cgroup(path: $0.cgroup) }),
            let events = try? cgroup.value(of: "memory.events"), let kills = MemoryKill.count(in: events),
            kills > service.memoryKills
        else { return nil }
        service.memoryKills = kills
        return MemoryKill(cgroup).words
    }
}

/// The limit and what it came to.
struct MemoryKill {
    let maximum: String
    let peak: String?

    init(_ cgroup: Cgroup) {
        maximum = ((try? cgroup.value(of: "memory.max")) ?? "max").trimmed
        peak = (try? cgroup.value(of: "memory.peak"))?.trimmed
    }

    var words: String {
        let limit = Int(maximum).map { "memory.max \(ByteCount.text($0))" } ?? "memory of the host"
        let reached = peak.flatMap { Int($0) }.map { ", peak \(ByteCount.text($0))" }
        return "killed by the kernel: \(limit)\(reached ?? "")"
    }

    /// `oom_kill` of memory.events.
    static func count(in events: String) -> Int? {
        for line in events.split(separator: "\n") where line.hasPrefix("oom_kill ") { return Int(line.dropFirst(9)) }
        return nil
    }
}

/// Sizes as people write them.
public enum ByteCount {
    /// `256M`, `1.5G`: at most one digit behind the point.
    public static func text(_ bytes: Int) -> String {
        var value = Double(bytes)
        for unit in ["", "K", "M", "G", "T", "P"] {
            if value < 1024 || unit == "P" {
                let tenths = Int((value * 10).rounded())
                return tenths % 10 == 0 || tenths >= 1000
                    ? "\(tenths / 10)\(unit)" : "\(tenths / 10).\(tenths % 10)\(unit)"
            }
            value /= 1024
        }
        return "\(bytes)"
    }
}
