import Foundation
import Glibc
import Testing

extension Kernel {
    /// `mount.resolvconf`: jails that call each other by name.
    @Suite struct NameTests {
        private static func configure(_ machine: Machine, _ parameters: String = "root.ephemeral;") {
            machine.write(
                """
                path = "\(machine.root)"; persist; mount.resolvconf; \(parameters)
                exec.start = "/bin/sh -c 'mkdir -p /tmp/www && hostname >/tmp/www/index.html && httpd -h /tmp/www'";
                db { host.hostname = db.example.org; ip4.addr = 10.77.0.10; ip6.addr = "fd77::10"; }
                web { ip4.addr = 10.77.0.11; ip6.addr = "fd77::11"; nat; }

                """, to: machine.conf)
        }

        private static func get(_ machine: Machine, from jail: String, _ name: String) -> String {
            machine.jailrun("exec", jail, "/bin/sh", "-c", "wget -q -O - http://\(name)/").output
                .trimmingCharacters(in: .newlines)
        }

        @Test("two jails reach each other by name and hostname, and nothing is written to their root")
        func names() throws {
            try Machine.with { machine in
                Self.configure(machine)
                let started = machine.jailrun("start", machine.conf)
                try #require(started.status == 0, "\(started)")
                for name in ["db", "db.example.org", "[fd77::10]"] {
                    #expect(Self.get(machine, from: "web", name) == "db.example.org", "\(name)")
                }
                for name in ["web", "10.77.0.11", "[fd77::11]"] {
                    #expect(Self.get(machine, from: "db", name) == "web", "\(name)")
                }
                #expect(Self.get(machine, from: "web", "web") == "web")
                #expect(machine.jailrun("exec", "db", "cat", "/etc/hostname").output == "db.example.org\n")
                let attempt = machine.jailrun("exec", "db", "/bin/sh", "-c", "echo x >>/etc/hosts || rm /etc/hosts")
                #expect(attempt.status != 0)
                #expect(machine.jailrun("stop", machine.conf).status == 0)
                for file in ["hosts", "hostname", "resolv.conf"] {
                    #expect(access("\(machine.root)/etc/\(file)", F_OK) != 0, "\(file)")
                }
            }
        }

        @Test("in two instances at once each name leads to the jail of the same instance")
        func instances() throws {
            try Machine.with { machine in
                Self.configure(machine)
                for name in ["a", "b"] {
                    let started = machine.jailrun("start", "--instance", name, machine.conf)
                    try #require(started.status == 0, "\(started)")
                }
                var found: [String] = []
                for name in ["a", "b"] {
                    #expect(Self.get(machine, from: "\(name)-web", "db") == "db.example.org")
                    let hosts = machine.jailrun("exec", "\(name)-web", "cat", "/etc/hosts").lines
                    let line = try #require(hosts.first { $0.hasSuffix("\tdb.example.org db") }, "\(hosts)")
                    found.append(String(line.split(separator: "\t")[0]))
                    #expect(machine.jailrun("list").output.contains("\(found.last ?? "") "), "\(found)")
                }
                #expect(found[0] != found[1])
                for name in ["a", "b"] { _ = machine.jailrun("stop", "--instance", name, machine.conf) }
            }
        }

        @Test("a link in the root is covered itself, wherever it leads, and the link stays")
        func link() throws {
            try Machine.with { machine in
                let link = "\(machine.root)/etc/resolv.conf"
                let bait = "\(machine.directory)/bait"
                machine.write("mine\n", to: bait)
                machine.write("", to: "\(machine.root)/etc/hosts")
                for target in ["../run/systemd/resolve/stub-resolv.conf", "/../../../..\(bait)", bait, "resolv.conf"] {
                    unlink(link)
                    try #require(symlink(target, link) == 0)
                    let answer = machine.run(
                        "/bin/sh -c 'test ! -L /etc/resolv.conf && head -c 1 /etc/resolv.conf; cat /etc/hosts'",
                        "mount.resolvconf; ip4.addr = 10.77.0.10;")
                    #expect(
                        answer.lines == [
                            "#127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback", "10.77.0.10\tt",
                        ], "\(target): \(answer)")
                }
                #expect(machine.read(bait) == "mine\n")
                #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == "resolv.conf")
                #expect(machine.read("\(machine.root)/etc/hosts") == "")
            }
        }

        @Test("a root that keeps what is written to it is not written to: without the file there is no start")
        func missing() throws {
            try Machine.with { machine in
                let outcome = machine.run("/bin/true", "mount.resolvconf;")
                #expect(outcome.status == 125)
                #expect(outcome.errors.contains("the root has no file /etc/hosts to cover"), "\(outcome)")
                #expect(outcome.errors.contains("touch \(machine.root)/etc/hosts"), "\(outcome)")
            }
        }

        @Test("check says which port a jail that is up has")
        func ports() throws {
            try Machine.with { machine in
                machine.configure("persist; ip4.addr = 10.77.0.10; port = \"8080:80\";")
                try #require(machine.jailrun("start", machine.conf).status == 0)
                #expect(machine.jailrun("check", machine.conf).status == 0, "its own")
                machine.configure("persist; ip4.addr = 10.77.0.11; port = \"127.0.0.1:8080:80\";", name: "u")
                let outcome = machine.jailrun("check", machine.conf)
                #expect(outcome.status == 65)
                #expect(outcome.errors.contains("port 127.0.0.1:8080/tcp: taken by jail \"t\""), "\(outcome)")
                machine.stop()
            }
        }
    }
}
