internal import Glibc

/// Who holds a lock, as proc(5) tells: `/proc/locks` names the process that took it.
struct LockHolder {
    let pid: Int32
    /// Whoever took it has ended: what it forked has the lock, too, and keeps it.
    let isLeft: Bool

    /// Nil when nobody does, or when the holder is not to be seen from here.
    init?(of path: String) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        if let taker = Self.taker(of: Self.number(of: status)) {
            (pid, isLeft) = (taker, false)
        } else if let keeper = Self.keeper(of: path) {
            // Somebody may have taken it between the two looks.
            let taker = Self.taker(of: Self.number(of: status))
            (pid, isLeft) = (taker ?? keeper, taker == nil)
        } else {
            return nil
        }
    }

    /// `/proc/locks` has no line of one that has ended.
    private static func taker(of file: String) -> Int32? {
        guard let locks = try? Files.text("/proc/locks") else { return nil }
        for line in locks.split(separator: "\n") {
            // `1: FLOCK  ADVISORY  WRITE 1234 00:2c:567 0 EOF`; who waits for it has `->` behind the number.
            let words = line.split(separator: " ")
            guard words.count > 5, words[1] == "FLOCK", words[5] == file, let pid = Int32(words[4]), pid > 0
            else { continue }
            return pid
        }
        return nil
    }

    /// A process that has the file open, with the lock: `/proc/PID/fdinfo` tells that of the open file, whoever took it.
    private static func keeper(of path: String) -> Int32? {
        guard let resolved = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(resolved) }
        let place = unsafe String(cString: resolved)
        let processes = ((try? Files.unsortedNames(in: "/proc")) ?? []).compactMap { Int32($0) }
        return processes.first { pid in
            if pid == getpid() { return false }
            return ((try? Files.unsortedNames(in: "/proc/\(pid)/fd")) ?? []).contains { number in
                guard isLink("/proc/\(pid)/fd/\(number)", to: place) else { return false }
                let text = try? Files.beginning(of: "/proc/\(pid)/fdinfo/\(number)")
                return text?.split(separator: "\n").contains { $0.hasPrefix("lock:") } == true
            }
        }
    }

    private static func isLink(_ link: String, to path: String) -> Bool {
        var target = [UInt8](repeating: 0, count: path.utf8.count + 1)
        let count = unsafe target.withUnsafeMutableBytes {
            unsafe readlink(link, $0.bindMemory(to: CChar.self).baseAddress!, $0.count)
        }
        return count == path.utf8.count && target[..<count].elementsEqual(path.utf8)
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

    /// Whoever waits for it may have to do something.
    private var stopNote: String { ProcessTable.isStopped(pid) ? ", which is stopped: kill -CONT \(pid)" : "" }
}
