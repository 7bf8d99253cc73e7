internal import CNamespaces

#if canImport(Glibc)
    internal import Glibc
#endif

/// An errno, as errno(3) has it.
public struct Errno: Error, Equatable, Sendable, Hashable {
    public let rawValue: Int32
    public init(_ rawValue: Int32) { self.rawValue = rawValue }

    /// strerror(3)'s text.
    public var text: String { unsafe String(cString: strerror(rawValue)) }

    static var current: Errno { Errno(Glibc.errno) }
}

/// A file descriptor that is closed exactly once.
public struct Descriptor: ~Copyable {
    public let number: Int32
    public init(_ number: Int32) { self.number = number }
    deinit { close(number) }

    /// Gives the descriptor away: somebody else closes it.
    public consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }
}
