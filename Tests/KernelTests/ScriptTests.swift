import Foundation
import Glibc
import Testing

extension Kernel {
    /// `explain --format sh`: the script and the binary make the same jail, as far as can be asked from inside.
    @Suite struct ScriptTests {
        /// Everything that a process can see of its jail. Each fact begins with a word that says what it is.
        private static let questions = """
            for n in mnt pid net uts ipc cgroup user; do echo "namespace $n $(readlink /proc/self/ns/$n)"; done
            for m in uid_map gid_map; do sed "s/^/$m /" /proc/self/$m; done
            sed 's/^/mount /' /proc/self/mountinfo
            grep -E '^(Cap|NoNewPrivs|Seccomp|Uid|Gid|Groups|Umask)' /proc/self/status | sed 's/^/status /'
            sed 's/^/limit /' /proc/self/limits
            echo "hostname $(hostname)"
            ip address | sed 's/^/address /'
            ip route | sed 's/^/route /'; ip -6 route | sed 's/^/route /'
            find /dev -type c -o -type b -o -type l -o -type d 2>/dev/null | sort | while read -r f; do
                echo "device $(stat -c '%n %F %a %u %g %t %T' "$f")"; done
            for d in 1:3 1:1 8:0; do
                mknod /dev/shm/n c ${d%:*} ${d#*:} 2>&1 | sed 's/^/mknod /'; rm -f /dev/shm/n; done
            sed 's/^/cgroup /' /proc/self/cgroup
            for f in /sys/fs/cgroup/*.max /sys/fs/cgroup/*.weight; do
                [ ! -f "$f" ] || echo "value $f $(cat "$f")"; done
            for f in /proc/self/fd/*; do echo "descriptor ${f##*/}"; done
            env | grep -v ^SHLVL= | sed 's/^/environment /'
            echo "score $(cat /proc/self/oom_score_adj)"; echo "backlog $(cat /proc/sys/net/core/somaxconn)"
            for f in /etc/machine-id /etc/hostid /etc/hosts /etc/resolv.conf /etc/hostname /dev/jail/env; do echo "file $f $(od -An -tx1 $f 2>&1 | tr -d '\\n')"; done
            touch /probe-of-writing 2>&1 | sed 's/^/touch /'; rm -f /probe-of-writing
            tr '\\0' ' ' </proc/sys/kernel/core_pattern 2>&1 | head -c 0; echo 1 >/proc/sys/vm/drop_caches 2>&1 | sed 's/^/sysctl /'
            """

