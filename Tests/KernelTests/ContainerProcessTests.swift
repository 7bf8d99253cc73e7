import Foundation
import Glibc
import Testing

extension Kernel {
    /// What a process of a bundle has from its config.json, from whoever calls the runtime, and from hooks.
    @Suite struct ContainerProcessTests {
        @Test("schedulers, personality and memory policy are as asked for, of a process that joins too")
        func attributes() throws {
            try Machine.with { machine in
                var bundle = try ContainerBundle(
                    machine, "/bin/sh", "-c",
                    "awk '{print \"policy\", $41}' /proc/self/stat; ionice -p $$; uname -m; exec sleep 1000")
                bundle.set("process", "scheduler", ["policy": "SCHED_BATCH"])
                bundle.set("process", "ioPriority", ["class": "IOPRIO_CLASS_IDLE", "priority": 0])
                bundle.set("linux", "memoryPolicy", ["mode": "MPOL_BIND", "nodes": "0"])
                bundle.set("linux", "personality", ["domain": "LINUX32"])
                try bundle.write()
                let create = bundle.command("run", "--bundle", machine.directory, "t").start()
                #expect(eventually { create.output.contains("i686") || create.hasEnded }, "\(create.errors)")
                #expect(create.output.contains("policy 3") && create.output.contains("idle"), "\(create.output)")
                let entered = bundle.oci(
                    "exec", "t", "/bin/sh", "-c",
                    "awk '{print \"policy\", $41}' /proc/self/stat; uname -m; cat /proc/self/numa_maps")
                #expect(entered.output.contains("policy 3") && entered.output.contains("i686"), "\(entered)")
                #expect(entered.output.contains(" bind"), "\(entered)")
                #expect(bundle.oci("delete", "--force", "t").status == 0)
                _ = create.wait(seconds: 15)
                bundle.set("process", "execCPUAffinity", ["final": "0"])
                bundle.set("process", "args", ["/bin/sleep", "1000"])
                try bundle.write()
                #expect(bundle.oci("run", "-d", "--bundle", machine.directory, "t").status == 0)
                let bound = bundle.oci("exec", "t", "/bin/grep", "Cpus_allowed_list", "/proc/self/status")
                #expect(bound.output == "Cpus_allowed_list:\t0\n", "\(bound)")
                #expect(bundle.oci("delete", "--force", "t").status == 0)
            }
        }

        @Test("an entered process has the variables of config.json, and its own in their place")
        func environment() throws {
            try Machine.with { machine in
                var bundle = try ContainerBundle(machine, "/bin/sleep", "1000")
                bundle.set("process", "env", ["PATH=/bin", "A=old", "B=kept"])
                try bundle.write()
                #expect(bundle.oci("run", "-d", "--bundle", machine.directory, "t").status == 0)
                let entered = bundle.oci("exec", "--env", "A=new", "t", "/bin/env")
                let lines = entered.output.split(separator: "\n").filter { $0.hasPrefix("A=") || $0.hasPrefix("B=") }
                #expect(lines.sorted() == ["A=new", "B=kept"], "\(entered)")
                #expect(bundle.oci("exec", "none", "/bin/env").errors.contains("does not exist"))
                #expect(bundle.oci("delete", "--force", "t").status == 0)
            }
        }

        @Test("sockets that the caller hands over are announced to pid 1") func listening() throws {
            try Machine.with { machine in
                let bundle = try ContainerBundle(
                    machine, "/bin/sh", "-c", "echo $LISTEN_FDS $LISTEN_PID; read a <&3; echo $a")
                try bundle.write()
                let words =
                    "'\(Laboratory.program)' oci --root '\(machine.directory)/c' run -b '\(machine.directory)' t"
                let outcome = Command.shell("echo given | { exec 3<&0; LISTEN_FDS=1 \(words); }").run()
                #expect(outcome.output == "1 1\ngiven\n", "\(outcome)")
            }
        }

        @Test("a user who keeps only inheritable capabilities has them") func inheritable() throws {
            try Machine.with { machine in
                var bundle = try ContainerBundle(machine, "/bin/grep", "Cap", "/proc/self/status")
                bundle.set("process", "user", ["uid": 1000, "gid": 1000])
                bundle.set("process", "capabilities", ["bounding": ["CAP_KILL"], "inheritable": ["CAP_KILL"]])
                let outcome = try bundle.run()
                #expect(outcome.output.contains("CapInh:\t0000000000000020"), "\(outcome)")
                #expect(outcome.output.contains("CapPrm:\t0000000000000000"), "\(outcome)")
            }
        }

        @Test("a profile of AppArmor is refused where the kernel has none, but for none at all")
        func profile() throws {
            try Machine.with { machine in
                var bundle = try ContainerBundle(machine, "/bin/cat", "/proc/self/attr/current")
                bundle.set("process", "apparmorProfile", "unconfined")
                let enabled = machine.read("/sys/module/apparmor/parameters/enabled").hasPrefix("Y")
                let outcome = try bundle.run()
                #expect(!enabled || outcome.output.hasPrefix("unconfined"), "\(outcome)")
                #expect(enabled || !outcome.errors.contains("apparmor"), "\(outcome)")
                bundle.set("process", "apparmorProfile", "no-such-profile")
                let refused = try bundle.run()
                #expect(refused.status != 0 && refused.errors.contains("no-such-profile"), "\(refused)")
            }
        }

