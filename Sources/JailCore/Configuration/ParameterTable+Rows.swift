extension ParameterTable {
    /// All rows, by subject.
    public static var rows: [Row] {
        var rows: [Row] = []
        _ = first {
            rows.append($0)
            return false
        }
        return rows
    }

    /// The first of all rows that is wanted. The parts are constants, the whole would be made at every start.
    static func first(where isWanted: (Row) -> Bool) -> Row? {
        var found = identity.first(where: isWanted)
        found = found ?? commands.first(where: isWanted)
        found = found ?? mounts.first(where: isWanted)
        found = found ?? network.first(where: isWanted)
        found = found ?? devices.first(where: isWanted)
        found = found ?? limits.first(where: isWanted)
        found = found ?? privileges.first(where: isWanted)
        found = found ?? allowances.first(where: isWanted)
        found = found ?? kernelNames.first(where: isWanted)
        found = found ?? services.first(where: isWanted)
        found = found ?? readOnly.first(where: isWanted)
        return found
    }
}

extension ParameterTable.Row {
    /// A parameter of jail(8) itself, or one that it knows by name.
    private init(
        _ name: String, _ kind: ParameterTable.Kind, _ standard: String, _ fate: ParameterTable.Fate, _ meaning: String,
        _ mechanism: String, reserved: Bool
    ) {
        self.init(
            name: name, kind: kind, standard: standard, fate: fate, meaning: meaning, mechanism: mechanism,
            isReserved: reserved)
    }

    fileprivate static func done(
        _ name: String, _ kind: ParameterTable.Kind, _ standard: String, _ meaning: String, _ mechanism: String,
        reserved: Bool = false
    ) -> Self { Self(name, kind, standard, .done, meaning, mechanism, reserved: reserved) }

    /// What Linux keeps anyway; `otherwise` is what another value would need.
    fileprivate static func noted(
        _ name: String, _ kind: ParameterTable.Kind, _ standard: String, _ values: ParameterTable.NotedValues,
        _ meaning: String, why: String, otherwise: String = "", reserved: Bool = false
    ) -> Self {
        let fate = ParameterTable.Fate.noted(why: why, values: values, otherwise: otherwise)
        return Self(name, kind, standard, fate, meaning, "none", reserved: reserved)
    }

    fileprivate static func refused(
        _ name: String, _ kind: ParameterTable.Kind, _ meaning: String, _ reason: String, reserved: Bool = false
    ) -> Self { Self(name, kind, "", .refused(reason), meaning, "none", reserved: reserved) }

    /// A permission that is off here for every jail.
    fileprivate static func permission(_ name: String, _ meaning: String, _ reason: String) -> Self {
        Self(name, .boolean, "false", .withheld(reason), meaning, "none", reserved: false)
    }
}

extension ParameterTable {
    private static let identity: [Row] = [
        .done("jid", .integer, "the next free number", "the jail's number", "the state directory", reserved: true),
        .done(
            "name", .string, "the block's name", "the jail's name; dots nest",
            "the state directory, the cgroup's name", reserved: true),
        .done(
            "path", .path, "", "the directory that becomes the jail's root", "mount namespace, pivot_root(2)",
            reserved: true),
        .done(
            "host.hostname", .string, "the jail's name", "the jail's hostname", "UTS namespace, sethostname(2)",
            reserved: true),
        .done(
            "persist", .boolean, "false", "the jail lives without processes", "its init process stays", reserved: true),
        .done(
            "depend", .list, "", "jails of the file that must be up first", "order of starting and stopping",
            reserved: true),
    ]

