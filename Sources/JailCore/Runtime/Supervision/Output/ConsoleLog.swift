internal import Glibc
internal import SystemPackage

/// A jail's console in a file, rotated. Whatever happens to the file, writing never waits and never fails: what cannot be
/// written is dropped and counted.
final class ConsoleLogWriter {
    let place: ConsoleLog.Place
    private let target: LogFile
    private let maximumBytes: Int
    private let kept: Int
    private var file = Descriptor.none
    private var size = 0
    /// Of the console; the file may have stopped elsewhere.
    private var isAtLineStart = true
    private var isFileAtLineStart = true
    private var droppedBytes = 0

    init(_ place: ConsoleLog.Place, _ target: LogFile, maximumBytes: Int, kept: Int) {
        (self.place, self.target, self.maximumBytes, self.kept) = (place, target, maximumBytes, kept)
    }

    /// What was there before.
    func remove() { target.remove() }

    /// Opens it, if it is not open yet: a place of jailrun's own belongs to whoever has the jail's name.
    /// - Returns: why it cannot be written; nil when it can.
    @discardableResult
    func open() -> HostWalkError? {
        if file.isOpen { return nil }
        do throws(HostWalkError) {
            let opened = try target.open(O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
            var status = stat()
            guard unsafe fstat(opened.number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
                throw HostWalkError.noRegularFile
            }
            size = Int(status.st_size)
            file = opened
            return nil
        } catch {
            // A socket, or a FIFO that nobody reads: open(2).
            return error.errno == Errno(ENXIO) ? .noRegularFile : error
        }
    }

    func write(_ bytes: ArraySlice<UInt8>) {
        open()
        var pending: [UInt8] = []
        for piece in ConsoleLog.lines(of: bytes) {
            if isAtLineStart {
                if size + pending.count + piece.count > maximumBytes && size + pending.count > 0 {
                    append(pending)
                    pending = []
                    rotate()
                }
                if place.hasTimestamps { pending += ConsoleLog.timestamp() }
            }
            pending += piece
            isAtLineStart = piece.last == UInt8(ascii: "\n")
        }
        append(pending)
    }

    /// A line of jailrun's own.
    func note(_ text: String) {
        write(Array("\(isAtLineStart ? "" : "\n")jailrun: \(text)\n".utf8)[...])
    }

    private func append(_ bytes: [UInt8]) {
        if bytes.isEmpty { return }
        open()
        guard file.isOpen else {
            droppedBytes += bytes.count
            return
        }
        if droppedBytes > 0 {
            let line = Array("jailrun: \(droppedBytes) bytes were dropped: the file could not be written\n".utf8)
            let end = isFileAtLineStart ? [] : [UInt8(ascii: "\n")]
            guard put(end + (place.hasTimestamps ? ConsoleLog.timestamp() : []) + line) else {
                droppedBytes += bytes.count
                return
            }
            droppedBytes = 0
        }
        if !put(bytes) { droppedBytes += bytes.count }
    }

    /// Whether all of it was written; what was written of it is taken back otherwise, so that no line is half there.
    private func put(_ bytes: [UInt8]) -> Bool {
        let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(file.number, $0.baseAddress, $0.count) }
        if count == bytes.count {
            size += count
            isFileAtLineStart = bytes.last == UInt8(ascii: "\n")
            return true
        }
        if count > 0 { ftruncate(file.number, off_t(size)) }
        return false
    }

    private func rotate() {
        file = .none
        target.rotate(kept: kept)
        open()
    }
}

/// A console log as its readers find it.
package enum ConsoleLog {
    package struct Place: Codable, Equatable, Sendable {
        package var path: String
        /// Each line begins with the time.
        package var hasTimestamps: Bool
    }

    /// The bytes in pieces that end with their newline; the last may have none.
    static func lines(of bytes: ArraySlice<UInt8>) -> [ArraySlice<UInt8>] {
        var pieces: [ArraySlice<UInt8>] = []
        var rest = bytes
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            pieces.append(rest[...end])
            rest = rest[(end + 1)...]
        }
        if !rest.isEmpty { pieces.append(rest) }
        return pieces
    }

    /// `2026-11-24T12:00:00.123456Z ` of now.
    static func timestamp() -> [UInt8] {
        var now = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &now)
        return Array((text(seconds: now.tv_sec, microseconds: now.tv_nsec / 1000) + " ").utf8)
    }

    /// RFC 3339, in UTC: its order as text is that of time.
    package static func text(seconds: Int, microseconds: Int) -> String {
        var parts = unsafe tm()
        var seconds = time_t(seconds)
        _ = unsafe gmtime_r(&seconds, &parts)
        func digits(_ value: Int, _ width: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        let date = unsafe [(parts.tm_year + 1900, 4), (parts.tm_mon + 1, 2), (parts.tm_mday, 2)]
        let time = unsafe [parts.tm_hour, parts.tm_min, parts.tm_sec]
        return date.map { digits(Int($0), $1) }.joined(separator: "-") + "T"
            + time.map { digits(Int($0), 2) }.joined(separator: ":") + ".\(digits(microseconds, 6))Z"
    }

    static let timestampBytes = 28

    /// The last lines of a log, without their times; of the rotated one too when the log is shorter.
    package static func tail(_ place: Place, count: Int, state: StateDirectory) -> [String] {
        let log = LogFile(place.path, walk: HostWalk(state: state))
        var lines: [String] = []
        for suffix in ["", ".1"] where lines.count < count {
            let text = String(decoding: end(of: log, suffix), as: UTF8.self)
            if text.isEmpty { continue }
            let found = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            lines = (text.hasSuffix("\n") ? found.dropLast() : found[...]).suffix(count - lines.count) + lines
        }
        return place.hasTimestamps ? lines.map { String($0.utf8.dropFirst(timestampBytes)) ?? $0 } : lines
    }

    private static func end(of log: LogFile, _ suffix: String) -> [UInt8] {
        guard let file = try? log.open(O_RDONLY, suffix) else { return [] }
        let size = lseek(file.number, 0, SEEK_END)
        lseek(file.number, max(0, size - 65536), SEEK_SET)
        return (try? Files.read(file)) ?? []
    }
}
