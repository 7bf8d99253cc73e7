internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// A file descriptor that is closed exactly once. A negative number is none.
package struct Descriptor: ~Copyable {
    package let number: Int32
    package init(_ number: Int32) { self.number = number }
    deinit { if isOpen { close(number) } }

    static var none: Descriptor { Descriptor(-1) }
    var isOpen: Bool { number >= 0 }

    /// Gives the descriptor away: somebody else closes it.
    package consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }
}

/// dup2(2), asked for again where it fails for a moment. A number that cannot be redirected is closed: nothing is written where it
/// does not belong.
func redirect(_ number: Int32, to source: Int32) {
    for _ in 0..<100 {
        if dup2(source, number) >= 0 { return }
        if errno != EINTR && errno != EBUSY { break }
    }
    close(number)
}

extension Errno {
    init(_ rawValue: Int32) { self.init(rawValue: rawValue) }
    static var current: Errno { Errno(errno) }

    /// There is nothing of that name. Every other errno says no more than that nobody could look.
    var meansAbsent: Bool {
        switch self {
        case .noSuchFileOrDirectory, .notDirectory, .fileNameTooLong: true
        default: false
        }
    }
}

/// The result of a system call, or errno as it was on the next line.
func checked(_ result: Int32) throws(Errno) -> Int32 {
    if result < 0 { throw .current }
    return result
}

/// The result of one of the `cns_` functions, which return a negative errno.
func checkedResult(_ result: Int32) throws(Errno) -> Int32 {
    if result < 0 { throw Errno(-result) }
    return result
}
