import Foundation
import Glibc
import Testing

extension Kernel {
    @Suite struct FailureTests {
        @Test(
            "a start that cannot be says where it was asked for, and leaves nothing",
            arguments: [
                ("path = \"/nowhere/at/all\";", "/nowhere/at/all"),
                ("mount = \"/nowhere/source $path/var nullfs rw 0 0\";", "/nowhere/source"),
                ("exec.jail_user = \"stranger\"; exec.start = \"true\";", "stranger"),
                ("exec.system_user = \"stranger\"; exec.prestart = \"true\";", "stranger"),
                ("devfs_ruleset = \"no_such_rules\"; mount.devfs;", "no_such_rules"),
                ("interface = nolink0; ip4.addr = 192.0.2.77;", "nolink0"),
                ("cgroup.nothing.max = 1;", "nothing.max"),
            ])
        func early(parameters: String, named: String) throws {
            try Machine.with { machine in
                let path = parameters.hasPrefix("path") ? "" : "path = \"\(machine.root)\";"
                machine.write("t {\n    persist; \(path)\n    \(parameters)\n}\n", to: machine.conf)
                for verb in ["run", "start"] {
                    let outcome = machine.jailrun(verb, machine.conf)
                    #expect(outcome.status == 125 || outcome.status == 65, "\(verb): \(outcome)")
                    let line = outcome.errors.split(separator: "\n").first { $0.contains("jail.conf:3:") }
                    #expect(line?.contains(named) == true, "\(verb): \(outcome)")
                }
            }
        }

        @Test(
            "a command that pid 1 may not fork for is named, with its line and the limits, and nothing is left",
            arguments: [
                ("ulimit.nproc = 2; exec.start = \"/bin/sleep 100 &\", \"/bin/true b\";", "b")
            ])
        func fork(parameters: String, named: String) throws {
            try Machine.with { machine in
                machine.configure(parameters)
                let outcome = machine.jailrun("run", machine.conf)
                #expect(outcome.status == 125, "\(outcome)")
                #expect(outcome.errors.contains("/bin/true \(named): cannot fork: "), "\(outcome)")
                #expect(outcome.errors.contains("jail.conf:") && outcome.errors.contains("ulimit.nproc"), "\(outcome)")
            }
        }

        @Test(
            "a step of the first process that fails while the rest is still planned is named, and nothing is left",
            arguments: ["unshare": "unshare(CLONE_NEWNET)", "ioctl": "bring up lo"])
        func early(call: String, named: String) throws {
            try Machine.with { machine in
                machine.configure("command = \"/bin/true\";")
                let outcome = Command([
                    "strace", "-f", "-o", "/dev/null", "-e", "trace=\(call)", "-e",
                    "inject=\(call):error=ENOSPC:when=1",
                    Laboratory.program, "run", machine.conf,
                ]).run()
                #expect(outcome.status == 125, "\(outcome)")
                #expect(outcome.errors.contains(named) && outcome.errors.contains("No space left"), "\(outcome)")
            }
        }

        @Test("a cgroup of somebody else's that has a jail's name is left alone, by start, stop and prune")
        func foreignCgroup() throws {
            try Machine.with { machine in
                let cgroup = "\(Remains.cgroupMount)/jailrun/t"
                let process = Command.shell(
                    "mkdir -p \(cgroup) && echo $$ >\(cgroup)/cgroup.procs && exec sleep 1000"
                ).start()
                #expect(eventually { machine.read("\(cgroup)/cgroup.procs") != "" })
                machine.configure("command = \"/bin/true\";")
                let start = machine.jailrun("run", machine.conf)
                #expect(start.status == 125 && start.errors.contains("--cgroup-root"), "\(start)")
                #expect(machine.jailrun("prune").status == 0)
                #expect(machine.jailrun("stop", "-f", "t").status == 125)
                #expect(machine.read("\(cgroup)/cgroup.procs") != "")
                process.signal(SIGKILL)
                _ = process.wait(seconds: 5)
                #expect(eventually { rmdir(cgroup) == 0 || errno == ENOENT })
                rmdir("\(Remains.cgroupMount)/jailrun")
            }
        }

