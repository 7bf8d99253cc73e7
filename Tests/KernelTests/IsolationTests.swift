import Foundation
import Glibc
import Testing

extension Kernel {
    @Suite struct IsolationTests {
        @Test("uid 0 inside is an unprivileged id outside") func mapsRoot() throws {
            try Machine.with { machine in
                for question in ["uid_map", "gid_map"] {
                    let answer = machine.ask(question)
                    let words = answer.lines.first?.split(separator: " ").compactMap { UInt32($0) } ?? []
                    try #require(words.count == 3, "\(answer)")
                    #expect(words[0] == 0 && words[1] >= 65536 && words[2] == 65536, "\(answer)")
                }
            }
        }

        @Test("two jails that are up have ids that do not overlap") func disjointIDs() throws {
            try Machine.with { machine in
                let body = "path = \"\(machine.root)\"; exec.start = \"true\"; persist;"
                machine.write("a { \(body) }\nb { \(body) }\n", to: machine.conf)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let firsts = ["a", "b"].compactMap { name -> Int? in
                    machine.jailrun("exec", name, "/bin/probe", "uid_map").lines.first.flatMap {
                        Int($0.split(separator: " ")[1])
                    }
                }
                try #require(firsts.count == 2)
                #expect(abs(firsts[0] - firsts[1]) >= 65536)
                #expect(machine.jailrun("stop", "a", "b").status == 0)
            }
        }

        @Test("the bounding set is within the eleven, and nothing is inheritable or ambient") func capabilities() throws
        {
            try Machine.with { machine in
                let answer = machine.ask("caps")
                let allowed: UInt64 =
                    [0, 1, 3, 4, 5, 6, 7, 8, 10, 18, 31].reduce(0) { $0 | 1 << UInt64($1) }
                for key in ["CapBnd", "CapPrm", "CapEff"] {
                    let set = try #require(answer[key]?.first.flatMap { UInt64($0, radix: 16) }, "\(answer)")
                    #expect(set & ~allowed == 0, "\(key) \(String(set, radix: 16))")
                    #expect(set != 0)
                }
                #expect(answer["CapInh"] == ["0000000000000000"])
                #expect(answer["CapAmb"] == ["0000000000000000"])
            }
        }

