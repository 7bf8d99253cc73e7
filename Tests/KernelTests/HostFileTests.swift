import Foundation
import Glibc
import Testing

extension Kernel {
    /// Files of the host that a jail can name: logs, roots and the sources of mounts, where root inside can put links.
    @Suite struct HostFileTests {
        /// A folder that jail `t` writes to, with `logs` in it, and one outside that no jail has.
        private func withShare(_ body: (Machine, _ share: String, _ outside: String) throws -> Void) throws {
            try Machine.with { machine in
                let (share, outside) = ("\(machine.directory)/share", "\(machine.directory)/outside")
                _ = Command.shell("mkdir -p '\(share)/logs' '\(outside)' '\(machine.root)/sh'").run()
                try body(machine, share, outside)
            }
        }

        private static let swap = "mv /sh/logs /sh/old && ln -s"

        private func names(_ folder: String) -> [String] {
            ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? ["unreadable"]).sorted()
        }

        @Test("a log whose folder root inside swaps for a link stays in its folder, however often it is rotated")
        func logFolder() throws {
            try withShare { machine, share, outside in
                machine.write("kept\n", to: "\(outside)/t.log")
                machine.configure(
                    """
                    mount = "\(share) $path/sh nullfs rw 0 0"; log.file = "\(share)/logs/t.log"; log.size = 4096;
                        log.keep = 2; exec.start = "\(Self.swap) \(outside) /sh/logs; echo swapped; seq 1 3000; echo end";
                        persist;
                    """)
                let start = machine.jailrun("start", machine.conf)
                #expect(start.status == 0, "\(start)")
                defer { machine.stop() }
                #expect(eventually { machine.read("\(share)/old/t.log").contains("end") })
                #expect(names(outside) == ["t.log"])
                #expect(machine.read("\(outside)/t.log") == "kept\n")
                #expect(names("\(share)/old") == ["t.log", "t.log.1", "t.log.2"])
            }
        }

