internal import CNamespaces
internal import Glibc
internal import SystemPackage

extension OwnUserNamespace {
    /// That of this process. Whoever changes it does so before it is asked for the first time.
    static var ofThisProcess: OwnUserNamespace { get throws(Errno) { try found.get() } }

    private static let found: Result<OwnUserNamespace, Errno> = {
        do throws(Errno) { return .success(try find()) } catch { return .failure(error) }
    }()

    private static func find() throws(Errno) -> OwnUserNamespace {
        if try isInitial() { return .initial }
        return OwnUserNamespace(
            kind: try Files.isThere(Planner.stateInside) ? .jail : .own,
            userMap: try Files.text("/proc/self/uid_map"), groupMap: try Files.text("/proc/self/gid_map"))
    }

    /// The machine's first has the same number on every machine, `USER_NS_INIT_INO` of linux/nsfs.h. A kernel without user
    /// namespaces, or a machine without /proc, has that one alone.
    private static func isInitial() throws(Errno) -> Bool {
        var status = stat()
        if unsafe stat("/proc/self/ns/user", &status) == 0 { return status.st_ino == 0xefff_fffd }
        if Errno.current.meansAbsent { return true }
        throw .current
    }
}

extension CapabilitySet {
    /// The effective ones.
    static func ofThisProcess() throws(Errno) -> CapabilitySet {
        var effective: UInt64 = 0
        _ = try checkedResult(unsafe cns_own_capabilities(&effective))
        return CapabilitySet(rawValue: effective)
    }

    /// How many the running kernel has: those that `Capability` names, and what a newer one has beside them.
    static func countOfKernel() throws(Errno) -> Int {
        Int(try checkedResult(cns_capability_count(Int32(Capability.allCases.count))))
    }
}
