import Foundation
import Glibc
import Testing

extension Kernel {
    /// Bundles, as engines hand them over: each verb of the OCI runtime.
    @Suite struct ContainerTests {
        /// But for its programs, which all tests have in common.
        private func giveRoot(of machine: Machine, to id: Int) {
            let script =
                "cd '\(machine.root)' && chown \(id):\(id) . && chown -R \(id):\(id) dev etc proc sys tmp var root"
            #expect(Command.shell(script).run().status == 0)
        }

        @Test("run has the status of its process, which is pid 1, and leaves nothing")
        func run() throws {
            try Machine.with { machine in
                let bundle = try ContainerBundle(machine, "/bin/sh", "-c", "echo $$; exit 7")
                let outcome = try bundle.run()
                #expect(outcome.status == 7 && outcome.output == "1\n" && outcome.errors.isEmpty, "\(outcome)")
                #expect(bundle.oci("list", "-q").output.trimmingCharacters(in: .whitespacesAndNewlines).isEmpty)
                #expect(!FileManager.default.fileExists(atPath: "\(machine.directory)/containers/t"))
            }
        }

        @Test("what spec writes runs as it is") func spec() throws {
            try Machine.with { machine in
                let bundle = try ContainerBundle(machine)
                let outcome = Command.shell(
                    """
                    cd '\(machine.directory)' && ln -s root rootfs && echo 'echo "pid $$"; exit 5' |
                        '\(Laboratory.program)' oci --root '\(machine.directory)/containers' run t
                    """
                ).run()
                #expect(outcome.status == 5 && outcome.output == "pid 1\n", "\(outcome)")
                #expect(bundle.oci("spec", "--bundle", machine.directory).status == 1)
            }
        }

        @Test("a container is created, started, entered, frozen, killed and deleted")
        func life() throws {
            try Machine.with { machine in
                let bundle = try ContainerBundle(machine, "/bin/sh", "-c", "touch /tmp/ran; exec sleep 1000")
                var writable = bundle
                writable.set("root", "readonly", false)
                try writable.write()
                let pidFile = "\(machine.directory)/pid"
                let created = bundle.oci("create", "--bundle", machine.directory, "--pid-file", pidFile, "t")
                #expect(created.status == 0 && created.errors.isEmpty, "\(created)")
                #expect(bundle.state() == "created" && Int32(machine.read(pidFile)) != nil)
                #expect(!FileManager.default.fileExists(atPath: "\(machine.root)/tmp/ran"), "it runs before start")
                #expect(bundle.oci("create", "--bundle", machine.directory, "t").status != 0, "one id twice")
                #expect(bundle.oci("start", "t").status == 0)
                #expect(bundle.state() == "running")
                #expect(bundle.oci("start", "t").errors.contains("is running"))
                #expect(bundle.oci("exec", "t", "/bin/sh", "-c", "exit 3").status == 3)
                #expect(bundle.oci("exec", "t", "/nope").errors.contains("no such file or directory"))
                #expect(bundle.oci("ps", "--format", "json", "t").json is [Int])
                #expect(bundle.oci("pause", "t").status == 0 && bundle.state() == "paused")
                #expect(bundle.oci("resume", "t").status == 0 && bundle.state() == "running")
                #expect(bundle.oci("delete", "t").errors.contains("not stopped"))
                #expect(bundle.oci("kill", "t", "9").status == 0)
                #expect(eventually { bundle.state() == "stopped" })
                #expect(bundle.oci("kill", "t", "15").errors.contains("container not running"))
                #expect(bundle.oci("kill", "--all", "t", "9").status == 0)
                #expect(bundle.oci("delete", "t").status == 0)
                #expect(bundle.oci("state", "t").errors.contains("does not exist"))
                #expect(bundle.oci("delete", "t").status != 0 && bundle.oci("delete", "--force", "t").status == 0)
            }
        }

