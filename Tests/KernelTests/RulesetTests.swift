import Foundation
import Glibc
import Testing

extension Kernel {
    /// A ruleset of one's own in /etc/devfs.rules, as devfs.rules(5) describes it, and the `/dev` that comes of it.
    @Suite struct RulesetTests {
        /// With these rules in /etc/devfs.rules, which in a lab that has examples is an overlay.
        private func withRules(_ text: String, _ body: () -> Void) throws {
            let path = "/etc/devfs.rules"
            let mounts = try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)
            try #require(
                Laboratory.isVirtualMachine || mounts.contains(" /etc "), "no lab with an /etc of its own (-e www)")
            let old = try? String(contentsOfFile: path, encoding: .utf8)
            try? text.write(toFile: path, atomically: false, encoding: .utf8)
            defer {
                if let old { try? old.write(toFile: path, atomically: false, encoding: .utf8) } else { unlink(path) }
            }
            body()
        }

        @Test("rules that others can write are refused, as a configuration is") func writable() throws {
            try Machine.with { machine in
                try withRules("[t=904]\nadd hide\n") {
                    chmod("/etc/devfs.rules", 0o666)
                    defer { chmod("/etc/devfs.rules", 0o644) }
                    let outcome = machine.ask("devices", "mount.devfs;")
                    #expect(outcome.status == 125 && outcome.errors.contains("/etc/devfs.rules: refused"), "\(outcome)")
                    let check = machine.jailrun("check", machine.conf)
                    #expect(check.status == 65 && check.errors.contains("/etc/devfs.rules: refused"), "\(check)")
                }
            }
        }

        @Test("rules that a jail without /dev does not ask for are not read, be they wrong") func unasked() throws {
            try Machine.with { machine in
                try withRules("no rule\n") {
                    let outcome = machine.run("/bin/true", "mount.nodevfs;")
                    #expect(outcome.status == 0, "\(outcome)")
                    let check = machine.jailrun("check", machine.conf)
                    #expect(check.status == 0 && !check.errors.contains("devfs.rules"), "\(check)")
                    let asked = machine.run("/bin/true", "mount.nodevfs; devfs_ruleset = 5;")
                    #expect(asked.status == 125 && asked.errors.contains("/etc/devfs.rules"), "\(asked)")
                }
            }
        }

        private func devices(_ answer: Outcome) -> [String] {
            answer.lines.filter { $0.contains(" char ") || $0.contains(" block ") }.sorted()
        }

        @Test("modes, owners, patterns, hiding again: node by node what the rules say") func nodes() throws {
            try Machine.with { machine in
                let rules = """
                    [probe_base=900]
                    add hide
                    add path null unhide mode 0600
                    add path 'u*dom' unhide user 1 group 5
                    add path 'z[a-f]ro' unhide
                    add path '*andom' mode 0444
                    [probe_rules=901]
                    add include $probe_base
                    add path full unhide mode 0640 group tty
                    add path tty unhide
                    add path tty hide
                    add path fd unhide

                    """
                try withRules(rules) {
                    let answer = machine.ask("devices", "mount.devfs; devfs_ruleset = probe_rules;")
                    #expect(
                        devices(answer) == [
                            "full char 1:7 0640 0:5", "null char 1:3 0600 0:0", "urandom char 1:9 0444 1:5",
                            "zero char 1:5 0666 0:0",
                        ], "\(answer)")
                    #expect(answer.lines.contains("fd -> /proc/self/fd"))
                    #expect(!answer.lines.contains { $0.hasPrefix("pts") || $0.hasPrefix("stdin") }, "\(answer)")
                    #expect(machine.ask("open /dev/null", "mount.devfs; devfs_ruleset = 901;").status == 0)
                    let user = "mount.devfs; devfs_ruleset = 901; exec.jail_user = user;"
                    #expect(machine.ask("open /dev/null", user)["open"] == ["EACCES"])
                    #expect(machine.ask("open /dev/zero", user)["open"] == ["ok"])
                }
            }
        }

        @Test("a device of the host that the rules show works, and its neighbours are not there") func hostDevice()
            throws
        {
            try Machine.with { machine in
                var status = stat()
                try #require(lstat("/dev/kmsg", &status) == 0 || mknod("/dev/kmsg", S_IFCHR | 0o644, 0x10b) == 0)
                try withRules("[probe_kmsg=902]\nadd hide\nadd path klog unhide mode 0604\n") {
                    let answer = machine.ask("devices", "mount.devfs; devfs_ruleset = 902;")
                    #expect(devices(answer) == ["kmsg char 1:11 0604 0:0"], "\(answer)")
                }
            }
        }

        @Test("the folders of /dev belong to the jail's root, the queues of mq_overview(7) among them") func folders()
            throws
        {
            try Machine.with { machine in
                let answer = machine.ask("devices", "mount.devfs;")
                for line in [
                    "mqueue directory 1777 0:0", "shm directory 1777 0:0", "pts directory 0755 0:0",
                    "pts/ptmx char 5:2 0666 0:0",
                ] { #expect(answer.lines.contains(line), "\(line) in \(answer)") }
                #expect(answer.lines.allSatisfy { $0.contains(" -> ") || $0.hasSuffix(" 0:0") }, "\(answer)")
            }
        }

        @Test("an unknown user of a rule stops the start, with the rule's line") func unknownUser() throws {
            try Machine.with { machine in
                try withRules("[probe_bad=903]\nadd hide\nadd path null unhide user no_such_user\n") {
                    let outcome = machine.ask("devices", "mount.devfs; devfs_ruleset = 903;")
                    #expect(outcome.status == 125 && outcome.errors.contains("/etc/devfs.rules:3"), "\(outcome)")
                    #expect(outcome.errors.contains("no_such_user"))
                }
            }
        }
    }
}
