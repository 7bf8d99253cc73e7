internal import Glibc
internal import SystemPackage

/// `O_PATH` of open(2), which Glibc's module lacks: no architecture has another value.
private let openPathOnly: Int32 = 0o10000000

/// A descriptor of a file or folder on the way to a configuration, closed when it goes.
struct ConfigurationDescriptor: ~Copyable {
    private let number: Int32
    private let isOwned: Bool

    static var standardInput: ConfigurationDescriptor { ConfigurationDescriptor(number: 0, isOwned: false) }

    enum Opening {
        /// To read. Nonblocking: opening a FIFO must not wait for a writer, and it is refused afterwards.
        case contents
        /// To look at, without any effect on what is there.
        case place

        var flags: Int32 { self == .contents ? O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC : openPathOnly | O_CLOEXEC }
    }

    private init(number: Int32, isOwned: Bool) { (self.number, self.isOwned) = (number, isOwned) }

    init(path: String, _ opening: Opening) throws(ConfigurationReadError) {
        number = unsafe open(path, opening.flags)
        isOwned = true
        guard number >= 0 else { throw .errno(errno) }
    }

    /// An entry of this folder; a symbolic link is not followed.
    func entry(_ name: String, _ opening: Opening) throws(ConfigurationReadError) -> ConfigurationDescriptor {
        let entry = unsafe openat(number, name, opening.flags | O_NOFOLLOW)
        guard entry >= 0 else { throw .errno(errno) }
        return ConfigurationDescriptor(number: entry, isOwned: true)
    }

    deinit {
        if isOwned { close(number) }
    }

    func status() throws(ConfigurationReadError) -> stat {
        var status = stat()
        guard unsafe fstat(number, &status) == 0 else { throw .errno(errno) }
        return status
    }

    /// Where a symbolic link points, which this is.
    func linkTarget() throws(ConfigurationReadError) -> String { try Self.target(of: "", in: number) }

    static func workingDirectory() throws(ConfigurationReadError) -> String {
        try target(of: "/proc/self/cwd", in: AT_FDCWD)
    }

    private static func target(of path: String, in folder: Int32) throws(ConfigurationReadError) -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let length = unsafe readlinkat(folder, path, &buffer, buffer.count)
        guard length >= 0 else { throw .errno(errno) }
        guard length < buffer.count, let text = buffer.prefix(length).map({ UInt8(bitPattern: $0) }).text else {
            throw ConfigurationReadError("path is too long, or not UTF-8")
        }
        return text
    }

    /// All bytes up to the end; more than `limit` are refused.
    func read(limit: Int) throws(ConfigurationReadError) -> Bytes {
        var bytes = Bytes()
        var buffer = Bytes(repeating: 0, count: 4096)
        while bytes.count <= limit {
            let count = unsafe Glibc.read(number, &buffer, buffer.count)
            if count == 0 { return bytes }
            if count < 0 && errno == EINTR { continue }
            if count < 0 && errno == EAGAIN {
                Self.awaitInput(number)
                continue
            }
            guard count > 0 else { throw .errno(errno) }
            bytes += buffer.prefix(count)
        }
        throw ConfigurationReadError("larger than \(limit) bytes")
    }

    /// For standard input, which whoever shares it may have made nonblocking: until there is something to read.
    private static func awaitInput(_ number: Int32) {
        var watched = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
        _ = unsafe poll(&watched, 1, -1)
    }

    /// The names in a directory; empty when there is none.
    static func names(in directory: String) throws(ConfigurationReadError) -> [String] {
        guard let stream = unsafe opendir(directory) else {
            if Errno.current.meansAbsent { return [] }
            throw .errno(errno)
        }
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
    static func errno(_ number: Int32) -> ConfigurationReadError {
        ConfigurationReadError(Errno(rawValue: number).description)
    }
}
