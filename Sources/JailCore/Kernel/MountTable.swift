internal import Glibc
internal import SystemPackage

/// `/proc/self/mountinfo` of jailrun itself.
enum MountTable {
    /// The mounts at and below a path that only their own flag makes read-only, not their file system.
    /// - Parameter path: without links, as the table has it.
    static func readOnlyMounts(at path: String) throws(Errno) -> [String] {
        let lines = try Files.text("/proc/self/mountinfo").split(separator: "\n")
        let mounts = lines.compactMap { line -> (point: String, isReadOnly: Bool)? in
            let fields = line.split(separator: " ").map(String.init)
            guard fields.count > 9, let last = fields.last else { return nil }
            func has(_ options: String) -> Bool { options.split(separator: ",").contains("ro") }
            // proc_pid_mountinfo(5): blanks and backslashes stand in octal.
            let point = Bytes(fields[4].utf8)
            return (
                String(decoding: Escapes.resolve(point[...], in: point), as: UTF8.self), has(fields[5]) && !has(last)
            )
        }
        let around = mounts.filter { contains($0.point, path) }.max { $0.point.utf8.count < $1.point.utf8.count }
        let below = path == "/" ? [] : mounts.filter { $0.point != path && contains(path, $0.point) }
        return ([around].compactMap { $0 } + below).filter(\.isReadOnly).map(\.point)
    }

    /// Where file systems of that type are mounted, of which that part is: `net:[4026531840]` of nsfs.
    static func points(of type: String, root: String) throws(Errno) -> [String] {
        let lines = try Files.text("/proc/self/mountinfo").split(separator: "\n")
        return lines.compactMap { line in
            let fields = line.split(separator: " ").map(String.init)
            guard let mark = fields.firstIndex(of: "-"), mark > 4, mark + 1 < fields.count, fields[3] == root,
                fields[mark + 1] == type
            else { return nil }
            let point = Bytes(fields[4].utf8)
            return String(decoding: Escapes.resolve(point[...], in: point), as: UTF8.self)
        }
    }

    private static func contains(_ outer: String, _ inner: String) -> Bool {
        outer == "/" || inner == outer || inner.hasPrefix("\(outer)/")
    }

    /// The mounts below a path or on it, and the one it is on: the file system types in question, `ext4` or `ext4, fuse`.
    static func filesystem(of path: String) -> String {
        if path == "/" { return "its file system, or one that is mounted below it," }
        let types = filesystems(of: path)
        return types.isEmpty ? "its file system" : types.joined(separator: " or ")
    }

    /// Of an open file; nil where that cannot be told.
    static func filesystem(ofOpen file: Int32) -> String? {
        var status = stat()
        guard unsafe fstat(file, &status) == 0, let fields = fields(of: status.st_dev) else { return nil }
        return fields.firstIndex(of: "-").flatMap { $0 + 1 < fields.count ? fields[$0 + 1] : nil }
    }

    /// Whether nobody can write to it through any mount. Not, where that cannot be told.
    static func isReadOnly(filesystemOf path: String) -> Bool {
        var status = stat()
        guard unsafe stat(path, &status) == 0, let options = fields(of: status.st_dev)?.last else { return false }
        return options.split(separator: ",").contains("ro")
    }

    /// Of one of its mounts.
    private static func fields(of device: dev_t) -> [String]? {
        guard let text = try? Files.text("/proc/self/mountinfo") else { return nil }
        let device = UInt64(device)
        // makedev(3).
        let number = "\(device >> 8 & 0xfff | device >> 32 & ~0xfff):\(device & 0xff | device >> 12 & 0xffff_ff00)"
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ")
            if fields.count > 2, fields[2] == number { return fields.map(String.init) }
        }
        return nil
    }

    /// Whether something is mounted on a path, or on a folder on the way to it from another one; as if it were, where that cannot be
    /// told.
    static func hasMount(on path: String, below other: String) -> Bool {
        guard let text = try? Files.text("/proc/self/mountinfo") else { return true }
        return text.split(separator: "\n").contains { line in
            let fields = line.split(separator: " ", maxSplits: 5)
            guard fields.count > 4 else { return false }
            let point = String(fields[4])
            return point != other && contains(other, point) && contains(point, path)
        }
    }

    /// None where that cannot be told.
    static func filesystems(of path: String) -> [String] {
        guard let text = try? Files.text("/proc/self/mountinfo") else { return [] }
        let mounts = text.split(separator: "\n").compactMap { line -> (point: String, type: String)? in
            let fields = line.split(separator: " ").map(String.init)
            guard let mark = fields.firstIndex(of: "-"), mark > 4, mark + 1 < fields.count else { return nil }
            return (fields[4], fields[mark + 1])
        }
        let own = mounts.filter { contains($0.point, path) }.max { $0.point.utf8.count < $1.point.utf8.count }
        let below = path == "/" ? [] : mounts.filter { $0.point != path && contains(path, $0.point) }
        var types: [String] = []
        for mount in [own].compactMap({ $0 }) + below where !types.contains(mount.type) { types.append(mount.type) }
        return types
    }
}
