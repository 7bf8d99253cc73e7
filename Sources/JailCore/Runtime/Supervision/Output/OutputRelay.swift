internal import Glibc

/// Shows the output of jails on descriptor 1. It never waits for its reader: what does not fit into a mebibyte is dropped, and
/// stays in the jails' logs.
struct OutputRelay {
    private static let capacity = 1 << 20

    /// Each line begins with its jail's name.
    let namesWidth: Int?
    /// A line is shown as a person may see it.
    private let isSpelled: Bool
    private var pending: [UInt8] = []
    private var partial: [String: [UInt8]] = [:]

    init(namesWidth: Int?, isSpelled: Bool) {
        self.namesWidth = namesWidth
        self.isSpelled = isSpelled || isatty(1) == 1
    }

    var isPending: Bool { !pending.isEmpty }

    mutating func add(_ bytes: ArraySlice<UInt8>, of label: String) {
        if namesWidth == nil && !isSpelled { return keep(bytes) }
        let all = (partial[label] ?? []) + bytes
        for line in ConsoleLog.lines(of: all[...]) {
            if line.last == UInt8(ascii: "\n") || line.count > 4096 {
                keep(decorated(line, label)[...])
                partial[label] = nil
            } else {
                partial[label] = Array(line)
            }
        }
    }

    private func decorated(_ line: ArraySlice<UInt8>, _ label: String) -> [UInt8] {
        let body = line.last == UInt8(ascii: "\n") ? line.dropLast() : line
        let name = namesWidth.map { label + String(repeating: " ", count: max(0, $0 - label.count)) + " | " } ?? ""
        let shown = isSpelled ? Array(ConsoleText.safe(String(decoding: body, as: UTF8.self)).utf8) : Array(body)
        return Array(name.utf8) + shown + [UInt8(ascii: "\n")]
    }

    private mutating func keep(_ bytes: ArraySlice<UInt8>) {
        if pending.count + bytes.count <= Self.capacity { pending += bytes }
    }

    /// What no newline ended.
    mutating func end(of label: String) {
        guard let rest = partial.removeValue(forKey: label) else { return }
        keep(decorated(rest[...], label)[...])
    }

    /// Writes as long as the reader takes it. A pipe that poll(2) calls writable takes PIPE_BUF bytes at once.
    mutating func flush(waitingMilliseconds: Int = 0) {
        let deadline = Clock.milliseconds() + waitingMilliseconds
        while !pending.isEmpty {
            var watched = pollfd(fd: 1, events: Int16(POLLOUT), revents: 0)
            let rest = max(0, deadline - Clock.milliseconds())
            guard unsafe poll(&watched, 1, waitingMilliseconds > 0 ? Int32(rest) : 0) > 0 else { return }
            let piece = Array(pending.prefix(4096))
            let count = unsafe piece.withUnsafeBytes { unsafe write(1, $0.baseAddress, $0.count) }
            if count <= 0 {
                if count < 0 && errno == EINTR { continue }
                return pending.removeAll()
            }
            pending.removeFirst(count)
        }
    }
}
