import Foundation
import Glibc
import Testing

extension Kernel {
    @Suite struct JailModificationTests {
        private func modify(_ machine: Machine, _ parameters: String...) -> Outcome {
            Command(["\(machine.directory)/jail", "-m", "name=t"] + parameters).run()
        }

        private func rename(_ machine: Machine, _ parameters: String...) -> Outcome {
            Command(["\(machine.directory)/jail", "-m", "jid=\(value(machine, "jid"))"] + parameters).run()
        }

        private func value(_ machine: Machine, _ name: String) -> String {
            String(machine.link("jls", "-j", "t", name).output.dropLast())
        }

        @Test("the hostname, meta and env of a jail that runs can be changed") func hostname() throws {
            try Machine.with { machine in
                #expect(machine.create("meta=a").status == 0)
                let outcome = modify(machine, "host.hostname=other", "meta.k=v", "env=x y")
                #expect(outcome.status == 0 && outcome.output == "" && outcome.errors == "", "\(outcome)")
                #expect(machine.link("jexec", "t", "hostname").output == "other\n")
                #expect(machine.link("jls", "-j", "t", "meta").output == "k=v\na\n")
                #expect(value(machine, "env") == "x y")
                #expect(Command(["hostname"]).run().output != "other\n")
                machine.remove()
            }
        }

        @Test("what only a start reads is told, not dropped in silence") func services() throws {
            try Machine.with { machine in
                #expect(machine.create("restart.delay=2").status == 0)
                let outcome = modify(
                    machine, "restart.delay=2", "log.size=2M", "mount.resolvconf", "mount.nofdescfs", "host.hostname=b")
                #expect(outcome.status == 0, "\(outcome)")
                let words = "has no effect before the jail is started again"
                let names = ["log.size", "mount.resolvconf", "mount.fdescfs"]
                #expect(outcome.errors == names.map { "jail: \($0) \(words)\n" }.joined())
                #expect(machine.link("jexec", "t", "hostname").output == "b\n")
                machine.remove()
            }
        }

        @Test("addresses come and go while a jail runs, seen from inside and from the host") func addresses() throws {
            try Machine.with { machine in
                #expect(machine.create().status == 0)
                #expect(modify(machine, "ip4.addr=10.77.0.10").status == 0)
                #expect(machine.link("jexec", "t", "ip", "-4", "addr").output.contains("inet 10.77.0.10/24"))
                #expect(Command(["ping", "-c", "1", "-W", "2", "10.77.0.10"]).run().status == 0)
                #expect(modify(machine, "ip4.addr=10.77.0.11,10.77.0.12").status == 0)
                #expect(Command(["ping", "-c", "1", "-W", "2", "10.77.0.12"]).run().status == 0)
                #expect(Command(["ping", "-c", "1", "-W", "1", "10.77.0.10"]).run().status != 0)
                #expect(value(machine, "ip4.addr") == "10.77.0.11,10.77.0.12")
                #expect(modify(machine, "ip4.addr=").status == 0)
                #expect(!machine.link("jexec", "t", "ip", "link").output.contains("eth0"))
                #expect(access("/sys/class/net/jail0", F_OK) != 0)
                machine.remove()
            }
        }

        private static var rules: [String] {
            Command(["nft", "list", "ruleset"]).run().lines.filter { $0.contains("comment") }
        }

        @Test("ports and nat come and go while a jail runs, and leave no rule and no setting") func ports() throws {
            try Machine.with { machine in
                let settings = "grep -r . /proc/sys/net/ipv?/conf/*/forwarding /proc/sys/net/ipv4/conf/*/route_localnet"
                let before = Command.shell(settings).run().lines
                #expect(machine.create("ip4.addr=10.77.0.10").status == 0)
                #expect(machine.create("ip4.addr=10.77.0.20", "port=9000:80", name: "u").status == 0)
                _ = machine.link("jexec", "t", "/bin/sh", "-c", "echo here >/tmp/index.html; httpd -h /tmp")
                func get(_ port: Int) -> String {
                    Command(["curl", "-s", "-m", "2", "http://127.0.0.1:\(port)/"]).run().output
                }
                for port in [8080, 8081] {
                    let outcome = modify(machine, "port=127.0.0.1:\(port):80")
                    #expect(outcome.status == 0, "\(outcome)")
                    #expect(get(port) == "here\n")
                }
                #expect(get(8080) == "", "the old port is the host's again")
                let taken = modify(machine, "host.hostname=other", "port=9000:80")
                #expect(taken.status == 1 && taken.errors.contains("taken by jail \"u\""), "\(taken)")
                #expect(get(8081) == "here\n" && value(machine, "host.hostname") == "t")
                #expect(modify(machine, "nat").status == 0)
                #expect(Self.rules.contains { $0.contains("ip saddr 10.77.0.10") && $0.contains("masquerade") })
                #expect(get(8081) == "here\n")
                #expect(modify(machine, "nonat", "port=").status == 0)
                #expect(!Self.rules.contains { $0.contains("comment \"t") }, "\(Self.rules)")
                #expect(get(8081) == "")
                machine.remove("u")
                #expect(Self.rules == [])
                machine.remove()
                #expect(Command.shell(settings).run().lines == before)
            }
        }