        @Test("exec gives no capability that a start does not, and a user none") func execCapabilities() throws {
            try Machine.with { machine in
                machine.configure("exec.start = \"true\"; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let first = machine.jailrun("exec", "t", "/bin/probe", "caps")
                #expect(first["CapInh"] == ["0000000000000000"] && first["CapAmb"] == ["0000000000000000"], "\(first)")
                #expect(first["CapBnd"] == first["CapEff"])
                let user = machine.jailrun("exec", "-u", "user", "t", "/bin/probe", "caps")
                #expect(user["CapEff"] == ["0000000000000000"] && user["CapPrm"] == ["0000000000000000"], "\(user)")
            }
        }

        @Test("a filter is loaded and new privileges are off") func filter() throws {
            try Machine.with { machine in
                #expect(machine.ask("seccomp")["seccomp"] == ["2"])
                #expect(machine.ask("nnp")["no_new_privs"] == ["1"])
            }
        }

        @Test("at most 290 calls are let through, none of i386 or x32, and unknown ones are ENOSYS") func calls() throws
        {
            try Machine.with { machine in
                let answer = machine.ask("syscalls")
                #if arch(x86_64)
                let native = try #require(answer["x86_64.allowed.count"]?.first.flatMap { Int($0) }, "\(answer)")
                #expect(native <= 290 && native > 200)
                #expect(answer["i386.allowed.count"] == ["0"])
                #expect(answer["x32.allowed.count"] == ["0"])
                #expect(answer["x86_64.enosys"]?.contains("511") == true, "511 is no call")
                #else
                let native = try #require(answer["native.allowed.count"]?.first.flatMap { Int($0) }, "\(answer)")
                #expect(native <= 290 && native > 200)
                #endif
            }
        }

        @Test("no process of the host is seen") func processes() throws {
            try Machine.with { machine in
                let answer = machine.ask("proc")
                let pids = answer.lines.compactMap { Int($0.split(separator: " ")[0]) }
                #expect(pids.first == 1 && pids.count == 2, "\(answer)")
            }
        }

        @Test("every namespace but time's is the jail's own") func namespaces() throws {
            try Machine.with { machine in
                let answer = machine.ask("namespaces")
                for (key, file) in ["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"].map({
                    ($0, "/proc/self/ns/\($0)")
                }) {
                    let host = (try? FileManager.default.destinationOfSymbolicLink(atPath: file)) ?? ""
                    let inside = try #require(answer[key]?.first, "\(answer)")
                    #expect(inside != host, "\(key)")
                }
            }
        }

        @Test("no mount of the host is seen, and none is shared with it") func mounts() throws {
            try Machine.with { machine in
                let answer = machine.ask("mounts")
                #expect(answer.status == 0)
                let points = answer.lines.map { $0.split(separator: " ").map(String.init) }.filter { $0.count > 4 }
                for point in points.map({ $0[4] }) {
                    let isOurs = ["/", "/proc", "/sys", "/dev"].contains {
                        point == $0 || point.hasPrefix($0 + "/") && $0 != "/"
                    }
                    #expect(isOurs, "\(point)")
                }
                for line in points {
                    #expect(!line.dropFirst(6).contains { $0.hasPrefix("shared:") || $0.hasPrefix("master:") })
                }
            }
        }

        @Test("a jail without addresses has lo alone") func links() throws {
            try Machine.with { machine in
                #expect(machine.ask("links").lines.map { $0.split(separator: " ").last } == ["lo"])
            }
        }

        @Test(
            "what is the kernel's own cannot be written",
            arguments: [
                "/proc/sys/kernel/hostname", "/proc/sys/kernel/core_pattern", "/proc/sys/vm/drop_caches",
                "/proc/sysrq-trigger", "/sys/kernel/mm/ksm/run", "/sys/power/state", "/sys/fs/cgroup/cgroup.procs",
                "/proc/irq/default_smp_affinity",
            ])
        func unwritable(path: String) throws {
            try Machine.with { machine in
                let answer = machine.ask("write \(path)")
                #expect(answer.status == 1, "\(answer)")
            }
        }

        @Test("mknod makes no device, not even one of /dev") func mknod() throws {
            try Machine.with { machine in
                for path in ["/tmp/node", "/dev/node"] { #expect(machine.ask("mknod \(path)").status == 1, "\(path)") }
            }
        }

        @Test("mount, old and new, and umount are refused") func mount() throws {
            try Machine.with { machine in
                for type in ["tmpfs", "proc", "overlay"] {
                    let answer = machine.ask("mount \(type)")
                    #expect(answer.status == 1, "\(answer)")
                }
                for path in ["/proc", "/dev", "/proc/sys"] { #expect(machine.ask("unmount \(path)").status == 1) }
            }
        }

        @Test(
            "no further namespace can be made", arguments: ["user", "mount", "net", "pid", "uts", "ipc", "cgroup"])
        func unshare(kind: String) throws {
            try Machine.with { machine in #expect(machine.ask("unshare \(kind)").status == 1) }
        }

        @Test("bpf, keyrings and another's hostname are out of reach") func refused() throws {
            try Machine.with { machine in
                for question in ["bpf", "sethostname evil", "raw_socket"] {
                    let answer = machine.ask(question)
                    #expect(answer.status == 1, "\(answer)")
                }
            }
        }

        @Test("nothing is pushed into a terminal's input") func pushes() throws {
            try Machine.with { machine in
                let answer = machine.ask("tiocsti")
                for key in ["tiocsti", "tiocsti_high", "tioclinux"] { #expect(answer[key] == ["EPERM"], "\(answer)") }
            }
        }

        @Test("no descriptor above 2 gets in, however many the caller left open") func descriptors() throws {
            try Machine.with { machine in
                machine.configure("command = \"/bin/probe fds\";")
                let open = (10..<30).map { "exec \($0)</etc/hostname" }.joined(separator: "; ")
                let outcome = Command([
                    "/bin/bash", "-c", "\(open); exec \"$0\" run \"$1\"", Laboratory.program, machine.conf,
                ])
                .run()
                #expect(outcome.status == 0, "\(outcome)")
                #expect(outcome.lines.map { $0.split(separator: " ")[0] } == ["0", "1", "2"])
            }
        }

        @Test("the caller's environment stays outside") func environment() throws {
            try Machine.with { machine in
                machine.configure("command = \"/bin/probe env\";")
                var command = Command([Laboratory.program, "run", machine.conf])
                command.extraEnvironment = ["SECRET=hunter2", "LD_PRELOAD=/nowhere.so", "NOTIFY_SOCKET=/run/x"]
                let answer = command.run()
                let names = answer.lines.map { String($0.prefix { $0 != "=" }) }
                #expect(Set(names).isSubset(of: ["PATH", "HOME", "USER", "SHELL", "container", "TERM"]), "\(answer)")
                #expect(names.count == Set(names).count && names.contains("PATH"))
            }
        }

        @Test("the umask is 022 and the working directory the root") func session() throws {
            try Machine.with { machine in
                #expect(machine.ask("umask")["umask"] == ["022"])
                let answer = machine.ask("session")
                #expect(
                    answer["cwd"] == ["/"] && answer["nice"] == ["0"] && answer["controlling_terminal"] == ["no"],
                    "\(answer)")
            }
        }

        @Test("root inside cannot replace the program that runs as pid 1") func pid1() throws {
            try Machine.with { machine in
                let answer = machine.ask("pid1")
                #expect(answer["write_exe"].map { $0 != ["ok"] } == true, "\(answer)")
            }
        }

        @Test("files stay the host root's on disk: ids are mapped, owners not changed") func idmap() throws {
            try Machine.with { machine in
                #expect(
                    machine.run("/bin/sh -c 'echo x >/var/made; stat -c %u /bin/busybox /var/made'").lines == [
                        "0", "0",
                    ])
                var status = stat()
                for file in ["var/made", "bin", "etc/passwd", ""] {
                    #expect(lstat("\(machine.root)/\(file)", &status) == 0)
                    #expect(status.st_uid == 0 && status.st_gid == 0, "\(file)")
                }
            }
        }

        @Test("a setuid program gives nobody anything") func setuid() throws {
            try Machine.with { machine in
                _ = Command.shell(
                    "cp '\(machine.root)/bin/probe' '\(machine.root)/bin/gain'; chmod 4755 '\(machine.root)/bin/gain'"
                ).run()
                let answer = machine.run("/bin/gain ids", "exec.jail_user = user;")
                #expect(answer["uid"] == ["1000", "1000", "1000"], "\(answer)")
                #expect(answer["groups"] == ["1000", "1001"] || answer["groups"] == ["1001"], "\(answer)")
            }
        }
    }
}
