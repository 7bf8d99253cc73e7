internal import CNamespaces
internal import Glibc
package import SystemPackage

/// What happened to bytes for a reader who may not read: jailrun's signals are blocked, so a plain write(2) to a full
/// pipe would wait, whatever signal is sent.
package enum Delivery: Equatable, Sendable {
    case whole
    /// The reader did not take the rest, and a signal waits to be read; nil when the time was over.
    case dropped(signal: Int32?)
    /// Nobody reads any more: EPIPE.
    case closed
    case failed(Errno)

    private static let pauseMilliseconds: Int32 = 100
    /// What poll(2) calls writable takes that many at once: PIPE_BUF of pipe(7).
    static let pieceBytes = 4096

    /// - Parameter milliseconds: how long the reader may take; nil means until a signal comes.
    package static func write(
        _ bytes: [UInt8], to descriptor: Int32, withinMilliseconds milliseconds: Int? = nil
    ) -> Delivery {
        let deadline = milliseconds.map { Clock.milliseconds() + $0 }
        var rest = bytes[...]
        while !rest.isEmpty {
            guard takesSome(descriptor, waitingMilliseconds: pauseMilliseconds) else {
                if let signal = pendingSignal { return .dropped(signal: signal) }
                if let deadline, deadline <= Clock.milliseconds() { return .dropped(signal: nil) }
                continue
            }
            do throws(Errno) { rest.removeFirst(try writePiece(of: rest, to: descriptor)) } catch {
                return error == .brokenPipe ? .closed : .failed(error)
            }
        }
        return .whole
    }

    static func takesSome(_ descriptor: Int32, waitingMilliseconds: Int32) -> Bool {
        var watched = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        return unsafe poll(&watched, 1, waitingMilliseconds) > 0
    }

    /// - Returns: how many bytes were taken.
    static func writePiece(of bytes: ArraySlice<UInt8>, to descriptor: Int32) throws(Errno) -> Int {
        let piece = bytes.prefix(pieceBytes)
        let count = unsafe piece.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
        if count >= 0 { return count }
        if errno == EINTR || errno == EAGAIN { return 0 }
        throw .current
    }

    /// A signal that ends jailrun and is pending: sigpending(2).
    package static var pendingSignal: Int32? {
        var set = sigset_t()
        guard unsafe sigpending(&set) == 0 else { return nil }
        return [SIGHUP, SIGINT, SIGQUIT, SIGTERM].first { unsafe sigismember(&set, $0) == 1 }
    }
}

/// Standard output as jailrun was given it. What is opened later must not get its number.
package enum StandardOutput {
    /// First thing in `main`.
    package static func keep() { _ = cns_fill_descriptors() }

    /// Jails are given /dev/null then; for what was asked of jailrun itself there is nobody.
    package static var isClosed: Bool { cns_was_closed(1) != 0 }

    /// What was asked for, all of it.
    package static func deliver(_ bytes: [UInt8]) -> Delivery {
        isClosed && !bytes.isEmpty ? .failed(.badFileDescriptor) : Delivery.write(bytes, to: 1)
    }
}
