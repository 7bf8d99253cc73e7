import Foundation
import Glibc
import Testing

extension Machine {
    /// A veth pair of the host's, jt0 and jt1, for as long as the body runs.
    func withPair(_ body: () throws -> Void) throws {
        let made = Command.shell("ip link add jt0 type veth peer name jt1").run()
        try #require(made.status == 0, "\(made)")
        defer { _ = Command.shell("ip link delete jt0").run() }
        try body()
    }

    /// The host's.
    var links: [String] { (try? FileManager.default.contentsOfDirectory(atPath: "/sys/class/net")) ?? [] }
}

extension Kernel {
    /// What parameters do, asked from inside.
    @Suite struct ParameterTests {
        /// A shell line inside; single quotes stand around it in jail.conf.
        private func shell(_ machine: Machine, _ line: String, _ parameters: String = "") -> Outcome {
            machine.configure("command = '\(line)';\n    \(parameters)")
            return machine.jailrun("run", machine.conf)
        }

        // MARK: Processes

        @Test("ulimit, oom.score and umask hold for the first process, and for one that joins") func process() throws {
            try Machine.with { machine in
                let question = "ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj; umask"
                machine.configure(
                    "ulimit.nofile = \"100:200\"; oom.score = 500; umask = 077; persist; exec.start = '(\(question)) >/tmp/first';"
                )
                let start = machine.jailrun("start", machine.conf)
                #expect(start.status == 0, "\(start)")
                defer { machine.stop() }
                let expected = ["100", "200", "500", "0077"]
                #expect(machine.read("\(machine.root)/tmp/first").split(separator: "\n").map(String.init) == expected)
                let joined = machine.jailrun("exec", "t", "/bin/sh", "-c", question)
                #expect(joined.lines == expected, "\(joined)")
            }
        }

        @Test("sysctl sets the jail's parameters and not the host's") func sysctl() throws {
            try Machine.with { machine in
                let host = machine.read("/proc/sys/net/ipv4/ip_forward")
                let answer = shell(
                    machine, "cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/ip_default_ttl",
                    "sysctl.net.ipv4.ip_forward = 1; \"sysctl.net/ipv4/ip_default_ttl\" = 77;")
                #expect(answer.lines == ["1", "77"], "\(answer)")
                #expect(machine.read("/proc/sys/net/ipv4/ip_forward") == host)
            }
        }

        // MARK: Names

        @Test("the jail has the domain name, the UUID and the number of the file; the root's files stay") func host()
            throws
        {
            try Machine.with { machine in
                machine.write("old\n", to: "\(machine.root)/etc/machine-id")
                machine.write("oldd", to: "\(machine.root)/etc/hostid")
                let answer = shell(
                    machine,
                    "cat /proc/sys/kernel/domainname /etc/machine-id; hostid; "
                        + "echo x >/etc/hostid || echo refused",
                    "host.domainname = d.example; host.hostuuid = \"01234567-89ab-cdef-0123-456789abcdef\"; host.hostid = 4660;"
                )
                #expect(
                    answer.lines == ["d.example", "0123456789abcdef0123456789abcdef", "00001234", "refused"],
                    "\(answer)")
                #expect(machine.read("\(machine.root)/etc/machine-id") == "old\n")
                #expect(machine.read("\(machine.root)/etc/hostid") == "oldd")
            }
        }

        @Test("host = inherit shows the host's names") func inheritedHost() throws {
            try Machine.with { machine in
                let host = machine.read("/proc/sys/kernel/hostname").trimmingCharacters(in: .newlines)
                #expect(shell(machine, "hostname", "host = inherit;").lines == [host])
            }
        }

        @Test("env is read inside and not changed") func environment() throws {
            try Machine.with { machine in
                let answer = shell(
                    machine, "cat /dev/jail/env; echo x >/dev/jail/env; rm -rf /dev/jail; cat /dev/jail/env",
                    "env = whole; env.key = \"a b\";")
                #expect(answer.lines == ["key=a b", "whole", "key=a b", "whole"], "\(answer)")
            }
        }

        // MARK: Permissions

        @Test("allow.set_hostname changes the jail's name, and permits nothing else") func setHostname() throws {
            try Machine.with { machine in
                let host = machine.read("/proc/sys/kernel/hostname")
                #expect(shell(machine, "hostname other; hostname", "allow.set_hostname;").lines == ["other"])
                #expect(machine.read("/proc/sys/kernel/hostname") == host)
                for question in ["mount tmpfs", "unmount /proc/sys", "unshare user", "unshare mount", "bpf"] {
                    #expect(machine.ask(question, "allow.set_hostname;").status == 1, "\(question)")
                }
            }
        }

