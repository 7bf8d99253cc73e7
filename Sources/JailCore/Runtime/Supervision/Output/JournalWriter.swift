internal import Glibc
internal import SystemPackage

/// A jail's console in the journal: each line is an entry of systemd-journald(8)'s native protocol, a datagram. Writing
/// never waits: what the journal does not take now is kept, up to a mebibyte; what comes on top is dropped, and counted.
final class JournalWriter {
    static let socketPath = "/run/systemd/journal/socket"
    private static let capacity = 1 << 20
    /// journald.conf(5), LineMax: at which journald itself cuts lines of services.
    private static let longestLine = 48 << 10

    private let path: String
    private var socket = Descriptor.none
    private var line: [UInt8] = []
    private var pending: [[UInt8]] = []
    private var pendingBytes = 0
    private(set) var droppedLines = 0

    init(path: String = socketPath) { self.path = path }

    /// To be written to when poll(2) says so; -1 when nothing waits.
    var awaited: Int32 { pending.isEmpty ? -1 : socket.number }

    func write(_ bytes: ArraySlice<UInt8>, of jail: String) {
        for piece in ConsoleLog.lines(of: bytes) {
            line += piece
            while line.count > Self.longestLine {
                keep(line[..<Self.longestLine], of: jail)
                line.removeFirst(Self.longestLine)
            }
            if line.last == UInt8(ascii: "\n") { endLine(of: jail) }
        }
        flush()
    }

    /// A line of jailrun's own.
    func note(_ text: String, of jail: String) {
        keep(Array("jailrun: \(text)".utf8)[...], of: jail, priority: LOG_WARNING)
        flush()
    }

    /// The jail is over: what no newline ended is an entry, too. The supervisor may end next, so the journal has a moment to
    /// take what is left.
    func end(of jail: String, waitingMilliseconds: Int = 100) {
        endLine(of: jail)
        let deadline = Clock.milliseconds() + waitingMilliseconds
        flush()
        while !pending.isEmpty, socket.isOpen, Clock.milliseconds() < deadline {
            var watched = pollfd(fd: socket.number, events: Int16(POLLOUT), revents: 0)
            _ = unsafe poll(&watched, 1, Int32(max(1, deadline - Clock.milliseconds())))
            flush()
        }
    }

    private func endLine(of jail: String) {
        if line.last == UInt8(ascii: "\n") { line.removeLast() } else if line.isEmpty { return }
        keep(line[...], of: jail)
        line = []
    }

    // MARK: Entries

    private func keep(_ text: ArraySlice<UInt8>, of jail: String, priority: Int32 = LOG_INFO) {
        let entry = Self.entry(text, of: jail, priority: priority)
        guard pendingBytes + entry.count <= Self.capacity else { return droppedLines += 1 }
        if droppedLines > 0 {
            let notice = "jailrun: \(droppedLines) lines were dropped: the journal did not accept them"
            droppedLines = 0
            put(Self.entry(Array(notice.utf8)[...], of: jail, priority: LOG_WARNING))
        }
        put(entry)
    }

    private func put(_ entry: [UInt8]) {
        pending.append(entry)
        pendingBytes += entry.count
    }

    /// A value without newline follows its name and `=`; each field ends with a newline.
    static func entry(_ text: ArraySlice<UInt8>, of jail: String, priority: Int32) -> [UInt8] {
        Array("PRIORITY=\(priority)\nSYSLOG_IDENTIFIER=\(jail)\nJAILRUN_JAIL=\(jail)\nMESSAGE=".utf8) + text + [0x0a]
    }

    // MARK: The socket

    /// Sends what the journal takes now.
    func flush() {
        var sent = 0
        while sent < pending.count, send(pending[sent]) {
            pendingBytes -= pending[sent].count
            sent += 1
        }
        pending.removeFirst(sent)
    }

    /// A journal that was started anew has another socket.
    private func send(_ entry: [UInt8]) -> Bool {
        for _ in 0..<2 {
            if !socket.isOpen { connect() }
            if !socket.isOpen { return false }
            let count = unsafe entry.withUnsafeBytes {
                unsafe Glibc.send(socket.number, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
            }
            if count >= 0 { return true }
            if errno == EAGAIN || errno == ENOBUFS || errno == EINTR { return false }
            if errno == EMSGSIZE {
                droppedLines += 1
                return true
            }
            socket = .none
        }
        return false
    }

    private func connect() {
        let opened = Descriptor(Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
        guard opened.isOpen else { return }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { place in
            unsafe place.copyBytes(from: path.utf8.prefix(place.count - 1))
        }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let isConnected = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe Glibc.connect(opened.number, $0, size) == 0
            }
        }
        if isConnected { socket = opened }
    }
}
