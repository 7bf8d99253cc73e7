internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// The static stage in its sealed memfd: the one program of jailrun's that a jail can see.
enum Stage {
    /// - Throws: the errno of memfd_create(2) or write(2).
    static func descriptor() throws(Errno) -> Descriptor {
        let digits = EmbeddedImages.stage
        let memfd = digits.withUTF8Buffer { buffer in
            unsafe buffer.withMemoryRebound(to: CChar.self) {
                unsafe cns_sealed_memfd_from_hex("jailrun-init", $0.baseAddress, $0.count)
            }
        }
        return Descriptor(try checkedResult(memfd))
    }
}

/// The two ends of a control socket.
struct ControlPair: ~Copyable {
    let ours: Descriptor
    let childs: Descriptor

    init() throws(Errno) {
        var ends: [Int32] = [-1, -1]
        _ = try checkedResult(unsafe cns_control_pair(&ends))
        ours = Descriptor(ends[0])
        childs = Descriptor(ends[1])
    }

    /// Once the child has its own: when that one closes, ours tells.
    consuming func keepOurs() -> Descriptor { ours }
}

/// A message from the child: `enum cns_report_kind`.
enum Report: Equatable {
    case failed(index: Int, errno: Int32)
    case ready
    case running(command: Int, pid: Int32)
    case finished(command: Int, status: Int32)
    case started
    /// The last process has ended, and pid 1 is about to.
    case ended
    /// The pty's master.
    case terminal(Int32)

    init?(_ report: cns_report, passed: Int32?) {
        switch UInt32(bitPattern: report.kind) {
        case CNS_FAILED.rawValue:
            self = .failed(index: Int(report.index), errno: Int32(truncatingIfNeeded: report.value))
        case CNS_READY.rawValue: self = .ready
        case CNS_RUNNING.rawValue:
            self = .running(command: Int(report.index), pid: Int32(truncatingIfNeeded: report.value))
        case CNS_FINISHED.rawValue:
            self = .finished(command: Int(report.index), status: Int32(truncatingIfNeeded: report.value))
        case CNS_STARTED.rawValue: self = .started
        case CNS_ENDED.rawValue: self = .ended
        case CNS_TERMINAL.rawValue:
            guard let passed else { return nil }
            self = .terminal(passed)
        default: return nil
        }
    }
}

/// The control socket, from jailrun's side.
enum Control {
    /// The next message; nil when the other end is closed.
    static func receive(from socket: Int32) throws(Errno) -> Report? {
        var report = cns_report()
        var passed: Int32 = -1
        let count = unsafe cns_receive(socket, &report, &passed, 1, 0)
        if count == -Errno.connectionReset.rawValue { return nil }
        if count < 0 { throw Errno(-count) }
        return Report(report, passed: count > 0 ? passed : nil)
    }

    /// The same message as the next `receive` gives, if it is there now.
    static func peek(_ socket: Int32) -> Report? {
        var report = cns_report()
        let size = MemoryLayout<cns_report>.size
        let count = unsafe recv(socket, &report, size, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
        return count == size ? Report(report, passed: nil) : nil
    }

    /// Lets the child go on.
    static func go(_ socket: Int32, passing descriptors: [Int32] = []) throws(Errno) {
        _ = try checkedResult(
            unsafe cns_send(socket, Int32(CNS_GO.rawValue), 0, 0, descriptors, UInt32(descriptors.count)))
    }

    /// Tells a child that waits that it is recorded: it goes on waiting when this connection is closed.
    static func leave(_ socket: Int32) throws(Errno) {
        _ = try checkedResult(cns_send(socket, Int32(CNS_LEAVE.rawValue), 0, 0, nil, 0))
    }

    static func signal(_ socket: Int32, _ number: Int32) {
        _ = cns_send(socket, Int32(CNS_SIGNAL.rawValue), 0, Int64(number), nil, 0)
    }
}