    private static let commands: [Row] = [
        .done(
            "exec.prepare", .commands, "", "commands on the host before addresses and mounts",
            "fork(2), execve(2) on the host", reserved: true),
        .done(
            "exec.prestart", .commands, "", "commands on the host before the jail exists",
            "fork(2), execve(2) on the host", reserved: true),
        .done(
            "exec.created", .commands, "", "commands on the host when the jail exists and nothing runs in it",
            "fork(2), execve(2) on the host", reserved: true),
        .done(
            "exec.start", .commands, "", "commands inside that start the jail", "pid 1 forks, execve(2)", reserved: true
        ),
        .done(
            "command", .commands, "", "the main program, inside, after exec.start", "pid 1 forks, execve(2)",
            reserved: true),
        .done(
            "exec.poststart", .commands, "", "commands on the host when the jail is up",
            "fork(2), execve(2) on the host", reserved: true),
        .done(
            "exec.prestop", .commands, "", "commands on the host before the jail is stopped",
            "fork(2), execve(2) on the host", reserved: true),
        .done("exec.stop", .commands, "", "commands inside that stop the jail", "setns(2), execve(2)", reserved: true),
        .done(
            "exec.poststop", .commands, "", "commands on the host when the jail is gone",
            "fork(2), execve(2) on the host", reserved: true),
        .done(
            "exec.release", .commands, "", "commands on the host when everything is undone",
            "fork(2), execve(2) on the host", reserved: true),
        .done(
            "exec.clean", .boolean, "false", "commands get a fresh environment", "execve(2)'s environment",
            reserved: true),
        .done(
            "exec.jail_user", .string, "root", "user of the commands inside",
            "setgroups(2), setresgid(2), setresuid(2)", reserved: true),
        .done(
            "exec.system_jail_user", .boolean, "false", "look exec.jail_user up on the host", "the host's passwd(5)",
            reserved: true),
        .done(
            "exec.system_user", .string, "root", "user of the commands on the host",
            "setgroups(2), setresgid(2), setresuid(2)", reserved: true),
        .done(
            "exec.timeout", .integer, "0",
            "seconds that a command may take; 0 is no limit, but stop.timeout + 30 for those of a stop",
            "poll(2) on a pidfd",
            reserved: true),
        .done(
            "exec.consolelog", .path, "", "file on the host that gets the output of the commands inside",
            "openat2(2), dup3(2)", reserved: true),
        .noted(
            "exec.fib", .integer, "0", .numbers(0...0), "routing table of the commands inside",
            why: "0 is the jail's own routing table",
            otherwise: "a jail has one routing table, its network namespace's; the host may: ip rule in exec.created",
            reserved: true),
        .done(
            "stop.timeout", .integer, "10", "seconds between SIGTERM and the end; 0 sends none",
            "pidfd_send_signal(2), cgroup.kill", reserved: true),
    ]

    private static let mounts: [Row] = [
        .done(
            "mount", .list, "", "file systems, one fstab(5) line each", "open_tree(2), fsopen(2), move_mount(2)",
            reserved: true),
        .done("mount.fstab", .list, "", "fstab(5) files", "open_tree(2), fsopen(2), move_mount(2)", reserved: true),
        .done(
            "mount.devfs", .boolean, "when the root has /dev", "devices at /dev", "tmpfs, mknod(2) by the host, devpts",
            reserved: true),
        .done(
            "mount.fdescfs", .boolean, "when the root has /dev", "descriptors at /dev/fd", "a link to /proc/self/fd",
            reserved: true),
        .done(
            "mount.procfs", .boolean, "when the root has /proc", "processes at /proc",
            "proc of the jail's pid namespace, parts masked", reserved: true),
        .done(
            "mount.sysfs", .boolean, "when the root has /sys", "the kernel's objects at /sys, read-only",
            "sysfs of the jail's network namespace"),
        .done("root.readonly", .boolean, "false", "the root file system is read-only", "mount_setattr(2)"),
        .done("root.ephemeral", .boolean, "false", "writes to the root vanish with the jail", "overlayfs on a tmpfs"),
        .done(
            "root.unmask", .list, "",
            "what path = / shows of files that are root's alone (/root, /etc/shadow, keys), hidden otherwise; / for all",
            "empty files in the overlay's upper layer; masks where there is none"),
        .done(
            "mount.resolvconf", .boolean, "false",
            "names of the file's jails in /etc/hosts, /etc/resolv.conf as it works inside, /etc/hostname",
            "a read-only tmpfs over hosts(5), resolv.conf(5) and hostname(5)"),
        .refused("zfs", .jailsys, "ZFS inside", "there is no such switch on Linux"),
        .refused(
            "zfs.dataset", .list, "ZFS datasets to be managed inside", "use mount, with the dataset's directory",
            reserved: true),
        .refused(
            "zfs.mount_snapshot", .integer, "automatic mounts of snapshots",
            "use mount, with the snapshot's directory"),
    ]