        @Test("a renamed jail's rules have its new name, and its old one may be another's") func renamedRules() throws {
            try Machine.with { machine in
                #expect(machine.create("ip4.addr=10.77.0.10", "port=127.0.0.1:8080:80", "nat").status == 0)
                let before = Self.rules
                let outcome = rename(machine, "name=v")
                #expect(outcome.status == 0, "\(outcome)")
                #expect(Self.rules.map { $0.replacing("comment \"v", with: "comment \"t") }.sorted() == before.sorted())
                #expect(!Self.rules.contains { $0.contains("comment \"t") })
                let other = machine.create("ip4.addr=10.77.0.11", "port=127.0.0.1:8080:80", name: "w")
                #expect(other.status == 1 && other.errors.contains("taken by jail \"v\""), "\(other)")
                machine.remove("v")
                #expect(Self.rules == [])
            }
        }

        @Test("a change that fails in one part leaves all parts as they were") func atomic() throws {
            try Machine.with { machine in
                #expect(machine.create("ip4.addr=10.77.0.10").status == 0)
                #expect(machine.create("ip4.addr=10.77.0.20", name: "u").status == 0)
                let outcome = modify(machine, "host.hostname=other", "ip4.addr=10.77.0.20")
                #expect(outcome.status == 1 && outcome.errors.contains("10.77.0.20"), "\(outcome)")
                #expect(machine.link("jexec", "t", "hostname").output == "t\n")
                #expect(value(machine, "host.hostname") == "t" && value(machine, "ip4.addr") == "10.77.0.10")
                #expect(Command(["ping", "-c", "1", "-W", "2", "10.77.0.10"]).run().status == 0)
                machine.remove("u")
                machine.remove()
            }
        }

        @Test(
            "what was decided at creation cannot be changed, and says so",
            arguments: [
                "path=/", "vnet=new", "ip4=inherit", "cap.add=net_admin", "devfs_ruleset=5", "allow.raw_sockets",
            ])
        func fixed(parameter: String) throws {
            try Machine.with { machine in
                #expect(machine.create().status == 0)
                let outcome = modify(machine, parameter, "host.hostname=other")
                let name = parameter.prefix { $0 != "=" }
                #expect(
                    outcome.status == 1 && outcome.errors == "jail: \(name) cannot be changed after creation\n",
                    "\(outcome)")
                #expect(value(machine, "host.hostname") == "t")
                machine.remove()
            }
        }

        @Test("limits of a jail that runs are written, told by jls, and refused when the kernel does not take them")
        func limits() throws {
            try Machine.with { machine in
                #expect(machine.create().status == 0)
                // A file that every cgroup has, whatever controllers the host gives.
                let file = "\(Remains.cgroupRoot)/t/cgroup.max.descendants"
                #expect(modify(machine, "cgroup.cgroup.max.descendants=7").status == 0)
                #expect(machine.read(file) == "7\n")
                #expect(value(machine, "cgroup.cgroup.max.descendants") == "7")
                let outcome = modify(machine, "cgroup.cgroup.max.descendants=9", "cgroup.cgroup.max.depth=no")
                #expect(outcome.status == 1 && outcome.errors.contains("cgroup.cgroup.max.depth: "), "\(outcome)")
                #expect(machine.read(file) == "7\n")
                #expect(machine.link("jls", "-n", "-j", "t").output.contains(" cgroup.cgroup.max.descendants=7"))
                machine.remove()
            }
        }

        @Test("without persist a jail ends with its last process, with it it lives on") func persistence() throws {
            try Machine.with { machine in
                #expect(machine.create().status == 0)
                let process = Command(["\(machine.directory)/jexec", "t", "sleep", "100"])
                _ = machine.link("jexec", "t", "true")
                let sleeping = process.start()
                #expect(eventually { machine.link("jexec", "t", "ps").output.contains("sleep 100") })
                #expect(modify(machine, "nopersist").status == 0)
                #expect(value(machine, "persist") == "false")
                #expect(modify(machine, "persist").status == 0)
                #expect(modify(machine, "nopersist").status == 0)
                #expect(machine.link("jls", "-c", "-j", "t").status == 0)
                sleeping.signal(SIGTERM)
                _ = sleeping.wait()
                #expect(eventually(seconds: 5) { machine.link("jls", "-c", "-j", "t").status == 1 })
            }
        }

