internal import Glibc
internal import SystemPackage

/// Where a jail's console goes: the folder is there, and what has the name is a file that can be written. Nothing is made or
/// opened to find that out.
struct LogLook {
    let jail: ConfiguredJail
    /// With it, the jails of its file.
    let jails: [ConfiguredJail]
    let host: Host

    /// - Parameter usesFile: whether `log.file` is where the console goes.
    func lacks(usesFile: Bool) -> [Findings.Finding] {
        [consoleLack, usesFile ? fileLack : nil].compactMap { $0 }
    }

    /// Of `exec.consolelog`, for which whatever can be written to is enough.
    private var consoleLack: Findings.Finding? {
        guard let log = jail.commands.consoleLog, let (error, isAbsent) = objection(to: log.value, takesDevices: true)
        else { return nil }
        return Findings.Finding(
            error: jail.objection(toConsoleLog: log, error), isMade: isAbsent ? .byHooks : .never)
    }

    /// Of `log.file`, which is opened before the jail's own commands.
    private var fileLack: Findings.Finding? {
        guard let log = jail.log.file, let (error, isAbsent) = objection(to: log.value, takesDevices: false)
        else { return nil }
        return Findings.Finding(
            error: jail.objection(toLog: log.value, error), isMade: isAbsent ? .byHooksOfOthers : .never)
    }

    private func objection(to path: String, takesDevices: Bool) -> (error: HostWalkError, isAbsent: Bool)? {
        do throws(HostWalkError) {
            let folder = try HostWalk(jails: jails, state: host.state).openFolder(of: path)
            return Self.objection(to: HostWalk.parts(path).name, in: folder, takesDevices).map { ($0, false) }
        } catch { return (error, true) }
    }

    private static func objection(
        to name: String, in folder: borrowing Descriptor, _ takesDevices: Bool
    ) -> HostWalkError? {
        var status = stat()
        guard unsafe fstatat(folder.number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            let error = Errno.current
            return error == .noSuchFileOrDirectory ? refusal(ofNewIn: folder) : HostWalkError(error)
        }
        return objection(toType: status.st_mode & S_IFMT, takesDevices) ?? refusal(of: folder, name)
    }

    private static func objection(toType type: mode_t, _ takesDevices: Bool) -> HostWalkError? {
        switch type {
        case S_IFREG: nil
        case S_IFLNK: HostWalkError(.tooManySymbolicLinkLevels)
        case S_IFDIR: HostWalkError(.isDirectory)
        case S_IFCHR, S_IFBLK, S_IFIFO: takesDevices ? nil : .noRegularFile
        default: takesDevices ? HostWalkError(Errno(ENXIO)) : .noRegularFile
        }
    }

    /// Nothing is made to find that out.
    private static func refusal(ofNewIn folder: borrowing Descriptor) -> HostWalkError? {
        let filesystem = MountTable.filesystem(ofOpen: folder.number)
        // It looks for the name before it asks for rights.
        if filesystem == "proc" { return HostWalkError(.noSuchFileOrDirectory) }
        if let refusal = refusal(of: folder, ".") { return refusal }
        if let filesystem, kernels.contains(filesystem) { return HostWalkError(.permissionDenied) }
        guard let filesystem, counting.contains(filesystem) else { return nil }
        var room = statvfs()
        let isFull = unsafe fstatvfs(folder.number, &room) == 0 && room.f_files > 0 && room.f_ffree == 0
        return isFull ? HostWalkError(.noSpace) : nil
    }

    /// File systems that have a number of files from their beginning. Others say what they like of it, as those of FUSE do.
    private static let counting: Set<String> = ["ext2", "ext3", "ext4", "tmpfs"]

    /// File systems where the kernel alone makes files.
    private static let kernels: Set<String> = [
        "sysfs", "cgroup", "cgroup2", "devpts", "debugfs", "tracefs", "securityfs", "configfs", "selinuxfs", "pstore",
        "binfmt_misc", "bpf",
    ]

    /// A file system that is read-only, say.
    private static func refusal(of folder: borrowing Descriptor, _ name: String) -> HostWalkError? {
        unsafe faccessat(folder.number, name, W_OK, AT_EACCESS) == 0 ? nil : HostWalkError(.current)
    }
}
