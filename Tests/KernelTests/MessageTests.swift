import Foundation
import Glibc
import Testing

extension Kernel {
    /// What is said when something cannot be done: in the words of whoever asked, with the cause that it has.
    @Suite struct MessageTests {
        private func inside(_ body: (Machine) throws -> Void) throws {
            try Machine.with { machine in
                machine.configure("persist;")
                let outcome = machine.jailrun("start", machine.conf)
                #expect(outcome.status == 0, "\(outcome)")
                defer { machine.stop() }
                try body(machine)
            }
        }

        @Test("exec speaks of the options that were typed, not of parameters or system calls") func options() throws {
            try inside { machine in
                for (words, said) in [
                    (["-u", "nosuch"], "t: -u nosuch: no such user in the jail\n    hint: "),
                    (["-u", "1000000"], "t: -u 1000000: Invalid argument\n    hint: the jail has no such id"),
                    (["-w", "/nowhere"], "t: -w /nowhere: No such file or directory\n"),
                    (["-w", "/etc/passwd"], "t: -w /etc/passwd: Not a directory\n"),
                    (["-e", "NAME"], "-e NAME: not of the form NAME=VALUE"),
                ] {
                    let outcome = Command([Laboratory.program, "exec"] + words + ["t", "true"]).run()
                    #expect(outcome.status != 0 && outcome.errors.contains(said), "\(outcome)")
                    #expect(!outcome.errors.contains("exec.") && !outcome.errors.contains("step "), "\(outcome)")
                }
            }
        }

        /// Few descriptors: wherever they run out, a jail that is up is not said to be missing, and stays up.
        @Test("what could not be looked up is not called missing, and not removed") func lookup() throws {
            try inside { machine in
                for verb in [
                    "exec t true", "exec -u user t true", "inspect t", "ps t", "stats t", "logs t", "list", "prune",
                ] {
                    for limit in 4...16 {
                        let line = "ulimit -n \(limit); exec '\(Laboratory.program)' \(verb)"
                        let outcome = Command.shell(line).run()
                        let said = outcome.errors
                        #expect(
                            !said.contains("not found") && !said.contains("no such"), "\(limit) \(verb): \(outcome)")
                    }
                }
                #expect(machine.jailrun("exec", "t", "echo", "here").output == "here\n")
                let name = Command.shell("ulimit -n 8; exec '\(Laboratory.program)' stop tt").run()
                #expect(name.status == 125 && !name.errors.contains("did you mean"), "\(name)")
            }
        }

        @Test("without root each verb says that it needs it, before anything else")
        func root() throws {
            try inside { machine in
                chmod(machine.directory, 0o755)
                let user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
                let program = "\(machine.directory)/jailrun"
                _ = Command.shell("cp '\(Laboratory.program)' '\(program)'; chmod 755 '\(program)'").run()
                for verb in [
                    "/nothing.conf", "start /nothing.conf", "stop t", "restart t", "list", "exec t true", "ps t",
                    "logs t",
                    "stats", "top", "inspect t", "wait t", "prune",
                ] {
                    let outcome = Command(user + [program] + verb.split(separator: " ").map(String.init)).run()
                    #expect(outcome.status == 125 && outcome.output == "", "\(verb): \(outcome)")
                    #expect(outcome.errors.hasPrefix("jailrun: this needs root (or see "), "\(verb): \(outcome)")
                    #expect(
                        outcome.errors.contains("hint: use sudo; check, explain, params and --dry-run"), "\(outcome)")
                }
                for verb in ["check", "explain", "--dry-run"] {
                    let outcome = Command(user + [program, verb, machine.conf]).run()
                    #expect(outcome.status == 0 && !outcome.errors.contains("needs root"), "\(verb): \(outcome)")
                }
            }
        }

        @Test("a run that is refused because the jail is up does not show that jail's console as its own")
        func console()
            throws
        {
            try Machine.with { machine in
                machine.configure("persist; exec.start = \"echo the words of the first\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                #expect(machine.jailrun("logs", "t").output == "the words of the first\n")
                let second = machine.jailrun(machine.conf, "--", "true")
                #expect(second.status == 125 && second.errors.contains("\"t\" already exists"), "\(second)")
                #expect(!second.errors.contains("the words of the first"), "\(second)")
            }
        }

        @Test("an option behind the jail is no command, and the hint says where options go") func misplaced() throws {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let outcome = machine.jailrun("exec", "t", "-u", "nobody", "id")
                #expect(outcome.status == 127, "\(outcome)")
                #expect(outcome.errors.contains("hint: options go before the jail"), "\(outcome)")
                #expect(!machine.jailrun("exec", "t", "/no/such").errors.contains("options go"))
            }
        }

        @Test("in a chroot the hint says that it is one, whoever refuses") func chroot() throws {
            try Machine.with { machine in
                machine.configure("command = \"echo inside\";")
                let tree = "\(machine.directory)/tree"
                let enter = """
                    mkdir -p '\(tree)'; mount --rbind / '\(tree)'; mount --make-rslave '\(tree)'
                    chroot '\(tree)' '\(Laboratory.program)' '\(machine.conf)'; status=$?
                    umount -l '\(tree)'; exit $status
                    """
                let refused = Command.shell(enter).run()
                #expect(
                    refused.status == 125 && refused.errors.contains("hint: jailrun runs in a chroot(2)"), "\(refused)")
                machine.configure("command = \"echo inside\"; userns = host;")
                let host = Command.shell(enter).run()
                #expect(host.status == 125 && host.errors.contains("hint: jailrun runs in a chroot(2)"), "\(host)")
            }
        }

        @Test(
            "a mount point that is missing is told as what it has to be",
            arguments: [
                ("SOURCE/file", "ROOT/etc/one", "a file needs a file to cover"),
                ("SOURCE/folder", "ROOT/etc/two", "a mount needs a directory to cover"),
                ("tmpfs", "ROOT/var/three", "a mount needs a directory to cover"),
            ])
        func mountPoint(source: String, target: String, said: String) throws {
            try Machine.with { machine in
                _ = Command.shell("cd '\(machine.directory)'; touch file; mkdir folder").run()
                let from = source.replacingOccurrences(of: "SOURCE", with: machine.directory)
                let to = target.replacingOccurrences(of: "ROOT", with: machine.root)
                machine.configure(
                    "command = true; mount = \"\(from) \(to) \(source == "tmpfs" ? "tmpfs" : "nullfs") rw 0 0\";")
                for verb in ["check", "run"] {
                    let outcome = machine.jailrun(verb, machine.conf)
                    #expect(outcome.status != 0 && outcome.errors.contains("hint: \(said): "), "\(verb): \(outcome)")
                }
            }
        }
    }
}