        /// What differs between any two starts of one jail: numbers of mounts and devices, of namespaces, of links.
        private static func settled(_ outcome: Outcome) -> [String] {
            let lines = outcome.lines.map { line in
                line.replacing(#/^mount [0-9]+ [0-9]+ [0-9]+:[0-9]+ /#, with: "mount ")
                    .replacing(#/^(address [0-9]+: [a-z0-9]+)@if[0-9]+/#) { "\($0.1)" }
                    .replacing(#/^(namespace [a-z]+ )(.*)/#) {
                        "\($0.1)\(isHosts(String($0.2)) ? "the host's" : "its own")"
                    }
                    // Duplicate address detection of the host's own links ends when it ends.
                    .replacing(" tentative", with: "")
                    // The binary calls layers by numbers, from a directory of their own.
                    .replacing(#/(lowerdir|upperdir|workdir)=[^,]*/#) { "\($0.1)" }
                    // Of an upper folder that was one before.
                    .replacing(",uuid=on", with: "")
                    // Where the jail's tree lies on the host, and where it is put together.
                    .replacing(#/^mount /[^ ]* / /#, with: "mount ROOT / ")
            }
            // mountinfo is in the order of numbers that are given anew.
            return lines.sorted()
        }

        private static func isHosts(_ namespace: String) -> Bool {
            let kind = namespace.prefix { $0 != ":" }
            return (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/\(kind)")) == namespace
        }

        @Test(
            "the script and the binary make the same jail",
            arguments: Laboratory.some([
                "mount.devfs; mount.procfs; host.hostname = a.example; ip4.addr = 10.77.0.5;",
                "root.ephemeral; root.readonly; exec.jail_user = user; cap.drop = CHOWN, NET_BIND_SERVICE;",
                """
                mount = "$path/etc $path/var nullfs ro,noexec 0 0"; mount += "tmpfs $path/tmp tmpfs rw,size=1m,mode=1777 0 0";
                mount += "/etc/hostname $path/etc/passwd bind ro 0 0"; devfs_ruleset = 1; seccomp = none; cap.add = MKNOD;
                """,
                """
                ip4.addr = "lab0|192.0.2.5/24", 10.77.0.5/16; ip6.addr = "lab0|2001:db8::5/64"; allow.raw_sockets;
                """,
                "ip4 = inherit; mount.nodevfs;",
                "cap.drop = SYS_CHROOT, SETUID; host.hostname = b.example;",
                "vnet; vnet.interface = lab1; allow.routing;",
                "ulimit.nofile = 777; ulimit.cpu = \"60:90\"; oom.score = 77; umask = 027; sysctl.net.core.somaxconn = 99;",
                "mount.fstab = \"LAYERS/fstab\"; interface = lab0; ip4.addr = 198.51.100.7;",
                """
                host.hostuuid = "01234567-89ab-cdef-0123-456789abcdef"; host.hostid = 305419896; env = "a=it's"; env.b = c;
                """,
                """
                mount = "$path/etc $path/var unionfs ro 0 0";
                mount += "none $path/tmp overlay lowerdir=LAYERS/lower,upperdir=LAYERS/upper,workdir=LAYERS/work 0 0";
                """,
                "mount.resolvconf; root.ephemeral; host.hostname = c.example; ip4.addr = 10.77.0.5; nat;",
                "mount = \"LAYERS/upper $path unionfs rw 0 0\";",
                "mount = \"LAYERS/upper $path unionfs ro 0 0\"; root.ephemeral;",
            ]))
        func same(parameters: String) throws {
            try Machine.with { machine in try compare(machine, parameters) }
        }

        @Test("the script joins the network of who has the address, as the binary does") func joining() throws {
            try Machine.with { machine in
                let holder = "\(machine.directory)/holder.conf"
                machine.write("h { path = \"\(machine.root)\"; persist; ip4.addr = 10.77.0.5; }\n", to: holder)
                #expect(machine.jailrun("start", holder).status == 0)
                try compare(machine, "ip4.addr = 10.77.0.5; mount = \"linsysfs $path/var linsysfs ro 0 0\";")
                machine.stop("h")
            }
        }

        private func compare(_ machine: Machine, _ parameters: String) throws {
            _ = Command.shell(StepTests.makeInterface).run()
            defer { _ = Command.shell(StepTests.removeInterface).run() }
            machine.write(Self.questions, to: "\(machine.root)/questions")
            for file in ["machine-id", "hostid"] { machine.write("", to: "\(machine.root)/etc/\(file)") }
            for folder in ["lower", "upper", "work"] {
                _ = Command.shell("mkdir -p \(machine.directory)/layers/\(folder)").run()
            }
            machine.write(
                "tmpfs \(machine.root)/var tmpfs rw,size=1m 0 0\n", to: "\(machine.directory)/layers/fstab")
            machine.configure(
                "userns = host; command = \"/bin/sh /questions\"; "
                    + parameters.replacing("LAYERS", with: "\(machine.directory)/layers"))
            let script = machine.jailrun("explain", "--format", "sh", machine.conf)
            try #require(script.status == 0, "\(script)")
            machine.write(script.output, to: "\(machine.directory)/script")
            let binary = machine.jailrun("run", "-q", machine.conf)
            let made = Command(["sh", "\(machine.directory)/script"]).run()
            #expect(binary.status == 0 && made.status == 0, "\(binary)\(made)")
            #expect(Self.settled(made) == Self.settled(binary))
            #expect(made.errors == binary.errors)
            #expect(binary.lines.count > 60)
        }

        @Test(
            "an example's script and the binary make the same jail",
            .enabled(if: ExampleTests.isPlaced("www"), "lab -e www -e shell -e debian"),
            arguments: ["www", "shell", "host", "debian"])
        func same(example: String) throws {
            try Machine.with { machine in
                let root = example == "host" ? "" : "/usr/jail/\(example)"
                let questions = "/tmp/questions.\(getpid())"
                machine.write(Self.questions + "\necho done\n", to: root + questions)
                defer { unlink(root + questions) }
                // A service goes on when the questions have been answered.
                let text = machine.read("\(Laboratory.examples)/\(example)/jail.conf")
                let end = try #require(text.lastIndex(of: "}"))
                machine.write(
                    text[..<end] + "userns = host; command = \"/bin/sh \(questions)\"; }\n", to: machine.conf)
                let script = machine.jailrun("explain", "--format", "sh", machine.conf)
                machine.write(script.output, to: "\(machine.directory)/script")
                let binary = machine.start("run", "-q", machine.conf)
                eventually(seconds: 20) { binary.hasEnded || binary.output.hasSuffix("done\n") }
                if !binary.hasEnded { _ = machine.jailrun("stop", example) }
                let run = binary.wait()
                let made = Command(["sh", "\(machine.directory)/script"]).start()
                eventually(seconds: 20) { made.hasEnded || made.output.hasSuffix("done\n") }
                made.signal(SIGTERM)
                let hand = made.wait()
                #expect(run.lines.last == "done" && hand.lines.last == "done", "\(run)\(hand)")
                #expect(Self.settled(hand) == Self.settled(run))
                #expect(!FileManager.default.fileExists(atPath: root + "/probe-of-writing"))
            }
        }

        @Test("a script of several commands runs them in their order, and ends with the first that fails")
        func commands() throws {
            try Machine.with { machine in
                machine.configure(
                    """
                    userns = host; exec.start = "echo 'one * two'"; exec.start += "/bin/sh -c 'exit 7'";
                    exec.start += "echo never";
                    """)
                machine.write(
                    machine.jailrun("explain", "--format", "sh", machine.conf).output, to: "\(machine.directory)/script"
                )
                let made = Command(["sh", "\(machine.directory)/script"]).run()
                #expect(made.status == 7 && made.output == "one * two\n", "\(made)")
            }
        }

        @Test("a script runs the commands of the host where the binary does, and tells them as much")
        func hostCommands()
            throws
        {
            try Machine.with { machine in
                let log = "\(machine.directory)/log"
                let hooks = ["prepare", "prestart", "created", "poststart"].map {
                    "exec.\($0) = \"echo \($0) \\$JID \\$JNAME \\$JPATH >>\(log)\";"
                }
                machine.configure(
                    "userns = host; \(hooks.joined()) command = \"sh -c 'echo inside >>/log'\";"
                        + "mount = \"\(log) $path/log bind rw 0 0\";")
                machine.write("", to: log)
                machine.write("", to: "\(machine.root)/log")
                machine.write(
                    machine.jailrun("explain", "--format", "sh", machine.conf).output, to: "\(machine.directory)/script"
                )
                let binary = machine.jailrun("run", "-q", machine.conf)
                let expected = machine.read(log)
                machine.write("", to: log)
                let made = Command(["sh", "\(machine.directory)/script"]).run()
                #expect(binary.status == 0 && made.status == 0, "\(binary)\(made)")
                #expect(expected.split(separator: "\n").count == 5 && machine.read(log) == expected, "\(expected)")
            }
        }

        @Test("a script that is interrupted leaves nothing") func interrupted() throws {
            try Machine.with { machine in
                machine.configure("userns = host; ip4.addr = 10.77.0.5; command = \"sh -c 'echo up; sleep 60'\";")
                machine.write(
                    machine.jailrun("explain", "--format", "sh", machine.conf).output, to: "\(machine.directory)/script"
                )
                let made = Command(["setsid", "sh", "\(machine.directory)/script"]).start()
                #expect(eventually { made.output == "up\n" })
                kill(-made.pid, SIGTERM)
                #expect(made.wait().status == 143)
            }
        }

        @Test("a root that has to be idmapped is refused before anything is made, where mount(8) cannot do it")
        func refused() throws {
            try Machine.with { machine in
                machine.configure("command = \"/bin/true\";")
                let script = machine.jailrun("explain", "--format", "sh", machine.conf).output
                // Of util-linux 2.38, wherever the test runs.
                machine.write(
                    script.replacing("version=$(mount --version", with: "version=$(echo util-linux 2.38.1"),
                    to: "\(machine.directory)/script")
                let made = Command(["sh", "\(machine.directory)/script"]).run()
                #expect(made.status == 125 && made.output.isEmpty, "\(made)")
                #expect(made.errors.contains("util-linux 2.38 cannot map the ids of a mount"), "\(made)")
            }
        }
    }
}
