/// Permissions: `allow.*`.
extension ParameterTable {
    static let allowances: [Row] =
        [
            .done(
                "allow.raw_sockets", .boolean, "false", "raw sockets; ping needs none",
                "CAP_NET_RAW; with ip4 = inherit needs userns = host",
                example: "allow.raw_sockets;", change: .atStart, listed: .always, read: .hasRawSockets,
                reserved: true),
            .done(
                "allow.suid", .boolean, "false", "set-user-id programs work: sudo, su",
                "no_new_privs and MS_NOSUID are not set; the bounding set stays",
                example: "allow.suid;", change: .atStart, listed: .always, read: .isGranted),
            .noted(
                "allow.dying", .boolean, "false", .any, "deprecated", why: "it has no effect on FreeBSD either",
                example: "allow.dying;", listed: .never, reserved: true),
            .done(
                "allow.set_hostname", .boolean, "false", "root inside may change the hostname",
                "CAP_SYS_ADMIN over the jail's own namespaces, limited to sethostname(2) by the filter",
                example: "allow.set_hostname;", change: .atStart, listed: .always, read: .isGranted, reserved: true),
            .done(
                "allow.reserved_ports", .boolean, "true", "bind to ports below 1024",
                "CAP_NET_BIND_SERVICE; with ip4 = inherit needs userns = host",
                example: "allow.noreserved_ports;", change: .atStart, listed: .always, read: .isGranted),
            .done(
                "allow.suser", .boolean, "true", "root inside has privileges", "false: an empty bounding set",
                example: "allow.suser = false;", change: .atStart, listed: .always, read: .isGranted),
            .done(
                "allow.unprivileged_proc_debug", .boolean, "true", "processes may debug others of their user",
                "false: the filter forbids ptrace(2) and process_vm_readv(2), to root inside, too",
                example: "allow.nounprivileged_proc_debug;", change: .atStart, listed: .always, read: .isGranted),
            .permission(
                "allow.unprivileged_parent_tampering", "host users can reach the jail's processes with their user id",
                "user ids inside differ from those outside; with userns = host they are the same",
                example: "allow.nounprivileged_parent_tampering;"),
            .noted(
                "allow.sysvipc", .boolean, "false", .any, "System V IPC",
                why: "every jail has System V IPC of its own",
                example: "allow.sysvipc;", listed: .always, reserved: true),
            .done(
                "allow.mount", .boolean, "false", "root inside may mount; allow.mount.nullfs says what",
                "CAP_SYS_ADMIN over the jail's own namespaces, and the filter",
                example: "allow.mount; allow.mount.nullfs;", change: .atStart, listed: .always, reserved: true),
            .done(
                "allow.mount.nullfs", .boolean, "false", "root inside may bind-mount folders, and unmount",
                "CAP_SYS_ADMIN over the jail's own namespaces, limited to MS_BIND and umount2(2) by the filter",
                example: "allow.mount; allow.mount.nullfs;", change: .atStart, listed: .always, read: .isGranted),
            .done(
                "allow.chflags", .boolean, "false", "root inside may change system file flags",
                "CAP_LINUX_IMMUTABLE; needs userns = host",
                example: "userns = host; allow.chflags;", change: .atStart, listed: .always, read: .isGranted,
                reserved: true),
            .done(
                "allow.socket_af", .boolean, "false", "sockets of families other than UNIX, IP, netlink and packet",
                "the filter checks socket(2)'s first argument",
                example: "allow.socket_af;", change: .atStart, listed: .always, read: .isGranted, reserved: true),
            .done(
                "allow.read_msgbuf", .boolean, "false", "root inside may read the kernel log",
                "the filter allows syslog(2) to read; needs CAP_SYSLOG or kernel.dmesg_restrict = 0",
                example: "allow.read_msgbuf;", change: .atStart, listed: .always, read: .isGranted),
            .done(
                "allow.mlock", .boolean, "false", "processes may lock memory without limit; 8 MiB otherwise",
                "RLIMIT_MEMLOCK",
                example: "allow.mlock;", change: .atStart, listed: .always, read: .isGranted),
            .done(
                "allow.adjtime", .boolean, "false", "root inside may slew the clock; needs allow.settime",
                "CAP_SYS_TIME; needs userns = host",
                example: "userns = host; allow.settime; allow.adjtime;", change: .atStart, listed: .always,
                read: .isGranted),
            .done(
                "allow.settime", .boolean, "false", "root inside may set the clock of the machine",
                "CAP_SYS_TIME; needs userns = host",
                example: "userns = host; allow.settime;", change: .atStart, listed: .always, read: .isGranted),
            .done(
                "allow.setaudit", .boolean, "false", "processes may set the audit session",
                "CAP_AUDIT_CONTROL, CAP_AUDIT_WRITE; needs userns = host",
                example: "userns = host; allow.setaudit;", change: .atStart, listed: .always, read: .isGranted),
            .permission(
                "allow.quotas", "root inside may set quotas", "quotactl(2) requires CAP_SYS_ADMIN on the host"),
            .permission(
                "allow.extattr", "root inside may change system extended attributes",
                "trusted.* requires CAP_SYS_ADMIN on the host, which permits everything else, too"),
            .done(
                "allow.routing", .boolean, "false", "root inside may change routes; needs vnet",
                "CAP_NET_ADMIN, which vnet gives",
                example: "vnet; allow.routing;", change: .atStart, listed: .always, read: .isRouting),
            .done(
                "allow.spoofing", .boolean, "false",
                "send from addresses that are not the jail's: routers, VPNs, floating addresses",
                "false: nftables in the table netdev jailrun, for each of the jail's interfaces",
                example: "ip4.addr = 10.77.0.10; allow.spoofing;", change: .atStart, listed: .always),
            .permission("allow.nfsd", "an NFS server inside", "the kernel's NFS server belongs to the host"),
            .permission("allow.vmm", "virtual machines inside", "show /dev/kvm with devfs_ruleset"),
        ]
        + ["devfs", "fdescfs", "fusefs", "linprocfs", "linsysfs", "procfs", "tmpfs", "zfs"].map { type in
            .permission(
                "allow.mount.\(type)", "root inside may mount \(type)",
                "a filter cannot see the type of a mount; use mount or mount.fstab")
        }
}
