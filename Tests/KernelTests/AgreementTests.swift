import Foundation
import Glibc
import Testing

extension Kernel {
    /// `check` finds what a start would object to, and nothing else.
    @Suite struct AgreementTests {
        /// What is wrong with a jail. ROOT is its root, DIR a folder beside it that has the folder `empty` and the file `file`.
        static let defects = [
            "path = DIR/none;", "path = DIR/file;",
            "exec.jail_user = usr;",
            "exec.system_jail_user; exec.jail_user = rooot;", "exec.system_user = rooot;",
            "mount = \"DIR/none ROOT/var nullfs rw\";", "mount = \"DIR/none.img ROOT/var ext4 ro\";",
            "mount = \"DIR/empty ROOT/none nullfs rw\";", "mount = \"tmpfs ROOT/none tmpfs rw\";",
            "mount = \"DIR/empty ROOT/link nullfs rw\";", "mount = \"DIR/empty ROOT/bin/sh nullfs rw\";",
            "mount = \"DIR/file ROOT/var nullfs ro\";", "mount = \"DIR/file ROOT/etc/none nullfs ro\";",
            "mount = \"overlay ROOT/var overlay lowerdir=DIR/none:DIR/empty,ro\";",
            "mount = \"overlay ROOT/var overlay lowerdir=DIR/empty:DIR/file,ro\";",
            "mount = \"overlay ROOT/var overlay lowerdir=DIR/empty,upperdir=DIR/none,workdir=DIR/work\";",
            "mount = \"DIR/none ROOT/var unionfs ro\";",
            "mount = \"overlay ROOT/var overlay lowerdir=DIR/empty:DIR/empty\";",
            "mount = \"overlay ROOT/var overlay lowerdir=DIR/empty:DIR/empty/in\";",
            "mount = \"overlay ROOT/var overlay lowerdir=DIR/empty,upperdir=DIR/empty,workdir=DIR/work\";",
            "mount.procfs; path = DIR/empty;", "mount.devfs; path = DIR/empty;",
            "mount.resolvconf; path = DIR/empty;",
            "env = words; mount.nodevfs;",
            "devfs_ruleset = no_such_rules;", "devfs_ruleset = 77;",
            "seccomp = DIR/none.json;", "seccomp = DIR/file;",
            "allow.read_msgbuf;",
            "cgroup.dmem.max = 64M;", "cgroup.rdma.max = \"mlx hca_handle=1\";",
            "interface = nolink0; ip4.addr = 192.0.2.77;", "interface = lo; ip4.addr = 192.0.2.77;",
            "vnet; vnet.interface = nolink0;", "ip4.addr = 127.0.0.1;", "ip4.addr = 10.77.9.0/24;",
            "ip4.addr = 192.0.2.77; port = \"203.0.113.9:8080:80\";",
            "ip4.addr = 192.0.2.77; port = \"PORT:80\";",
            "ip4.addr = 192.0.2.77; port = \"127.0.0.1:PORT:80/tcp\";",
            "sysctl.net.ipv4.no_such_parameter = 1;", "sysctl.net.ipv4.ip_forward = foo;",
            "sysctl.net.ipv4.ip_unprivileged_port_start = 99999;",
            "sysctl.net.ipv4.tcp_available_congestion_control = x;",
            "sysctl.net.ipv4.tcp_congestion_control = nosuch;", "sysctl.net.ipv4.conf.eth9.forwarding = 1;",
            "sysctl.net.ipv4.conf.lo.forwarding = foo;", "sysctl.net.ipv4.ping_group_range = \"0 70000\";",
            "ip4.addr = 10.77.9.9; sysctl.net.ipv4.conf.eth0.forwarding = foo;",
            "ip6.addr = fd00:77::5; sysctl.net.ipv6.conf.all.disable_ipv6 = 1;",
            "ip6.addr = fd00:77::5; sysctl.net.ipv6.conf.eth0.disable_ipv6 = 1;",
            "sysctl.net.ipv4.ip_local_port_range = \"5 1\";", "sysctl.kernel.shmmni = -4;",
            "mount = \"DIR/file ROOT/var ext4 ro\";", "mount = \"DIR/empty ROOT/var iso9660 ro\";",
            "userns = \"100000+1000\"; exec.jail_user = 65534;", "userns = \"100000+5\"; mount.devfs;",
            "exec.jail_user = 65536;", "mount = \"tmpfs ROOT/var tmpfs uid=65536\";",
            "userns = \"100000+10\"; mount = \"tmpfs ROOT/var tmpfs gid=10\";",
            "ulimit.nofile = 3;", "ulimit.nofile = 31:1024;", "ulimit.nproc = 0;", "ulimit.nproc = 1;",
            "ulimit.as = 4096;", "ulimit.data = 0;", "ulimit.stack = 4096;", "ulimit.cpu = 0;",
            "ulimit.nofile = 2000000000;", "ulimit.nofile = unlimited;",
            "ulimit.nice = 100;", "ulimit.core = unlimited;", "oom.score = -500;",
            "ip_hostname; host.hostname = no-such-name.invalid; interface = lo;",
            "mount = \"DIR/empty ROOT/var erofs ro\";", "mount = \"/dev/null ROOT/var erofs ro\";",
            "mount = \"DIR/queue ROOT/var erofs ro\";",
            "mount = \"/proc ROOT/var nullfs ro\";", "mount = \"/sys ROOT/var nullfs rw\";",
            "mount = \"/proc ROOT/var unionfs ro\";", "mount = \"/proc/version ROOT/etc/group nullfs ro\";",
        ]

