import Foundation
import Glibc
import Testing

@testable import JailCore

extension Kernel {
    @Suite struct StepTests {
        @Test(
            "strace of a run and the dry run agree, step for step, and nothing else is mounted or narrowed",
            arguments: Laboratory.some([
                "command = \"/bin/true\";",
                "command = \"/bin/true\"; mount.devfs; mount.procfs; root.readonly; host.hostname = a.example;",
                "command = \"/bin/true\"; root.ephemeral; cap.drop = CHOWN; exec.jail_user = user;",
                "command = \"/bin/true\"; mount = \"$path/etc $path/var nullfs ro 0 0\"; mount += \"tmpfs $path/tmp tmpfs rw 0 0\";",
                "command = \"/bin/true\"; mount = \"$path/etc $path/var nullfs ro,noatime 0 0\"; ulimit.nofile = 99; umask = 7;",
                "command = \"/bin/true\"; allow.set_hostname; cap.drop = setuid; oom.score = 9; securelevel = 2;",
                "command = \"/bin/true\"; mount = \"$path/etc $path/var unionfs ro 0 0\"; sysctl.net.ipv4.ip_forward = 1;",
                "command = \"/bin/true\"; mount.resolvconf; root.ephemeral; ip4.addr = 10.77.0.5; nat;",
                "command = \"/bin/true\"; userns = host; seccomp = none; devfs_ruleset = 1;",
                """
                command = "/bin/true"; exec.prepare = "/bin/true a"; exec.prestart = "/bin/true b", "/bin/true c";
                exec.created = "/bin/true d"; exec.poststart = "/bin/true f"; exec.system_user = nobody; exec.clean;
                """,
                "command = \"/bin/true\"; children.max = 2; env = \"NAME=value\";",
                "exec.start = \"/bin/true\"; exec.start += \"/bin/true\"; command = \"/bin/true\";",
                """
                command = "/bin/true"; ip4.addr = 10.77.0.5, "lab0|192.0.2.5/24"; ip6.addr = "lab0|2001:db8::5/64";
                exec.consolelog = /dev/null; allow.raw_sockets; mount.noprocfs;
                """,
                "command = \"/bin/true\"; interface = lab2; ip4.addr = 198.51.100.9; ip6 = disable;",
                "command = \"/bin/true\"; ip4.addr = 10.77.0.5; nat; port = \"8080:80\", \"127.0.0.1:53:53/udp\";",
                "command = \"/bin/true\"; ip4 = inherit; ip6 = inherit; cap.add = NET_RAW;",
            ]))
        func agree(parameters: String) throws {
            try Machine.with { machine in
                machine.configure(parameters)
                _ = Command.shell(Self.makeInterface).run()
                defer { _ = Command.shell(Self.removeInterface).run() }
                try compare(machine, machine.conf, seconds: 30)
            }
        }

        @Test(
            "of a jail that joins the network of another, they agree, too",
            arguments: ["", "userns = host;", "port = 18080:80; mount = \"linsysfs $path/var linsysfs ro 0 0\";"])
        func joining(parameters: String) throws {
            try Machine.with { machine in
                let holder = "\(machine.directory)/holder.conf"
                machine.write("h { path = \"\(machine.root)\"; persist; ip4.addr = 10.77.0.5; }\n", to: holder)
                #expect(machine.jailrun("start", holder).status == 0)
                defer { machine.stop("h") }
                machine.configure("command = \"/bin/true\"; ip4.addr = 10.77.0.5; \(parameters)")
                let dry = machine.jailrun("run", "--dry-run", machine.conf)
                #expect(dry.lines.contains("setns(holder-network, CLONE_NEWNET)"), "\(dry)")
                #expect(!dry.output.contains("RTM_NEWLINK"), "\(dry)")
                try compare(machine, machine.conf, seconds: 30)
            }
        }

        static let removeInterface = "ip link delete lab0; ip link delete lab2"
        /// An interface with addresses and a bridge, as a machine has.
        static let makeInterface = """
            ip link add lab0 type veth peer name lab1 && ip address add 192.0.2.1/24 dev lab0 &&
            ip -6 address add 2001:db8::1/64 dev lab0 nodad && ip link set lab0 up && ip link set lab1 up &&
            ip link add lab2 type bridge && ip address add 198.51.100.1/24 dev lab2 && ip link set lab2 up
            """