        @Test("allow.mount.nullfs binds and unmounts, and mounts nothing new") func bind() throws {
            try Machine.with { machine in
                let allow = "allow.mount; allow.mount.nullfs;"
                let answer = shell(
                    machine,
                    "mount -o bind /etc /var && cat /var/group | head -n 1; umount /var && ls /var | wc -l", allow)
                #expect(answer.lines == ["root:x:0:", "0"], "\(answer)")
                for line in [
                    "mount -t tmpfs x /var", "mount -o remount,bind,rw /proc/sys", "mount -t proc x /var",
                    "mount -o move /proc /var",
                ] {
                    #expect(shell(machine, line, allow).status != 0, "\(line)")
                }
                // Nothing that the masks cover is writable by root inside, covered or not.
                let uncovered = shell(
                    machine, "umount /proc/sys; echo 1 >/proc/sys/vm/drop_caches && echo written", allow)
                #expect(!uncovered.output.contains("written"), "\(uncovered)")
            }
        }

        @Test("allow.suser = false leaves root inside nothing, and a start still works") func superuser() throws {
            try Machine.with { machine in
                let answer = machine.ask("caps", "allow.suser = false;")
                for key in ["CapBnd", "CapPrm", "CapEff"] { #expect(answer[key] == ["0000000000000000"], "\(answer)") }
                let user = machine.run("/bin/probe ids", "allow.suser = false; exec.jail_user = user;")
                #expect(user["uid"] == ["1000", "1000", "1000"] && user["groups"] == ["1000", "1001"], "\(user)")
            }
        }

        @Test("cap.drop takes what pid 1 needs, too, and a command becomes its user all the same") func dropAll() throws
        {
            try Machine.with { machine in
                let drop = "cap.drop = setuid, setgid, setpcap, kill;"
                let answer = machine.run("/bin/probe caps", drop)
                let set = try #require(answer["CapBnd"]?.first.flatMap { UInt64($0, radix: 16) }, "\(answer)")
                #expect(set & 0x1e0 == 0 && set != 0)
                #expect(machine.run("/bin/probe ids", drop + "exec.jail_user = user;")["uid"]?.first == "1000")
            }
        }

        @Test("allow.noreserved_ports keeps ports below 1024 from root inside") func ports() throws {
            try Machine.with { machine in
                #expect(machine.ask("listen 1023", "allow.noreserved_ports;")["listen"] == ["EACCES"])
            }
        }

        @Test("allow.nounprivileged_proc_debug forbids ptrace") func debugging() throws {
            try Machine.with { machine in
                #expect(machine.ask("ptrace")["own_child"] == ["ok"])
                #expect(machine.ask("ptrace", "allow.nounprivileged_proc_debug;")["own_child"] == ["EPERM"])
            }
        }

        @Test("System V IPC is the jail's, the host's, or not there") func interprocess() throws {
            try Machine.with { machine in
                let host = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/ipc")
                func space(_ parameters: String) -> [String]? { machine.ask("namespaces", parameters)["ipc"] }
                #expect(space("") != [host])
                #expect(space("sysvshm = inherit; sysvsem = inherit; sysvmsg = inherit;") == [host])
                let none = machine.ask("sysv", "sysvshm = disable; sysvmsg = new;")
                #expect(none["shm"] == ["ENOSYS"] && none["sem"] == ["ok"] && none["msg"] == ["ok"], "\(none)")
                let rest = machine.ask("sysv", "sysvshm = inherit;")
                #expect(rest["shm"] == ["ok"] && rest["sem"] == ["ENOSYS"] && rest["msg"] == ["ENOSYS"], "\(rest)")
            }
        }

        @Test(
            "securelevel = 2 lets nobody write to a disk that /dev has",
            .enabled(if: access("/dev/loop0", F_OK) == 0, "no /dev/loop0"))
        func level() throws {
            try Machine.with { machine in
                let rulesBefore = machine.read("/etc/devfs.rules")  // of an example that the lab has
                machine.write("[t=77]\nadd hide\nadd path null unhide\nadd path loop0 unhide\n", to: "/etc/devfs.rules")
                defer {
                    if rulesBefore.isEmpty {
                        unlink("/etc/devfs.rules")
                    } else {
                        machine.write(rulesBefore, to: "/etc/devfs.rules")
                    }
                }
                let rules = "devfs_ruleset = 77; userns = host; cap.add = mknod;"
                let open = "true <>/dev/loop0 && echo written; true </dev/loop0 && echo read"
                #expect(shell(machine, open, rules).lines == ["written", "read"])
                let level = shell(machine, "ls -l /dev/loop0; \(open)", rules + "securelevel = 2;")
                #expect(level.output.hasPrefix("br--r-----") && level.lines.last == "read", "\(level)")
                #expect(!level.output.contains("written"), "\(level)")
            }
        }

        // MARK: Mounts

        @Test("a folder mounted on path is the root, read-only, and path is not touched") func thinRoot() throws {
            try Machine.with { machine in
                _ = Command.shell("mkdir '\(machine.directory)/thin' '\(machine.directory)/own'").run()
                let (thin, own) = ("\(machine.directory)/thin", "\(machine.directory)/own")
                machine.write(
                    """
                    t { path = "\(thin)"; mount = "\(machine.root) \(thin) nullfs ro 0 0";
                        mount += "\(own) \(thin)/var nullfs rw,noatime 0 0";
                        command = 'touch /x; touch /var/y; cat /etc/group | head -n 1'; }
                    """, to: machine.conf)
                let answer = machine.jailrun("run", machine.conf)
                #expect(answer.status == 0 && answer.lines == ["root:x:0:"], "\(answer)")
                #expect(answer.errors.contains("Read-only"))
                #expect(access("\(own)/y", F_OK) == 0 && access("\(machine.root)/x", F_OK) != 0)
                let left = try FileManager.default.contentsOfDirectory(atPath: thin)
                #expect(left == [])
            }
        }

        @Test("unionfs keeps what a jail writes and hides what it removes, with the owners of the disk") func union()
            throws
        {
            try Machine.with { machine in
                let upper = "\(machine.directory)/upper"
                _ = Command.shell("mkdir '\(upper)'").run()
                let mount = "mount = \"\(upper) $path unionfs rw 0 0\";"
                let first = shell(machine, "echo new >/etc/new; rm /etc/group; chown user /etc/new; mkdir /made", mount)
                #expect(first.status == 0, "\(first)")
                let second = shell(machine, "cat /etc/new; ls /etc/group /made", mount)
                #expect(second.lines.first == "new" && second.errors.contains("/etc/group"), "\(second)")
                var status = stat()
                #expect(lstat("\(upper)/etc/new", &status) == 0 && status.st_uid == 1000)
                #expect(lstat("\(upper)/made", &status) == 0 && status.st_uid == 0)
                #expect(access("\(machine.root)/etc/group", F_OK) == 0 && access("\(machine.root)/etc/new", F_OK) != 0)
                let ephemeral = shell(machine, "touch /gone; cat /etc/new", mount + "root.ephemeral;")
                #expect(ephemeral.lines == ["new"] && access("\(upper)/gone", F_OK) != 0, "\(ephemeral)")
            }
        }

        @Test("an overlay and a read-only unionfs lie at their targets") func layers() throws {
            try Machine.with { machine in
                let place = machine.directory
                let script = "cd '\(place)' && mkdir l1 l2 w w/u w/k && echo 1 >l1/a && echo 2 >l1/b && echo 3 >l2/b"
                _ = Command.shell(script).run()
                let answer = shell(
                    machine, "cat /var/a /var/b; touch /var/c; cat /etc/a; touch /etc/c",
                    """
                    mount = "none $path/var overlay lowerdir=\(place)/l2:\(place)/l1,upperdir=\(place)/w/u,workdir=\(place)/w/k 0 0";
                    mount += "\(place)/l1 $path/etc unionfs ro 0 0";
                    """)
                #expect(answer.lines == ["1", "3", "1"] && answer.errors.contains("Read-only"), "\(answer)")
                var status = stat()
                #expect(lstat("\(place)/w/u/c", &status) == 0 && status.st_uid == 0)
            }
        }

        @Test(
            "an overlay takes an upper folder that lies in the lower one, and a lower one that is another mount in it")
        func layersInEachOther() throws {
            try Machine.with { machine in
                let place = machine.directory
                let script =
                    "cd '\(place)' && mkdir -p l/w/u l/w/k l/m && echo 1 >l/a && mount -t tmpfs tmpfs l/m && echo 2 >l/m/b"
                #expect(Command.shell(script).run().status == 0)
                defer { _ = Command(["umount", "\(place)/l/m"]).run() }
                let inside = "lowerdir=\(place)/l,upperdir=\(place)/l/w/u,workdir=\(place)/l/w/k"
                let apart = "lowerdir=\(place)/l/m:\(place)/l,ro"
                for (layers, file, content) in [(inside, "a", "1"), (apart, "b", "2")] {
                    let mount = "mount = \"none $path/var overlay \(layers) 0 0\";"
                    let answer = shell(machine, "cat /var/\(file)", mount)
                    #expect(answer.status == 0 && answer.lines == [content], "\(answer)")
                    #expect(machine.jailrun("check", machine.conf).status == 0)
                }
            }
        }

        // MARK: Addresses

        @Test("ip_hostname gives the addresses that the host's resolver has, and a name without is an error")
        func lookup() throws {
            try Machine.with { machine in
                machine.write("10.77.1.9 named.example\n10.77.1.10 named.example\n", to: "\(machine.directory)/hosts")
                let bound = Command.shell("mount --bind '\(machine.directory)/hosts' /etc/hosts").run()
                try #require(bound.status == 0, "\(bound)")
                defer { _ = Command.shell("umount /etc/hosts").run() }
                let ask = "ip -o -4 address show dev eth0 | while read -r a b c d e; do echo \"$d\"; done"
                let answer = shell(machine, ask, "host.hostname = named.example; ip_hostname;")
                #expect(answer.lines == ["10.77.1.9/24", "10.77.1.10/24"], "\(answer)")
                let none = shell(machine, "true", "host.hostname = unnamed.invalid; ip_hostname;")
                #expect(
                    none.status == 125 && none.errors.contains("host.hostname unnamed.invalid: not found"), "\(none)")
            }
        }

