/// What a jail is called, runs and sees of files, and what is only told of it.
extension ParameterTable {
    static let identity: [Row] = [
        .done(
            "jid", .integer, "the next free number", "the jail's number", "the state directory",
            example: "jid = 7;", change: .atCreation, listed: .always, read: .jid, reserved: true),
        .done(
            "name", .string, "the block's name", "the jail's name; dots nest",
            "the state directory, the cgroup's name",
            example: "7 { name = www; }", change: .whileUp(.name), listed: .always, read: .name, reserved: true),
        .done(
            "path", .path, "", "the directory that becomes the jail's root", "mount namespace, pivot_root(2)",
            example: "path = \"/usr/jail/www\";", change: .atCreation, listed: .always, read: .path, reserved: true),
        .done(
            "host.hostname", .string, "the jail's name", "the jail's hostname", "UTS namespace, sethostname(2)",
            example: "host.hostname = www.example.org;", change: .whileUp(.hostname), listed: .always,
            read: .hostname, reserved: true),
        .done(
            "persist", .boolean, "false", "the jail lives without processes", "its init process stays",
            example: "persist;", change: .whileUp(.persistence), listed: .always, read: .isPersistent, reserved: true),
        .done(
            "depend", .list, "", "jails of the file that must be up first", "order of starting and stopping",
            example: "depend = db, cache;", change: .atNextStart, listed: .never, reserved: true),
    ]

    static let commands: [Row] = [
        .command(
            "exec.prepare", .commands, "", "commands on the host before addresses and mounts",
            "fork(2), execve(2) on the host",
            example: "exec.prepare = \"/usr/local/sbin/make-root $path\";"),
        .command(
            "exec.prestart", .commands, "", "commands on the host before the jail exists",
            "fork(2), execve(2) on the host",
            example: "exec.prestart = \"logger starting $name\";"),
        .command(
            "exec.created", .commands, "", "commands on the host when the jail exists, before anything runs in it",
            "fork(2), execve(2) on the host",
            example: "exec.created = \"logger made $name\";"),
        .command(
            "exec.start", .commands, "", "commands inside that start the jail", "pid 1 forks, execve(2)",
            example: "exec.start = \"/bin/sh /etc/rc\";"),
        .command(
            "command", .commands, "", "the main program, inside, after exec.start", "pid 1 forks, execve(2)",
            example: "command = \"/usr/sbin/httpd -X\";"),
        .command(
            "exec.poststart", .commands, "", "commands on the host when the jail is up",
            "fork(2), execve(2) on the host",
            example: "exec.poststart = \"logger up: $name\";"),
        .command(
            "exec.prestop", .commands, "", "commands on the host before the jail is stopped",
            "fork(2), execve(2) on the host",
            example: "exec.prestop = \"logger stopping $name\";"),
        .command(
            "exec.stop", .commands, "", "commands inside that stop the jail", "setns(2), execve(2)",
            example: "exec.stop = \"/bin/sh /etc/rc.shutdown\";"),
        .command(
            "exec.poststop", .commands, "", "commands on the host when the jail is gone",
            "fork(2), execve(2) on the host",
            example: "exec.poststop = \"logger down: $name\";"),
        .command(
            "exec.release", .commands, "", "commands on the host when everything is undone",
            "fork(2), execve(2) on the host",
            example: "exec.release = \"rm -f /tmp/$name\";"),
        .command(
            "exec.clean", .boolean, "false", "commands get a clean environment", "execve(2)'s environment",
            example: "exec.clean;"),
        .command(
            "exec.jail_user", .string, "root", "user of the commands inside",
            "setgroups(2), setresgid(2), setresuid(2)",
            example: "exec.jail_user = www;"),
        .command(
            "exec.system_jail_user", .boolean, "false", "look up exec.jail_user on the host", "the host's passwd(5)",
            example: "exec.system_jail_user;"),
        .command(
            "exec.system_user", .string, "root", "user of the commands on the host",
            "setgroups(2), setresgid(2), setresuid(2)",
            example: "exec.system_user = nobody;"),
        .command(
            "exec.timeout", .integer, "0",
            "seconds that a command may take; 0 means no limit, or stop.timeout + 30 for the commands of a stop",
            "poll(2) on a pidfd",
            example: "exec.timeout = 60;"),
        .command(
            "exec.consolelog", .path, "", "file on the host that gets the output of the commands inside",
            "openat2(2), dup3(2)",
            example: "exec.consolelog = \"/var/log/jail_$name.log\";"),
        .noted(
            "exec.fib", .integer, "0", .numbers(0...0), "routing table of the commands inside",
            why: "0 is the jail's own routing table",
            otherwise: "a jail has one routing table, its network namespace's; on the host: ip rule in exec.created",
            example: "exec.fib = 0;", listed: .never, reserved: true),
        .command(
            "stop.timeout", .integer, "10", "seconds between SIGTERM and SIGKILL; 0 sends no SIGTERM",
            "pidfd_send_signal(2), cgroup.kill",
            example: "stop.timeout = 30;"),
    ]

