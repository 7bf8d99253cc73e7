import Foundation
import Glibc
import Testing

extension Kernel {
    /// Root inside, against the commands of the host that deal with its jail.
    @Suite struct HostileTests {
        @Test(
            "with CAP_SYS_PTRACE too, root inside traces no process that joins, and sees nothing of it but its command")
        func stalker() throws {
            try Machine.with { machine in
                machine.configure("cap.add = SYS_PTRACE; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let stalker = machine.start("exec", "t", "/bin/probe", "stalk", "/var/enough")
                #expect(eventually { stalker.output.contains("stalking") })
                let open = (10..<20).map { "exec \($0)</etc/hostname" }.joined(separator: "; ")
                let script = "\(open); for i in $(seq \(Laboratory.rounds(100))); do \"$0\" exec t true || exit; done"
                var caller = Command(["/bin/bash", "-c", script, Laboratory.program])
                caller.extraEnvironment = ["SECRET=hunter2"]
                let execs = caller.run()
                #expect(execs.status == 0, "\(execs)")
                machine.write("", to: "\(machine.root)/var/enough")
                let seen = stalker.wait()
                let harmless = ["stalking", "ptrace refused", "ptrace after-exec", "cwd /", "exe /bin/busybox"]
                #expect(seen.lines.filter { !harmless.contains($0) } == [])
                #expect(seen.lines.contains("ptrace refused"), "no process was met before its exec: \(seen)")
            }
        }

        @Test("processes that fork faster than they are found are gone within two seconds of stop, each time")
        func churn() throws {
            try Machine.with { machine in
                machine.configure("stop.timeout = 0; exec.start = \"/bin/probe churn 8\"; persist;")
                for _ in 0..<Laboratory.rounds(100) {
                    let start = machine.jailrun("start", machine.conf)
                    #expect(start.status == 0, "\(start)")
                    let begin = Date()
                    let stop = machine.jailrun("stop", "t")
                    // A small machine's kernel may have ended the jail for want of memory.
                    let isGone = Laboratory.isVirtualMachine && stop.errors.contains("not found")
                    #expect(stop.status == 0 || isGone, "\(stop)")
                    #expect(Date().timeIntervalSince(begin) < (Laboratory.isVirtualMachine ? 20 : 2))
                }
            }
        }

        @Test("who joins writes nothing by the jail's /proc, and is in it as it should be when root inside covers that")
        func covered() throws {
            try Machine.with { machine in
                machine.configure("cap.add = SYS_ADMIN; seccomp = none; oom.score = 77; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let cover = """
                    mount -t tmpfs none /proc && mkdir -p /proc/self/attr /proc/sys && cd /proc/self &&
                    for f in attr/exec oom_score_adj uid_map setgroups; do : >$f; done
                    """
                let mounts = machine.jailrun("exec", "t", "sh", "-c", cover)
                #expect(mounts.status == 0, "\(mounts)")
                let trace = "\(machine.directory)/trace"
                let traced = Command(
                    ["strace", "-f", "-e", "trace=%file,setns,write", "-o", trace, Laboratory.program, "exec", "t"]
                        + ["sh", "-c", "cat /proc/self/*; umount /proc; cat /proc/self/oom_score_adj"]
                ).run()
                #expect(traced.status == 0 && traced.lines == ["77"], "\(traced)")
                let calls = machine.read(trace).split(separator: "\n")
                let join = try #require(calls.firstIndex { $0.contains("setns(") && $0.contains("CLONE_NEWNS") })
                let program = try #require(calls[join...].firstIndex { $0.contains("execve(\"") })
                #expect(calls[join..<program].filter { $0.contains("/proc") || $0.contains(" write(") } == [])
            }
        }

        @Test(
            "no file of /proc or /sys tells the host's name, another jail's, or a path of the host but its own root's")
        func leaks() throws {
            try Machine.with { machine in
                let name = Command(["hostname"]).run().output.trimmingCharacters(in: .whitespacesAndNewlines)
                _ = Command(["hostname", "unmistakable-host"]).run()
                defer { _ = Command(["hostname", name]).run() }
                machine.write(
                    """
                    path = "\(machine.root)"; persist;
                    t { }
                    unmistakable-jail { host.hostname = unmistakable-jail; exec.start = "sleep 1000 &"; }

                    """, to: machine.conf)
                let start = machine.jailrun("start", machine.conf)
                #expect(start.status == 0, "\(start)")
                defer { _ = machine.jailrun("stop", "t", "unmistakable-jail") }
                let words = ["unmistakable-host", "unmistakable-jail", machine.directory, Laboratory.program]
                machine.write(words.joined(separator: "\n"), to: "\(machine.root)/tmp/words")
                let answer = machine.jailrun("exec", "t", "/bin/probe", "search", "/tmp/words", "/proc", "/sys")
                #expect(answer.lines.last == "searched 4", "\(answer)")
                // mount_namespaces(7): where in its file system a mount begins.
                let hits = answer.lines.filter { $0.hasPrefix("hit ") && !$0.hasSuffix("/mountinfo") }
                #expect(hits == [])
                let mountinfo = answer.lines.filter { $0.hasSuffix("/mountinfo") }
                #expect(mountinfo.allSatisfy { $0.contains(machine.directory) }, "\(mountinfo)")
                #expect(!mountinfo.isEmpty, "the probe found not even what is there")
            }
        }

        @Test("a folder that a jail lends to another by a socket opens none of its private files") func lent() throws {
            try Machine.with { machine in
                let shared = "\(machine.directory)/shared"
                mkdir(shared, 0o777)
                chmod(shared, 0o777)
                mkdir("\(machine.root)/shared", 0o755)
                machine.write("secret\n", to: "\(machine.root)/root/secret")
                chmod("\(machine.root)/root/secret", 0o600)
                let mount = "mount = \"\(shared) $path/shared nullfs rw 0 0\";"
                machine.write(
                    "path = \"\(machine.root)\"; persist; \(mount)\na { }\nb { }\n", to: machine.conf)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { _ = machine.jailrun("stop", "a", "b") }
                #expect(machine.jailrun("exec", "b", "cat", "/root/secret").output == "secret\n", "it is b's root too")
                let lender = machine.start("exec", "a", "/bin/probe", "lend", "/shared/socket", "/root")
                let answer = machine.jailrun("exec", "b", "/bin/probe", "borrow", "/shared/socket", "secret")
                #expect(lender.wait(seconds: 10).status == 0)
                #expect(answer["borrow"] == ["ok"], "\(answer)")
                for key in ["read", "write", "make"] {
                    #expect(["EACCES", "EOVERFLOW"].contains(answer[key]?.first), "\(key): \(answer)")
                }
            }
        }

        @Test("a jail sends nothing from an address that it does not have") func spoof() throws {
            try Machine.with { machine in
                machine.configure("ip4.addr = 10.77.0.11; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let own = machine.jailrun("exec", "t", "/bin/probe", "spoof", "10.77.0.11", "10.77.0.1")
                #expect(own["send"] == ["ok"] && own["transparent"] == ["EPERM"], "\(own)")
                let others = machine.jailrun("exec", "t", "/bin/probe", "spoof", "10.77.0.12", "10.77.0.1")
                #expect(others["send"].map { $0 != ["ok"] } == true, "\(others)")
                #expect(machine.jailrun("exec", "t", "/bin/probe", "raw_socket").status == 1)
            }
        }

        @Test("what a process writes into its name and arguments is not printed raw") func escapes() throws {
            try Machine.with { machine in
                machine.script("loud", "sh -c 'sleep 1000; :' \"$(printf 'a\\033[31m\\n[ERROR] forged')\"")
                machine.configure("exec.start = \"/bin/loud &\"; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                #expect(eventually { machine.jailrun("ps", "t").output.contains("forged") })
                let answer = machine.jailrun("ps", "t")
                #expect(!answer.output.contains("\u{1b}"), "\(answer)")
                #expect(!answer.lines.contains { $0.hasPrefix("[ERROR]") }, "\(answer)")
            }
        }
    }

    /// What a root holds, and what other users of the host left, is data.
    @Suite struct HostileDataTests {
        @Test("no path below the root is given to the kernel as a string, but the root's own") func paths() throws {
            try Machine.with { machine in
                machine.configure(
                    "command = \"/bin/true\"; mount.devfs; mount.procfs; exec.jail_user = user; root.readonly;\n"
                        + "mount = \"tmpfs $path/tmp tmpfs rw 0 0\"; exec.consolelog = \"$path/var/log\";")
                let trace = "\(machine.directory)/trace"
                let outcome = Command([
                    "strace", "-f", "-s", "4096", "-e", "trace=%file", "-o", trace, Laboratory.program, "run",
                    machine.conf,
                ]).run()
                try #require(outcome.status == 0, "\(outcome)")
                let lines = machine.read(trace).split(separator: "\n")
                #expect(lines.contains { $0.contains("\"\(machine.root)\"") })
                #expect(lines.filter { $0.contains("\"\(machine.root)/") } == [])
            }
        }

        @Test("every masked path is the one empty file or folder of a read-only tmpfs") func masks() throws {
            try Machine.with { machine in
                let files = ["kcore", "keys", "interrupts", "kallsyms", "modules", "cmdline"].map { "/proc/\($0)" }
                let folders = ["firmware", "module", "kernel/debug", "kernel/security"].map { "/sys/\($0)" }
                let there = (files + folders).filter { access($0, F_OK) == 0 }
                try #require(there.count > 5)
                machine.script(
                    "look",
                    """
                    for path in \(there.joined(separator: " ")); do
                        if [ -d $path ]; then stat -c %d,0,%n $path; ls -A $path; else stat -c %d,%s,%n $path; fi
                        touch $path $path/x 2>/dev/null && echo "$path written"
                    done
                    true
                    """)
                let answer = machine.run("/bin/look")
                let found = answer.lines.filter { !$0.isEmpty }.map { $0.split(separator: ",").map(String.init) }
                #expect(found.compactMap(\.last).sorted() == there.sorted(), "\(answer)")
                #expect(Set(found.compactMap(\.first)).count == 1, "\(answer)")
                #expect(found.allSatisfy { $0.count == 3 && $0[1] == "0" }, "\(answer)")
            }
        }

        @Test(
            "a passwd or group of any size is read in bounds: a number needs none, a name cannot be looked up",
            arguments: ["truncate -s 4G", "head -c 1048577 /dev/zero >", "yes g:x:7: | head -n 1000000 >"])
        func large(fill: String) throws {
            try Machine.with { machine in
                for file in ["passwd", "group"] {
                    _ = Command.shell("\(fill) '\(machine.root)/etc/\(file)'").run()
                }
                machine.configure("exec.jail_user = 1234; command = \"/bin/probe ids\";")
                let limited = [
                    "/bin/sh", "-c", "ulimit -d 32768; exec \"$0\" run \"$1\"", Laboratory.program, machine.conf,
                ]
                let number = Command(limited).run(seconds: 10)
                #expect(number["uid"] == ["1234", "1234", "1234"], "\(number)")
                machine.configure("exec.jail_user = user; command = \"/bin/probe ids\";")
                let name = Command(limited).run(seconds: 10)
                #expect(name.status == 125 && name.errors.contains("File too large"), "\(name)")
            }
        }

        @Test(
            "a passwd that is a FIFO, a device or a link out of the root is not opened",
            arguments: ["mkfifo", "mknod", "ln"])
        func special(kind: String) throws {
            try Machine.with { machine in
                let path = "\(machine.root)/etc/passwd"
                unlink(path)
                switch kind {
                case "mkfifo": mkfifo(path, 0o644)
                case "mknod": mknod(path, S_IFCHR | 0o644, 0x501)
                default:
                    machine.write("user:x:4242:4242::/:/bin/sh\n", to: "\(machine.directory)/passwd")
                    symlink("\(machine.directory)/passwd", path)
                }
                let outcome = machine.ask("ids", "exec.jail_user = user;")
                #expect(outcome.status == 125 && outcome.errors.contains("no such user"), "\(outcome)")
            }
        }

        @Test("no process of the host loads anything from a root, whatever is in it and in its jail's environment")
        func loader() throws {
            try Machine.with { machine in
                unlink("\(machine.root)/bin/xz")
                machine.script("xz", "touch /var/trapped")
                for file in ["etc/ld.so.preload", "etc/nsswitch.conf"] {
                    machine.write("/bin/xz\n", to: "\(machine.root)/\(file)")
                }
                let hooks = ["prepare", "prestart", "created", "poststart", "prestop", "poststop", "release"].map {
                    "exec.\($0) = \"/bin/sh -c 'env; cat /proc/self/maps'\";"
                }
                machine.configure(hooks.joined(separator: "\n") + "exec.start = \"sleep 1000 &\"; persist;")
                for words in [
                    ["start", machine.conf], ["exec", "-e", "LD_PRELOAD=/bin/xz", "t", "true"], ["stop", "t"],
                ] {
                    let outcome = Command([Laboratory.program] + words).run()
                    #expect(outcome.status == 0, "\(outcome)")
                    #expect(!outcome.output.contains("LD_PRELOAD"), "\(outcome)")
                    #expect(!outcome.output.contains(" \(machine.root)/"), "\(outcome)")
                }
                #expect(!machine.has("var/trapped"))
            }
        }

        @Test("a process that is not the jail's is not taken for its first, whatever the record says") func forged()
            throws
        {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let record = "/run/jailrun/jails/t"
                let honest = machine.read(record)
                let stranger = Command(["sleep", "1000"]).start()
                let fields = machine.read("/proc/\(stranger.pid)/stat").split(separator: " ")
                let own = honest.split(separator: "\n").first { $0.hasPrefix("pid ") } ?? ""
                let ownPid = own.split(separator: " ")[1]
                for forged in ["pid \(stranger.pid) \(fields[21])", "pid \(ownPid) 1", "pid 1 \(fields[21])"] {
                    machine.write(honest.replacingOccurrences(of: own, with: forged), to: record)
                    // Looking for it repairs what it takes for dead: what must not be is a command in another's namespaces.
                    let outcome = machine.jailrun("exec", "t", "/bin/sh", "-c", "echo entered")
                    #expect(outcome.status == 125 && outcome.output == "", "\(forged): \(outcome)")
                    #expect(!stranger.hasEnded, "\(forged)")
                    _ = machine.jailrun("stop", "t")
                    if !machine.jailrun("list").output.contains(machine.root) {
                        #expect(machine.jailrun("start", machine.conf).status == 0)
                    }
                }
                machine.stop()
                _ = machine.jailrun("prune")
            }
        }

        @Test("a state directory that another user owns or can write is refused, and not written") func planted() throws
        {
            try Machine.with { machine in
                let state = "\(machine.directory)/state"
                mkdir(state, 0o700)
                machine.configure("persist;")
                let attempts: [() -> Void] = [
                    { chown(state, 65534, 65534) },
                    {
                        chown(state, 0, 0)
                        chmod(state, 0o777)
                    },
                    {
                        rmdir(state)
                        symlink("/run", state)
                    },
                ]
                for attempt in attempts {
                    attempt()
                    for words in [["start", machine.conf], ["list"], ["exec", "t", "true"], ["prune"]] {
                        let outcome = Command([Laboratory.program, words[0], "--root", state] + words.dropFirst()).run()
                        #expect(outcome.status == 125 && outcome.errors.contains(state), "\(words): \(outcome)")
                    }
                    #expect((try? FileManager.default.contentsOfDirectory(atPath: "/run"))?.contains("jails") == false)
                }
                unlink(state)
            }
        }

        @Test("what jailrun keeps on the host, nobody else can read") func state() throws {
            try Machine.with { machine in
                machine.configure("ip4.addr = 10.77.0.9; exec.start = \"sleep 1000 &\"; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let open = Command.shell("find /run/jailrun -perm /077 ! -type l -printf '%m %p\\n'").run()
                #expect(open.output == "", "\(open)")
                #expect(Command(["find", "/run/jailrun", "-type", "f"]).run().lines.count > 2)
                #expect(!machine.read("/proc/net/unix").contains("jailrun"))
            }
        }
    }
}
