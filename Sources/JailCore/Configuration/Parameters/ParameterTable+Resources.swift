/// What a jail reaches by network, what it may use, and who its root is.
extension ParameterTable {
    static let network: [Row] = [
        .done(
            "ip4", .jailsys, "new with ip4.addr, otherwise disable", "IPv4: its own, the host's, or none",
            "network namespace",
            example: "ip4 = disable;", change: .atCreation, listed: .always, read: .modeOfIPv4),
        .done(
            "ip6", .jailsys, "new with ip6.addr, otherwise disable", "IPv6: its own, the host's, or none",
            "network namespace",
            example: "ip6 = disable;", change: .atCreation, listed: .always, read: .modeOfIPv6),
        .done(
            "ip4.addr", .list, "", "IPv4 addresses: [interface|]address[/length]",
            "veth, routes and proxy ARP by netlink",
            example: "ip4.addr = \"eth0|192.0.2.10/24\";", change: .whileUp(.addresses), listed: .always,
            read: .addressesOfIPv4, reserved: true),
        .done(
            "ip6.addr", .list, "", "IPv6 addresses: [interface|]address[/length]",
            "veth, routes and proxy NDP by netlink",
            example: "ip6.addr = \"2001:db8::10/64\";", change: .whileUp(.addresses), listed: .always,
            read: .addressesOfIPv6, reserved: true),
        .done(
            "interface", .string, "the bridge jail0", "interface for addresses that do not name one",
            "veth, joined to it or routed",
            example: "interface = eth0;", change: .whileUp(.addresses), listed: .never, reserved: true),
        .done(
            "vnet", .jailsys, "inherit", "a network stack that root inside configures",
            "network namespace, CAP_NET_ADMIN",
            example: "vnet;", change: .atCreation, listed: .always, reserved: true),
        .done(
            "vnet.interface", .list, "", "interfaces to move into the jail, and back when it stops",
            "IFLA_NET_NS_FD of rtnetlink(7)",
            example: "vnet; vnet.interface = eth1;", change: .atNextStart, listed: .never, reserved: true),
        .done(
            "ip_hostname", .boolean, "false", "the addresses of host.hostname, from the host's resolver",
            "getent(1) on the host; then as ip4.addr and ip6.addr",
            example: "host.hostname = www.example.org; ip_hostname;", change: .atNextStart, listed: .never,
            reserved: true),
        .noted(
            "ip4.saddrsel", .boolean, "true", .boolean(true), "selection of the source address",
            why: "the kernel chooses it, as with true",
            otherwise: "the kernel chooses among several addresses by the route; put the preferred one first",
            example: "ip4.saddrsel;", listed: .always),
        .noted(
            "ip6.saddrsel", .boolean, "true", .boolean(true), "selection of the source address",
            why: "the kernel chooses it, as with true",
            otherwise: "the kernel chooses among several addresses by the route; put the preferred one first",
            example: "ip6.saddrsel;", listed: .always),
        .done(
            "nat", .boolean, "false", "packets that the jail sends beyond the bridge jail0 get the host's address",
            "nftables, masquerade; forwarding",
            example: "ip4.addr = 10.77.0.10; nat;", change: .whileUp(.masquerade), listed: .never),
        .done(
            "port", .list, "", "published ports: [address:]port[-port]:port[-port][/tcp|/udp]",
            "nftables, dnat in the table jailrun",
            example: "ip4.addr = 10.77.0.10; port += \"127.0.0.1:8080:80/tcp\";", change: .whileUp(.ports),
            listed: .never),
        .done(
            "firewall", .string, "adapt",
            "adapt: add rules where another program's firewall provides for them; no: leave it alone",
            "rules with the jail's name in Docker's chain DOCKER-USER;"
                + " for firewalld, ufw and others a warning with the commands to run",
            example: "ip4.addr = 10.77.0.10; firewall = no;", change: .whileUp(.firewall), listed: .never),
    ]

    static let devices: [Row] = [
        .done(
            "devfs_ruleset", .string, "4", "number or name of a devfs.rules(5) rule set",
            "contents of /dev, eBPF device program",
            example: "devfs_ruleset = 5;", change: .atStart, listed: .always, read: .ruleset, reserved: true)
    ]

    static let limits: [Row] = [
        .done(
            "cgroup.*", .string, "", "a cgroup v2 file and its value: cgroup.memory.max = 256M", "cgroup v2",
            example: "cgroup.memory.max = 256M;", change: .whileUp(.limits), listed: .whenSet, read: .cgroupFile),
        .done(
            "ulimit.*", .string, "", "a resource limit of each process, SOFT:HARD: ulimit.nofile = 4096:65536",
            "prlimit(2)",
            example: "ulimit.nofile = \"4096:65536\";", change: .atStart, listed: .whenSet, read: .onlyIfSet),
        .done(
            "sysctl.*", .string, "", "a kernel parameter of the jail's network, IPC or user namespace",
            "/proc/sys, written inside the namespaces",
            example: "sysctl.net.ipv4.ip_unprivileged_port_start = 0;", change: .atStart, listed: .whenSet,
            read: .onlyIfSet),
        .done(
            "oom.score", .integer, "0", "how early the jail is killed when memory runs out, -1000 to 1000",
            "oom_score_adj of proc(5)",
            example: "oom.score = 500;", change: .atStart, listed: .always, read: .oomScore),
        .done(
            "umask", .string, "022", "file mode mask of the commands inside", "umask(2)",
            example: "umask = 077;", change: .atStart, listed: .always),
        .refused("cpuset.parent", .string, "the parent of the jail's cpuset", "use cgroup.cpuset.cpus"),
    ]

    static let privileges: [Row] = [
        .done(
            "cap.add", .list, "", "capabilities in addition to the default ones", "capset(2), the bounding set",
            example: "cap.add = net_raw;", change: .atStart, listed: .always),
        .done(
            "cap.drop", .list, "", "capabilities to remove from the default ones; all removes all but those of cap.add",
            "capset(2), the bounding set",
            example: "cap.drop = chown, setfcap;", change: .atStart, listed: .always),
        .done(
            "seccomp", .string, "default", "system call filter: default, none, or a profile's path", "seccomp(2)",
            example: "seccomp = \"/etc/jailrun/web.json\";", change: .atStart, listed: .always),
        .done(
            "userns", .string, "private", "user ids: private, host, or FIRST+COUNT",
            "user namespace, idmapped mounts",
            example: "userns = 100000+65536;", change: .atStart, listed: .always),
        .done(
            "securelevel", .integer, "-1", "restricts what root inside may do, from 1 to 3",
            "capabilities; the device program forbids /dev/mem from 1, writing to disks from 2",
            example: "securelevel = 2;", change: .atStart, listed: .always, reserved: true),
        .noted(
            "enforce_statfs", .integer, "2", .numbers(0...2), "which mounts are visible inside",
            why: "a jail sees the mounts of its own mount namespace, as with 1", otherwise: "it is 0, 1 or 2",
            example: "enforce_statfs = 1;", listed: .always, read: .ownMounts),
        .done(
            "children.max", .integer, "0", "how many jails root inside may create, at any depth",
            "user and mount namespaces inside, a delegated cgroup, cgroup.max.descendants",
            example: "children.max = 10;", change: .atStart, listed: .always),
        .done(
            "host", .jailsys, "new", "hostname, domain name and ids: its own, or the host's", "UTS namespace, or none",
            example: "host = inherit;", change: .atCreation, listed: .always),
    ]
}