        /// What is wrong with a command or a log, and how a start ends. ROOT/priv, DIR/priv and the program `bb` in both are root's.
        static let unusable: [(defect: String, status: Int32)] = [
            ("log.file = /dev/null;", 125), ("log.file = /dev/full;", 125), ("log.file = DIR;", 125),
            ("log.file = DIR/none/log;", 125), ("log.file = DIR/queue;", 125), ("log.file = DIR/work/link;", 125),
            ("exec.consolelog = DIR;", 125), ("exec.consolelog = DIR/none/log;", 125),
            ("exec.consolelog = DIR/work/link;", 125),
            ("log.file = /proc/none;", 125), ("log.file = /proc/self/none;", 125), ("log.file = /proc/sys/none;", 125),
            ("log.file = /sys/none;", 125), ("log.file = /sys/fs/cgroup/none;", 125),
            ("log.file = /dev/pts/none;", 125),
            ("log.file = DIR/\(String(repeating: "n", count: 256));", 125),
            ("exec.consolelog = /proc/none;", 125), ("exec.consolelog = /proc/sys/none;", 125),
            ("exec.consolelog = /sys/none;", 125), ("exec.consolelog = /sys/fs/cgroup/none;", 125),
            ("exec.start = \"nosuch a b\";", 127), ("exec.start = \"/etc/passwd x\";", 126),
            ("exec.start = \"/var/badscript x\";", 127), ("exec.poststart = \"DIR/none x\";", 127),
            ("exec.jail_user = user; exec.start = \"/priv/bb true\";", 126),
            ("exec.jail_user = user; exec.start = \"/var/../priv/bb\";", 126),
            ("exec.jail_user = user; exec.start = \"/var/script x\";", 126),
            ("exec.jail_user = user; exec.start = \"/var/mine\";", 126),
            ("exec.jail_user = user; command = \"/bin/sleep 1000\"; health.command = \"/priv/bb true\";", 126),
            ("exec.system_user = nobody; exec.prestart = \"DIR/priv/bb true\";", 126),
        ]

        /// What changes nothing about it.
        static let surroundings = [
            "", "persist;", "root.ephemeral; exec.poststop = \"/bin/true\";",
            "mount += \"tmpfs ROOT/tmp tmpfs size=1m\"; exec.clean = false; stop.timeout = 1;",
        ]

        private func fill(_ text: String, _ machine: Machine, port: Int) -> String {
            text.replacing("ROOT", with: machine.root).replacing("DIR", with: machine.directory)
                .replacing("PORT", with: String(port))
        }

        private func prepare(_ machine: Machine) {
            for name in ["empty", "work", "empty/in"] { mkdir("\(machine.directory)/\(name)", 0o755) }
            mkfifo("\(machine.directory)/queue", 0o600)
            machine.write("no profile\n", to: "\(machine.directory)/file")
            symlink("var", "\(machine.root)/link")
        }