        /// The virtual machine is not given ci's 400 MB, and a traced Debian starts slowly there.
        static let examples =
            [("www", "www"), ("shell", "shell"), ("host", "host")]
            + (Laboratory.isVirtualMachine ? [] : [("debian", "debian"), ("ci", "redis")])

        @Test(
            "strace of an example's run and explain --format strace agree",
            .enabled(if: ExampleTests.isPlaced("www"), "lab -e www -e shell -e debian"), arguments: examples)
        func agree(example: String, jail: String) throws {
            try Machine.with { machine in
                // Health is asked after by a supervisor, and whatever it runs inside is no part of the start.
                let lines = machine.read("\(Laboratory.examples)/\(example)/jail.conf").split(separator: "\n")
                // A run whose main program is stopped takes the jail back itself, which is no part of the start either.
                var text = lines.filter { !$0.contains("health.") }.joined(separator: "\n")
                if example == "ci" {
                    text = text.replacing("command = \"exec redis-server", with: "exec.start = \"/usr/bin/redis-server")
                        .replacing("--save ''\";", with: "--save '' &\";")
                }
                machine.write(text, to: machine.conf)
                let ready = example == "ci" ? "redis-cli ping" : "true"
                try compare(machine, machine.conf, jail, stopping: jail, ready: ready, seconds: 60)
            }
        }

        /// Three jails that have among them every parameter of which a start consists.
        private static func everything(_ place: String) -> [String] {
            [
                """
                jid = 77; host.hostname = a.example; host.domainname = example; host.hostid = 7;
                host.hostuuid = "01234567-89ab-cdef-0123-456789abcdef"; meta = "a=b"; meta.c = d; env = "e=f"; env.g = h;
                exec.prepare = "/bin/true a"; exec.prestart = "/bin/true b"; exec.created = "/bin/true c";
                exec.start = "/bin/true"; command = "/bin/true"; exec.poststart = "/bin/true d"; exec.prestop = "false";
                exec.stop = "false"; exec.poststop = "/bin/true poststop"; exec.release = "/bin/true release";
                exec.clean; exec.jail_user = user; exec.system_jail_user = false; exec.system_user = nobody;
                exec.timeout = 30; exec.consolelog = /dev/null; stop.timeout = 3; mount.fstab = "\(place)/fstab";
                mount = "tmpfs $path/tmp tmpfs rw 0 0"; mount.devfs; mount.fdescfs; mount.procfs; mount.sysfs; mount.resolvconf;
                root.readonly; root.ephemeral; ip4.addr = 10.77.0.5; ip6.addr = "lab0|2001:db8::5/64";
                devfs_ruleset = 5; nat; port = "127.0.0.1:18080:80/tcp"; ulimit.nofile = 99; sysctl.net.ipv4.ip_forward = 1; oom.score = 9; umask = 7;
                cap.add = NET_RAW; cap.drop = CHOWN; seccomp = default; userns = 2000000000+65536; securelevel = 1;
                allow.raw_sockets; allow.suid; allow.set_hostname; allow.noreserved_ports;
                allow.nounprivileged_proc_debug; allow.mount; allow.mount.nullfs; allow.socket_af;
                sysvmsg = new; sysvsem = new;
                """,
                """
                command = "/bin/true"; userns = host; host = inherit; ip4 = inherit; ip6 = inherit; sysvshm = inherit;
                sysvmsg = inherit; sysvsem = inherit; allow.chflags; allow.settime; allow.adjtime; allow.setaudit; allow.read_msgbuf;
                """,
                "command = \"/bin/true\"; vnet; vnet.interface = lab1; allow.routing; children.max = 2;",
                "command = \"/bin/true\"; interface = lab2; ip4.addr = 198.51.100.9; allow.nosuser; firewall = no; allow.spoofing;",
            ]
        }

