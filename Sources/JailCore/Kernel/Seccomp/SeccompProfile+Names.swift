internal import CSeccomp
internal import Glibc

extension SeccompProfile {
    /// The names that are no system call of any architecture libseccomp knows, each with the one it most likely means.
    var unknownCalls: [(name: String, near: String?)] {
        let names = (syscalls ?? []).flatMap(\.allNames)
        let unknown = names.filter { unsafe seccomp_syscall_resolve_name($0) == __NR_SCMP_ERROR }
        if unknown.isEmpty { return [] }
        let known = Self.callNames
        var seen: Set<String> = []
        return unknown.filter { seen.insert($0).inserted }.map { ($0, Spelling($0).closest(in: known)) }
    }

    /// Those of this machine, in the order of their numbers.
    private static var callNames: [String] {
        (0..<1024).compactMap { (number: Int32) in
            guard let text = unsafe seccomp_syscall_resolve_num_arch(seccomp_arch_native(), number) else { return nil }
            defer { unsafe free(text) }
            return unsafe String(cString: text)
        }
    }
}