    static let mounts: [Row] = [
        .done(
            "mount", .list, "", "file systems, one fstab(5) line each", "open_tree(2), fsopen(2), move_mount(2)",
            example: "mount = \"/usr/jail/base $path nullfs ro 0 0\";", change: .atNextStart, listed: .never,
            reserved: true),
        .done(
            "mount.fstab", .list, "", "fstab(5) files", "open_tree(2), fsopen(2), move_mount(2)",
            example: "mount.fstab = \"/etc/fstab.$name\";", change: .atNextStart, listed: .never, reserved: true),
        .done(
            "mount.devfs", .boolean, "when the root has /dev", "devices at /dev",
            "tmpfs, mknod(2) by the host, devpts",
            example: "mount.devfs;", change: .atNextStart, listed: .never, reserved: true),
        .done(
            "mount.fdescfs", .boolean, "when the root has /dev", "descriptors at /dev/fd", "a link to /proc/self/fd",
            example: "mount.fdescfs;", change: .atNextStart, listed: .never, reserved: true),
        .done(
            "mount.procfs", .boolean, "when the root has /proc", "processes at /proc",
            "proc of the jail's pid namespace, partly masked",
            example: "mount.procfs;", change: .atNextStart, listed: .never, reserved: true),
        .done(
            "mount.sysfs", .boolean, "when the root has /sys", "kernel objects at /sys, read-only",
            "sysfs of the jail's network namespace",
            example: "mount.nosysfs;", change: .atNextStart, listed: .never),
        .done(
            "root.readonly", .boolean, "false", "the root file system is read-only", "mount_setattr(2)",
            example: "root.readonly;", change: .atStart, listed: .always, read: .isRootReadOnly),
        .done(
            "root.ephemeral", .boolean, "false", "writes to the root vanish with the jail", "overlayfs on a tmpfs",
            example: "root.ephemeral;", change: .atStart, listed: .always, read: .isRootEphemeral),
        .done(
            "root.unmask", .list, "",
            "files to show with path = / that only root may read (/root, /etc/shadow, keys); / shows all of them",
            "empty files in the overlay's upper layer, or masks if there is no overlay",
            example: "root.unmask = \"/etc/ssl/private\";", change: .atNextStart, listed: .never),
        .done(
            "mount.resolvconf", .boolean, "false",
            "the file's jails in /etc/hosts, a resolv.conf(5) that works inside, and /etc/hostname",
            "a read-only tmpfs over hosts(5), resolv.conf(5) and hostname(5)",
            example: "mount.resolvconf;", change: .atNextStart, listed: .never),
        .refused("zfs", .jailsys, "ZFS inside", "there is no such switch on Linux"),
        .refused(
            "zfs.dataset", .list, "ZFS datasets to manage inside", "use mount, with the dataset's directory",
            reserved: true),
        .refused(
            "zfs.mount_snapshot", .integer, "automatic mounts of snapshots",
            "use mount, with the snapshot's directory"),
    ]

