internal import Glibc
internal import SystemPackage

/// Small files of the host, by descriptor: state, procfs and cgroupfs. None of these serves a path inside a jail's root.
enum Files {
    /// open(2), close-on-exec.
    static func open(_ path: String, _ flags: Int32 = O_RDONLY, mode: UInt32 = 0) throws(Errno) -> Descriptor {
        Descriptor(try unsafe checked(Glibc.open(path, flags | O_CLOEXEC, mode)))
    }

    static func open(_ name: String, at directory: Int32, _ flags: Int32 = O_RDONLY, mode: UInt32 = 0)
        throws(Errno) -> Descriptor
    {
        Descriptor(try unsafe checked(Glibc.openat(directory, name, flags | O_CLOEXEC, mode)))
    }

    /// Of a file that others than root and the kernel fill.
    static let mostBytes = 1 << 20

    /// Reads to the end, at most `limit` bytes.
    /// - Throws: `EFBIG` when there is more.
    static func read(_ descriptor: borrowing Descriptor, limit: Int = mostBytes) throws(Errno) -> [UInt8] {
        let bytes = try readBeyond(limit, descriptor)
        if bytes.count > limit { throw Errno(EFBIG) }
        return bytes
    }

    /// Reads to the end, or until there is more than that.
    private static func readBeyond(_ limit: Int, _ descriptor: borrowing Descriptor) throws(Errno) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while bytes.count <= limit {
            let count = unsafe Glibc.read(descriptor.number, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            if count < 0 { throw .current }
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        return bytes
    }

    /// All of standard input, which whoever shares it may have made nonblocking.
    /// - Throws: `EFBIG` when there is more than `limit`.
    static func standardInput(limit: Int) throws(Errno) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        var watched = pollfd(fd: 0, events: Int16(POLLIN), revents: 0)
        while bytes.count <= limit {
            let count = unsafe Glibc.read(0, &buffer, buffer.count)
            if count < 0 && errno == EAGAIN { _ = unsafe poll(&watched, 1, -1) } else if count == 0 { return bytes }
            if count < 0 && errno != EINTR && errno != EAGAIN { throw .current }
            bytes += buffer[..<max(0, count)]
        }
        throw Errno(EFBIG)
    }