        @Test("a process of the jail cannot make pid 1 persist, nor stop it from persisting") func forgedSignals()
            throws
        {
            try Machine.with { machine in
                #expect(machine.create().status == 0)
                // pid 1 passes it on to all, as it does with signals that it does not know.
                _ = machine.link("jexec", "t", "kill", "-64", "1")
                usleep(300_000)
                #expect(machine.link("jls", "-c", "-j", "t").status == 0)
                machine.remove()
            }
        }

        @Test("a renamed jail is known by its new name only, and goes without a trace") func name() throws {
            try Machine.with { machine in
                #expect(machine.create("ip4.addr=10.77.0.10").status == 0)
                let outcome = rename(machine, "name=new")
                #expect(outcome.status == 0, "\(outcome)")
                #expect(machine.link("jls", "-c", "-j", "t").status == 1)
                #expect(machine.link("jls", "-j", "new", "name", "ip4.addr").output == "new 10.77.0.10\n")
                #expect(machine.link("jexec", "new", "true").status == 0)
                #expect(machine.jailrun("prune").output == "")
                let again = machine.create()
                #expect(again.status == 1 && again.errors.contains("belongs to jail \"new\""), "\(again)")
                machine.remove("new")
            }
        }

        @Test("a renamed jail that ends by itself leaves nothing, and tells its command the new name") func renamedEnd()
            throws
        {
            try Machine.with { machine in
                let log = "\(machine.directory)/log"
                #expect(machine.create("exec.poststop=echo $JNAME >>\(log)").status == 0)
                #expect(rename(machine, "name=new", "nopersist").status == 0)
                #expect(eventually { machine.read(log) == "new\n" }, "\(machine.read(log))")
            }
        }

        @Test("a jail in the foreground ends as it was changed, by whoever started it") func changedEnd() throws {
            try Machine.with { machine in
                let log = "\(machine.directory)/log"
                machine.configure("exec.start = \"/bin/sleep 60 &\"; exec.poststop = \"echo old >>\(log)\";")
                let running = machine.start("run", "-q", machine.conf)
                #expect(eventually { machine.state() == "up" })
                let first = try #require(machine.firstProcess())
                let change = machine.link("jail", "-m", "name=t", "exec.poststop=echo new >>\(log)")
                kill(first, SIGKILL)
                _ = running.wait()
                #expect(change.status == 0 && machine.read(log) == "new\n", "\(change) \(machine.read(log))")
            }
        }

        @Test("a jail that is kept up is started again as it was changed, under its new name; removed it stays away")
        func renamedRestart() throws {
            try Machine.with { machine in
                machine.configure("persist; restart = always;")
                #expect(machine.link("jail", "-f", machine.conf, "-qc").status == 0)
                let first = try #require(machine.firstProcess())
                #expect(rename(machine, "name=new", "host.hostname=other").status == 0)
                #expect(machine.state(of: "new") == "up" && machine.state() == "none")
                kill(first, SIGKILL)
                #expect(eventually { machine.firstProcess(of: "new").map { $0 != first } == true })
                #expect(eventually { machine.link("jexec", "new", "hostname").output == "other\n" })
                #expect(machine.link("jail", "-r", "new").status == 0)
                usleep(1_500_000)
                #expect(machine.state(of: "new") == "none" && machine.state() == "none")
            }
        }

