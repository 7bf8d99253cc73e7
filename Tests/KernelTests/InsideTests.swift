import Foundation
import Glibc
import Testing

extension Kernel {
    /// What root inside can do to those that share the kernel with him: his own pid 1, the supervisor, the host.
    @Suite struct InsideTests {
        @Test("with CAP_SYS_PTRACE root inside cannot seize pid 1, not even while the jail's commands start")
        func pid1()
            throws
        {
            try Machine.with { machine in
                let early = machine.run("true", "cap.add = SYS_PTRACE; exec.start = \"/bin/probe seize 1 || true\";")
                #expect(early.lines == ["seize EPERM"], "\(early)")
                machine.configure("cap.add = SYS_PTRACE; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                #expect(machine.jailrun("exec", "t", "/bin/probe", "seize", "1").output == "seize EPERM\n")
            }
        }

        @Test("as root of the host's ids, who can seize it, he makes pid 1 call nothing that its own filter forbids")
        func seized() throws {
            try Machine.with { machine in
                machine.configure("cap.add = SYS_PTRACE; userns = host; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let seize = machine.jailrun("exec", "t", "/bin/probe", "seize", "1")
                #expect(seize.output == "unshare EPERM\n", "\(seize)")
                let status = machine.jailrun("exec", "t", "cat", "/proc/1/status")
                #expect(
                    status.output.contains("Seccomp:\t2") && status.output.contains("CapPrm:\t0000000000000020"),
                    "\(status)")
                let stop = machine.jailrun("stop", "t")
                #expect(stop.status == 0, "\(stop)")
            }
        }

        @Test("a jail that takes every inotify instance it can leaves the host and other jails theirs") func watches()
            throws
        {
            try Machine.with { machine in
                machine.configure(
                    "exec.start = \"/bin/probe watches /var/enough &\"; persist; log.file = \"\(machine.directory)/log\";"
                )
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                #expect(eventually { machine.read("\(machine.directory)/log").contains("EMFILE") })
                let instance = inotify_init1(0)
                #expect(instance >= 0, "errno \(errno)")
                close(instance)
                let other = "\(machine.directory)/other.conf"
                machine.write("other { path = \"\(machine.root)\"; command = \"/bin/probe watches /\"; }\n", to: other)
                let watches = machine.jailrun("run", "-q", other)
                #expect(watches["watches"].map { $0[0] != "0" } == true, "\(watches)")
                machine.write("", to: "\(machine.root)/var/enough")
            }
        }

        @Test(
            "sysctl.user.max_inotify_instances narrows it for each user inside, and no other machine's parameter can be set"
        )
        func userLimits() throws {
            try Machine.with { machine in
                let narrow = machine.run("/bin/probe watches /", "sysctl.user.max_inotify_instances = 3;")
                #expect(narrow.lines == ["watches 3 EMFILE"], "\(narrow)")
                let host = machine.run("true", "sysctl.user.max_inotify_instances = 3; userns = host;")
                #expect(host.status == 65 && host.errors.contains("the user limits are those of the host"), "\(host)")
            }
        }

        @Test("jls shows no escape of meta and env as it is, in any of its forms")
        func escapes() throws {
            try Machine.with { machine in
                machine.configure("meta = \"a=\\033]0;title\\007\\302\\233m\"; env = \"b=\\033[2J\"; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let jls = "\(machine.directory)/jls"
                _ = Command.shell("ln -s '\(Laboratory.program)' '\(jls)'").run()
                for words in [
                    ["-n"], ["-nq"], ["meta", "env"], ["-h", "meta"], ["--libxo", "json", "-n"],
                    ["--libxo", "xml", "-n"],
                ] {
                    let shown = Command([jls] + words).run()
                    #expect(shown.status == 0 && shown.output.contains("title"), "\(words) \(shown)")
                    #expect(
                        !shown.output.unicodeScalars.contains {
                            $0.value < 0x20 && $0 != "\n" || (0x7f..<0xa0).contains($0.value)
                        }, "\(words)")
                }
            }
        }

        @Test("of a flood the supervisor drops what is too much, says how much, and writes other jails' lines")
        func flood()
            throws
        {
            try Machine.with { machine in
                let logs = machine.directory
                machine.write(
                    """
                    loud { path = "\(machine.root)"; log.file = "\(logs)/loud"; log.size = 1M; log.keep = 1;
                        exec.start = "/bin/probe flood 600 &"; }
                    calm { path = "\(machine.root)"; log.file = "\(logs)/calm"; persist;
                        exec.start = "(while sleep 0.1; do echo tick; done) &"; }

                    """, to: machine.conf)
                let start = machine.jailrun("start", machine.conf)
                #expect(start.status == 0, "\(start)")
                #expect(eventually(seconds: 20) { machine.read("\(logs)/loud").contains("bytes were dropped") })
                let ticks = machine.read("\(logs)/calm").split(separator: "\n").count
                #expect(eventually { machine.read("\(logs)/calm").split(separator: "\n").count > ticks + 5 })
                let stop = machine.jailrun("stop", machine.conf)
                #expect(stop.status == 0, "\(stop)")
            }
        }

        // MARK: ping, su

        /// As a distribution's ping has it.
        private func addRawCapability(to path: String) {
            let setcap = Command(["/usr/sbin/setcap", "cap_net_raw+ep", path]).run()
            #expect(setcap.status == 0, "\(setcap)")
        }

        @Test("ping works in a jail without raw sockets, for every user, and a ping with capabilities of its own, too")
        func ping() throws {
            try Machine.with { machine in
                let range = machine.run("cat /proc/sys/net/ipv4/ping_group_range")
                #expect(range.output.split(whereSeparator: \.isWhitespace) == ["0", "65535"], "\(range)")
                // busybox asks for a raw socket; the machine's ping does not, and has capabilities of its own.
                for user in ["root", "nobody"] {
                    machine.write(
                        "p { path = /; root.ephemeral; exec.jail_user = \(user); command = \"ping -c 1 127.0.0.1\"; }\n",
                        to: machine.conf)
                    let ping = machine.jailrun("run", machine.conf)
                    #expect(ping.status == 0, "\(ping)")
                }
                _ = Command.shell("cp --remove-destination /bin/busybox '\(machine.root)/bin/ping'").run()
                addRawCapability(to: "\(machine.root)/bin/ping")
                let privileged = machine.run("/bin/ping -c 1 127.0.0.1")
                #expect(
                    privileged.status == 1 && privileged.errors.contains("ping: permission denied"), "\(privileged)")
                let explicit = machine.run(
                    "cat /proc/sys/net/ipv4/ping_group_range", "sysctl.net.ipv4.ping_group_range = \"1 0\";")
                #expect(explicit.output.split(whereSeparator: \.isWhitespace) == ["65534", "65534"], "\(explicit)")
            }
        }