        @Test("what cannot be executed is known at create, in words that engines look for")
        func notExecuted() throws {
            try Machine.with { machine in
                for (program, words) in [
                    ("/nope", "no such file or directory"), ("nope", "executable file not found in $PATH"),
                    ("/etc/passwd", "permission denied"),
                ] {
                    let bundle = try ContainerBundle(machine, program)
                    try bundle.write()
                    let created = bundle.oci("create", "--bundle", machine.directory, "t")
                    #expect(created.status != 0 && created.errors.contains(words), "\(created)")
                    #expect(bundle.oci("state", "t").status != 0)
                    try FileManager.default.removeItem(atPath: "\(machine.directory)/config.json")
                }
            }
        }

        @Test("what is wrong in config.json is named with its place, in the log as JSON")
        func wrong() throws {
            try Machine.with { machine in
                machine.write(
                    "{\"ociVersion\": \"1.2.0\",\n \"root\": {\"path\": \"root\"},\n \"process\": {\"cwd\": \"here\", \"args\": [\"a\"]}}",
                    to: "\(machine.directory)/config.json")
                let log = "\(machine.directory)/log"
                let outcome = machine.jailrun(
                    "oci", "--root", "\(machine.directory)/c", "--log", log, "--log-format=json", "create", "--bundle",
                    machine.directory, "t")
                #expect(outcome.status == 1 && outcome.errors.contains("config.json:3:21: process.cwd"), "\(outcome)")
                let line = try JSONSerialization.jsonObject(with: Data(machine.read(log).utf8)) as? [String: Any]
                #expect(line?["level"] as? String == "error")
                #expect((line?["msg"] as? String)?.contains("config.json:3:21") == true)
            }
        }

        @Test("a mount point is made where it is missing, and no link of the root leads out of it")
        func mountPoints() throws {
            try Machine.with { machine in
                _ = Command.shell(
                    "mkdir -p '\(machine.root)/real' '\(machine.directory)/v' && ln -s ../../../../real '\(machine.root)/link' && "
                        + "echo shown >'\(machine.directory)/v/f'"
                ).run()
                var bundle = try ContainerBundle(machine, "/bin/sh", "-c", "cat /real/deep/f")
                bundle.set("root", "readonly", false)
                let mount: [String: Any] = [
                    "destination": "/link/deep", "type": "bind", "source": "v", "options": ["rbind", "ro"],
                ]
                bundle.configuration["mounts"] = (bundle.configuration["mounts"] as? [Any] ?? []) + [mount]
                let outcome = try bundle.run()
                #expect(outcome.status == 0 && outcome.output == "shown\n", "\(outcome)")
            }
        }

        @Test("nothing is mounted inside /proc")
        func proc() throws {
            try Machine.with { machine in
                _ = Command.shell("ln -s /proc '\(machine.root)/link'").run()
                for target in ["/proc/self/attr", "/link/self/attr"] {
                    var bundle = try ContainerBundle(machine, "/bin/true")
                    let mount: [String: Any] = ["destination": target, "type": "tmpfs", "source": "tmpfs"]
                    bundle.configuration["mounts"] = (bundle.configuration["mounts"] as? [Any] ?? []) + [mount]
                    let outcome = try bundle.run()
                    #expect(outcome.status != 0 && outcome.errors.contains("inside /proc"), "\(outcome)")
                    try FileManager.default.removeItem(atPath: "\(machine.directory)/config.json")
                }
            }
        }

        @Test(
            "a process has the capabilities, the user, the limits and the descriptors that it is given, and no others")
        func process() throws {
            try Machine.with { machine in
                let script =
                    "grep -E 'Cap(Eff|Bnd|Amb)|NoNewPrivs' /proc/self/status; id -u; ulimit -n; ls /proc/self/fd"
                var bundle = try ContainerBundle(machine, "/bin/sh", "-c", script)
                let capabilities = ["CAP_KILL", "CAP_NET_BIND_SERVICE"]
                var sets: [String: [String]] = [:]
                for set in ["bounding", "effective", "permitted", "inheritable", "ambient"] { sets[set] = capabilities }
                bundle.set("process", "capabilities", sets)
                bundle.set("process", "user", ["uid": 1000, "gid": 1000])
                bundle.set("process", "rlimits", [["type": "RLIMIT_NOFILE", "soft": 100, "hard": 100]])
                let outcome = try bundle.run()
                let lines = outcome.output.split(separator: "\n").map(String.init)
                for set in ["CapEff", "CapBnd", "CapAmb"] {
                    #expect(lines.contains("\(set):\t0000000000000420"), "\(outcome)")
                }
                #expect(
                    lines.contains("NoNewPrivs:\t1") && lines.contains("1000") && lines.contains("100"), "\(outcome)")
                #expect(lines.suffix(4) == ["0", "1", "2", "3"], "ls itself has 3: \(outcome)")
            }
        }

