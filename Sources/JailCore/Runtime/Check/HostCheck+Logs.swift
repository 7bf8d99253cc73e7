internal import Glibc
internal import SystemPackage

/// Where the console's output goes: the folder is there, and what has the name is a file that can be written.
extension HostCheck {
    mutating func checkLogs() {
        if let log = spec.commands.consoleLog {
            if let (error, isAbsent) = objection(to: log.value, takesDevices: true) {
                say(spec.objection(toConsoleLog: log, error), isAbsent: isAbsent)
            } else if Self.isQueue(log.value) {
                say(
                    .warning,
                    "exec.consolelog: \(Terminal.escaped(log.value)): a FIFO, which needs a reader at the start",
                    log.origin)
            }
        }
        if let log = spec.log.file {
            if let (error, isAbsent) = objection(to: log.value, takesDevices: false) {
                say(spec.objection(toLog: log.value, error), isAbsent: isAbsent)
            }
        }
    }

    /// - Parameter takesDevices: whatever can be written to is enough.
    private func objection(to path: String, takesDevices: Bool) -> (error: HostWalkError, isAbsent: Bool)? {
        do throws(HostWalkError) {
            let folder = try HostWalk(jails: reading.jails.map(\.spec), state: host.state).openFolder(of: path)
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

    private static func isQueue(_ path: String) -> Bool {
        var status = stat()
        return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
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
        var room = statvfs()
        let isFull = unsafe fstatvfs(folder.number, &room) == 0 && room.f_files > 0 && room.f_ffree == 0
        return isFull ? HostWalkError(.noSpace) : nil
    }

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
