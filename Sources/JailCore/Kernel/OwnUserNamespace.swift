internal import Glibc
internal import SystemPackage

/// user_namespaces(7), of this process.
enum OwnUserNamespace {
    /// Whether it is the machine's first: that one has the same number on every machine, `USER_NS_INIT_INO` of linux/nsfs.h.
    /// A command asks `look` first, and does nothing where that fails.
    static var isInitial: Bool { if case .success(false) = look { false } else { true } }

    /// A kernel without user namespaces, or a machine without /proc, has that one alone.
    static let look: Result<Bool, Errno> = {
        var status = stat()
        if unsafe stat("/proc/self/ns/user", &status) == 0 { return .success(status.st_ino == 0xefff_fffd) }
        return Errno.current.meansAbsent ? .success(true) : .failure(.current)
    }()

    /// How many ids there are in it, from 0 on.
    static func idCount() throws(Errno) -> UInt32 {
        let lines = try Files.text("/proc/self/uid_map").split(separator: "\n")
        let fields = lines.map { $0.split(whereSeparator: \.isWhitespace).compactMap { UInt32($0) } }
        return fields.first { $0.count == 3 && $0[0] == 0 }?[2] ?? 1
    }
}

extension CapabilitySet {
    /// The effective ones, `CapEff` of proc(5).
    static func ofThisProcess() throws(Errno) -> CapabilitySet {
        let lines = try Files.text("/proc/self/status").split(separator: "\n")
        let digits = lines.first { $0.hasPrefix("CapEff:") }?.split(whereSeparator: \.isWhitespace).last ?? ""
        return CapabilitySet(rawValue: UInt64(digits, radix: 16) ?? 0)
    }
}
