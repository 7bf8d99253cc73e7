internal import Glibc

/// user_namespaces(7), of this process.
enum OwnUserNamespace {
    /// Whether it is the machine's first: that one has the same number on every machine, `USER_NS_INIT_INO` of linux/nsfs.h.
    static let isInitial: Bool = {
        var status = stat()
        return unsafe stat("/proc/self/ns/user", &status) != 0 || status.st_ino == 0xefff_fffd
    }()

    /// Whether a process is in it; one that cannot be looked at may be.
    static func isSame(as pid: Int32) -> Bool {
        var (own, other) = (stat(), stat())
        guard unsafe stat("/proc/self/ns/user", &own) == 0, unsafe stat("/proc/\(pid)/ns/user", &other) == 0 else {
            return true
        }
        return own.st_ino == other.st_ino
    }

    /// How many ids there are in it, from 0 on.
    static var idCount: UInt32 {
        let lines = ((try? Files.text("/proc/self/uid_map")) ?? "").split(separator: "\n")
        let fields = lines.map { $0.split(whereSeparator: \.isWhitespace).compactMap { UInt32($0) } }
        return fields.first { $0.count == 3 && $0[0] == 0 }?[2] ?? 1
    }
}

extension CapabilitySet {
    /// The effective ones, `CapEff` of proc(5).
    static var ofThisProcess: CapabilitySet {
        let lines = ((try? Files.text("/proc/self/status")) ?? "").split(separator: "\n")
        let digits = lines.first { $0.hasPrefix("CapEff:") }?.split(whereSeparator: \.isWhitespace).last ?? ""
        return CapabilitySet(rawValue: UInt64(digits, radix: 16) ?? 0)
    }
}