    /// One read(2) of a small file of the kernel's.
    static func readOnce(_ descriptor: Int32) throws(Errno) -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = try unsafe checked(Int32(Glibc.read(descriptor, &buffer, buffer.count)))
        return String(decoding: buffer[..<Int(count)], as: UTF8.self)
    }

    /// The whole of a file that the kernel makes or root has written: a busy host's are long.
    static func text(_ path: String) throws(Errno) -> String {
        String(decoding: try read(try open(path), limit: .max), as: UTF8.self)
    }

    static func text(_ name: String, at directory: Int32) throws(Errno) -> String {
        String(decoding: try read(try open(name, at: directory), limit: .max), as: UTF8.self)
    }

    /// A file of jailrun's own; nil when there is none. Nobody is waited for, whatever stands in its place.
    static func recorded(_ path: String) throws(Errno) -> [UInt8]? {
        try ifThere { () throws(Errno) in try read(try open(path, O_RDONLY | O_NONBLOCK)) }
    }

    /// As much as is shown of a file that a process may fill as it likes, such as its `cmdline`.
    static func beginning(of path: String) throws(Errno) -> String {
        String(decoding: try readBeyond(mostBytes, try open(path)).prefix(mostBytes), as: UTF8.self)
    }

    static func write(_ bytes: [UInt8], to descriptor: Int32) throws(Errno) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            if count < 0 { throw .current }
            rest = rest.dropFirst(count)
        }
    }

    /// Writes one value to a file of procfs or cgroupfs, in one write(2).
    static func write(_ value: String, to name: String, at directory: Int32) throws(Errno) {
        let file = try open(name, at: directory, O_WRONLY)
        try write(Array(value.utf8), to: file.number)
    }

    /// Of the name of what is to replace a file, and is not whole yet.
    static let halfSuffix = ".new"

    /// Replaces a file whole: a reader sees the old or the new text, never half of one.
    /// - Parameter isSynced: false for what is not to outlive the machine: nobody waits for a disk.
    static func replace(_ path: String, with bytes: [UInt8], isSynced: Bool = true) throws(Errno) {
        let temporary = path + halfSuffix
        do {
            let file = try open(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
            try write(bytes, to: file.number)
            if isSynced { _ = try checked(fsync(file.number)) }
            _ = try unsafe checked(rename(temporary, path))
        } catch {
            _ = unsafe unlink(temporary)
            throw error
        }
    }

    /// Replaces a file whole where there is room for a second one, and else in its place: what is there keeps its room.
    static func replaceOrOverwrite(_ path: String, with bytes: [UInt8]) throws(Errno) {
        do throws(Errno) { try replace(path, with: bytes) } catch {
            guard [ENOSPC, EDQUOT].contains(error.rawValue) else { throw error }
            let file = try open(path, O_WRONLY)
            try write(bytes, to: file.number)
            _ = try checked(ftruncate(file.number, off_t(bytes.count)))
        }
    }

    /// mkdir(2) of the path and its missing parents; what exists already stays as it is.
    static func makeDirectories(_ path: String, mode: UInt32) throws(Errno) {
        if unsafe mkdir(path, mode) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else { throw .current }
        try makeDirectories(String(path[..<slash]), mode: mode)
        if unsafe mkdir(path, mode) < 0 && errno != EEXIST { throw .current }
    }

    /// - Throws: when it could not be looked at, which does not say that nothing is there.
    static func isThere(_ path: String) throws(Errno) -> Bool {
        if unsafe access(path, F_OK) == 0 { return true }
        let error = Errno.current
        if error.meansAbsent { return false }
        throw error
    }

    /// Whether there is anything of that name, be it a link that leads nowhere.
    static func isNamed(_ path: String) throws(Errno) -> Bool {
        var status = stat()
        if unsafe lstat(path, &status) == 0 { return true }
        let error = Errno.current
        if error.meansAbsent { return false }
        throw error
    }

    /// Names in a directory, sorted.
    static func names(in path: String) throws(Errno) -> [String] {
        let names = try unsortedNames(in: path)
        return names.count < 2 ? names : names.sorted()
    }

    static func unsortedNames(in path: String) throws(Errno) -> [String] { try names(in: path) { _ in true } }

    /// - Parameter isMeant: whether an entry of that type, `DT_DIR` and others of readdir(3), is looked for.
    private static func names(in path: String, where isMeant: (Int) -> Bool) throws(Errno) -> [String] {
        guard let directory = unsafe opendir(path) else { throw .current }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while true {
            // Only errno tells the end from a read that failed: readdir(3).
            errno = 0
            guard let entry = unsafe readdir(directory) else { break }
            guard isMeant(Int(unsafe entry.pointee.d_type)) else { continue }
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        if errno != 0 { throw .current }
        return names
    }

    /// What `look` finds; nil when there is nothing of that name.
    /// - Throws: when it could not be looked at.
    static func ifThere<Found: ~Copyable>(_ look: () throws(Errno) -> Found) throws(Errno) -> Found? {
        do throws(Errno) { return try look() } catch {
            if error.meansAbsent { return nil }
            throw error
        }
    }

    /// The text of a file; nil when there is none.
    static func textIfThere(_ path: String) throws(Errno) -> String? {
        try ifThere { () throws(Errno) in try text(path) }
    }

    /// Names in a directory, sorted; none when it is not there.
    static func namesIfThere(in path: String) throws(Errno) -> [String] {
        try ifThere { () throws(Errno) in try names(in: path) } ?? []
    }

    /// Names of the directories in one of the kernel's, which says what each entry is, sorted; none when it is not there.
    static func foldersIfThere(in path: String) throws(Errno) -> [String] {
        try ifThere { () throws(Errno) in try names(in: path) { $0 == DT_DIR }.sorted() } ?? []
    }
}
