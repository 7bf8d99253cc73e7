internal import Glibc
internal import SystemPackage

/// Reads a jail's log line by line, the oldest rotated file first, and continues where it was when there is more.
package final class LogReader {
    package struct Line {
        /// RFC 3339; nil when the log has no times.
        package var timestamp: String?
        package var bytes: ArraySlice<UInt8>
    }

    private static let longestLine = 65536

    package let label: String
    package let name: String
    package let hasTimestamps: Bool
    private let log: LogFile
    /// Their suffixes.
    private var older: [String]
    private var file = Descriptor.none
    /// It is one that was rotated.
    private var isOlder = false
    private var buffer: [UInt8] = []
    private var position = 0
    /// What comes next is the rest of a line.
    private var isContinued = false
    /// Why there may be more than was read.
    package private(set) var failure: RuntimeError?

    /// - Throws: when it cannot be looked for its files.
    package init(label: String, name: String, place: ConsoleLog.Place, host: Host) throws(RuntimeError) {
        (self.label, self.name, hasTimestamps) = (label, name, place.hasTimestamps)
        log = LogFile(place.path, walk: HostWalk(state: host.state))
        do throws(HostWalkError) {
            var number = 1
            while try log.inode(".\(number)") != nil { number += 1 }
            older = (1..<number).map { ".\($0)" }
        } catch { throw Self.unread(place.path, error) }
    }

    private static func unread(_ path: String, _ error: HostWalkError) -> RuntimeError {
        .host("cannot read the log \(Terminal.escaped(path)): \(error.description)", hint: error.hint)
    }

    /// The next line that ends with a newline; nil when there is none now.
    package func next() -> Line? {
        while true {
            if let end = buffer[position...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { (position, isContinued) = (end + 1, false) }
                return line(buffer[position..<end])
            }
            if buffer.count - position > Self.longestLine { return rest() }
            if !fill() { return nil }
        }
    }

    /// How many bytes there are after the last newline.
    package var openBytes: Int { buffer.count - position }

    /// The text after the last newline; nil if there is none. What comes next continues that line.
    package func rest() -> Line? {
        guard position < buffer.count else { return nil }
        defer { (position, isContinued) = (buffer.count, true) }
        return line(buffer[position...])
    }

    private func line(_ bytes: ArraySlice<UInt8>) -> Line {
        // The time is at a line's beginning alone.
        guard hasTimestamps, !isContinued, bytes.count >= ConsoleLog.timestampBytes else {
            return Line(timestamp: nil, bytes: bytes)
        }
        let stamp = bytes.prefix(ConsoleLog.timestampBytes - 1)
        return Line(
            timestamp: String(decoding: stamp, as: UTF8.self), bytes: bytes.dropFirst(ConsoleLog.timestampBytes))
    }

    /// Whether there was more.
    private func fill() -> Bool {
        while true {
            if let count = readMore() { return count }
            guard open() else { return false }
        }
    }

    /// Nil at the end of a file that is not the last.
    private func readMore() -> Bool? {
        guard file.isOpen else { return nil }
        buffer.removeSubrange(..<position)
        position = 0
        var chunk = [UInt8](repeating: 0, count: 65536)
        let count = unsafe read(file.number, &chunk, chunk.count)
        if count > 0 {
            buffer += chunk[..<count]
            return true
        }
        if count < 0 { failure = Self.unread(log.path, HostWalkError(.current)) }
        return isRotated ? nil : false
    }

    /// Its name means another file by now, or there is a younger one.
    private var isRotated: Bool {
        if !older.isEmpty || isOlder { return true }
        guard let name = inode(""), let mine = openInode else { return false }
        return name != mine
    }

    /// Nil if there is none, or it cannot be looked at, which is reported.
    private func inode(_ suffix: String) -> ino_t? {
        do throws(HostWalkError) { return try log.inode(suffix) } catch {
            failure = Self.unread(log.path + suffix, error)
            return nil
        }
    }

    /// Nil if it cannot be looked at, which is reported.
    private var openInode: ino_t? {
        var status = stat()
        if unsafe fstat(file.number, &status) == 0 { return status.st_ino }
        failure = Self.unread(log.path, HostWalkError(.current))
        return nil
    }

    /// Those that are younger than the open one, which was rotated meanwhile, more than once perhaps.
    /// - Returns: false when it is not known which they are.
    private func findYounger() -> Bool {
        guard let mine = openInode else { return false }
        var number = 1
        while let other = inode(".\(number)"), other != mine { number += 1 }
        older = (1..<number).map { ".\($0)" }
        return true
    }

    private func open() -> Bool {
        if file.isOpen && older.isEmpty && !isOlder && !findYounger() { return false }
        let next = older.popLast()
        isOlder = next != nil
        do throws(HostWalkError) {
            file = try log.open(O_RDONLY, next ?? "")
            return true
        } catch {
            // Nothing has been written yet, or it has been rotated away.
            if !error.errno.meansAbsent { failure = Self.unread(log.path + (next ?? ""), error) }
            return next != nil
        }
    }
}

/// A moment that `--since` names.
package enum LogMoment {
    /// `30s`, `10m`, `2h`, `1d` ago, or a time as the log has it, or the beginning of one: `2026-11-24T12:00`.
    /// - Returns: text that sorts among the log's times; nil when it is neither.
    package static func text(_ argument: String, nowSeconds: Int? = nil) -> String? {
        if let unit = argument.last, let scale = ["s": 1, "m": 60, "h": 3600, "d": 86400][unit] {
            guard let number = DigitsOnly.value(argument.utf8.dropLast(), in: 0...1_000_000) else { return nil }
            return ConsoleLog.text(seconds: (nowSeconds ?? time(nil)) - number * scale, microseconds: 0)
        }
        let form = Array("0000-00-00T00:00:00.000000Z".utf8)
        let bytes = Array(argument.utf8)
        let body = bytes.last == UInt8(ascii: "Z") ? bytes.dropLast() : bytes[...]
        guard bytes.count >= 10, bytes.count <= form.count else { return nil }
        for (byte, expected) in zip(body, form) {
            let isDigit = byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
            if expected == UInt8(ascii: "0") ? !isDigit : byte != expected { return nil }
        }
        return isDate(body) ? String(decoding: body, as: UTF8.self) : nil
    }

    /// Of numbers that are whole: no thirteenth month.
    private static func isDate(_ text: ArraySlice<UInt8>) -> Bool {
        func number(at place: Int) -> Int? {
            DigitsOnly.value(text.dropFirst(place).prefix(2), in: 0...99).flatMap { text.count < place + 2 ? nil : $0 }
        }
        guard let month = number(at: 5), let day = number(at: 8), 1...12 ~= month else { return false }
        let days = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
        let most = [(11, 23), (14, 59), (17, 60)]
        return 1...days ~= day && most.allSatisfy { (number(at: $0) ?? 0) <= $1 }
    }
}
