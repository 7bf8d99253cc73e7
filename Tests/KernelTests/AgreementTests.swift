import Foundation
import Glibc
import Testing

extension Kernel {
    /// `check` finds what a start would object to, and nothing else.
    @Suite struct AgreementTests {
        /// What is wrong with a jail. ROOT is its root, DIR a folder beside it that has the folder `empty` and the file `file`.
        static let defects = [
            "path = DIR/none;", "path = DIR/file;",
            "exec.jail_user = usr;",
            "exec.system_jail_user; exec.jail_user = rooot;", "exec.system_user = rooot;",
            "mount = \"DIR/none ROOT/var nullfs rw\";", "mount = \"DIR/none.img ROOT/var ext4 ro\";",
            "mount = \"DIR/empty ROOT/none nullfs rw\";", "mount = \"tmpfs ROOT/none tmpfs rw\";",
            "mount = \"DIR/empty ROOT/link nullfs rw\";", "mount = \"DIR/empty ROOT/bin/sh nullfs rw\";",
            "mount = \"DIR/file ROOT/var nullfs ro\";", "mount = \"DIR/file ROOT/etc/none nullfs ro\";",
            "mount = \"overlay ROOT/var overlay lowerdir=DIR/none,ro\";",
            "mount = \"overlay ROOT/var overlay lowerdir=DIR/empty:DIR/file,ro\";",
            "mount = \"overlay ROOT/var overlay lowerdir=DIR/empty,upperdir=DIR/none,workdir=DIR/work\";",
            "mount = \"DIR/none ROOT/var unionfs ro\";",
            "mount.procfs; path = DIR/empty;", "mount.devfs; path = DIR/empty;",
            "mount.resolvconf; path = DIR/empty;",
            "env = words; mount.nodevfs;",
            "devfs_ruleset = no_such_rules;", "devfs_ruleset = 77;",
            "seccomp = DIR/none.json;", "seccomp = DIR/file;",
            "allow.read_msgbuf;",
            "cgroup.dmem.max = 64M;", "cgroup.rdma.max = \"mlx hca_handle=1\";",
            "interface = nolink0; ip4.addr = 192.0.2.77;", "interface = lo; ip4.addr = 192.0.2.77;",
            "vnet; vnet.interface = nolink0;", "ip4.addr = 127.0.0.1;", "ip4.addr = 10.77.9.0/24;",
            "ip4.addr = 192.0.2.77; port = \"203.0.113.9:8080:80\";",
            "ip4.addr = 192.0.2.77; port = \"PORT:80\";",
            "ip4.addr = 192.0.2.77; port = \"127.0.0.1:PORT:80/tcp\";",
            "sysctl.net.ipv4.no_such_parameter = 1;", "ulimit.nofile = 2000000000;", "ulimit.nofile = unlimited;",
            "ip_hostname; host.hostname = no-such-name.invalid; interface = lo;",
        ]

        /// What changes nothing about it.
        static let surroundings = [
            "", "persist;", "root.ephemeral; exec.poststop = \"/bin/true\";",
            "mount += \"tmpfs ROOT/tmp tmpfs size=1m\"; exec.clean = false; stop.timeout = 1;",
        ]

        private func fill(_ text: String, _ machine: Machine, port: Int) -> String {
            text.replacing("ROOT", with: machine.root).replacing("DIR", with: machine.directory)
                .replacing("PORT", with: String(port))
        }

        private func prepare(_ machine: Machine) {
            for name in ["empty", "work"] { mkdir("\(machine.directory)/\(name)", 0o755) }
            machine.write("no profile\n", to: "\(machine.directory)/file")
            symlink("var", "\(machine.root)/link")
        }

        /// A defect may not be one where the machine has what others lack.
        private func isHarmless(_ defect: String, _ machine: Machine) -> Bool {
            let controllers = machine.read("\(Remains.cgroupMount)/cgroup.controllers")
            if defect.hasPrefix("allow.read_msgbuf") {
                return machine.read("/proc/sys/kernel/dmesg_restrict").hasPrefix("0")
            }
            return ["dmem", "rdma"].contains { defect.hasPrefix("cgroup.\($0)") && controllers.contains($0) }
        }

