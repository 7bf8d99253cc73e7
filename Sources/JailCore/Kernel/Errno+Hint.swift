internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// What an errno means for this step, where strerror(3) misleads.
extension Step {
    func hint(for errno: Errno) -> String? { jailHint(for: errno) ?? kernelHint(for: errno) }

    /// What to do with a jail's configuration or with jailrun's options.
    private func jailHint(for errno: Errno) -> String? {
        guard case .call(let call) = operation else { return nil }
        return switch (call.number, errno.rawValue) {
        case (cns_number_mount_setattr, EINVAL) where call.setsIdmap:
            "the file system does not support idmapped mounts; add: userns = host"
        case (cns_number_mount_setattr, EPERM) where call.setsIdmap:
            "the mount cannot be idmapped: a mount below it is locked or of a file system that does not support it; "
                + "add: userns = host"
        case (cns_number_openat2, ENOENT) where call.result == .rootDirectory: "make the root file system first"
        case (cns_number_openat2, ELOOP) where call.arguments.first == .currentDirectory:
            "a symbolic link was put on the way while the jail started"
        case (cns_number_openat2, ENOENT) where call.arguments.first != .currentDirectory:
            missingMountPoint ?? "make the directory in the jail's root: a mount needs a directory to cover"
        case (cns_number_mkdirat, EEXIST) where subject == .limits:
            "a cgroup of that name exists, and is not jailrun's: rename the jail, or use another --cgroup-root"
        case (cns_number_write, EBUSY) where subject == .limits:
            "a cgroup with processes of its own cannot give controllers to its children: use --cgroup-root with a cgroup "
                + "that has no processes"
        case (cns_number_openat, ENOENT) where kernelParameter?.hasPrefix("net/core/") == true:
            "older kernels do not show net.core in a user namespace; add: userns = host"
        case (cns_number_setgroups, EINVAL), (cns_number_setresgid, EINVAL), (cns_number_setresuid, EINVAL):
            "the jail has no such id: userns sets how many it has, 65536 by default"
        case (cns_number_openat, ENOENT) where purpose == .terminal:
            "the jail has no /dev/pts, so it can have no terminal: set mount.devfs; or leave out -t, and add "
                + "</dev/null 2>&1 | cat"
        case (cns_number_setns, EINVAL): "the jail ended, or its process has left a namespace"
        default: nil
        }
    }

    /// What is so for jails and for containers.
    func kernelHint(for errno: Errno) -> String? {
        switch operation {
        case .call(let call): callHint(call, errno)
        case .spawn: spawnHint(errno)
        default: nil
        }
    }

    private func callHint(_ call: SystemCall, _ errno: Errno) -> String? {
        switch (call.number, errno.rawValue) {
        case (cns_number_mount_setattr, EINVAL) where call.setsIdmap:
            "the file system does not support idmapped mounts"
        case (cns_number_openat2, ELOOP) where call.arguments.first != .currentDirectory:
            "a mount point must not be reached through a symbolic link"
        case (cns_number_move_mount, EINVAL), (cns_number_move_mount, ENOTDIR):
            "a file can cover only a file, and a directory only a directory"
        case (cns_number_pivot_root, EINVAL) where cns_is_chrooted() > 0: Self.chroot
        case (cns_number_mkdirat, EAGAIN) where subject == .limits: Self.hintForCgroupLimits
        case (cns_number_write, EINVAL) where subject == .limits: "the kernel does not accept this value for this file"
        case (cns_number_openat, ENOENT) where subject == .limits:
            "this kernel has no such file, or its controller is not enabled here"
        case (cns_number_fsconfig, EPERM) where call == .createSuperblock(.filesystem):
            "a user namespace may mount procfs and sysfs only where the host's own are fully visible"
        case (cns_number_prlimit64, EPERM):
            "raising a limit beyond the caller's needs CAP_SYS_RESOURCE, which root does not have here"
        case (cns_number_openat, ENOENT) where kernelParameter != nil:
            "this kernel has no such parameter here"
        case (cns_number_openat, EACCES) where kernelParameter != nil:
            "this kernel lets only the host's root write it"
        case (cns_number_fsconfig, EINVAL) where isOverlay && call == .createSuperblock(.filesystem):
            "upperdir and workdir must be two folders on one file system that supports extended attributes"
        case (cns_number_fsopen, ENODEV): "this kernel has no such file system: load its module on the host (modprobe)"
        case (CNS_COPY_TREE.rawValue, ENOSPC): "the file system is too small for it: size= in its options"
        case (cns_number_bpf, EPERM): "device programs need CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN, on the host"
        default: nil
        }
    }

    /// Below /proc/sys.
    private var kernelParameter: String? { if case .kernelParameter(let path, _) = purpose { path } else { nil } }

    private var isOverlay: Bool {
        switch purpose {
        case .layerRoot, .layers: true
        default: false
        }
    }

    static let hintForCgroupLimits =
        "a cgroup above has reached its cgroup.max.descendants or cgroup.max.depth"

    private var missingMountPoint: String? {
        switch purpose {
        case .bind(let source, let target): Self.hint(forMissing: "/\(target)", of: source.path)
        case .mount(let new): Self.hint(forMissing: "/\(new.target)", of: nil)
        default: nil
        }
    }

    /// What a mount covers has to be there: a file for a file, a folder for everything else.
    static func hint(forMissing target: String, of source: String?) -> String {
        var status = stat()
        let isFile = source.map { unsafe stat($0, &status) == 0 && status.st_mode & S_IFMT != S_IFDIR } ?? false
        let kind = isFile ? "an empty file" : "the directory"
        return "make \(kind) \(Terminal.escaped(target)) in the jail's root: a mount needs something to cover"
    }

    /// The kernel makes no user namespace there, and lets nobody pivot_root(2).
    private static let chroot =
        "jailrun runs in a chroot(2), where the kernel cannot make jails: run it outside, or in a container with a "
        + "root of its own, such as systemd-nspawn's"

    private func spawnHint(_ errno: Errno) -> String? {
        switch errno.rawValue {
        case ENOSPC: "the host's limit on namespaces is reached: sysctl user.max_user_namespaces"
        case EPERM where cns_is_chrooted() > 0: Self.chroot
        case EPERM where geteuid() != 0: "jailrun needs root"
        case EPERM, ENOSYS:
            "the container or service around jailrun does not let it make namespaces: it needs CAP_SYS_ADMIN and "
                + "a seccomp filter that permits clone3(2), as with docker run --privileged"
        case EAGAIN: "the limit on processes is reached: pids.max of the cgroup, or RLIMIT_NPROC"
        case EBUSY: "the cgroup has controllers enabled for its children, so it cannot hold processes"
        default: nil
        }
    }
}
