internal import Glibc
internal import SystemPackage

extension Cgroup {
    /// Whether jailrun made it on the way down to the jails': by its mode, or, if an older jailrun made it, by its mark.
    func isLevel(by mark: CgroupMark) throws(Errno) -> Bool {
        let status = try Files.ifThere { () throws(Errno) in
            var status = stat()
            _ = try unsafe checked(lstat(path, &status))
            return status
        }
        guard let status else { return false }
        if status.st_mode & mode_t(S_ISVTX) != 0 { return true }
        return try belongs(to: CgroupMark.level, by: mark)
    }
}