        /// A defect may not be one where the machine has what others lack.
        private func isHarmless(_ defect: String, _ machine: Machine) -> Bool {
            let controllers = machine.read("\(Remains.cgroupMount)/cgroup.controllers")
            if defect.hasPrefix("allow.read_msgbuf") {
                return machine.read("/proc/sys/kernel/dmesg_restrict").hasPrefix("0")
            }
            if ["ulimit.nice", "ulimit.core", "oom.score"].contains(where: defect.hasPrefix) {
                return Laboratory.raisesLimits
            }
            return ["dmem", "rdma"].contains { defect.hasPrefix("cgroup.\($0)") && controllers.contains($0) }
        }

        /// `FILE:LINE:COLUMN`, of the configuration or of a file that it names, and the text behind the jail's name, of a start's
        /// first error.
        private func objection(_ outcome: Outcome, _ machine: Machine) -> (place: String, text: String)? {
            let prefix = "jailrun: \(machine.directory)/"
            guard let line = outcome.errors.split(separator: "\n").first(where: { $0.hasPrefix(prefix) }),
                let jail = line.range(of: ": t: ")
            else { return nil }
            return (String(line[..<jail.lowerBound].dropFirst("jailrun: ".count)), String(line[jail.upperBound...]))
        }

        @Test("check objects to what a start objects to, at the same place and in the same words", arguments: defects)
        func agreement(defect: String) throws {
            try Machine.with { machine in
                prepare(machine)
                try listening { port in
                    let all = isHarmless(defect, machine) ? [] : Self.surroundings
                    for surrounding in Laboratory.some(all) where !defect.contains("path = ") || surrounding.isEmpty {
                        let root = defect.contains("path = ") ? "" : "path = \"\(machine.root)\";"
                        let body = fill("\(surrounding)\n    \(defect)", machine, port: port)
                        machine.write("t {\n    \(root) command = \"/bin/true\";\n    \(body)\n}\n", to: machine.conf)
                        let check = machine.jailrun("check", machine.conf)
                        for verb in ["run", "start"] {
                            let start = machine.jailrun(verb, machine.conf)
                            #expect(start.status == 125 && check.status == 65, "\(body)\n\(start)\n\(check)")
                            let said = try #require(objection(start, machine), "\(start)")
                            #expect(check.errors.contains(said.place), "\(start)\n\(check)")
                            #expect(check.errors.contains(said.text), "\(start)\n\(check)")
                        }
                    }
                }
            }
        }

        @Test("check says what a start says of a command or a log that it cannot use", arguments: unusable)
        func agreement(defect: String, status: Int32) throws {
            try Machine.with { machine in
                prepare(machine)
                prepareClosed(machine)
                let body = fill(defect, machine, port: 0)
                machine.write("t {\n    path = \"\(machine.root)\"; persist;\n    \(body)\n}\n", to: machine.conf)
                let check = machine.jailrun("check", machine.conf)
                let start = machine.jailrun("start", machine.conf)
                #expect(start.status == status && check.status == 65, "\(body)\n\(start)\n\(check)")
                let said = try #require(objection(start, machine), "\(start)")
                #expect(check.errors.contains(said.place), "\(start)\n\(check)")
                #expect(check.errors.contains(said.text), "\(start)\n\(check)")
                machine.stop()
            }
        }

        private func prepareClosed(_ machine: Machine) {
            let script = """
                cd '\(machine.directory)' && ln -s file work/link && chmod 755 .
                mkdir -m 700 priv root/priv && cp /bin/busybox priv/bb && cp /bin/busybox root/priv/bb
                printf '#!/priv/bb sh\\n' >root/var/script; printf '#!/none sh\\n' >root/var/badscript
                cp /bin/busybox root/var/mine; chmod 755 root/var/script root/var/badscript; chmod 744 root/var/mine
                """
            _ = Command.shell(script).run()
        }

