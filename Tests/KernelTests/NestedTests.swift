import Foundation
import Glibc
import Testing

extension Machine {
    /// jailrun, where a jail's root can run it.
    func installJailrun() {
        _ = Command.shell(
            """
            mkdir -p '\(root)/run' '\(root)/bin'; cp '\(Laboratory.program)' '\(root)/bin/jailrun'
            for name in jail jls jexec; do ln -sf jailrun '\(root)/bin/'$name; done
            """
        ).run()
    }

    /// A command of the jail `t`.
    func inside(_ arguments: String..., seconds: Double = 30) -> Outcome {
        Command([Laboratory.program, "exec", "t"] + arguments).run(seconds: seconds)
    }

    func cgroups() -> [String] {
        Command.shell("cd '\(Remains.cgroupRoot)' && find . -mindepth 1 -type d ! -name '.supervisor.*' | sort").run()
            .lines
    }
}

extension Kernel {
    /// Jails in jails, made from outside.
    @Suite struct NestedTests {
        @Test("a nested jail's cgroup is below that of the jail around it, which keeps its processes in a leaf")
        func cgroup() throws {
            try Machine.with { machine in
                #expect(machine.create(name: "a").status == 0)
                #expect(machine.cgroups() == ["./a"])
                #expect(machine.create(name: "a.b").status == 0)
                #expect(machine.create(name: "a.b.c").status == 0)
                #expect(
                    machine.cgroups()
                        == ["./a", "./a/.processes", "./a/a.b", "./a/a.b/.processes", "./a/a.b/a.b.c"])
                #expect(machine.read("\(Remains.cgroupRoot)/a/cgroup.procs") == "")
                // A command that joins goes where the others are.
                let entered = machine.jailrun("exec", "a", "/bin/probe", "cgroup")
                #expect(entered.output.contains("0::/.processes"), "\(entered)")
                #expect(
                    machine.link("jls", "-n", "name", "parent", "children.cur").output
                        == "name=a parent=0 children.cur=2\nname=a.b parent=1 children.cur=1\n"
                        + "name=a.b.c parent=2 children.cur=0\n")
                machine.remove("a")
            }
        }

        @Test("a jail goes after those in it, each by its own commands, whoever stops it") func removal() throws {
            try Machine.with { machine in
                let log = "\(machine.directory)/log"
                machine.write(
                    """
                    path = "\(machine.root)"; persist; exec.poststop = "echo $name >>\(log)";
                    a { b { c { } } } d { }
                    """, to: machine.conf)
                for stop in [["stop", "a"], ["stop", machine.conf], ["stop", "--force", "a"]] {
                    #expect(machine.jailrun("start", machine.conf).status == 0)
                    let stopped = Command([Laboratory.program] + stop).run()
                    #expect(stopped.status == 0, "\(stopped)")
                    let order = machine.read(log).split(separator: "\n").filter { $0 != "d" }
                    #expect(order == ["a.b.c", "a.b", "a"], "\(stop)")
                    _ = machine.jailrun("stop", "d")
                    unlink(log)
                }
            }
        }

        @Test("a jail lives without processes of its own as long as there is one in it") func persistence() throws {
            try Machine.with { machine in
                machine.write(
                    "path = \"\(machine.root)\"; a { exec.start = \"true\"; b { persist; } }", to: machine.conf)
                let started = machine.link("jail", "-f", machine.conf, "-c")
                #expect(started.status == 0, "\(started)")
                usleep(300_000)
                #expect(machine.link("jls", "name").lines == ["a", "a.b"])
                machine.remove("a.b")
                #expect(eventually(seconds: 5) { machine.link("jls", "name").lines == [] })
            }
        }

        @Test("a jail whose command has ended ends when none could be started in it") func unheld() throws {
            try Machine.with { machine in
                machine.write(
                    "path = \"\(machine.root)\"; a { exec.start = \"true\"; b { persist; exec.start = \"false\"; } }",
                    to: machine.conf)
                let started = machine.link("jail", "-f", machine.conf, "-c")
                #expect(started.status == 1, "\(started)")
                #expect(eventually(seconds: 5) { machine.link("jls", "name").lines == [] })
            }
        }

        @Test("a jail that persists stays when the last one in it goes") func stays() throws {
            try Machine.with { machine in
                #expect(machine.create(name: "a").status == 0)
                #expect(machine.create(name: "a.b").status == 0)
                machine.remove("a.b")
                usleep(200_000)
                #expect(machine.link("jls", "name").lines == ["a"])
                machine.remove("a")
            }
        }

        @Test("when a jail's first process is killed, those in it die, and nothing is left") func death() throws {
            try Machine.with { machine in
                #expect(machine.create(name: "a").status == 0)
                #expect(machine.create("exec.start=sleep 1000 &", name: "a.b").status == 0)
                let first = Command.shell("cat '\(Remains.cgroupRoot)/a/.processes/cgroup.procs'").run().lines.first
                let pid = try #require(first.flatMap { pid_t($0) })
                kill(pid, SIGKILL)
                #expect(eventually(seconds: 10) { machine.link("jls", "name").lines == [] })
                _ = machine.jailrun("prune")
            }
        }

        @Test("a nested jail needs the one around it, and keeps it") func parent() throws {
            try Machine.with { machine in
                machine.write("a.b { path = \"\(machine.root)\"; persist; }", to: machine.conf)
                let alone = machine.jailrun("start", machine.conf)
                #expect(alone.status == 125 && alone.errors.contains("jail \"a\" not found"), "\(alone)")
                #expect(machine.create(name: "a").status == 0)
                #expect(machine.create(name: "x").status == 0)
                #expect(machine.create(name: "a.b").status == 0)
                let number = machine.link("jls", "-j", "a.b", "jid").lines.first ?? ""
                let moved = machine.link("jail", "-m", "jid=\(number)", "name=x.b")
                #expect(moved.errors == "jail: cannot change jail's parent\n" && moved.status == 1, "\(moved)")
                #expect(machine.link("jail", "-m", "jid=\(number)", "name=a.c").status == 0)
                #expect(machine.link("jls", "name").lines == ["a", "x", "a.c"])
                #expect(machine.link("jail", "-R", "a").status == 0)
                machine.remove("x")
            }
        }

        @Test("children.max counts the jails at every depth") func limit() throws {
            try Machine.with { machine in
                #expect(machine.create("children.max=2", name: "a").status == 0)
                #expect(machine.create(name: "a.b").status == 0)
                #expect(machine.create(name: "a.b.c").status == 0)
                for name in ["a.d", "a.b.d"] {
                    let refused = machine.create(name: name)
                    #expect(refused.errors == "jail: prison limit exceeded\n" && refused.status == 1, "\(refused)")
                }
                machine.remove("a.b.c")
                #expect(machine.create(name: "a.d").status == 0)
                machine.remove("a")
            }
        }

        @Test("a name that a nested jail's start was killed with is removed by the next command") func crash() throws {
            try Machine.with { machine in
                #expect(machine.create(name: "a").status == 0)
                machine.write(
                    "a.b { path = \"\(machine.root)\"; persist; exec.created = \"sleep 3\"; }", to: machine.conf)
                let start = machine.start("run", machine.conf)
                #expect(eventually { machine.cgroups().contains("./a/a.b") })
                usleep(200_000)
                start.signal(SIGKILL)
                #expect(
                    eventually(seconds: 10) {
                        _ = machine.jailrun("list")
                        return !machine.cgroups().contains("./a/a.b")
                    })
                #expect(machine.link("jls", "name").lines == ["a"])
                machine.remove("a")
            }
        }
    }

    /// Jails in jails, made by root inside.
    @Suite struct InnerTests {
        private func jail(_ parameters: String..., limit: Int = 3, _ body: (Machine) throws -> Void) throws {
            try Machine.with { machine in
                machine.installJailrun()
                let path = "\(machine.directory)/jail"
                symlink(Laboratory.program, path)
                let words = ["-c", "name=t", "path=\(machine.root)", "persist", "children.max=\(limit)"]
                let created = Command([path] + words + parameters).run()
                #expect(created.status == 0, "\(created)")
                defer { machine.remove() }
                try body(machine)
            }
        }

        @Test("root inside makes, enters, lists and removes jails") func inside() throws {
            try jail { machine in
                let made = machine.inside("jail", "-c", "name=b", "path=/", "persist")
                #expect(made.status == 0 && made.errors == "", "\(made)")
                #expect(machine.inside("jls", "name").lines == ["b"])
                #expect(machine.cgroups() == ["./t", "./t/.processes", "./t/b"])
                let asked = machine.inside("jexec", "b", "/bin/probe", "pid1")
                #expect(asked.status == 0, "\(asked)")
                let jls = machine.link("jls", "-j", "t", "-n", "name", "children.cur")
                #expect(jls.output == "name=t children.cur=1\n")
                #expect(machine.inside("jail", "-r", "b").status == 0)
                #expect(machine.inside("jls", "name").lines == [])
                #expect(machine.inside("ls", "/run", "/dev/jail/run").output == "/dev/jail/run:\n\n/run:\n")
            }
        }

        @Test("a jail in a jail has namespaces of its own, and one level less to give") func namespaces() throws {
            try jail { machine in
                #expect(machine.inside("jail", "-c", "name=b", "path=/", "persist").status == 0)
                let outer = machine.inside("/bin/probe", "namespaces").lines
                let inner = machine.inside("jexec", "b", "/bin/probe", "namespaces").lines
                let shared = inner.filter(outer.contains)
                #expect(shared.allSatisfy { $0.hasPrefix("time ") }, "\(shared)")
                #expect(machine.inside("jexec", "b", "/bin/probe", "unshare", "user").status == 1)
                let refused = machine.inside("jexec", "b", "jail", "-c", "name=c", "path=/", "persist")
                #expect(refused.errors == "jail: jail_set: Operation not permitted\n", "\(refused)")
                // Its processes are not seen by the host of it, nor theirs by it.
                let processes = machine.inside("jexec", "b", "ps", "-o", "pid,args")
                #expect(processes.lines.count == 3, "\(processes)")
            }
        }

        @Test("devices of a jail in a jail are those of the one around, and no others") func devices() throws {
            try jail { machine in
                #expect(machine.inside("jail", "-c", "name=b", "path=/", "persist").status == 0)
                let read = machine.inside("jexec", "b", "sh", "-c", "head -c 5 /dev/zero | wc -c; echo >/dev/null")
                #expect(read.output == "5\n" && read.status == 0, "\(read)")
                #expect(machine.inside("jexec", "b", "/bin/probe", "mknod", "/tmp/node").status == 1)
                #expect(machine.inside("/bin/probe", "mknod", "/tmp/node").status == 1)
                let (outer, inner) = (machine.inside("ls", "/dev"), machine.inside("jexec", "b", "ls", "/dev"))
                #expect(outer.lines.filter { $0 != "jail" } == inner.lines)
            }
        }

        @Test("jails in jails in jails count against every children.max above") func depth() throws {
            try jail(limit: 2) { machine in
                #expect(machine.inside("jail", "-c", "name=b", "path=/", "persist", "children.max=5").status == 0)
                let made = machine.inside("jexec", "b", "jail", "-c", "name=c", "path=/", "persist")
                #expect(made.status == 0, "\(made)")
                #expect(machine.cgroups() == ["./t", "./t/.processes", "./t/b", "./t/b/.processes", "./t/b/c"])
                let outer = machine.inside("jail", "-c", "name=d", "path=/", "persist")
                #expect(outer.errors == "jail: prison limit exceeded\n", "\(outer)")
                #expect(machine.link("jls", "-j", "t", "-n", "children.cur").output == "children.cur=2\n")
                // What is removed takes with it what is inside, and no command of the jail's is needed for that.
                #expect(machine.inside("jail", "-R", "b").status == 0)
                #expect(machine.cgroups() == ["./t", "./t/.processes"])
            }
        }

        @Test("cgroup.max.descendants holds whoever makes cgroups without asking") func cgroups() throws {
            try jail(limit: 1) { machine in
                let script = "cd /sys/fs/cgroup; for i in 1 2 3 4 5 6; do mkdir x$i || break; done; ls -d x*; rmdir x*"
                let outcome = machine.inside("sh", "-c", script)
                #expect(outcome.lines == ["x1", "x2"], "\(outcome)")
                let deep = machine.inside(
                    "sh", "-c", "cd /sys/fs/cgroup; mkdir -p 1/2/3; find 1 -type d | wc -l; rmdir 1/2 1")
                #expect(deep.output == "2\n", "\(deep)")
                // The limits themselves are the host's.
                for file in ["cgroup.max.descendants", "cgroup.max.depth", "cgroup.freeze", "cgroup.kill"] {
                    #expect(machine.inside("/bin/probe", "write", "/sys/fs/cgroup/\(file)", "1").status == 1)
                }
            }
        }

        @Test("a jail is found and removed although root inside moved its processes about") func scattered() throws {
            try jail { machine in
                let script = "mkdir /sys/fs/cgroup/hidden; sleep 1000 & echo $! >/sys/fs/cgroup/hidden/cgroup.procs"
                _ = machine.inside("sh", "-c", script)
                #expect(machine.cgroups().contains("./t/hidden"))
                machine.remove()
                #expect(machine.cgroups() == [])
            }
        }

        @Test("kernel files that the host's root owns stay closed where /proc has no masks") func files() throws {
            try jail { machine in
                for path in [
                    "/proc/sys/kernel/core_pattern", "/proc/sys/vm/drop_caches", "/proc/sysrq-trigger",
                    "/sys/power/state", "/proc/sys/kernel/modprobe", "/sys/kernel/mm/ksm/run",
                ] {
                    let answer = machine.inside("/bin/probe", "write", path, "1")
                    #expect(answer.status == 1, "\(path): \(answer)")
                }
                for path in ["/proc/kcore", "/proc/kallsyms", "/proc/vmallocinfo", "/proc/slabinfo", "/proc/kmsg"] {
                    let text = machine.inside(
                        "sh", "-c", "head -c 4096 \(path) 2>/dev/null | grep -v '^0000000000000000 '")
                    #expect(text.output == "", "\(path): \(text)")
                }
                #expect(machine.inside("/bin/probe", "bpf").status == 1)
            }
        }

        @Test("the walls that are not mounts hold against who may mount") func mounting() throws {
            try jail("mount.nodevfs") { machine in
                // A root has device nodes, and nodev can be taken from it.
                let node = machine.inside("sh", "-c", "mount -o remount,bind,dev / && echo done")
                #expect(node.output == "done\n", "\(node)")
                let memory = "\(machine.root)/memory"
                _ = Command(["mknod", "-m", "666", memory, "c", "1", "1"]).run()
                #expect(machine.inside("/bin/probe", "open", "/memory").status == 1)
                _ = Command(["mknod", "-m", "666", "\(machine.root)/zero", "c", "1", "5"]).run()
                #expect(machine.inside("/bin/probe", "open", "/zero").status == 1)
                unlink("\(machine.root)/zero")
                unlink(memory)
            }
        }

        @Test("what the host has made read-only does not get where root inside may mount") func readOnly() throws {
            try Machine.with { machine in
                for (parameters, message) in [
                    ("root.readonly;", "root.readonly: with children.max root inside may mount"),
                    (
                        "mount = \"/etc \(machine.root)/var nullfs ro 0 0\";",
                        "mount: /etc read-only: with children.max root inside may mount"
                    ),
                ] {
                    machine.configure("persist; children.max = 1; \(parameters)")
                    let refused = machine.jailrun("start", machine.conf)
                    #expect(refused.status == 65 && refused.errors.contains(message), "\(refused)")
                }
                let place = "\(machine.directory)/with blanks"
                rename(machine.root, place)
                symlink(place, machine.root)
                _ = Command(["mount", "--bind", "/etc", "\(place)/var"]).run()
                _ = Command(["mount", "-o", "remount,bind,ro", "\(place)/var"]).run()
                defer { _ = Command(["umount", "\(place)/var"]).run() }
                machine.configure("persist; children.max = 1;")
                let refused = machine.jailrun("start", machine.conf)
                #expect(refused.status == 125 && refused.errors.contains("/var is mounted read-only"), "\(refused)")
                // Nor does a link that could not be read lead past it.
                for number in 1...8 {
                    let words = ["strace", "-o", "/dev/null", "-e", "inject=readlink:error=EIO:when=\(number)", "--"]
                    let unread = Command(words + [Laboratory.program, "start", machine.conf]).run()
                    #expect(unread.status != 0, "readlink \(number): \(unread)")
                }
            }
        }

        @Test("a jail without children.max makes none, and nothing is left of the attempt") func none() throws {
            try Machine.with { machine in
                machine.installJailrun()
                #expect(machine.create().status == 0)
                let refused = machine.inside("jail", "-c", "name=b", "path=/", "persist")
                #expect(refused.errors == "jail: jail_set: Operation not permitted\n", "\(refused)")
                #expect(refused.status == 1 && machine.inside("ls", "/run").output == "")
                #expect(machine.inside("jls", "name").status == 0)
                machine.remove()
            }
        }

        @Test("addresses inside need a network that the jail around may configure") func addresses() throws {
            try jail("ip4.addr=10.9.8.2") { machine in
                let refused = machine.inside("jail", "-c", "name=b", "path=/", "persist", "ip4.addr=10.9.9.2")
                #expect(refused.status == 1 && refused.errors.contains("may not configure its network"), "\(refused)")
                // As on FreeBSD: one of those that the jail around has.
                let shared = machine.inside("jail", "-c", "name=b", "path=/", "persist", "ip4.addr=10.9.8.2")
                #expect(shared.status == 0 && shared.errors == "", "\(shared)")
                #expect(machine.inside("jls", "name", "ip4.addr").lines == ["b 10.9.8.2"])
                let networks = [["readlink", "/proc/self/ns/net"], ["jexec", "b", "readlink", "/proc/self/ns/net"]]
                let names = networks.map { Command([Laboratory.program, "exec", "t"] + $0).run().output }
                #expect(names[0] == names[1] && names[0].hasPrefix("net:"))
            }
            try jail("vnet") { machine in
                let answer = "while true; do echo hello | nc -l -p 80; done"
                let made = machine.inside(
                    "jail", "-c", "name=b", "path=/", "ip4.addr=10.9.9.2", "exec.start=\(answer) &")
                #expect(made.status == 0, "\(made)")
                #expect(machine.inside("jail", "-c", "name=c", "path=/", "persist", "ip4.addr=10.9.9.3").status == 0)
                let heard = machine.inside("jexec", "c", "sh", "-c", "echo | nc -w 2 10.9.9.2 80")
                #expect(heard.output == "hello\n", "\(heard)")
                #expect(machine.inside("jail", "-r", "*").status == 0)
                #expect(!machine.inside("ip", "link").output.contains("jail0"))
            }
        }

        @Test(
            "jails share an address inside, where root may configure the network, and outside with one that makes jails"
        )
        func sharedAddress() throws {
            try jail("vnet") { machine in
                for name in ["b", "c"] {
                    let made = machine.inside("jail", "-c", "name=\(name)", "path=/", "persist", "ip4.addr=10.9.9.2")
                    #expect(made.status == 0 && made.errors == "", "\(made)")
                }
                let networks = ["b", "c"].map { machine.inside("jexec", $0, "readlink", "/proc/self/ns/net").output }
                #expect(networks[0] == networks[1] && networks[0].hasPrefix("net:"), "\(networks)")
                #expect(machine.inside("jail", "-r", "b").status == 0)
                #expect(machine.inside("jexec", "c", "ip", "address").output.contains("10.9.9.2/24"))
                #expect(machine.inside("jail", "-r", "c").status == 0)
                #expect(!machine.inside("ip", "link").output.contains("jail0"))
            }
            try jail("ip4.addr=10.9.8.2") { machine in
                let second = machine.create("ip4.addr=10.9.8.2", name: "u")
                #expect(second.status == 0, "\(second)")
                let inner = machine.inside("jail", "-c", "name=b", "path=/", "persist", "ip4.addr=10.9.8.2")
                #expect(inner.status == 0, "\(inner)")
                let refused = Command(
                    [Laboratory.program, "exec", "u", "jail", "-c", "name=b", "path=/", "persist", "ip4.addr=10.9.8.2"]
                ).run()
                #expect(refused.errors == "jail: jail_set: Operation not permitted\n", "\(refused)")
                machine.remove("u")
            }
        }

        @Test("root.ephemeral, nullfs and an identity of its own work inside, too") func mounts() throws {
            try jail { machine in
                let parameters = ["root.ephemeral", "host.hostname=inner", "mount=/bin /var nullfs rw 0 0"]
                let made = Command(
                    [Laboratory.program, "exec", "t", "jail", "-c", "name=b", "path=/", "persist"] + parameters
                ).run()
                #expect(made.status == 0, "\(made)")
                let seen = machine.inside("jexec", "b", "sh", "-c", "hostname; touch /tmp/gone; ls /var/busybox")
                #expect(seen.lines == ["inner", "/var/busybox"], "\(seen)")
                #expect(access("\(machine.root)/tmp/gone", F_OK) != 0)
            }
        }
    }

    /// What a jail's limits are worth for those in it.
    @Suite(.enabled(if: Laboratory.isVirtualMachine, "needs cgroup v2 with every controller (run: make test-vm)"))
    struct NestedControllerTests {
        private func bomb(_ words: String...) -> (made: Int, outcome: Outcome) {
            let outcome = Command([Laboratory.program, "exec"] + words + ["/bin/probe", "forkbomb", "1000"]).run(
                seconds: 120)
            return (outcome["children"]?.first.flatMap { Int($0) } ?? -1, outcome)
        }

        @Test("a jail's limit holds for the jails in it, whatever theirs is") func outside() throws {
            try Machine.with { machine in
                #expect(machine.create("cgroup.pids.max=24", name: "a").status == 0)
                #expect(machine.create("cgroup.pids.max=1000", name: "a.b").status == 0)
                #expect(machine.create("cgroup.pids.max=8", name: "a.c").status == 0)
                let (wide, narrow) = (bomb("a.b"), bomb("a.c"))
                #expect((8...24).contains(wide.made) && wide.outcome["fork"] == ["EAGAIN"], "\(wide.outcome)")
                #expect((1...8).contains(narrow.made) && narrow.outcome["fork"] == ["EAGAIN"], "\(narrow.outcome)")
                // A change of the jail around, which now has no processes of its own, holds at once.
                #expect(machine.link("jail", "-m", "name=a", "cgroup.pids.max=12").status == 0)
                #expect((1...12).contains(bomb("a.b").made))
                machine.remove("a")
            }
        }

        @Test("root inside gives its jails limits, within its own") func inside() throws {
            try Machine.with { machine in
                machine.installJailrun()
                #expect(machine.create("children.max=2", "cgroup.pids.max=60", "cgroup.memory.max=512M").status == 0)
                let made = machine.inside(
                    "jail", "-c", "name=b", "path=/", "persist", "cgroup.pids.max=9", "cgroup.memory.max=64M",
                    seconds: 60)
                #expect(made.status == 0, "\(made)")
                #expect(machine.read("\(Remains.cgroupRoot)/t/b/memory.max") == "67108864\n")
                let narrow = bomb("t", "/bin/jexec", "b")
                #expect((1...9).contains(narrow.made) && narrow.outcome["fork"] == ["EAGAIN"], "\(narrow.outcome)")
                let wide = machine.inside(
                    "jail", "-c", "name=c", "path=/", "persist", "cgroup.pids.max=1000", seconds: 60)
                #expect(wide.status == 0, "\(wide)")
                #expect((9...60).contains(bomb("t", "/bin/jexec", "c").made))
                machine.remove()
            }
        }
    }
}
