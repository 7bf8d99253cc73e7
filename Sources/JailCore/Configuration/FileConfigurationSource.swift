internal import Glibc
internal import SystemPackage

/// Files of the file system, read once each through one descriptor.
///
/// A configuration is code: whoever can write it, or rename what is above it, decides what root runs. So as root, each file and
/// each folder above it must belong to a trusted owner and be writable by nobody else, as sshd(8) and sudo(8) demand. A sticky
/// folder such as `/tmp` is safe: others cannot rename what is not theirs. All checks are made on descriptors.
public struct FileConfigurationSource: ConfigurationSource {
    /// Larger files are refused; no configuration needs as much.
    public static let maximumBytes = 1 << 20

    /// Owners that may write configurations; nil means that nothing is checked.
    private let trustedOwners: [UInt32]?

    /// Checks as root, trusting root and the real user; as anybody else, kernel rights are enough.
    public init() { self.init(trustedOwners: geteuid() == 0 ? [0, getuid()] : nil) }

    public init(trustedOwners: [UInt32]?) { self.trustedOwners = trustedOwners }

    public func contents(of path: String, isInclude: Bool) throws(ConfigurationReadError) -> Bytes {
        if path == "-" && !isInclude { return try Self.read(.standardInput) }
        let file = try Self.open(path)
        defer { try? file.close() }
        try check(file, path)
        return try Self.read(file)
    }

    public func names(in directory: String) -> [String] { Self.entries(of: directory) }

    // MARK: Checks

    private func check(_ file: FileDescriptor, _ path: String) throws(ConfigurationReadError) {
        let status = try Self.status(of: file)
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw ConfigurationReadError(
                status.st_mode & S_IFMT == S_IFDIR ? "Is a directory" : "not a regular file",
                hint: "only - may be a pipe: it is standard input")
        }
        guard let trustedOwners else { return }
        try Self.check(status, isFolder: false, "the file", trustedOwners)
        try checkFolders(above: file, status, trustedOwners)
    }

    /// Walks to the file's resolved path from `/`, never through a link, and checks that it ends at the same file.
    private func checkFolders(
        above file: FileDescriptor, _ status: stat, _ owners: [UInt32]
    ) throws(ConfigurationReadError) {
        let components = try Self.resolvedPath(of: file).split(separator: "/").map(String.init)
        var folder = try Self.open("/", .pathOnly)
        defer { try? folder.close() }
        var shown = "/"
        for component in components.dropLast() {
            try Self.check(Self.status(of: folder), isFolder: true, shown, owners)
            let next = try Self.open(component, in: folder)
            try? folder.close()
            folder = next
            shown += (shown == "/" ? "" : "/") + component
        }
        try Self.check(Self.status(of: folder), isFolder: true, shown, owners)
        let found = try Self.status(of: components.last ?? "", in: folder)
        guard found.st_dev == status.st_dev, found.st_ino == status.st_ino else {
            throw ConfigurationReadError("was replaced while it was being checked")
        }
    }

    private static func check(
        _ status: stat, isFolder: Bool, _ name: String, _ owners: [UInt32]
    ) throws(ConfigurationReadError) {
        let shown = isFolder ? "the folder \(Bytes(name.utf8).printable())" : name
        guard owners.contains(status.st_uid) else {
            throw ConfigurationReadError(
                "refused: \(shown) belongs to user \(status.st_uid), who could change what root runs",
                hint: "chown root, or run jailrun as that user")
        }
        let isWritable = status.st_mode & (S_IWGRP | S_IWOTH) != 0
        let isSticky = isFolder && status.st_mode & S_ISVTX != 0
        guard !isWritable || isSticky else {
            throw ConfigurationReadError(
                "refused: others can write \(shown), and so change what root runs", hint: "chmod go-w")
        }
    }
}

// MARK: System calls

/// `O_PATH` of open(2), which Glibc's module lacks: no architecture has another value.
private let openPathOnly: Int32 = 0o10000000

extension FileConfigurationSource {
    private enum Opening { case contents, pathOnly }

    /// Nonblocking: opening a FIFO must not wait for a writer, and it is refused afterwards.
    private static func open(_ path: String, _ opening: Opening = .contents) throws(ConfigurationReadError) -> FileDescriptor {
        let flags = opening == .contents ? O_RDONLY | O_NONBLOCK | O_NOCTTY : openPathOnly | O_DIRECTORY
        let number = unsafe Glibc.open(path, flags | O_CLOEXEC)
        guard number >= 0 else { throw .errno(errno) }
        return FileDescriptor(rawValue: number)
    }

    private static func open(_ name: String, in folder: FileDescriptor) throws(ConfigurationReadError) -> FileDescriptor {
        let number = unsafe openat(folder.rawValue, name, openPathOnly | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard number >= 0 else { throw .errno(errno) }
        return FileDescriptor(rawValue: number)
    }

    private static func status(of file: FileDescriptor) throws(ConfigurationReadError) -> stat {
        var status = stat()
        guard unsafe fstat(file.rawValue, &status) == 0 else { throw .errno(errno) }
        return status
    }

    private static func status(of name: String, in folder: FileDescriptor) throws(ConfigurationReadError) -> stat {
        var status = stat()
        guard unsafe fstatat(folder.rawValue, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { throw .errno(errno) }
        return status
    }

    private static func resolvedPath(of file: FileDescriptor) throws(ConfigurationReadError) -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let length = unsafe readlink("/proc/self/fd/\(file.rawValue)", &buffer, buffer.count)
        guard length >= 0 else { throw .errno(errno) }
        guard length < buffer.count, let path = buffer.prefix(length).map({ UInt8(bitPattern: $0) }).text else {
            throw ConfigurationReadError("path is too long, or not UTF-8")
        }
        return path
    }

    private static func read(_ file: FileDescriptor) throws(ConfigurationReadError) -> Bytes {
        var bytes = Bytes()
        var buffer = Bytes(repeating: 0, count: 65536)
        while bytes.count <= maximumBytes {
            let count = unsafe Glibc.read(file.rawValue, &buffer, buffer.count)
            if count == 0 { return bytes }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { throw .errno(errno) }
            bytes += buffer.prefix(count)
        }
        throw ConfigurationReadError("larger than \(maximumBytes) bytes")
    }

    private static func entries(of directory: String) -> [String] {
        guard let stream = unsafe opendir(directory) else { return [] }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { unsafe Bytes($0.prefix { $0 != 0 }) }
            if let text = name.text { names.append(text) }
        }
        return names
    }
}

extension ConfigurationReadError {
    /// FreeBSD's words are those of strerror(3), without a locale.
    fileprivate static func errno(_ number: Int32) -> ConfigurationReadError {
        ConfigurationReadError(Errno(rawValue: number).description)
    }
}