        // MARK: Hooks, and ends

        @Test("a hook without an environment has the runtime's; a poststart hook that fails ends the container")
        func hooks() throws {
            try Machine.with { machine in
                var bundle = try ContainerBundle(machine, "/bin/sleep", "1000")
                let file = "\(machine.directory)/hook"
                func hook(_ script: String, _ more: [String: Any] = [:]) -> [[String: Any]] {
                    let words: [String: Any] = ["path": "/bin/sh", "args": ["sh", "-c", script]]
                    return [words.merging(more) { $1 }]
                }
                bundle.configuration["hooks"] = [
                    "createRuntime": hook("echo \"$MARK\" >>\(file)")
                        + hook("echo \"none$MARK\" >>\(file)", ["env": []]),
                    "poststart": hook("exit 3"), "poststop": hook("exit 4"),
                ]
                try bundle.write()
                #expect(bundle.oci("create", "--bundle", machine.directory, "t").status == 0)
                #expect(machine.read(file) == "\(ProcessInfo.processInfo.environment["MARK"] ?? "")\nnone\n")
                let start = bundle.oci("start", "t")
                #expect(start.status != 0 && start.errors.contains("hook /bin/sh: exited with status 3"), "\(start)")
                #expect(bundle.state() == nil)
                bundle.configuration["hooks"] = ["poststop": hook("exit 4")]
                try bundle.write()
                #expect(bundle.oci("create", "--bundle", machine.directory, "t").status == 0)
                let delete = bundle.oci("delete", "--force", "t")
                #expect(delete.status == 0 && delete.errors.contains("warning:"), "\(delete)")
                #expect(delete.errors.contains("exited with status 4"), "\(delete)")
            }
        }

        @Test("a create whose process is killed meanwhile ends, and says so") func killedMeanwhile() throws {
            try Machine.with { machine in
                var bundle = try ContainerBundle(machine, "/bin/sleep", "1000")
                let (at, go) = ("\(machine.directory)/at", "\(machine.directory)/go")
                let script = "touch \(at); until test -e \(go); do sleep 0.1; done"
                bundle.configuration["hooks"] = [
                    "createRuntime": [
                        ["path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/bin:/usr/bin"]]
                    ]
                ]
                try bundle.write()
                let create = bundle.command("create", "--bundle", machine.directory, "t").start()
                #expect(eventually { access(at, F_OK) == 0 })
                #expect(bundle.oci("delete", "--force", "t").status == 0)
                machine.write("", to: go)
                let outcome = create.wait(seconds: 15)
                #expect(outcome.status == 1, "\(outcome)")
                #expect(bundle.oci("delete", "--force", "t").status == 0)
            }
        }

        @Test("delete --regex takes those whose names match") func pattern() throws {
            try Machine.with { machine in
                let bundle = try ContainerBundle(machine, "/bin/sleep", "1000")
                try bundle.write()
                for name in ["a-1", "a-2", "b-1"] {
                    #expect(bundle.oci("run", "-d", "--bundle", machine.directory, name).status == 0)
                }
                #expect(bundle.oci("delete", "--force", "--regex", "^a-[0-9]$").status == 0)
                #expect(bundle.oci("list", "-q").output.split(separator: "\n") == ["b-1"])
                #expect(bundle.oci("delete", "--regex", "a[").errors.contains("not a regular expression"))
                #expect(bundle.oci("delete", "--force", "b-1").status == 0)
            }
        }

        @Test("a log that cannot be written, or of an unknown form, is an error at once") func logs() throws {
            try Machine.with { machine in
                let bundle = try ContainerBundle(machine)
                let (lost, odd) = (bundle.oci("--log", "/nope/log", "list"), bundle.oci("--log-format", "xml", "list"))
                #expect(lost.status == 1 && lost.errors.contains("cannot open the log /nope/log"), "\(lost)")
                #expect(odd.status == 1 && odd.errors.contains("--log-format xml: text or json"), "\(odd)")
            }
        }

        // MARK: Cgroups in user namespaces

        @Test("root of a user namespace owns its cgroup, and sees the host's where it has no cgroup namespace")
        func cgroups() throws {
            try Machine.with { machine in
                let script = "stat -c %u /sys/fs/cgroup; mkdir /sys/fs/cgroup/below && echo made"
                var bundle = try ContainerBundle(machine, "/bin/sh", "-c", script)
                let map = [["containerID": 0, "hostID": 100_000, "size": 65536]]
                bundle.set("linux", "uidMappings", map)
                bundle.set("linux", "gidMappings", map)
                var mounts = bundle.configuration["mounts"] as? [[String: Any]] ?? []
                mounts.removeAll { ($0["type"] as? String) == "cgroup" }
                mounts.append([
                    "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
                    "options": ["nosuid", "noexec", "nodev", ""],
                ])
                bundle.configuration["mounts"] = mounts
                bundle.namespaces("mount", "pid", "ipc", "uts", "network", "user", "cgroup")
                let own = try bundle.run()
                #expect(own.status == 0 && own.output == "0\nmade\n", "\(own)")
                bundle.namespaces("mount", "pid", "ipc", "uts", "network", "user")
                let hosts = try bundle.run()
                #expect(hosts.output == "65534\n" && hosts.errors.contains("mkdir"), "\(hosts)")
            }
        }
    }
}
