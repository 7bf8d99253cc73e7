internal import Glibc

extension Cgroup {
    /// Whether jailrun made it on the way down to the jails': by its mode, or, if an older jailrun made it, by its mark.
    var isLevel: Bool {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return false }
        return status.st_mode & mode_t(S_ISVTX) != 0 || belongs(to: CgroupMark.level)
    }
}
