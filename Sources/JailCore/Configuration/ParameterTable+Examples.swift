extension ParameterTable.Row {
    /// A line of jail.conf(5) that sets it; empty for a parameter that cannot be set.
    public var example: String { ParameterTable.examples.first { $0.name == name }?.line ?? "" }
}

extension ParameterTable {
    static let examples: [(name: String, line: String)] =
        identityExamples + commandExamples + mountExamples + networkExamples + limitExamples + allowExamples
        + serviceExamples

    private static let identityExamples = [
        ("jid", "jid = 7;"), ("name", "7 { name = www; }"), ("path", "path = \"/usr/jail/www\";"),
        ("host.hostname", "host.hostname = www.example.org;"), ("persist", "persist;"),
        ("depend", "depend = db, cache;"),
        ("host", "host = inherit;"), ("host.domainname", "host.domainname = example;"),
        ("host.hostuuid", "host.hostuuid = \"01234567-89ab-cdef-0123-456789abcdef\";"),
        ("host.hostid", "host.hostid = 305419896;"), ("meta", "meta = \"owner=web team\";"),
        ("meta.*", "meta.owner = \"web team\";"), ("env", "env = \"role=front\";"), ("env.*", "env.role = front;"),
        ("osrelease", "osrelease = \"15.0-RELEASE\";"), ("osreldate", "osreldate = 1500000;"),
    ]

    private static let commandExamples = [
        ("exec.prepare", "exec.prepare = \"/usr/local/sbin/make-root $path\";"),
        ("exec.prestart", "exec.prestart = \"logger starting $name\";"),
        ("exec.created", "exec.created = \"logger made $name\";"), ("exec.start", "exec.start = \"/bin/sh /etc/rc\";"),
        ("command", "command = \"/usr/sbin/httpd -X\";"), ("exec.poststart", "exec.poststart = \"logger up: $name\";"),
        ("exec.prestop", "exec.prestop = \"logger stopping $name\";"),
        ("exec.stop", "exec.stop = \"/bin/sh /etc/rc.shutdown\";"),
        ("exec.poststop", "exec.poststop = \"logger down: $name\";"),
        ("exec.release", "exec.release = \"rm -f /tmp/$name\";"),
        ("exec.clean", "exec.clean;"), ("exec.jail_user", "exec.jail_user = www;"),
        ("exec.system_jail_user", "exec.system_jail_user;"), ("exec.system_user", "exec.system_user = nobody;"),
        ("exec.timeout", "exec.timeout = 60;"), ("exec.consolelog", "exec.consolelog = \"/var/log/jail_$name.log\";"),
        ("exec.fib", "exec.fib = 0;"), ("stop.timeout", "stop.timeout = 30;"),
    ]

    private static let mountExamples = [
        ("mount", "mount = \"/usr/jail/base $path nullfs ro 0 0\";"),
        ("mount.fstab", "mount.fstab = \"/etc/fstab.$name\";"),
        ("mount.devfs", "mount.devfs;"), ("mount.fdescfs", "mount.fdescfs;"), ("mount.procfs", "mount.procfs;"),
        ("mount.sysfs", "mount.nosysfs;"), ("root.readonly", "root.readonly;"), ("root.ephemeral", "root.ephemeral;"),
        ("root.unmask", "root.unmask = \"/etc/ssl/private\";"),
        ("mount.resolvconf", "mount.resolvconf;"),
        ("devfs_ruleset", "devfs_ruleset = 5;"), ("enforce_statfs", "enforce_statfs = 1;"),
    ]