        // MARK: vnet

        /// A veth pair on the host, taken away afterwards.
        @Test("the host routes one jail by a table of its own, with ip rule in exec.created, as exec.fib advises")
        func routingTable() throws {
            try Machine.with { machine in
                try machine.withPair {
                    let made = Command.shell(
                        """
                        ip address add 10.9.8.1/24 dev jt0 && ip link set jt0 up && ip link set jt1 up &&
                        ip route add 198.51.100.0/24 via 10.9.8.9 && ip route add prohibit 198.51.100.0/24 table 27
                        """
                    ).run()
                    try #require(made.status == 0, "\(made)")
                    machine.configure(
                        """
                        persist; ip4.addr = 10.77.1.9; exec.created = "ip rule add from 10.77.1.9 lookup 27";
                        exec.poststop = "ip rule delete from 10.77.1.9 lookup 27";
                        """)
                    #expect(machine.jailrun("start", machine.conf).status == 0)
                    let forwarding = "/proc/sys/net/ipv4/conf/jail0/forwarding"
                    try #require(Command.shell("echo 1 >\(forwarding)").run().status == 0)
                    func route(_ source: String) -> Outcome {
                        Command.shell("ip route get 198.51.100.1 from \(source) iif jail0").run()
                    }
                    #expect(route("10.77.1.10").output.contains("via 10.9.8.9 dev jt0"), "\(route("10.77.1.10"))")
                    #expect(route("10.77.1.9").errors.contains("Permission denied"), "\(route("10.77.1.9"))")
                    #expect(machine.jailrun("stop", "t").status == 0)
                    #expect(!Command.shell("ip rule").run().output.contains("lookup 27"))
                    _ = Command.shell("ip route flush table 27").run()
                }
            }
        }