        /// No part of a start in the foreground, or of this machine: `persist` has no end, `depend` is about others,
        /// `ip_hostname` asks a resolver, `root.unmask` is for path = "/", controllers are the virtual machine's, and not every root may raise a limit.
        private static let elsewhere = [
            "name", "path", "root.unmask", "allow.mlock", "persist", "depend", "ip_hostname", "cgroup.*", "restart",
            "health.",
            "restart.", "log.",
        ]

        @Test("no parameter makes a start do what the dry run does not say") func everyParameter() throws {
            try Machine.with { machine in
                _ = Command.shell(Self.makeInterface).run()
                defer { _ = Command.shell(Self.removeInterface).run() }
                machine.write("tmpfs \(machine.root)/var tmpfs rw,size=1m 0 0\n", to: "\(machine.directory)/fstab")
                let files = Self.everything(machine.directory)
                for parameters in files {
                    machine.configure(parameters)
                    try compare(machine, machine.conf, seconds: 30)
                }
                let set = files.joined(separator: " ").split(whereSeparator: { " ;\n".contains($0) }).map(String.init)
                let missing = ParameterTable.rows.filter { row in
                    row.fate == .done
                        && !Self.elsewhere.contains { row.name == $0 || $0.hasSuffix(".") && row.name.hasPrefix($0) }
                        && !set.contains { word in
                            let stem = row.name.hasSuffix("*") ? String(row.name.dropLast()) : nil
                            return stem.map(word.hasPrefix)
                                ?? (word == row.name || word.replacing(".no", with: ".") == row.name)
                        }
                }
                #expect(missing.map(\.name) == [])
            }
        }

        private func compare(
            _ machine: Machine, _ conf: String, _ name: String? = nil, stopping jail: String? = nil,
            ready: String = "true", seconds: Double
        ) throws {
            let jails = name.map { [$0] } ?? []
            let dry = Command([Laboratory.program, "explain", "--format", "strace", conf] + jails).run()
            try #require(dry.status == 0, "\(dry)")
            let trace = "\(machine.directory)/trace"
            let run = Command(
                [
                    "strace", "-f", "-v", "-s", "99999", "-o", trace, Laboratory.program, "run", conf,
                ] + jails
            ).start()
            // One whose commands have all ended may still have processes.
            if let jail {
                eventually(seconds: seconds / 2) {
                    run.hasEnded || machine.jailrun("exec", jail, "sh", "-c", ready).status == 0
                }
                eventually(seconds: seconds / 2) {
                    run.hasEnded
                        || ["stopped", "not found"].contains { machine.jailrun("stop", jail).description.contains($0) }
                }
            }
            let outcome = run.wait(seconds: seconds)
            try #require(outcome.status == 0, "\(outcome)")
            var comparison = TraceComparison(TracedCall.all(in: machine.read(trace)))
            for line in dry.lines { comparison.find(line) }
            #expect(comparison.missing == [])
            // What root.unmask is about is looked for in a copy of the root's own mount, which is closed again.
            let copy = "\"\", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_EMPTY_PATH)"
            let looks = machine.read(conf).contains("path = \"/\"") ? 1 : 0
            #expect(comparison.extra.count { $0.hasSuffix(copy) } == looks)
            #expect(comparison.extra.filter { !$0.hasSuffix(copy) } == [])
            #expect(dry.lines.count > 100)
        }

        @Test("on a terminal too they agree: the pty is made, handed over and taken as the dry run says")
        func terminal() throws {
            try Machine.with { machine in
                machine.configure("command = \"/bin/true\"; mount.devfs;")
                // An input that stays open: script(1) types the end of its own.
                var ends: [Int32] = [0, 0]
                pipe(&ends)
                defer { for end in ends { close(end) } }
                let trace = "\(machine.directory)/trace"
                func onTerminal(_ command: String) -> Outcome {
                    Command(["script", "-qec", command, "/dev/null"], input: ends[0]).run()
                }
                let dry = onTerminal("'\(Laboratory.program)' run --dry-run '\(machine.conf)'")
                let run = onTerminal(
                    "strace -f -v -s 99999 -o '\(trace)' '\(Laboratory.program)' run '\(machine.conf)'")
                try #require(dry.status == 0 && run.status == 0, "\(dry) \(run)")
                let lines = dry.output.split(whereSeparator: \.isNewline).map(String.init)
                #expect(lines.contains { $0.contains("TIOCGPTPEER") } && lines.contains { $0.contains("TIOCSCTTY") })
                var comparison = TraceComparison(TracedCall.all(in: machine.read(trace)))
                for line in lines { comparison.find(line) }
                #expect(comparison.missing == [])
                #expect(comparison.extra == [])
            }
        }