        @Test(
            "a user that a group, or an access control list, lets in is let in",
            arguments: ["", "exec.jail_user = user;"])
        func rights(user: String) throws {
            try Machine.with { machine in
                prepareClosed(machine)
                let priv = "\(machine.root)/priv"
                _ = Command.shell("cd '\(priv)' && mv bb busybox && chgrp 1001 . && chmod 710 .").run()
                machine.configure("\(user) exec.start = \"/priv/busybox true\"; persist;")
                let (check, start) = (
                    machine.jailrun("check", "-q", machine.conf), machine.jailrun("start", machine.conf)
                )
                #expect(check.status == 0 && start.status == 0, "\(check)\n\(start)")
                machine.stop()
            }
        }

        @Test("check looks once for the ports of the host, however many jails ask for one") func ports() throws {
            try Machine.with { machine in
                func looks(_ count: Int) -> Int {
                    let jails = (0..<count).map { "j\($0) { ip4.addr = 10.77.9.\($0 + 10); port = \(20000 + $0):80; }" }
                    machine.write(
                        "path = \"\(machine.root)\"; persist;\n\(jails.joined(separator: "\n"))\n", to: machine.conf)
                    let trace = "\(machine.directory)/trace"
                    let words = ["strace", "-f", "-o", trace, "-e", "trace=openat"]
                    let outcome = Command(words + [Laboratory.program, "check", "-q", machine.conf]).run(seconds: 60)
                    #expect(outcome.status == 0, "\(outcome)")
                    return machine.read(trace).split(separator: "\n").count { $0.contains("/net/tcp\"") }
                }
                let (few, many) = (looks(1), looks(20))
                #expect(few > 0 && few == many, "\(few) and \(many)")
            }
        }

        @Test("eight times as many jails take a check about eight times the processor's time, and not sixty-four")
        func linear() throws {
            try Machine.with { machine in
                func seconds(_ count: Int) -> Double {
                    let jails = (0..<count).map { "j\($0) { ip4.addr = 10.77.\($0 / 200).\($0 % 200 + 10); }" }
                    machine.write(
                        "path = \"\(machine.root)\"; persist;\n\(jails.joined(separator: "\n"))\n", to: machine.conf)
                    let check = "TIMEFORMAT=%U; time '\(Laboratory.program)' check -q '\(machine.conf)' >/dev/null 2>&1"
                    let outcome = Command(["bash", "-c", check]).run(seconds: 300)
                    #expect(outcome.status == 0, "\(outcome)")
                    return Double(outcome.errors.split(separator: "\n").last ?? "") ?? .infinity
                }
                let (few, many) = (seconds(250), seconds(2000))
                #expect(many < 20 * max(few, 0.02), "\(few) s and \(many) s")
            }
        }

        @Test("what check finds nothing wrong with starts", arguments: surroundings)
        func soundness(surrounding: String) throws {
            try Machine.with { machine in
                prepare(machine)
                let body = fill("\(surrounding)\n    mount += \"DIR/empty ROOT/var nullfs rw\";", machine, port: 0)
                machine.write(
                    "t {\n    path = \"\(machine.root)\"; command = \"/bin/true\";\n    \(body)\n}\n", to: machine.conf)
                let check = machine.jailrun("check", "-q", machine.conf)
                #expect(check.status == 0 && check.errors == "", "\(check)")
                let verb = surrounding.contains("persist") ? "start" : "run"
                let start = machine.jailrun(verb, machine.conf)
                #expect(start.status == 0, "\(start)")
                if verb == "start" {
                    // What is up has what it needs: the file can be checked for the next start.
                    let again = machine.jailrun("check", "-q", machine.conf)
                    #expect(again.status == 0 && again.errors == "", "\(again)")
                    machine.stop()
                }
            }
        }

