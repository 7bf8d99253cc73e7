internal import Glibc

/// Who holds a lock, as proc(5) tells: `/proc/locks` names the process that took it.
struct LockHolder {
    let pid: Int32

    /// Nil when nobody does, or when the holder is not to be seen from here.
    init?(of path: String) {
        var status = stat()
        guard unsafe stat(path, &status) == 0, let locks = try? Files.text("/proc/locks") else { return nil }
        let file = Self.number(of: status)
        for line in locks.split(separator: "\n") {
            // `1: FLOCK  ADVISORY  WRITE 1234 00:2c:567 0 EOF`; who waits for it has `->` behind the number.
            let words = line.split(separator: " ")
            guard words.count > 5, words[1] == "FLOCK", words[5] == file, let pid = Int32(words[4]), pid > 0
            else { continue }
            self.pid = pid
            return
        }
        return nil
    }

    /// `00:2c:567`, as the kernel writes it.
    private static func number(of status: stat) -> String {
        let device = UInt64(status.st_dev)
        let parts = [device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xfff00]
        return parts.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) + ":" }.joined() + "\(status.st_ino)"
    }

    /// `pid 1234 (jailrun start www.conf)`.
    var text: String {
        let words = ((try? Files.beginning(of: "/proc/\(pid)/cmdline")) ?? "").split(separator: "\0")
        if words.isEmpty { return "pid \(pid)\(stopNote)" }
        let name = words[0].split(separator: "/").last.map(String.init) ?? ""
        let line = ([name] + words.dropFirst().prefix(4).map(String.init)).joined(separator: " ")
        return "pid \(pid) (\(Terminal.escaped(line)))\(stopNote)"
    }
}

    /// Whoever waits for it may have to do something.
    private var stopNote: String { ProcessTable.isStopped(pid) ? ", which is stopped: kill -CONT \(pid)" : "" }
