internal import CNamespaces
internal import SystemPackage

/// `security.capability` of a program: what it gets when it is executed, capabilities(7).
struct FileCapabilities {
    private var permitted: UInt64 = 0
    /// The program knows of no capabilities: it has all of them from the beginning, or is not executed.
    private var isEffective = false

    /// None when the file has none, or they cannot be read.
    init(of file: borrowing Descriptor) {
        var words = [UInt32](repeating: 0, count: 6)
        let size = unsafe words.withUnsafeMutableBytes { bytes in
            unsafe cns_get_attribute(
                "/proc/self/fd/\(file.number)", "security.capability",
                bytes.baseAddress, bytes.count)
        }
        guard size >= 20 else { return }
        isEffective = UInt32(littleEndian: words[0]) & 1 != 0
        permitted = UInt64(UInt32(littleEndian: words[1])) | UInt64(UInt32(littleEndian: words[3])) << 32
    }

    /// What the kernel refuses to execute the file for.
    func missing(from capabilities: CapabilitySet) -> CapabilitySet {
        isEffective ? CapabilitySet(rawValue: permitted & ~capabilities.rawValue) : []
    }
}

extension PrivilegeSpec {
    /// What capabilities of files are measured by; nil without `allow.suid`, when mounts are MS_NOSUID.
    var ofFiles: CapabilitySet? {
        granted.contains { $0.value == .setUserID } ? CapabilitySet(self) : nil
    }
}