    static let kernelNames: [Row] = [
        .done(
            "host.domainname", .string, "", "the NIS domain name", "UTS namespace, setdomainname(2)",
            example: "host.domainname = example;", change: .atStart, listed: .always, read: .domainName),
        .done(
            "host.hostuuid", .string, "", "the host's UUID, if the root has /etc/machine-id",
            "a read-only tmpfs over machine-id(5)",
            example: "host.hostuuid = \"01234567-89ab-cdef-0123-456789abcdef\";", change: .atStart, listed: .always,
            read: .hostUUID),
        .done(
            "host.hostid", .integer, "", "the host's id, if the root has /etc/hostid",
            "a read-only tmpfs over the file of gethostid(3)",
            example: "host.hostid = 305419896;", change: .atStart, listed: .always),
        .noted(
            "osrelease", .string, "the host's", .any, "what uname -r shows",
            why: "uname(2) shows the host's kernel, which cannot be changed for a jail",
            example: "osrelease = \"15.0-RELEASE\";", change: .atCreation, listed: .always, read: .kernelRelease),
        .noted(
            "osreldate", .integer, "the host's", .any, "what uname -K shows", why: "Linux has no such number",
            example: "osreldate = 1500000;", change: .atCreation, listed: .always),
        .done(
            "sysvmsg", .jailsys, "new", "System V message queues: its own, the host's, or none",
            "IPC namespace; disable: the filter returns ENOSYS",
            example: "sysvmsg = disable;", change: .atStart, listed: .always),
        .done(
            "sysvsem", .jailsys, "new", "System V semaphores: its own, the host's, or none",
            "IPC namespace; disable: the filter returns ENOSYS",
            example: "sysvsem = disable;", change: .atStart, listed: .always),
        .done(
            "sysvshm", .jailsys, "new", "System V shared memory: its own, the host's, or none",
            "IPC namespace; disable: the filter returns ENOSYS",
            example: "sysvshm = inherit;", change: .atStart, listed: .always),
        .noted(
            "linux", .jailsys, "new", .words(["new", "inherit"]), "emulation of Linux", why: "this is Linux",
            otherwise: "this is Linux",
            example: "linux = new;", change: .atCreation, listed: .always),
        .noted(
            "linux.osname", .string, "Linux", .any, "the system name that Linux programs see",
            why: "uname(2) shows the host's kernel",
            example: "linux.osname = Linux;", listed: .always),
        .noted(
            "linux.osrelease", .string, "the host's", .any, "the release that Linux programs see",
            why: "uname(2) shows the host's kernel",
            example: "linux.osrelease = \"5.15.0\";", listed: .always, read: .kernelRelease),
        .noted(
            "linux.oss_version", .integer, "", .any, "version of the sound interface",
            why: "a jail has no sound devices",
            example: "linux.oss_version = 198144;", listed: .always),
        .done(
            "meta", .string, "", "free text that is stored with the jail", "the state directory",
            example: "meta = \"owner=web team\";", change: .whileUp(.metadata), listed: .always),
        .done(
            "meta.*", .string, "", "one line of meta, KEY=VALUE", "the state directory",
            example: "meta.owner = \"web team\";", change: .whileUp(.metadata), listed: .byName, read: .lineOfMeta),
        .done(
            "env", .string, "", "free text that the jail can read", "/dev/jail/env, and the state directory",
            example: "env = \"role=front\";", change: .whileUp(.metadata), listed: .always),
        .done(
            "env.*", .string, "", "one line of env, KEY=VALUE", "/dev/jail/env, and the state directory",
            example: "env.role = front;", change: .whileUp(.metadata), listed: .byName, read: .lineOfEnvironment),
    ]

    static let readOnly: [Row] = [
        .refused(
            "parent", .readOnly, "the jid of the parent jail", "it is read-only",
            listed: .always, read: .parent),
        .refused("dying", .readOnly, "the jail is being removed", "it is read-only", listed: .always, read: .isDying),
        .refused(
            "children.cur", .readOnly, "number of jails inside", "it is read-only",
            listed: .always, read: .jailsInside),
        .refused(
            "cpuset.id", .readOnly, "id of the jail's cpuset", "it is read-only; use cgroup.cpuset.cpus",
            listed: .always, read: .jid),
    ]
}
