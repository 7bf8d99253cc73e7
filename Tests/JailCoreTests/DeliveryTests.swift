import Glibc
import SystemPackage
import Testing

@testable import JailCore

/// Bytes for a reader in a pipe.
@Suite("Bytes for a reader", .serialized)
struct DeliveryTests {
    private func withPipe(_ body: (_ reading: Int32, _ writing: Int32) throws -> Void) throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        try body(ends[0], ends[1])
    }

    private static let many = [UInt8](repeating: 7, count: 200_000)

    @Test("what the reader takes is whole, however much it is")
    func whole() throws {
        try withPipe { reading, writing in
            #expect(Delivery.write([1, 2, 3], to: writing) == .whole)
            var buffer = [UInt8](repeating: 0, count: 8)
            #expect(read(reading, &buffer, buffer.count) == 3 && buffer.prefix(3) == [1, 2, 3])
        }
    }

    @Test("one who takes nothing is waited for until the time is over, or a signal waits to be read")
    func dropped() throws {
        try withPipe { _, writing in
            #expect(Delivery.write(Self.many, to: writing, withinMilliseconds: 300) == .dropped(signal: nil))
            var (set, old) = (sigset_t(), sigset_t())
            sigemptyset(&set)
            sigaddset(&set, SIGHUP)
            pthread_sigmask(SIG_BLOCK, &set, &old)
            defer { pthread_sigmask(SIG_SETMASK, &old, nil) }
            raise(SIGHUP)
            #expect(Delivery.write(Self.many, to: writing) == .dropped(signal: SIGHUP))
            var number: Int32 = 0
            #expect(sigwait(&set, &number) == 0 && number == SIGHUP)
        }
    }

    @Test("one who has gone, and what finds no room, are told apart")
    func failed() throws {
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        close(ends[0])
        #expect(Delivery.write(Self.many, to: ends[1]) == .closed)
        close(ends[1])
        let full = open("/dev/full", O_WRONLY | O_CLOEXEC)
        defer { close(full) }
        #expect(Delivery.write(Self.many, to: full) == .failed(.noSpace))
    }
}