        @Test("a signal ends a create that waits for a hook, and a command that was entered; nothing is left")
        func signals() throws {
            try Machine.with { machine in
                var bundle = try ContainerBundle(machine, "/bin/sleep", "1000")
                bundle.configuration["hooks"] = [
                    "createRuntime": [
                        ["path": "/bin/sh", "args": ["sh", "-c", "echo >\(machine.directory)/hook; sleep 1000"]]
                    ]
                ]
                try bundle.write()
                let oci = ["oci", "--root", "\(machine.directory)/containers"]
                let creating = Command([Laboratory.program] + oci + ["create", "-b", machine.directory, "t"]).start()
                #expect(eventually { !machine.read("\(machine.directory)/hook").isEmpty })
                creating.signal(SIGTERM)
                #expect(creating.wait(seconds: 10).status == 128 + SIGTERM)
                #expect(bundle.state() == nil)
                bundle.configuration["hooks"] = nil
                try bundle.write()
                #expect(bundle.oci("run", "-d", "-b", machine.directory, "t").status == 0)
                let entered = Command([Laboratory.program] + oci + ["exec", "t", "/bin/sleep", "1000"]).start()
                #expect(
                    eventually {
                        bundle.oci("exec", "t", "/bin/ps").output.split(separator: "\n").filter {
                            $0.contains("sleep 1000")
                        }.count == 2
                    })
                entered.signal(SIGTERM)
                #expect(entered.wait(seconds: 10).status == 128 + SIGTERM)
                #expect(bundle.oci("delete", "--force", "t").status == 0)
            }
        }

        @Test("what would have no effect is refused")
        func refused() throws {
            try Machine.with { machine in
                var bundle = try ContainerBundle(machine, "/bin/true")
                func expect(_ words: String, _ outcome: Outcome) {
                    #expect(outcome.status != 0 && outcome.errors.contains(words), "\(outcome)")
                }
                bundle.configuration["hooks"] = ["startContainer": [["path": "/bin/true"]]]
                expect("hooks.startContainer[0]: hooks that run inside", try bundle.run())
                bundle.configuration["hooks"] = nil
                try bundle.write()
                expect(
                    "systemd has not made the scope jailrun-t.scope",
                    bundle.oci("--systemd-cgroup", "run", "-b", machine.directory, "t"))
                expect("unknown option --cgroup", bundle.oci("exec", "--cgroup", "x", "t", "true"))
                bundle.set("process", "terminal", true)
                expect("needs --console-socket", try bundle.run())
                bundle.set("process", "terminal", false)
                bundle.configuration["mounts"] = []
                bundle.set("linux", "devices", [["path": "/dev/mine", "type": "c", "major": 1, "minor": 3]])
                expect("needs a tmpfs on /dev", try bundle.run())
            }
        }

        @Test("a cgroup that is another's is left alone, with what is in it")
        func othersCgroup() throws {
            try Machine.with { machine in
                let other = "\(Remains.cgroupMount)/others"
                let made = Command.shell(
                    "mkdir '\(other)'; sleep 1000 >/dev/null & echo $! >'\(other)/cgroup.procs'; echo $!"
                ).run()
                let pid = try #require(Int32(made.output.trimmingCharacters(in: .whitespacesAndNewlines)), "\(made)")
                defer {
                    kill(pid, SIGKILL)
                    #expect(eventually { rmdir(other) == 0 })
                }
                var bundle = try ContainerBundle(machine, "/bin/true")
                bundle.set("linux", "cgroupsPath", "/others")
                let outcome = try bundle.run()
                #expect(outcome.status != 0 && outcome.errors.contains("is in use"), "\(outcome)")
                #expect(bundle.oci("delete", "--force", "t").status == 0 && kill(pid, 0) == 0, "the other is gone")
            }
        }

        @Test("masked paths are empty, and only devices of the rules may be used")
        func covers() throws {
            try Machine.with { machine in
                let script =
                    "wc -c </proc/keys; echo x >/dev/null && mknod /tmp/d b 254 0; cat /tmp/d 2>&1; echo >/proc/sys/kernel/panic"
                var bundle = try ContainerBundle(machine, "/bin/sh", "-c", script)
                bundle.set("root", "readonly", false)
                bundle.set(
                    "process", "capabilities",
                    ["bounding": ["CAP_MKNOD"], "effective": ["CAP_MKNOD"], "permitted": ["CAP_MKNOD"]])
                let outcome = try bundle.run()
                #expect(outcome.output.hasPrefix("0\n") && outcome.output.contains("not permitted"), "\(outcome)")
                #expect(outcome.errors.contains("Read-only"), "\(outcome)")
            }
        }

        @Test("a user namespace that is there is joined, and what the container has of its own belongs to it")
        func joinedUser() throws {
            try Machine.with { machine in
                giveRoot(of: machine, to: 100_000)
                var first = try ContainerBundle(machine, "/bin/sleep", "1000")
                let kinds = ["mount", "pid", "ipc", "uts", "network", "cgroup"]
                func use(_ user: [String: Any]) {
                    first.set("linux", "namespaces", kinds.map { ["type": $0] } + [user])
                }
                let map = [["containerID": 0, "hostID": 100_000, "size": 65536]]
                use(["type": "user"])
                first.set("linux", "uidMappings", map)
                first.set("linux", "gidMappings", map)
                try first.write()
                #expect(first.oci("run", "-d", "-b", machine.directory, "first").status == 0)
                defer { _ = first.oci("delete", "--force", "first") }
                let pid = try #require(
                    (first.oci("state", "first").json as? [String: Any])?["pid"] as? Int, "the first does not run")
                use(["type": "user", "path": "/proc/\(pid)/ns/user"])
                let script = """
                    id -u; cat /proc/self/uid_map; stat -c %u /proc/1 /dev /dev/null /
                    ls /proc | grep -c '^[0-9]'; mkdir /tmp/t && mount -t tmpfs t /tmp/t && echo mounted
                    hostname inside && hostname; exec sleep 1000
                    """
                first.set("process", "args", ["/bin/sh", "-c", script])
                first.set("root", "readonly", false)
                let all = ["CAP_SYS_ADMIN"]
                first.set("process", "capabilities", ["bounding": all, "effective": all, "permitted": all])
                try first.write()
                let output = "\(machine.directory)/output"
                let second = Command.shell(
                    "'\(Laboratory.program)' oci --root '\(machine.directory)/containers' run -d "
                        + "-b '\(machine.directory)' t >'\(output)' 2>&1"
                ).run()
                #expect(second.status == 0, "\(second) \(machine.read(output))")
                #expect(eventually { machine.read(output).contains("inside") }, "\(machine.read(output))")
                let lines = machine.read(output).split(separator: "\n").map {
                    $0.split(separator: " ").joined(separator: " ")
                }
                #expect(lines.first == "0" && lines.dropFirst().first == "0 100000 65536", "\(lines)")
                #expect(Array(lines.dropFirst(2).prefix(4)) == ["0", "0", "0", "0"], "root owns them: \(lines)")
                #expect(lines.contains("mounted") && lines.last == "inside", "\(lines)")
                let entered = first.oci("exec", "t", "/bin/sh", "-c", "id -u; readlink /proc/self/ns/user")
                let space = first.oci("exec", "first", "/bin/readlink", "/proc/self/ns/user").output
                #expect(entered.output == "0\n" + space && !space.isEmpty, "\(entered) \(space)")
                #expect(first.oci("delete", "--force", "t").status == 0)
                #expect(first.state() == nil && !FileManager.default.fileExists(atPath: "/sys/fs/cgroup/t"))
            }
        }

        @Test("namespaces of different owners are joined by create and exec, with a user namespace among them")
        func joinedAll() throws {
            try Machine.with { machine in
                giveRoot(of: machine, to: 100_000)
                let network = "\(machine.directory)/net"
                let made = Command.shell("touch '\(network)' && unshare --net='\(network)' true").run()
                try #require(made.status == 0, "\(made)")
                defer { _ = Command.shell("umount '\(network)'").run() }
                var bundle = try ContainerBundle(machine, "/bin/sleep", "1000")
                // sysfs belongs to who owns the network.
                bundle.configuration["mounts"] = (bundle.configuration["mounts"] as? [[String: Any]] ?? []).filter {
                    $0["destination"] as? String != "/sys"
                }
                let map = [["containerID": 0, "hostID": 100_000, "size": 65536]]
                bundle.set("linux", "uidMappings", map)
                bundle.set("linux", "gidMappings", map)
                let own = ["mount", "pid", "ipc", "uts", "user"].map { ["type": $0] }
                bundle.set("linux", "namespaces", own)
                try bundle.write()
                #expect(bundle.oci("run", "-d", "-b", machine.directory, "first").status == 0)
                defer { _ = bundle.oci("delete", "--force", "first") }
                let pid = try #require((bundle.oci("state", "first").json as? [String: Any])?["pid"] as? Int)
                let joined = ["pid", "ipc", "uts", "user"].map { ["type": $0, "path": "/proc/\(pid)/ns/\($0)"] }
                bundle.set(
                    "linux", "namespaces",
                    joined + [["type": "mount"], ["type": "cgroup"], ["type": "network", "path": network]])
                let look =
                    "for n in pid ipc uts user; do readlink /proc/self/ns/$n; done; stat -Lc %i /proc/self/ns/net"
                let wanted = Command.shell(
                    "cd /proc/\(pid)/ns; readlink pid; readlink ipc; readlink uts; readlink user; stat -Lc %i '\(network)'"
                ).run().output
                bundle.set("process", "args", ["/bin/sh", "-c", look])
                let outcome = try bundle.run()
                #expect(outcome.output == wanted && outcome.status == 0, "\(outcome) \(wanted)")
                bundle.set("process", "args", ["/bin/sleep", "1000"])
                try bundle.write()
                #expect(bundle.oci("run", "-d", "-b", machine.directory, "t").status == 0)
                let entered = bundle.oci("exec", "t", "/bin/sh", "-c", look)
                #expect(entered.output == wanted, "\(entered) \(wanted)")
                #expect(bundle.oci("delete", "--force", "t").status == 0)
            }
        }

        @Test("what the kernel refuses is not explained by lines of a jail.conf")
        func hints() throws {
            try Machine.with { machine in
                var bundle = try ContainerBundle(machine, "/bin/true")
                let map = [["containerID": 0, "hostID": 100_000, "size": 65536]]
                let mount: [String: Any] = [
                    "destination": "/x", "type": "bind", "source": "/proc", "options": ["bind", "idmap"],
                    "uidMappings": map, "gidMappings": map,
                ]
                bundle.configuration["mounts"] = (bundle.configuration["mounts"] as? [Any] ?? []) + [mount]
                let outcome = try bundle.run()
                #expect(outcome.status != 0 && outcome.errors.contains("not support idmapped mounts"), "\(outcome)")
                #expect(!outcome.errors.contains("userns = host"), "\(outcome)")
            }
        }

        @Test("a tmpfs with tmpcopyup begins with what the root has there, and no link is followed")
        func copiedUp() throws {
            try Machine.with { machine in
                let made = Command.shell(
                    """
                    cd '\(machine.root)' && rm -rf c && mkdir -p c/empty c/deep/deeper && cd c && chmod 751 . deep &&
                    echo text >f && chmod 4750 f && chown 5:6 f && touch -d @1000000000 f deep/deeper &&
                    setfattr -n security.mine -v kept f && truncate -s 1G deep/holes && mkfifo deep/pipe &&
                    echo low >deep/deeper/low && chmod 700 deep/deeper && chown 7:8 . empty deep/deeper &&
                    ln -s /etc/passwd passwd && ln -s ../../../../../.. out && ln -s nowhere deep/none &&
                    chown -h 9:9 out && touch -d @1000000000 deep/deeper deep .
                    """
                ).run()
                try #require(made.status == 0, "\(made)")
                func look(_ root: String) -> String {
                    Command.shell(
                        """
                        cd '\(root)/c' && find . -printf '%p %y %m %U:%G %T@ %l\\n' | sort && cat f deep/deeper/low &&
                        find . -type f -printf '%p %s\\n' | sort; getfattr -R -d -m security.mine .; du -k deep/holes
                        """
                    ).run().output
                }
                var bundle = try ContainerBundle(machine, "/bin/sleep", "1000")
                let all = ["CAP_DAC_OVERRIDE"]
                bundle.set("process", "capabilities", ["bounding": all, "effective": all, "permitted": all])
                let standard = bundle.configuration["mounts"] as? [Any] ?? []
                func mount(_ options: [String]) {
                    let mount: [String: Any] = [
                        "destination": "/c", "type": "tmpfs", "source": "tmpfs", "options": options,
                    ]
                    bundle.configuration["mounts"] = standard + [mount]
                }
                mount(["tmpcopyup", "nosuid", "nodev"])
                try bundle.write()
                #expect(bundle.oci("run", "-d", "-b", machine.directory, "t").status == 0)
                let pid = try #require((bundle.oci("state", "t").json as? [String: Any])?["pid"] as? Int)
                let (original, copy) = (look(machine.root), look("/proc/\(pid)/root"))
                #expect(copy == original && original.contains("deep/holes 1073741824"), "\(copy)\n\(original)")
                // The virtual machine has no getfattr(1).
                #expect(Laboratory.isVirtualMachine || original.contains("security.mine=\"kept\""), "\(original)")
                let written = bundle.oci("exec", "t", "/bin/sh", "-c", "grep ' /c ' /proc/mounts; echo x >>/c/f")
                #expect(written.status == 0 && written.output.contains("tmpfs rw,"), "\(written)")
                #expect(machine.read("\(machine.root)/c/f") == "text\n", "the root has what was written")
                #expect(bundle.oci("delete", "--force", "t").status == 0)
                mount(["ro", "tmpcopyup"])
                bundle.set("process", "args", ["/bin/sh", "-c", "grep ' /c ' /proc/mounts; cat /c/f; echo x >/c/n"])
                let readOnly = try bundle.run()
                #expect(readOnly.output.contains("tmpfs ro,") && readOnly.output.hasSuffix("text\n"), "\(readOnly)")
                #expect(readOnly.status != 0, "\(readOnly)")
                bundle.set("process", "args", ["/bin/sh", "-c", "stat -c '%a %u' /c; ls /c"])
                mount(["tmpcopyup", "mode=1700", "size=8m"])
                #expect(try bundle.run().output == "1700 0\ndeep\nempty\nf\nout\npasswd\n")
                bundle.set("root", "readonly", false)
                try FileManager.default.removeItem(atPath: "\(machine.root)/c")
                mount(["tmpcopyup"])
                #expect(try bundle.run().output == "1777 0\n", "as any tmpfs, where the root has nothing")
            }
        }

        @Test("a tmpfs that is too small for what it begins with ends the create, and nothing is left")
        func copiedTooMuch() throws {
            try Machine.with { machine in
                let made = Command.shell(
                    "cd '\(machine.root)' && mkdir c && head -c 300000 /dev/zero | tr '\\0' x >c/f"
                ).run()
                try #require(made.status == 0, "\(made)")
                var bundle = try ContainerBundle(machine, "/bin/true")
                let mount: [String: Any] = [
                    "destination": "/c", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup", "size=64k"],
                ]
                bundle.configuration["mounts"] = (bundle.configuration["mounts"] as? [Any] ?? []) + [mount]
                // The first process ends at any moment of the removal.
                for _ in 0..<20 {
                    let outcome = try bundle.run()
                    #expect(outcome.status != 0 && outcome.errors.contains("No space left"), "\(outcome)")
                    #expect(outcome.errors.contains("size= in its options") && bundle.state() == nil, "\(outcome)")
                }
            }
        }
    }
}