    private static let network: [Row] = [
        .done(
            "ip4", .jailsys, "new with ip4.addr, else disable", "IPv4: own, the host's, or none", "network namespace"),
        .done(
            "ip6", .jailsys, "new with ip6.addr, else disable", "IPv6: own, the host's, or none", "network namespace"),
        .done(
            "ip4.addr", .list, "", "IPv4 addresses: [interface|]address[/length]",
            "veth, routes and proxy ARP by netlink", reserved: true),
        .done(
            "ip6.addr", .list, "", "IPv6 addresses: [interface|]address[/length]",
            "veth, routes and proxy NDP by netlink", reserved: true),
        .done(
            "interface", .string, "the bridge jail0", "interface of the addresses that name none",
            "veth, joined to it or routed", reserved: true),
        .done(
            "vnet", .jailsys, "inherit", "a network stack that root inside configures",
            "network namespace, CAP_NET_ADMIN", reserved: true),
        .done(
            "vnet.interface", .list, "", "interfaces moved into the jail, and back when it stops",
            "IFLA_NET_NS_FD of rtnetlink(7)", reserved: true),
        .done(
            "ip_hostname", .boolean, "false", "the addresses of host.hostname, from the host's resolver",
            "getent(1) on the host; then as ip4.addr and ip6.addr", reserved: true),
        .noted(
            "ip4.saddrsel", .boolean, "true", .boolean(true), "choice of the source address",
            why: "the kernel chooses it, as with true",
            otherwise: "the kernel chooses among several addresses by the route; put the one that shall be it first"),
        .noted(
            "ip6.saddrsel", .boolean, "true", .boolean(true), "choice of the source address",
            why: "the kernel chooses it, as with true",
            otherwise: "the kernel chooses among several addresses by the route; put the one that shall be it first"),
        .done(
            "nat", .boolean, "false", "what the jail sends beyond the bridge jail0 has the host's address",
            "nftables, masquerade; forwarding"),
        .done(
            "port", .list, "", "published ports: [address:]port[-port]:port[-port][/tcp|/udp]",
            "nftables, dnat in the table jailrun"),
        .done(
            "firewall", .string, "adapt", "adapt: use the door of another's firewall; no: leave that alone",
            "rules with the jail's name in Docker's chain DOCKER-USER;"
                + " of firewalld, ufw and others a warning, with the commands to give"),
    ]

    private static let devices: [Row] = [
        .done(
            "devfs_ruleset", .string, "4", "number or name of a devfs.rules(5) rule set",
            "contents of /dev, eBPF device program", reserved: true)
    ]

    private static let limits: [Row] = [
        .done("cgroup.*", .string, "", "a cgroup v2 file and its value: cgroup.memory.max = 256M", "cgroup v2"),
        .done(
            "ulimit.*", .string, "", "a resource limit of each process, SOFT:HARD: ulimit.nofile = 4096:65536",
            "prlimit(2)"),
        .done(
            "sysctl.*", .string, "", "a kernel parameter of the jail's network, IPC or user namespace",
            "/proc/sys, written inside the namespaces"),
        .done(
            "oom.score", .integer, "0", "who is killed first when memory runs out, -1000 to 1000",
            "oom_score_adj of proc(5)"),
        .done("umask", .string, "022", "file mode mask of the commands inside", "umask(2)"),
        .refused("cpuset.parent", .string, "the parent of the jail's cpuset", "use cgroup.cpuset.cpus"),
    ]