    private static let networkExamples = [
        ("ip4", "ip4 = disable;"), ("ip6", "ip6 = disable;"), ("ip4.addr", "ip4.addr = \"eth0|192.0.2.10/24\";"),
        ("ip6.addr", "ip6.addr = \"2001:db8::10/64\";"), ("interface", "interface = eth0;"), ("vnet", "vnet;"),
        ("ip_hostname", "host.hostname = www.example.org; ip_hostname;"),
        ("vnet.interface", "vnet; vnet.interface = eth1;"), ("ip4.saddrsel", "ip4.saddrsel;"),
        ("nat", "ip4.addr = 10.77.0.10; nat;"),
        ("port", "ip4.addr = 10.77.0.10; port += \"127.0.0.1:8080:80/tcp\";"),
        ("ip6.saddrsel", "ip6.saddrsel;"), ("allow.routing", "vnet; allow.routing;"),
        ("firewall", "ip4.addr = 10.77.0.10; firewall = no;"),
        ("allow.spoofing", "ip4.addr = 10.77.0.10; allow.spoofing;"),
    ]

    private static let limitExamples = [
        ("cgroup.*", "cgroup.memory.max = 256M;"), ("ulimit.*", "ulimit.nofile = \"4096:65536\";"),
        ("sysctl.*", "sysctl.net.ipv4.ip_unprivileged_port_start = 0;"),
        ("oom.score", "oom.score = 500;"), ("umask", "umask = 077;"),
        ("securelevel", "securelevel = 2;"), ("cap.add", "cap.add = net_raw;"),
        ("cap.drop", "cap.drop = chown, setfcap;"),
        ("seccomp", "seccomp = \"/etc/jailrun/web.json\";"), ("userns", "userns = 100000+65536;"),
        ("children.max", "children.max = 10;"), ("sysvmsg", "sysvmsg = disable;"), ("sysvsem", "sysvsem = disable;"),
        ("sysvshm", "sysvshm = inherit;"), ("linux", "linux = new;"), ("linux.osname", "linux.osname = Linux;"),
        ("linux.osrelease", "linux.osrelease = \"5.15.0\";"), ("linux.oss_version", "linux.oss_version = 198144;"),
    ]

    private static let allowExamples = [
        ("allow.raw_sockets", "allow.raw_sockets;"), ("allow.suid", "allow.suid;"),
        ("allow.dying", "allow.dying;"),
        ("allow.set_hostname", "allow.set_hostname;"), ("allow.reserved_ports", "allow.noreserved_ports;"),
        ("allow.suser", "allow.suser = false;"),
        ("allow.unprivileged_proc_debug", "allow.nounprivileged_proc_debug;"),
        ("allow.unprivileged_parent_tampering", "allow.nounprivileged_parent_tampering;"),
        ("allow.sysvipc", "allow.sysvipc;"), ("allow.mount", "allow.mount; allow.mount.nullfs;"),
        ("allow.mount.nullfs", "allow.mount; allow.mount.nullfs;"), ("allow.chflags", "userns = host; allow.chflags;"),
        ("allow.socket_af", "allow.socket_af;"), ("allow.read_msgbuf", "allow.read_msgbuf;"),
        ("allow.mlock", "allow.mlock;"), ("allow.settime", "userns = host; allow.settime;"),
        ("allow.adjtime", "userns = host; allow.settime; allow.adjtime;"),
        ("allow.setaudit", "userns = host; allow.setaudit;"),
    ]

    private static let serviceExamples = [
        ("health.command", "health.command = \"wget -qO /dev/null http://127.0.0.1/\";"),
        ("health.interval", "health.command = \"test -e /run/up\"; health.interval = 30;"),
        ("health.timeout", "health.command = \"test -e /run/up\"; health.timeout = 5;"),
        ("health.retries", "health.command = \"test -e /run/up\"; health.retries = 2;"),
        ("health.start", "health.command = \"test -e /run/up\"; health.start = 60;"),
        ("restart", "restart = failure;"), ("restart.max", "restart = always; restart.max = 0;"),
        ("restart.delay", "restart = failure; restart.delay = 5;"), ("log.file", "log.file = \"/var/log/www.log\";"),
        ("log.size", "log.file = \"/var/log/www.log\"; log.size = 10M;"),
        ("log.keep", "log.file = \"/var/log/www.log\"; log.keep = 5;"),
        ("log.timestamps", "log.file = \"/var/log/www.log\"; log.timestamps;"),
        ("log.journal", "log.journal;"),
    ]
}
