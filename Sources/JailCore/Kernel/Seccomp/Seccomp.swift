internal import CNamespaces
package import SystemPackage

/// A compiled system call filter: what seccomp(2) is given.
package struct SeccompFilter: Equatable, Sendable {
    /// An array of `struct sock_filter`, eight bytes each, in this machine's byte order.
    package var bytes: [UInt8]
    /// SECCOMP_FILTER_FLAG_* of seccomp(2), as the profile asks.
    package var flags: UInt32 = 0

    package var instructionCount: Int { bytes.count / 8 }

    init(bytes: [UInt8], flags: UInt32 = 0) {
        self.bytes = bytes
        self.flags = flags
    }

    /// The default filter, compiled when jailrun was built. Its calls and reasons: Sources/CNamespaces/seccomp/seccomp_table.h.
    package static let standard = SeccompFilter(bytes: [UInt8](hexadecimal: EmbeddedImages.seccompDefault))

    /// The default filter, with the calls that need one of `capabilities` and that no jail can make without, and with
    /// what `permissions` open and close.
    static func compileStandard(
        adding capabilities: CapabilitySet, _ permissions: SeccompPermissions = []
    ) throws(SeccompError) -> SeccompFilter {
        let bytes = try unsafe Self.collect { out, capacity, length in
            unsafe cns_seccomp_compile_default(
                capabilities.rawValue, permissions.rawValue, out, capacity, length)
        }
        return SeccompFilter(bytes: bytes)
    }

    /// Runs a C function that writes a program, and takes what it wrote.
    static func collect(
        _ write: (UnsafeMutablePointer<UInt8>, Int, UnsafeMutablePointer<Int>) -> Int32
    ) throws(SeccompError) -> [UInt8] {
        var program = [UInt8](repeating: 0, count: Int(CNS_SECCOMP_MAX_BYTES))
        var length = 0
        let result = unsafe program.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return -Errno.noMemory.rawValue }
            return unsafe write(start, buffer.count, &length)
        }
        guard result == 0 else { throw .compilation("seccomp filter", Errno(rawValue: -result)) }
        return Array(program.prefix(length))
    }
}

extension SeccompFilter {
    /// The filter of a jail; nil for `seccomp = none`. Whatever has to be compiled is kept in `cache`, and found there
    /// the next time; without a cache it is compiled each time.
    package static func filter(
        for privileges: PrivilegeSpec, cachedIn cache: SeccompCache?
    ) throws(SeccompError) -> SeccompFilter? {
        switch privileges.seccomp.value {
        case .none: return nil
        case .standard:
            return try standard(
                for: CapabilitySet(openedBy: privileges), SeccompPermissions(privileges), cachedIn: cache)
        case .profile(let path):
            let capabilities = CapabilitySet(privileges)
            let text = try SeccompProfile.read(FilePath(path))
            let conditions = try SeccompProfile.Conditions.thisMachine(with: capabilities)
            let key = text + Array("\n\(conditions)".utf8)
            return try cached(key, in: cache) { () throws(SeccompError) in
                try SeccompProfile(json: text, name: path).compile(under: conditions)
            }
        }
    }

    private static func standard(
        for capabilities: CapabilitySet, _ permissions: SeccompPermissions, cachedIn cache: SeccompCache?
    ) throws(SeccompError) -> SeccompFilter {
        let relevant = CapabilitySet(rawValue: cns_seccomp_capabilities())
        let added = capabilities.subtracting(.standard).intersection(relevant)
        if added.isEmpty && permissions.isEmpty { return .standard }
        let key = "standard \(added.procDescription)" + (permissions.isEmpty ? "" : " \(permissions.rawValue)")
        return try cached(Array(key.utf8), in: cache) { () throws(SeccompError) in
            try compileStandard(adding: added, permissions)
        }
    }

    static func cached(
        _ key: [UInt8], in cache: SeccompCache?, compile: () throws(SeccompError) -> SeccompFilter
    ) throws(SeccompError) -> SeccompFilter {
        if let found = cache?.filter(for: key) { return found }
        let filter = try compile()
        cache?.store(filter, for: key)
        return filter
    }
}

/// Why there is no filter. A jail that asked for one does not start without.
package enum SeccompError: Error, Equatable, Sendable {
    /// A profile that cannot be read, that others could change, or that is no regular file, or too large.
    case refused(String, String)
    /// A profile that says what no filter can.
    case malformed(Diagnostic)
    /// libseccomp refused: what it was given, and its cause.
    case compilation(String, Errno)
}

extension SeccompError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .refused(let path, let cause): "seccomp profile \(path): \(cause)"
        case .malformed(let diagnostic): "seccomp profile \(diagnostic)"
        case .compilation(let subject, let errno): "\(subject): libseccomp: \(errno)"
        }
    }
}