        /// `FILE:LINE:COLUMN` and the text behind the jail's name, of a start's first error.
        private func objection(_ outcome: Outcome, _ machine: Machine) -> (place: String, text: String)? {
            let prefix = "jailrun: \(machine.conf):"
            guard let line = outcome.errors.split(separator: "\n").first(where: { $0.hasPrefix(prefix) }),
                let jail = line.range(of: ": t: ")
            else { return nil }
            return (String(line[..<jail.lowerBound].dropFirst("jailrun: ".count)), String(line[jail.upperBound...]))
        }

        @Test("check objects to what a start objects to, at the same place and in the same words", arguments: defects)
        func agreement(defect: String) throws {
            try Machine.with { machine in
                prepare(machine)
                try listening { port in
                    let all = isHarmless(defect, machine) ? [] : Self.surroundings
                    for surrounding in Laboratory.some(all) where !defect.contains("path = ") || surrounding.isEmpty {
                        let root = defect.contains("path = ") ? "" : "path = \"\(machine.root)\";"
                        let body = fill("\(surrounding)\n    \(defect)", machine, port: port)
                        machine.write("t {\n    \(root) command = \"/bin/true\";\n    \(body)\n}\n", to: machine.conf)
                        let check = machine.jailrun("check", machine.conf)
                        for verb in ["run", "start"] {
                            let start = machine.jailrun(verb, machine.conf)
                            #expect(start.status == 125 && check.status == 65, "\(body)\n\(start)\n\(check)")
                            let said = try #require(objection(start, machine), "\(start)")
                            #expect(check.errors.contains(said.place), "\(start)\n\(check)")
                            #expect(check.errors.contains(said.text), "\(start)\n\(check)")
                        }
                    }
                }
            }
        }

        @Test("what check finds nothing wrong with starts", arguments: surroundings)
        func soundness(surrounding: String) throws {
            try Machine.with { machine in
                prepare(machine)
                let body = fill("\(surrounding)\n    mount += \"DIR/empty ROOT/var nullfs rw\";", machine, port: 0)
                machine.write(
                    "t {\n    path = \"\(machine.root)\"; command = \"/bin/true\";\n    \(body)\n}\n", to: machine.conf)
                let check = machine.jailrun("check", "-q", machine.conf)
                #expect(check.status == 0 && check.errors == "", "\(check)")
                let verb = surrounding.contains("persist") ? "start" : "run"
                let start = machine.jailrun(verb, machine.conf)
                #expect(start.status == 0, "\(start)")
                if verb == "start" {
                    // What is up has what it needs: the file can be checked for the next start.
                    let again = machine.jailrun("check", "-q", machine.conf)
                    #expect(again.status == 0 && again.errors == "", "\(again)")
                    machine.stop()
                }
            }
        }

        @Test("check tells every defect of a jail at once, where a start tells the first")
        func all() throws {
            try Machine.with { machine in
                prepare(machine)
                let defects = [
                    "exec.jail_user = usr;", "mount = \"DIR/none ROOT/var nullfs rw\";", "devfs_ruleset = 77;",
                    "seccomp = DIR/none.json;", "interface = nolink0; ip4.addr = 192.0.2.77;",
                ]
                let body = fill(defects.joined(separator: "\n"), machine, port: 0)
                machine.write("t { path = \"\(machine.root)\"; persist;\n\(body)\n}\n", to: machine.conf)
                let check = machine.jailrun("check", machine.conf)
                for line in 2...6 { #expect(check.errors.contains("\(machine.conf):\(line):"), "\(check)") }
                let start = machine.jailrun("start", machine.conf)
                #expect(start.errors.split(separator: "\n").count { $0.contains("jail.conf:") } == 1, "\(start)")
            }
        }

        /// With a program of the host that listens on a port.
        private func listening(_ body: (Int) throws -> Void) throws {
            let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(listener) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            try withUnsafeMutablePointer(to: &address) { pointer in
                try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                    try #require(bind(listener, name, size) == 0 && listen(listener, 1) == 0)
                    try #require(getsockname(listener, name, &size) == 0)
                }
            }
            try body(Int(UInt16(bigEndian: address.sin_port)))
        }
    }
}
