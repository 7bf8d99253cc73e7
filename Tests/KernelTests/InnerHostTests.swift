import Foundation
import Glibc
import Testing

extension Kernel {
    /// Jails that root inside has made, and the host's commands.
    @Suite struct InnerHostTests {
        private func jail(_ body: (Machine) throws -> Void) throws {
            try Machine.with { machine in
                machine.installJailrun()
                let made = machine.create("children.max=5", "meta=outer", "securelevel=1")
                #expect(made.status == 0, "\(made)")
                defer { machine.remove() }
                let inner = machine.inside(
                    "jail", "-c", "name=b", "path=/", "persist", "meta=inner", "host.hostname=bee", "children.max=1")
                try #require(inner.status == 0, "\(inner)")
                try body(machine)
            }
        }

        @Test("jls lists them by their whole names, and enters what the kernel says of them") func list() throws {
            try jail { machine in
                #expect(machine.inside("jexec", "b", "jail", "-c", "name=c", "path=/", "persist").status == 0)
                #expect(machine.link("jls", "name", "meta").lines == ["t outer", "t.b inner", "t.b.c \"\""])
                #expect(machine.link("jls", "-j", "t.b", "host.hostname").output == "bee\n")
                #expect(machine.link("jls", "-j", "t", "children.cur").output == "2\n")
                #expect(machine.link("jls", "-c", "-j", "t.b").status == 0)
                #expect(machine.jailrun("list").output.contains(" t.b "))
                let jid = machine.link("jls", "-j", "t.b", "jid").lines.first ?? ""
                #expect(machine.link("jls", "-j", jid, "name").output == "t.b\n")
                #expect(
                    machine.link("jls", "-j", "t.b", "parent").output == machine.link("jls", "-j", "t", "jid").output)
            }
        }

        @Test("jexec enters them, with no more than a jail's default and than the jail around has") func enter() throws
        {
            try jail { machine in
                let name = machine.link("jexec", "t.b", "hostname")
                #expect(name.status == 0 && name.output == "bee\n", "\(name)")
                let namespaces = [
                    machine.link("jexec", "t.b", "/bin/probe", "namespaces"),
                    machine.inside("jexec", "b", "/bin/probe", "namespaces"),
                ]
                #expect(namespaces[0].lines == namespaces[1].lines && namespaces[0].status == 0, "\(namespaces)")
                #expect(machine.link("jexec", "t.b", "/bin/probe", "unshare", "user").status == 1)
                let set = machine.link("jexec", "t.b", "grep", "CapBnd", "/proc/self/status")
                let around = machine.inside("grep", "CapBnd", "/proc/self/status")
                func bits(_ outcome: Outcome) -> UInt64 {
                    UInt64(outcome.output.split(whereSeparator: \.isWhitespace).last ?? "", radix: 16) ?? .max
                }
                #expect(bits(set) & ~bits(around) == 0 && bits(set) & 1 << 21 == 0, "\(set) \(around)")
                #expect(machine.jailrun("exec", "t.b", "true").status == 0)
            }
        }

        @Test("a record that root inside forged opens nothing") func forged() throws {
            try jail { machine in
                let file = "/dev/jail/run/jails/b.json"
                let forge = """
                    sed -e 's/"userNamespace":{"value":{"private":{}}/"userNamespace":{"value":{"host":{}}/' \
                    -e 's/"seccomp":{"value":{"standard":{}}/"seccomp":{"value":{"none":{}}/' \
                    -e 's/"mode":{"value":"own"/"mode":{"value":"inherit"/' \
                    -e 's/"stop":\\[\\]/"poststop":[{"value":"touch \\/jailrun-was-here","origin":{"commandLine":{}}}]/' \
                    \(file) >/tmp/forged && cat /tmp/forged >\(file)
                    """
                #expect(machine.inside("sh", "-c", forge).status == 0)
                let entered = machine.link("jexec", "t.b", "readlink", "/proc/self/ns/user")
                let own = Command(["readlink", "/proc/self/ns/user"]).run().output
                #expect(entered.output != own && entered.status == 0, "\(entered)")
                #expect(machine.link("jexec", "t.b", "/bin/probe", "unshare", "user").status == 1)
                #expect(machine.inside("rm", file).status == 0)
                #expect(machine.inside("ln", "-s", "/etc/passwd", file).status == 0)
                #expect(machine.link("jls", "-j", "t.b", "name").output == "t.b\n")
                #expect(machine.link("jail", "-r", "t.b").status == 0)
                #expect(access("/jailrun-was-here", F_OK) != 0)
            }
        }

        @Test("a threaded cgroup, which tells no processes, is in no command's way, nor in that of the jail's end")
        func threaded() throws {
            try jail { machine in
                func make(_ script: String) throws {
                    let made = Command.shell("cd '\(Remains.cgroupRoot)/t' && { \(script); }").run()
                    try #require(made.status == 0, "\(made)")
                    #expect(machine.jailrun("list").status == 0)
                    #expect(machine.link("jls", "name").lines.first == "t")
                }
                try make(
                    """
                    mkdir -p evil/.processes && echo threaded >evil/.processes/cgroup.type &&
                        setfattr -n user.jailrun -v evil evil
                    """)
                // A cgroup is no root of threads beside one that has processes, nor with controllers.
                #expect(machine.inside("jail", "-r", "b").status == 0)
                try make(
                    """
                    for name in $(cat cgroup.subtree_control); do echo "-$name" >cgroup.subtree_control; done
                    for pid in $(cat .processes/cgroup.procs); do echo "$pid" >cgroup.procs; done
                    rmdir .processes && mkdir .processes && echo threaded >.processes/cgroup.type
                    """)
                let removed = machine.link("jail", "-r", "t")
                #expect(removed.status == 0 && machine.link("jls", "name").lines == [], "\(removed)")
            }
        }

        @Test("jail -r removes them, and what is in them, and the jail around goes on") func remove() throws {
            try jail { machine in
                #expect(machine.inside("jexec", "b", "jail", "-c", "name=c", "path=/", "persist").status == 0)
                let removed = machine.link("jail", "-r", "t.b")
                #expect(removed.status == 0 && removed.errors == "", "\(removed)")
                #expect(machine.link("jls", "name").lines == ["t"])
                #expect(machine.inside("jls", "name").lines == [])
                let again = machine.inside("jail", "-c", "name=b", "path=/", "persist")
                #expect(again.status == 0 && again.errors == "", "\(again)")
                #expect(machine.link("jail", "-r", "*").status == 0)
                #expect(machine.link("jls", "name").lines == [])
                #expect(machine.create().status == 0)  // for the end
            }
        }
    }
}
