import Foundation
import Glibc
import Testing

extension Kernel {
    /// What administrators of FreeBSD's jails count on.
    @Suite struct AdministratorTests {
        // MARK: Commands

        @Test("what exec.stop prints goes to exec.consolelog, with that of the start") func consoleLog() throws {
            try Machine.with { machine in
                let log = "\(machine.directory)/log"
                machine.configure(
                    "persist; exec.consolelog = \"\(log)\"; exec.start = \"echo begun\"; exec.stop = 'echo out; echo err >&2';"
                )
                for stop in [["jail", "-f", machine.conf, "-r", "t"], ["jailrun", "stop", "t"]] {
                    unlink(log)
                    #expect(machine.link("jail", "-f", machine.conf, "-c").status == 0)
                    _ = machine.link(stop[0])
                    let stopped = Command(["\(machine.directory)/\(stop[0])"] + stop.dropFirst()).run()
                    #expect(stopped.status == 0 && !stopped.output.contains("out"), "\(stopped)")
                    #expect(stopped.errors == "", "\(stopped)")
                    #expect(machine.read(log) == "begun\nout\nerr\n", "\(stop)")
                }
            }
        }

        @Test("a log that cannot be opened keeps no jail up") func lostLog() throws {
            try Machine.with { machine in
                let log = "\(machine.root)/var/log"
                machine.configure("persist; exec.consolelog = \"\(log)\"; exec.stop = \"echo out\";")
                #expect(machine.link("jail", "-f", machine.conf, "-c").status == 0)
                unlink(log)
                symlink("/etc/passwd", log)
                let stopped = machine.jailrun("stop", "t")
                #expect(stopped.status == 0 && stopped.errors.contains("exec.consolelog"), "\(stopped)")
                #expect(machine.state() == "none")
            }
        }

        @Test("of two blocks of one name neither is started, and the others are") func twins() throws {
            try Machine.with { machine in
                let body = "path = \"\(machine.root)\"; persist;"
                machine.write("a { \(body) }\na { \(body) }\nb { \(body) }\n", to: machine.conf)
                let created = machine.link("jail", "-f", machine.conf, "-c")
                #expect(
                    created.status == 1 && created.errors.contains("jail: a: two blocks define the jail a"),
                    "\(created)")
                #expect(machine.link("jls", "name").lines == ["b"])
                machine.remove("b")
                #expect(machine.link("jail", "-f", machine.conf, "-c", "a").status == 1)
                #expect(machine.link("jls", "name").lines == [])
            }
        }

        // MARK: Values in force

        @Test("jls has the hostname that root inside has set") func hostname() throws {
            try Machine.with { machine in
                #expect(machine.create("allow.set_hostname", "host.hostname=first").status == 0)
                #expect(machine.link("jls", "host.hostname").output == "first\n")
                #expect(machine.link("jexec", "t", "hostname", "second").status == 0)
                #expect(machine.link("jls", "host.hostname").output == "second\n")
                #expect(machine.link("jls").output.contains(" second "))
                #expect(machine.jailrun("list").output.contains(" second "))
                machine.remove()
            }
        }

        @Test("a value that is not in force is warned of at the start, and not shown") func release() throws {
            try Machine.with { machine in
                let kernel = Command(["uname", "-r"]).run().output
                machine.configure("persist; osrelease = \"14.2-RELEASE\"; allow.mount.tmpfs; allow.chflags;")
                let started = machine.jailrun("start", machine.conf)
                #expect(
                    started.status == 0 && started.errors.contains("warning: osrelease has no effect"), "\(started)")
                #expect(machine.link("jls", "osrelease").output == kernel)
                let words = machine.link("jls", "allow.mount.tmpfs", "allow.chflags", "enforce_statfs")
                #expect(words.output == "false false 1\n", "\(words)")
                machine.stop()
                let quiet = machine.jailrun("start", "-q", machine.conf)
                #expect(quiet.status == 0 && quiet.errors == "", "\(quiet)")
                machine.stop()
                let created = machine.link("jail", "-f", machine.conf, "-c")
                #expect(created.errors.contains("jail: t: osrelease has no effect"), "\(created)")
                machine.remove()
            }
        }

        @Test("in the host's network a jail of ids of its own is told what it does not get") func inherit() throws {
            try Machine.with { machine in
                let network = "persist; ip4 = inherit; ip6 = inherit; allow.raw_sockets;"
                machine.configure(network)
                let started = machine.jailrun("start", machine.conf)
                #expect(started.status == 0, "\(started)")
                #expect(started.errors.contains("allow.raw_sockets is not granted"), "\(started)")
                #expect(started.errors.contains("ports below 1024 cannot be bound"), "\(started)")
                #expect(machine.link("jls", "allow.raw_sockets", "allow.reserved_ports").output == "false false\n")
                let posture = machine.jailrun("check", "--posture", machine.conf)
                #expect(!posture.output.contains("CAP_NET_RAW"), "\(posture)")
                machine.stop()
                machine.configure("\(network) userns = host;")
                let host = machine.jailrun("start", machine.conf)
                #expect(host.status == 0 && !host.errors.contains("not granted"), "\(host)")
                #expect(machine.link("jls", "allow.raw_sockets", "allow.reserved_ports").output == "true true\n")
                machine.stop()
            }
        }

        @Test("df inside lists no file system that only covers something") func covers() throws {
            try Machine.with { machine in
                let listed = machine.run("cat /proc/self/mounts")
                #expect(listed.output.contains(" /proc/keys tmpfs "), "\(listed)")
                let shown = machine.run("df", "host.hostuuid = 01234567-89ab-cdef-0123-456789abcdef;")
                let places = shown.lines.compactMap { $0.split(separator: " ").last }.dropFirst()
                #expect(shown.status == 0 && !places.isEmpty, "\(shown)")
                #expect(places.allSatisfy { !$0.hasPrefix("/proc/") && !$0.hasPrefix("/sys/") }, "\(shown)")
            }
        }

        // MARK: Interfaces

        @Test("exec.poststop finds the interface that the jail had, as whoever destroys it there expects")
        func poststop()
            throws
        {
            try Machine.with { machine in
                try machine.withPair {
                    machine.configure(
                        "vnet; vnet.interface = jt1; persist; exec.poststop = \"ip link delete jt1\";")
                    #expect(machine.jailrun("start", machine.conf).status == 0)
                    let stopped = machine.jailrun("stop", "t")
                    #expect(stopped.status == 0 && stopped.errors == "", "\(stopped)")
                    #expect(!machine.links.contains("jt1") && !machine.links.contains("jt0"))
                }
            }
        }

        @Test("an interface that was renamed inside comes back by its own name, though another has taken that")
        func renamed() throws {
            try Machine.with { machine in
                try machine.withPair {
                    let index = machine.read("/sys/class/net/jt1/iflink")
                    machine.configure(
                        """
                        vnet; vnet.interface = jt1; persist;
                        exec.start = "ip link set jt1 name vnet0; ip link set vnet0 up; ip link add jt1 type bridge";
                        """)
                    let started = machine.jailrun("start", machine.conf)
                    #expect(started.status == 0, "\(started)")
                    let stopped = machine.jailrun("stop", "t")
                    #expect(stopped.status == 0 && stopped.errors == "", "\(stopped)")
                    #expect(machine.links.contains("jt1") && !machine.links.contains("vnet0"), "\(machine.links)")
                    // Still the other end of its pair.
                    #expect(machine.read("/sys/class/net/jt1/iflink") == index)
                }
            }
        }
    }
}