        @Test(
            "what is enough for a start is no defect",
            arguments: [
                "ulimit.nofile = 32;", "ulimit.nproc = 2;", "ulimit.stack = 128K;",
                "userns = \"100000+65535\"; exec.jail_user = 65534;", "userns = \"100000+6\"; mount.devfs;",
                "sysctl.net.ipv4.ip_unprivileged_port_start = 443;", "sysctl.net.ipv4.conf.lo.forwarding = 1;",
                "sysctl.net.ipv4.ping_group_range = \"0 65535\";",
                "ip4.addr = 10.77.9.9; sysctl.net.ipv4.conf.eth0.forwarding = 1; sysctl.net.ipv4.neigh.eth0.proxy_delay = 0;",
            ])
        func enough(parameters: String) throws {
            try Machine.with { machine in
                machine.configure("command = \"/bin/true\"; \(parameters)")
                let check = machine.jailrun("check", "-q", machine.conf)
                #expect(check.status == 0 && check.errors == "", "\(check)")
                let run = machine.jailrun("run", machine.conf)
                #expect(run.status == 0, "\(run)")
            }
        }

        @Test("an IPv6 address on a host that has IPv6 disabled is an error of both, which names the switch")
        func disabledIPv6() throws {
            try Machine.with { machine in
                machine.configure("persist; ip6.addr = \"fd00:77::5\";")
                let script = "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; exec \"$0\" \"$@\""
                func run(_ verb: String) -> Outcome {
                    // In a network of its own: other tests need IPv6.
                    Command(["unshare", "-n", "sh", "-c", script, Laboratory.program, verb, machine.conf]).run()
                }
                let (check, start) = (run("check"), run("start"))
                #expect(check.status == 65 && start.status == 125, "\(check)\n\(start)")
                for outcome in [check, start] {
                    #expect(outcome.errors.contains("fd00:77::5: IPv6 is disabled on this host"), "\(outcome)")
                    #expect(outcome.errors.contains("disable_ipv6=0"), "\(outcome)")
                }
            }
        }

        @Test("check says, as a start does, that the kernel does not take what holds a jail's link to its addresses")
        func holding() throws {
            try Machine.with { machine in
                machine.configure("persist; ip4.addr = 10.77.9.9;")
                // A table of another program's, until jailrun has ended: a network of its own, for other tests need that table.
                let script = """
                    own() {
                        echo 'add table netdev jailrun { flags owner; }'
                        while kill -0 $$ 2>/dev/null; do sleep 0.2; done
                    }
                    ip link set lo up; own | nft -i >/dev/null &
                    until nft list table netdev jailrun >/dev/null 2>&1; do sleep 0.1; done
                    exec "$0" "$@"
                    """
                func run(_ verb: String) -> Outcome {
                    Command(["unshare", "-n", "sh", "-c", script, Laboratory.program, verb, machine.conf]).run()
                }
                let (check, start) = (run("check"), run("start"))
                #expect(check.status == 65 && start.status == 125, "\(check)\n\(start)")
                #expect(!start.errors.contains("take the network back"), "\(start)")
                let said = try #require(objection(start, machine), "\(start)")
                #expect(said.text.contains("nftables cannot hold the jail to its addresses"), "\(start)")
                for outcome in [check, start] {
                    #expect(outcome.errors.contains(said.place) && outcome.errors.contains(said.text), "\(outcome)")
                    #expect(outcome.errors.contains("owns the table netdev jailrun"), "\(outcome)")
                }
                machine.configure("persist; ip4.addr = 10.77.9.9; allow.spoofing;")
                #expect(run("check").status == 0)
            }
        }