        @Test(
            "a log below a link that root inside made is refused, and nothing is made behind it",
            arguments: ["log.file", "exec.consolelog"])
        func logLink(parameter: String) throws {
            try withShare { machine, share, outside in
                let mount = "mount = \"\(share) $path/sh nullfs rw 0 0\";"
                let swap = machine.run("\(Self.swap) \(outside) /sh/logs", mount)
                #expect(swap.status == 0, "\(swap)")
                machine.configure(
                    "\(mount) \(parameter) = \"\(share)/logs/t.log\"; exec.start = \"echo secret\"; persist;")
                let start = machine.jailrun("start", machine.conf)
                defer { if start.status == 0 { machine.stop() } }
                #expect(start.status == 125, "\(start)")
                #expect(
                    start.errors.contains("the link \(share)/logs lies where root of jail \"t\" can write"), "\(start)")
                let check = machine.jailrun("check", machine.conf)
                #expect(check.status != 0 && check.errors.contains("\(share)/logs lies where"), "\(check)")
                #expect(names(outside) == [])
            }
        }

        @Test("logs shows no file that a link in the log's folder leads to") func readLog() throws {
            try withShare { machine, share, outside in
                machine.write("secret\n", to: "\(outside)/t.log")
                machine.configure(
                    """
                    mount = "\(share) $path/sh nullfs rw 0 0"; log.file = "\(share)/logs/t.log";
                        exec.start = "\(Self.swap) \(outside) /sh/logs; echo own"; persist;
                    """)
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                #expect(eventually { machine.read("\(share)/old/t.log").contains("own") })
                let logs = machine.jailrun("logs", "t")
                #expect(!logs.output.contains("secret"), "\(logs)")
            }
        }

        // MARK: Roots and sources

        /// A second jail, `b`, with a root of its own beside the first's.
        private func other(_ machine: Machine, _ parameters: String, path: String? = nil) -> Outcome {
            let root = "\(machine.directory)/b"
            _ = Command.shell("cp -al '\(machine.root)' '\(root)'").run()
            let conf = "\(machine.directory)/b.conf"
            machine.write("b { path = \"\(path ?? root)\"; \(parameters) }\n", to: conf)
            return machine.jailrun("run", "-q", conf)
        }

        private func withSecret(_ body: (Machine, _ secret: String) throws -> Void) throws {
            try Machine.with { machine in
                let secret = "\(machine.directory)/secret"
                _ = Command.shell("mkdir -m 700 '\(secret)'; mkdir '\(machine.root)/var/d' '\(machine.root)/mnt'").run()
                machine.write("0600 of the host\n", to: "\(secret)/file")
                try body(machine, secret)
            }
        }

        @Test(
            "a mount's source behind a link of another jail's root is refused, whether that jail is up or in the file")
        func sourceLink() throws {
            try withSecret { machine, secret in
                machine.configure("exec.start = \"ln -s \(secret) /var/link\"; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let mount = "mount = \"\(machine.root)/var/link $path/mnt nullfs ro 0 0\"; command = \"cat /mnt/file\";"
                let beside = other(machine, mount)
                #expect(beside.status == 125 && beside.output == "", "\(beside)")
                #expect(
                    beside.errors.contains("\(machine.root)/var/link lies where root of jail \"t\" can write"),
                    "\(beside)")
                machine.stop()
                let both = "\(machine.directory)/both.conf"
                machine.write(
                    "t { path = \"\(machine.root)\"; persist; }\nb { path = \"\(machine.directory)/b\"; \(mount) }\n",
                    to: both)
                let check = machine.jailrun("check", both)
                #expect(check.status != 0 && check.errors.contains("can write"), "\(check)")
            }
        }

        @Test("a mount's source behind a link of a user of the host is refused, and behind one of root's mounted")
        func ownedLink() throws {
            try withSecret { machine, secret in
                let link = "\(machine.directory)/link"
                _ = Command.shell("ln -s '\(secret)' '\(link)'").run()
                let mount = "mount = \"\(link) $path/mnt nullfs ro 0 0\"; command = \"cat /mnt/file\";"
                let own = other(machine, mount)
                #expect(own.output == "0600 of the host\n", "\(own)")
                _ = Command.shell("chown -h 12345 '\(link)'; rm -rf '\(machine.directory)/b'").run()
                let others = other(machine, mount)
                #expect(others.status == 125 && others.errors.contains("\(link) belongs to user 12345"), "\(others)")
            }
        }

        @Test("while root inside swaps a folder for a link, another jail mounts what is there, or nothing")
        func swapped()
            throws
        {
            try withSecret { machine, secret in
                let folder = "\(machine.root)/var/d"
                machine.write("own\n", to: "\(folder)/file")
                _ = Command.shell(
                    "ln -s '\(secret)' '\(machine.root)/var/l'; cp -al '\(machine.root)' '\(machine.directory)/b'"
                ).run()
                machine.configure("persist; exec.start = \"/bin/probe exchange /var/d /var/l &\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let conf = "\(machine.directory)/b.conf"
                machine.write(
                    "b { path = \"\(machine.directory)/b\"; mount = \"\(folder) $path/mnt nullfs ro 0 0\"; "
                        + "command = \"cat /mnt/file\"; }\n", to: conf)
                var seen: [String: Int] = [:]
                for _ in 0..<(Laboratory.isVirtualMachine ? 20 : 60) {
                    let run = machine.jailrun("run", "-q", conf)
                    seen[run.status == 125 ? "refused" : run.output, default: 0] += 1
                }
                #expect(seen.keys.sorted().allSatisfy { ["own\n", "refused"].contains($0) }, "\(seen)")
            }
        }

        @Test("a root in another jail's root is refused, either way round, unless the jail is nested in the other")
        func rootInRoot() throws {
            try Machine.with { machine in
                let inner = "\(machine.root)/var/inner"
                _ = Command.shell("mkdir '\(inner)' && cp -al '\(machine.root)/bin' '\(inner)/bin'").run()
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                let conf = "\(machine.directory)/in.conf"
                machine.write("in { path = \"\(inner)\"; persist; }\n", to: conf)
                let inside = machine.jailrun("start", conf)
                #expect(inside.status == 125 && inside.errors.contains("overlap"), "\(inside)")
                machine.write("t.nested { path = \"\(inner)\"; persist; }\n", to: conf)
                let nested = machine.jailrun("start", conf)
                #expect(nested.status == 0, "\(nested)")
                machine.stop()
                machine.write("in { path = \"\(inner)\"; persist; }\n", to: conf)
                #expect(machine.jailrun("start", conf).status == 0)
                let around = machine.jailrun("start", machine.conf)
                #expect(around.status == 125 && around.errors.contains("overlap"), "\(around)")
                machine.stop("in")
                machine.write(
                    "t { path = \"\(machine.root)\"; persist; }\nin { path = \"\(inner)\"; persist; }\n", to: conf)
                let check = machine.jailrun("check", conf)
                #expect(check.status != 0 && check.errors.contains("overlap"), "\(check)")
            }
        }

        // MARK: Who reaches what root inside makes

        @Test(
            "a root that users of the host can reach is warned of by start and check, and counted, until its folder is closed"
        )
        func reachable() throws {
            try Machine.with { machine in
                chmod(machine.directory, 0o755)
                machine.configure("command = \"true\";")
                let words = "users of the host can reach \(machine.root)"
                let run = machine.jailrun("run", machine.conf)
                #expect(run.status == 0 && run.errors.contains(words), "\(run)")
                #expect(run.errors.contains("chmod 700 \(machine.directory)"), "\(run)")
                let check = machine.jailrun("check", machine.conf)
                #expect(check.status == 0 && (check.output + check.errors).contains(words), "\(check)")
                let posture = machine.jailrun("check", "--posture", machine.conf)
                #expect(posture.output.contains("set-user-id program"), "\(posture)")
                chmod(machine.directory, 0o700)
                let closed = machine.jailrun("run", machine.conf)
                #expect(closed.status == 0 && !closed.errors.contains("users of the host"), "\(closed)")
                chmod(machine.directory, 0o755)
                machine.configure("command = \"true\"; root.ephemeral;")
                #expect(!machine.jailrun("run", machine.conf).errors.contains("users of the host"))
            }
        }

        // MARK: The host's own root

        @Test("with path = / root inside finds nothing that is root's alone, and what root.unmask names")
        func hostRoot()
            throws
        {
            try Machine.with { machine in
                let folder = "/var/jailrun-test-\(getpid())"
                _ = Command.shell("mkdir -m 755 '\(folder)' '\(folder)/open'; mkdir -m 700 '\(folder)/closed'").run()
                defer { _ = Command.shell("rm -rf '\(folder)'").run() }
                for (name, mode) in [("open/key", 0o600), ("open/list", 0o644), ("closed/any", 0o644)] {
                    machine.write("\(name) of the host\n", to: "\(folder)/\(name)")
                    chmod("\(folder)/\(name)", mode_t(mode))
                }
                func look(_ parameters: String) -> Outcome {
                    machine.write(
                        "h { path = \"/\"; root.ephemeral; \(parameters) command = \"cd \(folder); cat open/key open/list; "
                            + "cat closed/any; cat /etc/shadow | wc -c; ls -A /root | wc -l; touch closed/own /root/own\"; }\n",
                        to: machine.conf)
                    return machine.jailrun("run", machine.conf)
                }
                let hidden = look("")
                #expect(hidden.lines == ["open/list of the host", "0", "0"], "\(hidden)")
                let named = look("root.unmask = \"\(folder)/open/key\", \"\(folder)/closed\";")
                #expect(
                    named.lines.prefix(3) == [
                        "open/key of the host", "open/list of the host", "closed/any of the host",
                    ], "\(named)")
                let all = look("root.unmask = /;")
                #expect(all.lines.count == 5 && all.lines[3] != "0", "\(all)")
                let inside = look("root.unmask = \"\(folder)/closed/any\";")
                #expect(inside.status == 125 && inside.errors.contains("which is hidden as a whole"), "\(inside)")
                #expect(access("\(folder)/closed/own", F_OK) != 0)
                let posture = machine.jailrun("check", "--posture", machine.conf)
                #expect(posture.output.contains("read what only root may read"), "\(posture)")
            }
        }
    }
}