        @Test(
            "where set-user-id programs work, the message names the capability that a program has and the jail has not")
        func missingCapability() throws {
            try Machine.with { machine in
                _ = Command.shell("cp --remove-destination /bin/busybox '\(machine.root)/bin/ping'").run()
                addRawCapability(to: "\(machine.root)/bin/ping")
                let ping = machine.run("/bin/ping -c 1 127.0.0.1", "allow.suid;")
                #expect(ping.status == 126 && ping.errors.contains("CAP_NET_RAW"), "\(ping)")
                #expect(ping.errors.contains("allow.raw_sockets"), "\(ping)")
                let check = machine.jailrun("check", machine.conf)
                #expect(check.errors.contains("CAP_NET_RAW"), "\(check)")
                let granted = machine.run("/bin/ping -c 1 127.0.0.1", "allow.suid; allow.raw_sockets;")
                #expect(granted.status == 0, "\(granted)")
            }
        }

        @Test("allow.suid lets set-user-id programs work under the filter, and nothing else does; posture counts it")
        func setuid() throws {
            try Machine.with { machine in
                _ = Command.shell(
                    "cp --remove-destination '\(Laboratory.probe)' '\(machine.root)/bin/suid'; chmod 4755 '\(machine.root)/bin/suid'"
                ).run()
                let user = "exec.jail_user = user;"
                let without = machine.run("/bin/suid ids", user)
                #expect(without["uid"]?.contains("0") == false, "\(without)")
                let with = machine.run("/bin/suid ids", "\(user) allow.suid;")
                #expect(with["uid"]?.contains("0") == true, "\(with)")
                let filter = machine.run("/bin/suid unshare mount", "\(user) allow.suid;")
                #expect(filter.output.contains("EPERM"), "\(filter)")
                let root = machine.run("/bin/probe caps", "allow.suid;")
                #expect(root.lines == machine.run("/bin/probe caps").lines, "\(root)")
                machine.configure("allow.suid; persist;")
                #expect(machine.jailrun("check", "--posture", machine.conf).output.contains("allow.suid"))
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let exec = machine.jailrun("exec", "-u", "user", "t", "/bin/suid", "ids")
                #expect(exec["uid"]?.contains("0") == true, "\(exec)")
            }
        }
    }
}