        @Test("an interface is the jail's while it is up, configured from inside, and the host's again after a stop")
        func interface() throws {
            try Machine.with { machine in
                try machine.withPair {
                    machine.configure(
                        "vnet; vnet.interface = jt1; persist; "
                            + "exec.start = 'ip address add 10.9.8.2/24 dev jt1; ip link set jt1 up';")
                    let start = machine.jailrun("start", machine.conf)
                    #expect(start.status == 0, "\(start)")
                    #expect(!machine.links.contains("jt1"))
                    let ping = Command.shell(
                        "ip address add 10.9.8.1/24 dev jt0; ip link set jt0 up; busybox ping -c 1 -W 2 10.9.8.2"
                    ).run()
                    #expect(ping.status == 0, "\(ping)")
                    #expect(machine.jailrun("stop", "t").status == 0)
                    #expect(machine.links.contains("jt1"))
                }
            }
        }

        @Test("an interface comes back after jailrun was killed, and after every process of the jail was") func crash()
            throws
        {
            try Machine.with { machine in
                try machine.withPair {
                    machine.configure("vnet; vnet.interface = jt1; command = \"sleep 100\";")
                    let running = machine.start("run", machine.conf)
                    eventually { !machine.links.contains("jt1") }
                    running.signal(SIGKILL)
                    _ = running.wait()
                    #expect(machine.jailrun("prune").status == 0)
                    #expect(machine.links.contains("jt1"))
                }
            }
        }

        @Test("an interface comes back when the start fails after it was moved") func failedStart() throws {
            try Machine.with { machine in
                try machine.withPair {
                    machine.configure("vnet; vnet.interface = jt1; exec.start = false; persist;")
                    #expect(machine.jailrun("start", machine.conf).status != 0)
                    #expect(machine.links.contains("jt1"))
                }
            }
        }
    }
}