        @Test("env that is changed is read inside, and written to no place that root inside made") func environment()
            throws
        {
            try Machine.with { machine in
                for parameters in [["env=first"], []] {
                    let path = "\(machine.directory)/jail"
                    _ = machine.create(name: "x")
                    machine.remove("x")
                    let words = ["-c", "name=t", "path=\(machine.root)", "persist", "children.max=1"] + parameters
                    #expect(Command([path] + words).run().status == 0)
                    #expect(modify(machine, "env.b=2", "env.a=1").status == 0)
                    #expect(
                        machine.jailrun("exec", "t", "head", "-n", "2", "/dev/jail/env").output.hasPrefix("a=1\nb=2\n"))
                    #expect(machine.jailrun("exec", "t", "/bin/probe", "write", "/dev/jail/env", "x").status == 1)
                    // A folder of its own; then a mount of another file in the place of the right one.
                    let replaced = "mv /dev/jail /dev/old; mkdir /dev/jail; echo mine >/dev/jail/env"
                    #expect(machine.jailrun("exec", "t", "sh", "-c", replaced).status == 0)
                    let refused = modify(machine, "env=other")
                    #expect(refused.status == 1 && refused.errors.contains("cannot write /dev/jail/env"), "\(refused)")
                    #expect(machine.jailrun("exec", "t", "cat", "/dev/jail/env").output == "mine\n")
                    #expect(value(machine, "env") == "a=1\nb=2" + (parameters.isEmpty ? "" : "\nfirst"))
                    let bound = "rm -r /dev/jail; mkdir /dev/jail; mount --bind /proc/sys/kernel /dev/jail"
                    #expect(machine.jailrun("exec", "t", "sh", "-c", bound).status == 0)
                    #expect(modify(machine, "env=other").status == 1)
                    machine.remove()
                }
            }
        }

        @Test("names that are taken or whose place is missing are refused") func refusedNames() throws {
            try Machine.with { machine in
                #expect(machine.create().status == 0)
                #expect(machine.create(name: "u").status == 0)
                let twice = modify(machine, "name=new")
                #expect(twice.errors == "jail: cannot redefine parameter \"name\".\n", "\(twice)")
                let jid = value(machine, "jid")
                for (name, message) in [
                    ("u", "already exists"), ("x.y", "cannot change jail's parent"), ("", "cannot be"),
                ] {
                    let outcome = machine.link("jail", "-m", "jid=\(jid)", "name=\(name)")
                    #expect(outcome.status == 1 && outcome.errors.contains(message), "\(name): \(outcome)")
                }
                #expect(machine.link("jls", "-c", "-j", "t").status == 0)
                machine.remove("u")
                machine.remove()
            }
        }

        @Test("-cm makes a jail, then changes it; -mr makes it anew when it must") func combinations() throws {
            try Machine.with { machine in
                machine.configure("persist; host.hostname = one;")
                #expect(machine.link("jail", "-f", machine.conf, "-cm", "t").output == "t: created\n")
                machine.configure("persist; host.hostname = two;")
                #expect(machine.link("jail", "-f", machine.conf, "-cm", "t").output == "t: updated\n")
                #expect(value(machine, "host.hostname") == "two")
                machine.configure("persist; host.hostname = two; allow.raw_sockets;")
                let fixed = machine.link("jail", "-f", machine.conf, "-m", "t")
                #expect(fixed.errors == "jail: t: allow.raw_sockets cannot be changed after creation\n", "\(fixed)")
                #expect(machine.link("jail", "-f", machine.conf, "-mr", "t").output == "t: created\n")
                #expect(value(machine, "allow.raw_sockets") == "true")
                let missing = machine.link("jail", "-m", "name=nobody", "persist")
                #expect(missing.status == 1 && missing.errors == "jail: \"nobody\" not found\n", "\(missing)")
                machine.remove()
            }
        }

        @Test("a wildcard changes the jails of the file that it means, and -rc makes those anew") func wildcard() throws
        {
            try Machine.with { machine in
                func write(_ meta: String) {
                    machine.write(
                        "path = \"\(machine.root)\"; persist; meta = \(meta); a { } a.b { } a.c { } d { }",
                        to: machine.conf)
                }
                write("one")
                #expect(machine.link("jail", "-f", machine.conf, "-qc").status == 0)
                write("two")
                let changed = machine.link("jail", "-f", machine.conf, "-m", "a.*")
                #expect(changed.output == "a.b: updated\na.c: updated\n" && changed.status == 0, "\(changed)")
                #expect(machine.link("jls", "name", "meta").lines.sorted() == ["a one", "a.b two", "a.c two", "d one"])
                let anew = machine.link("jail", "-f", machine.conf, "-p", "1", "-rc", "a.*")
                #expect(anew.output == "a.b: created\na.c: created\n" && anew.status == 0, "\(anew)")
                #expect(machine.link("jail", "-f", machine.conf, "-r", "*").status == 0)
            }
        }

        @Test("changes of one jail at the same time are all made") func contention() throws {
            try Machine.with { machine in
                #expect(machine.create().status == 0)
                let changes = (0..<8).map { number in
                    Command(["\(machine.directory)/jail", "-m", "name=t", "meta.k\(number)=\(number)"]).start()
                }
                for change in changes { #expect(change.wait().status == 0) }
                let kept = Set(value(machine, "meta").split(separator: "\n"))
                #expect(kept.count == 8)
                machine.remove()
            }
        }
    }
}