        @Test("check tells every defect of a jail at once, where a start tells the first")
        func all() throws {
            try Machine.with { machine in
                prepare(machine)
                let defects = [
                    "exec.jail_user = usr;", "mount = \"DIR/none ROOT/var nullfs rw\";", "devfs_ruleset = 77;",
                    "seccomp = DIR/none.json;", "interface = nolink0; ip4.addr = 192.0.2.77;",
                ]
                let body = fill(defects.joined(separator: "\n"), machine, port: 0)
                machine.write("t { path = \"\(machine.root)\"; persist;\n\(body)\n}\n", to: machine.conf)
                let check = machine.jailrun("check", machine.conf)
                for line in 2...6 { #expect(check.errors.contains("\(machine.conf):\(line):"), "\(check)") }
                let start = machine.jailrun("start", machine.conf)
                #expect(start.errors.split(separator: "\n").count { $0.contains("jail.conf:") } == 1, "\(start)")
            }
        }

        @Test("an upper layer on a read-only file system is an error of both", arguments: ["overlay", "unionfs"])
        func readOnlyLayer(kind: String) throws {
            try Machine.with { machine in
                prepare(machine)
                let disk = "\(machine.directory)/disk"
                let script = "mkdir $0 && mount -t tmpfs tmpfs $0 && cd $0 && mkdir up work && mount -o remount,ro $0"
                #expect(Command(["/bin/sh", "-c", script, disk]).run().status == 0)
                let layers = "lowerdir=\(machine.directory)/empty,upperdir=\(disk)/up,workdir=\(disk)/work"
                let mount =
                    kind == "unionfs"
                    ? "\(disk)/up \(machine.root)/var unionfs rw" : "overlay \(machine.root)/var overlay \(layers)"
                machine.configure("persist; mount = \"\(mount)\";")
                let (check, start) = (machine.jailrun("check", machine.conf), machine.jailrun("start", machine.conf))
                #expect(check.status == 65 && start.status == 125, "\(check)\n\(start)")
                for outcome in [check, start] {
                    #expect(outcome.errors.contains("mount: \(disk)/up: Read-only file system"), "\(outcome)")
                }
                _ = Command(["umount", disk]).run()
            }
        }

        @Test("a start says what check says first, in whichever order the faults stand", arguments: 0..<6)
        func first(rotation: Int) throws {
            try Machine.with { machine in
                prepare(machine)
                let defects = [
                    "seccomp = DIR/none.json;", "exec.jail_user = usr;", "devfs_ruleset = 77;",
                    "mount += \"DIR/none ROOT/var nullfs rw\";", "interface = nolink0; ip4.addr = 192.0.2.77;",
                    "mount += \"DIR/empty ROOT/none nullfs rw\";",
                ]
                let turned = Array(defects[rotation...] + defects[..<rotation])
                let body = fill(turned.joined(separator: "\n"), machine, port: 0)
                machine.write("t { path = \"\(machine.root)\"; persist;\n\(body)\n}\n", to: machine.conf)
                let check = machine.jailrun("check", "-q", machine.conf)
                let places = check.errors.split(separator: "\n").filter { $0.hasPrefix("\(machine.conf):") }
                #expect(places.count >= 6, "\(check)")
                for words in [["start"], ["run"], ["run", "--dry-run"]] {
                    let start = Command([Laboratory.program] + words + [machine.conf]).run()
                    let said = try #require(objection(start, machine), "\(start)")
                    #expect(start.status == 125, "\(start)")
                    let first = String(places.first ?? "")
                    #expect(first.hasSuffix("\(said.place): \(said.text)"), "\(start)\n\(check)")
                }
            }
        }

        @Test("so it does of a log that cannot be written, which is opened first, or late", arguments: 0..<3)
        func firstWithLog(rotation: Int) throws {
            try Machine.with { machine in
                prepare(machine)
                for log in ["log.file = DIR/none/log;", "exec.consolelog = DIR/none/log;"] {
                    let defects = ["exec.jail_user = usr;", log, "devfs_ruleset = 77;"]
                    let turned = Array(defects[rotation...] + defects[..<rotation])
                    let body = fill(turned.joined(separator: "\n"), machine, port: 0)
                    machine.write("t { path = \"\(machine.root)\"; persist;\n\(body)\n}\n", to: machine.conf)
                    for words in [["check", "-q"], ["start"], ["run"], ["run", "--dry-run"]] {
                        let outcome = Command([Laboratory.program] + words + [machine.conf]).run()
                        let said = try #require(
                            outcome.errors.split(separator: "\n").first { $0.contains("\(machine.conf):") },
                            "\(outcome)")
                        #expect(said.contains("\(machine.conf):2:"), "\(words): \(outcome)")
                    }
                }
            }
        }

        /// With a program of the host that listens on a port.
        private func listening(_ body: (Int) throws -> Void) throws {
            let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(listener) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            try withUnsafeMutablePointer(to: &address) { pointer in
                try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                    try #require(bind(listener, name, size) == 0 && listen(listener, 1) == 0)
                    try #require(getsockname(listener, name, &size) == 0)
                }
            }
            try body(Int(UInt16(bigEndian: address.sin_port)))
        }
    }
}
