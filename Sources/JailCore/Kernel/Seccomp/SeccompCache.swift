internal import CNamespaces
internal import Glibc
package import SystemPackage

/// Compiled filters in a directory, each under the digest of what it was made from: a profile, or capabilities, and
/// jailrun's own table. A cache is a convenience: what cannot be read or trusted is compiled again, what cannot be
/// written is not kept.
package struct SeccompCache: Sendable {
    private let directory: FilePath

    /// `directory` is made with mode 0700 when it is not there; its parent must be.
    package init(directory: FilePath) { self.directory = directory }

    func filter(for key: [UInt8]) -> SeccompFilter? {
        guard isPrivate, let bytes = read(path(for: key)) else { return nil }
        return SeccompFilter(record: bytes)
    }

    /// Written whole: a reader sees the finished file or none.
    func store(_ filter: SeccompFilter, for key: [UInt8]) {
        _ = unsafe directory.withPlatformString { unsafe Glibc.mkdir($0, 0o700) }
        guard isPrivate else { return }
        let final = path(for: key)
        let temporary = FilePath("\(final).\(getpid())")
        do {
            let file = try FileDescriptor.open(
                temporary, .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec, .noFollow],
                permissions: [.ownerRead, .ownerWrite])
            _ = try file.closeAfter { try file.writeAll(filter.record) }
            let isInPlace = unsafe temporary.withPlatformString { old in
                unsafe final.withPlatformString { new in unsafe Glibc.rename(old, new) == 0 }
            }
            if !isInPlace { remove(temporary) }
        } catch {
            // A temporary file that this process cannot make is another's; one that it cannot fill is of no use.
            if error as? Errno != .fileExists { remove(temporary) }
        }
    }

    /// The default filter stands in every key: when the table changes, all that was cached before is forgotten.
    private func path(for key: [UInt8]) -> FilePath {
        let digest = SHA256.hexadecimalDigest(of: SeccompFilter.standard.bytes + key)
        return directory.appending("\(digest).bpf")
    }

    /// Ours, and nobody else may write to it: else anyone could give jails their filter.
    private var isPrivate: Bool {
        guard
            let file = try? FileDescriptor.open(
                directory, .readOnly, options: [.directory, .noFollow, .closeOnExec])
        else { return false }
        defer { try? file.close() }
        guard let status = try? file.stat() else { return false }
        return status.userID.rawValue == geteuid() && status.permissions.isDisjoint(with: .writableByOthers)
    }

    private func read(_ path: FilePath) -> [UInt8]? {
        guard let file = try? FileDescriptor.open(path, .readOnly, options: [.noFollow, .nonBlocking, .closeOnExec])
        else { return nil }
        defer { try? file.close() }
        guard let status = try? file.stat(), status.type == .regular, status.userID.rawValue == geteuid() else {
            return nil
        }
        return try? file.readAll(atMost: SeccompFilter.largestRecord)
    }

    private func remove(_ path: FilePath) { _ = unsafe path.withPlatformString { unsafe Glibc.unlink($0) } }
}

extension SeccompFilter {
    static let largestRecord = 8 + Int(CNS_SECCOMP_MAX_BYTES)

    /// The flags in eight hexadecimal digits, then the program.
    var record: [UInt8] {
        let digits = String(flags, radix: 16)
        return Array((String(repeating: "0", count: 8 - digits.count) + digits).utf8) + bytes
    }

    /// `record`, in base64.
    var text: String { Base64.text(record) }

    /// Nil for what is no filter.
    init?(text: String) {
        guard let record = Base64.bytes(text) else { return nil }
        self.init(record: record)
    }

    /// Nil unless it is a program that seccomp(2) could take: whole instructions, at least one, at most 4096, a return
    /// last.
    init?(record: [UInt8]) {
        let program = Array(record.dropFirst(8))
        let flags = UInt32(String(decoding: record.prefix(8), as: UTF8.self), radix: 16)
        guard let flags, !program.isEmpty, program.count % 8 == 0, program.count <= Int(CNS_SECCOMP_MAX_BYTES),
            program[program.count - 8] == 0x06  // BPF_RET | BPF_K
        else { return nil }
        self.init(bytes: program, flags: flags)
    }
}

extension FilePermissions {
    static let writableByOthers: FilePermissions = [.groupWrite, .otherWrite]
}

extension FileDescriptor {
    /// What is left of the file; nil when it is more than `limit` bytes.
    func readAll(atMost limit: Int) throws -> [UInt8]? {
        var content: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: min(limit + 1, 65536))
        while content.count <= limit {
            let count = unsafe try chunk.withUnsafeMutableBytes { unsafe try read(into: $0) }
            if count == 0 { return content }
            content += chunk.prefix(count)
        }
        return nil
    }
}