        @Test("a limit whose controller the machine does not have stops the start, with the line and what to do")
        func controller() throws {
            try Machine.with { machine in
                // The virtual machine has every controller that its kernel knows; newer ones have dmem.
                let missing = Laboratory.isVirtualMachine ? "dmem" : "memory"
                let controllers = machine.read("\(Remains.cgroupMount)/cgroup.controllers")
                try #require(!controllers.contains(missing), "this machine has the controller")
                machine.configure("cgroup.\(missing).max = 64M; persist;")
                let outcome = machine.jailrun("start", machine.conf)
                #expect(outcome.status == 125, "\(outcome)")
                #expect(outcome.errors.contains("jail.conf:3") && outcome.errors.contains(missing), "\(outcome)")
                #expect(outcome.errors.contains("hint"), "\(outcome)")
            }
        }

        @Test("a cgroup root that was made for jails goes with the last of them, and one that was there stays")
        func cgroupRoots() throws {
            try Machine.with { machine in
                machine.configure("command = \"true\";")
                let administrators = "\(Remains.cgroupMount)/administrators"
                mkdir(administrators, 0o755)
                for root in ["a/b", "administrators", "administrators/c"] {
                    let run = machine.jailrun("run", "--cgroup-root", "\(Remains.cgroupMount)/\(root)", machine.conf)
                    #expect(run.status == 0, "\(run)")
                }
                #expect(access("\(administrators)/c", F_OK) != 0)
                #expect(access("\(Remains.cgroupMount)/a", F_OK) != 0)
                #expect(rmdir(administrators) == 0)
            }
        }

        @Test("a /proc, /dev or /sys of the root that is a link is refused", arguments: ["proc", "dev", "sys"])
        func links(directory: String) throws {
            try Machine.with { machine in
                let target = "\(machine.directory)/outside"
                mkdir(target, 0o755)
                rmdir("\(machine.root)/\(directory)")
                for link in [target, "../outside", "/tmp"] {
                    symlink(link, "\(machine.root)/\(directory)")
                    machine.configure("mount.procfs; mount.devfs; command = \"true\";")
                    let outcome = machine.jailrun("run", machine.conf)
                    if directory != "sys" { #expect(outcome.status == 125, "\(link): \(outcome)") }
                    #expect((try? FileManager.default.contentsOfDirectory(atPath: target)) == [])
                    #expect((try? FileManager.default.contentsOfDirectory(atPath: "\(machine.root)/tmp")) == [])
                    unlink("\(machine.root)/\(directory)")
                }
            }
        }

        @Test(
            "a mount's target cannot leave the root",
            arguments: ["../escape", "link", "link/deeper", "var/../../escape"])
        func targets(target: String) throws {
            try Machine.with { machine in
                for name in ["outside", "outside/deeper", "source"] { mkdir("\(machine.directory)/\(name)", 0o755) }
                machine.write("seen\n", to: "\(machine.directory)/source/mark")
                symlink("\(machine.directory)/outside", "\(machine.root)/link")
                machine.configure(
                    "mount = \"\(machine.directory)/source \(machine.root)/\(target) nullfs rw 0 0\"; command = \"true\";"
                )
                _ = machine.jailrun("run", machine.conf)
                #expect(
                    (try? FileManager.default.contentsOfDirectory(atPath: "\(machine.directory)/outside")) == ["deeper"]
                )
                #expect(access("\(machine.directory)/escape", F_OK) != 0)
            }
        }

        @Test("a configuration that others can write is not run") func writable() throws {
            try Machine.with { machine in
                machine.configure("exec.prestart = \"touch \(machine.directory)/ran\"; persist;")
                chmod(machine.conf, 0o666)
                let outcome = machine.jailrun("start", machine.conf)
                #expect(outcome.status == 65 || outcome.status == 125, "\(outcome)")
                #expect(access("\(machine.directory)/ran", F_OK) != 0)
            }
        }
    }
}
