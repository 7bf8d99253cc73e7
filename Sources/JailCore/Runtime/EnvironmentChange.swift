internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// `env` of a jail that runs: `/dev/jail/env` is replaced whole.
///
/// /dev is root's inside, who may put another folder there, or, with `children.max`, another mount. The folder that is written to
/// is on a tmpfs and belongs to jailrun's own user; nobody inside can make or change one such.
struct EnvironmentChange {
    private let record: JailRecord

    init(of record: JailRecord) { self.record = record }

    /// - Throws: `.unsuitable` when the jail has no such folder, and none can be made.
    func run(to spec: JailSpec) throws(RuntimeError) {
        let (old, new) = (record.spec.metadata.environment, spec.metadata.environment)
        guard (old?.value ?? "") != (new?.value ?? "") else { return }
        do throws(Errno) {
            let root = try Files.open("/proc/\(record.pid)/root", Int32(OpenFlags([.path, .directory]).rawValue))
            let folder = try folder(root.number)
            try replace(folder.number, with: Array("\(new?.value ?? "")\n".utf8))
        } catch {
            throw .unsuitable(
                jail: spec.label, origin: new?.origin ?? .commandLine,
                "env: cannot write /dev/jail/env: \(error.description)", hint: nil)
        }
    }

    private func folder(_ root: Int32) throws(Errno) -> Descriptor {
        let devices = try RootPath.open("dev", root: root, flags: O_RDONLY | O_DIRECTORY, followingLinks: false)
        guard cns_is_tmpfs(devices.number) != 0 else { throw .noSuchFileOrDirectory }
        if unsafe mkdirat(devices.number, "jail", 0o755) < 0 && errno != EEXIST { throw .current }
        let folder = try RootPath.open("dev/jail", root: root, flags: O_RDONLY | O_DIRECTORY, followingLinks: false)
        var status = stat()
        guard unsafe fstat(folder.number, &status) == 0, status.st_uid == geteuid(), cns_is_tmpfs(folder.number) != 0
        else {
            throw .permissionDenied
        }
        return folder
    }

    private func replace(_ folder: Int32, with bytes: [UInt8]) throws(Errno) {
        _ = unsafe unlinkat(folder, "env.new", 0)
        let file = try Files.open("env.new", at: folder, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o444)
        try Files.write(bytes, to: file.number)
        _ = try unsafe checked(renameat(folder, "env.new", folder, "env"))
    }
}