    private static let privileges: [Row] = [
        .done("cap.add", .list, "", "capabilities on top of the default ones", "capset(2), the bounding set"),
        .done(
            "cap.drop", .list, "", "capabilities taken from the default ones; all but those of cap.add: all",
            "capset(2), the bounding set"),
        .done("seccomp", .string, "default", "system call filter: default, none, or a profile's path", "seccomp(2)"),
        .done(
            "userns", .string, "private", "user ids: private, host, or FIRST+COUNT", "user namespace, idmapped mounts"),
        .done(
            "securelevel", .integer, "-1", "what root inside may no longer do, from 1 to 3",
            "capabilities; from 1 no /dev/mem, from 2 no writing to disks by the device program", reserved: true),
        .noted(
            "enforce_statfs", .integer, "2", .numbers(0...2), "which mounts are shown inside",
            why: "a jail sees the mounts of its own mount namespace, as with 1",
            otherwise: "it is 0, 1 or 2"),
        .done(
            "children.max", .integer, "0", "how many jails root inside may make, at any depth",
            "user and mount namespaces inside, a cgroup of its own to divide, cgroup.max.descendants"),
        .done(
            "host", .jailsys, "new", "own names of the host, or the host's", "UTS namespace, or none"),
    ]

    private static let allowances: [Row] =
        [
            .done(
                "allow.raw_sockets", .boolean, "false", "raw sockets; ping needs none",
                "CAP_NET_RAW; with ip4 = inherit needs userns = host", reserved: true),
            .done(
                "allow.suid", .boolean, "false", "set-user-id programs work: sudo, su",
                "no_new_privs is not set, nor MS_NOSUID; the bounding set stays"),
            .noted(
                "allow.dying", .boolean, "false", .any, "deprecated", why: "it has no effect on FreeBSD either",
                reserved: true),
            .done(
                "allow.set_hostname", .boolean, "false", "root inside may change the hostname",
                "CAP_SYS_ADMIN over the jail's own namespaces, held to sethostname(2) by the filter", reserved: true),
            .done(
                "allow.reserved_ports", .boolean, "true", "bind to ports below 1024",
                "CAP_NET_BIND_SERVICE; with ip4 = inherit needs userns = host"),
            .done(
                "allow.suser", .boolean, "true", "root inside has privileges",
                "false: an empty bounding set"),
            .done(
                "allow.unprivileged_proc_debug", .boolean, "true", "processes may debug others of their user",
                "false: the filter forbids ptrace(2) and process_vm_readv(2), to root inside, too"),
            .permission(
                "allow.unprivileged_parent_tampering", "the host's users reach the jail's processes of their number",
                "user ids inside are others than outside; with userns = host they are the same"),
            .noted(
                "allow.sysvipc", .boolean, "false", .any, "System V IPC", why: "every jail has System V IPC of its own",
                reserved: true),
            .done(
                "allow.mount", .boolean, "false", "root inside may mount, what allow.mount.nullfs says",
                "CAP_SYS_ADMIN over the jail's own namespaces, and the filter", reserved: true),
            .done(
                "allow.mount.nullfs", .boolean, "false", "root inside may bind folders, and unmount",
                "CAP_SYS_ADMIN over the jail's own namespaces, held to MS_BIND and umount2(2) by the filter"),
            .done(
                "allow.chflags", .boolean, "false", "root inside may change system file flags",
                "CAP_LINUX_IMMUTABLE; needs userns = host", reserved: true),
            .done(
                "allow.socket_af", .boolean, "false", "sockets of other families than UNIX, IP, netlink and packet",
                "the filter looks at socket(2)'s first argument", reserved: true),
            .done(
                "allow.read_msgbuf", .boolean, "false", "root inside may read the kernel's messages",
                "the filter lets syslog(2) read; CAP_SYSLOG, or kernel.dmesg_restrict = 0"),
            .done(
                "allow.mlock", .boolean, "false", "processes may lock memory without limit; 8 MiB otherwise",
                "RLIMIT_MEMLOCK"),
            .done(
                "allow.adjtime", .boolean, "false", "root inside may slew the clock; needs allow.settime",
                "CAP_SYS_TIME; needs userns = host"),
            .done(
                "allow.settime", .boolean, "false", "root inside may set the clock of the machine",
                "CAP_SYS_TIME; needs userns = host"),
            .done(
                "allow.setaudit", .boolean, "false", "processes may set the audit session",
                "CAP_AUDIT_CONTROL, CAP_AUDIT_WRITE; needs userns = host"),
            .permission(
                "allow.quotas", "root inside may set quotas", "quotactl(2) asks for CAP_SYS_ADMIN over the machine"),
            .permission(
                "allow.extattr", "root inside may change system extended attributes",
                "trusted.* asks for CAP_SYS_ADMIN over the machine, which permits all else, too"),
            .done(
                "allow.routing", .boolean, "false", "root inside may change routes; needs vnet",
                "CAP_NET_ADMIN, which vnet gives"),
            .done(
                "allow.spoofing", .boolean, "false",
                "send with addresses that are not the jail's: routers, VPNs, addresses that move",
                "false: nftables in the table netdev jailrun, for each of the jail's links"),
            .permission("allow.nfsd", "an NFS server inside", "the kernel's NFS server is the host's"),
            .permission("allow.vmm", "virtual machines inside", "give /dev/kvm by devfs_ruleset"),
        ]
        + ["devfs", "fdescfs", "fusefs", "linprocfs", "linsysfs", "procfs", "tmpfs", "zfs"].map { type in
            .permission(
                "allow.mount.\(type)", "root inside may mount \(type)",
                "no filter can read the type of a mount; use mount or mount.fstab")
        }