        @Test("exec makes the calls of its plan, and none besides that joins, mounts or narrows") func entry() throws {
            try Machine.with { machine in
                machine.configure("persist; cap.drop = CHOWN;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let host = try Host(
                    stateDirectory: nil, cgroupRoot: nil, signals: SignalSource(descriptor: -1),
                    audience: Audience(warn: { _ in }))
                let record = try #require(try host.state.record(of: "t"))
                let root = try Files.open("/proc/\(record.pid)/root", O_DIRECTORY)
                let facts = try FactFinder(jail: record.spec, host: host).entryFacts(
                    root: root.number, terminals: [], environment: [])
                let plan = Planner(jail: record.spec, identity: record.identity, facts: facts).enter(
                    StartCommand(
                        name: "exec", line: JailCommand("/bin/true"), origin: .commandLine, timeoutSeconds: 0,
                        isWatched: false),
                    directory: nil)
                let trace = "\(machine.directory)/trace"
                let traced = ["strace", "-f", "-v", "-s", "99999", "-o", trace]
                let exec = Command(traced + [Laboratory.program, "exec", "t", "/bin/true"]).run()
                try #require(exec.status == 0, "\(exec)")
                var comparison = TraceComparison(TracedCall.all(in: machine.read(trace)), isEntry: true)
                for step in plan.spawn { comparison.find(step.operation.spelling) }
                comparison.enterStage()
                for step in plan.enter { comparison.find(step.operation.spelling) }
                comparison.enterCommand()
                for step in plan.command.steps { comparison.find(step.operation.spelling) }
                #expect(comparison.missing == [])
                #expect(comparison.extra == [])
                #expect(plan.enter.contains { $0.operation.spelling.hasPrefix("setns(pidfd, ") })
            }
        }

        @Test("the host's commands of a start are its steps, in their place; those of its end are none")
        func hooks() throws {
            try Machine.with { machine in
                let hooks = ["prepare", "prestart", "created", "poststart", "poststop", "release"]
                machine.configure(
                    "command = \"/bin/true\"; " + hooks.map { "exec.\($0) = \"/bin/true \($0)\";" }.joined())
                let dry = machine.jailrun("run", "--dry-run", machine.conf)
                let planned = dry.lines.filter { $0.hasPrefix("execve") }.compactMap { line in
                    (hooks + ["exec"]).first { line.contains("\"\($0)\"") || $0 == "exec" }
                }
                #expect(planned == ["prepare", "prestart", "exec", "created", "exec", "poststart"])
                let trace = "\(machine.directory)/trace"
                let run = Command(
                    ["strace", "-f", "-v", "-s", "99999", "-o", trace, Laboratory.program, "run", machine.conf]
                ).run()
                try #require(run.status == 0, "\(run)")
                var comparison = TraceComparison(TracedCall.all(in: machine.read(trace)))
                for line in dry.lines { comparison.find(line) }
                #expect(comparison.missing == [])
                #expect(comparison.extra == [])
            }
        }

        @Test("a dry run changes nothing, and needs nothing that can be written") func dryRun() throws {
            try Machine.with { machine in
                machine.configure("command = \"/bin/true\"; mount.devfs; ip4.addr = 10.77.0.5;")
                let script = """
                    mount --bind '\(Remains.cgroupMount)' '\(Remains.cgroupMount)' &&
                    mount -o remount,bind,ro '\(Remains.cgroupMount)' &&
                    mount -t tmpfs -o ro none /run && exec '\(Laboratory.program)' run --dry-run '\(machine.conf)'
                    """
                let outcome = Command(["unshare", "--mount", "sh", "-c", script]).run()
                #expect(outcome.status == 0 && outcome.lines.count > 100, "\(outcome)")
            }
        }
    }
}