    private static let kernelNames: [Row] = [
        .done(
            "host.domainname", .string, "", "the NIS domain name", "UTS namespace, setdomainname(2)"),
        .done(
            "host.hostuuid", .string, "", "the host's UUID, where the root has /etc/machine-id",
            "a read-only tmpfs over machine-id(5)"),
        .done(
            "host.hostid", .integer, "", "the host's number, where the root has /etc/hostid",
            "a read-only tmpfs over the file of gethostid(3)"),
        .noted(
            "osrelease", .string, "the host's", .any, "what uname -r shows",
            why: "uname(2) shows the host's kernel, which cannot be changed for a jail"),
        .noted("osreldate", .integer, "the host's", .any, "what uname -K shows", why: "Linux has no such number"),
        .done(
            "sysvmsg", .jailsys, "new", "System V message queues: own, the host's, or none",
            "IPC namespace; disable: the filter says ENOSYS"),
        .done(
            "sysvsem", .jailsys, "new", "System V semaphores: own, the host's, or none",
            "IPC namespace; disable: the filter says ENOSYS"),
        .done(
            "sysvshm", .jailsys, "new", "System V shared memory: own, the host's, or none",
            "IPC namespace; disable: the filter says ENOSYS"),
        .noted(
            "linux", .jailsys, "new", .words(["new", "inherit"]), "emulation of Linux", why: "this is Linux",
            otherwise: "this is Linux"),
        .noted(
            "linux.osname", .string, "Linux", .any, "what Linux programs see as system",
            why: "uname(2) shows the host's kernel"),
        .noted(
            "linux.osrelease", .string, "the host's", .any, "what Linux programs see as release",
            why: "uname(2) shows the host's kernel"),
        .noted(
            "linux.oss_version", .integer, "", .any, "version of the sound interface",
            why: "a jail has no sound devices"),
        .done("meta", .string, "", "free text that is kept with the jail", "the state directory"),
        .done("meta.*", .string, "", "one line KEY=VALUE of meta", "the state directory"),
        .done("env", .string, "", "free text that the jail can read", "/dev/jail/env, and the state directory"),
        .done("env.*", .string, "", "one line KEY=VALUE of env", "/dev/jail/env, and the state directory"),
    ]

    private static let readOnly: [Row] = [
        .refused("parent", .readOnly, "the jid of the jail outside", "it is read-only"),
        .refused("dying", .readOnly, "the jail is being removed", "it is read-only"),
        .refused("children.cur", .readOnly, "number of jails inside", "it is read-only"),
        .refused("cpuset.id", .readOnly, "number of the jail's cpuset", "it is read-only; use cgroup.cpuset.cpus"),
    ]
}
