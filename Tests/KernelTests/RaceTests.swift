import Foundation
import Glibc
import Testing

extension Kernel {
    /// While jails start, a process swaps a folder of their root and a link that leads out of it, as fast as it can. A start may
    /// fail for that, saying where. What it may not: mount, make, read or enter anything outside.
    @Suite struct RaceTests {
        private static let rounds = Laboratory.isVirtualMachine ? 20 : 80

        /// `folder` of the root, a link `l` beside it to the same folder of `outside`, and a process that swaps the two: in another
        /// jail with the same root, or on the host where the jail has mounts of its own on the folder.
        private func swapping(
            _ folder: String, fromHost: Bool = false, in machine: Machine, _ body: (_ outside: String) throws -> Void
        ) rethrows {
            let outside = "\(machine.directory)/outside"
            // What the link leads to must be open to the jail's ids, as most of a host is: it is the path that has to stop them.
            chmod(machine.directory, 0o755)
            let parent = folder.split(separator: "/").dropLast().joined(separator: "/")
            let link = parent.isEmpty ? "l" : "\(parent)/l"
            _ = Command.shell(
                "mkdir -p '\(machine.root)/\(folder)/x' '\(outside)/x'; ln -s '\(outside)' '\(machine.root)/\(link)'"
            ).run()
            machine.write("inside\n", to: "\(machine.root)/\(folder)/x/mark")
            machine.write("outside\n", to: "\(outside)/x/mark")
            let before = tree(outside)
            let evil = "\(machine.directory)/evil.conf"
            machine.write(
                "evil { path = \"\(machine.root)\"; mount.noprocfs; persist;"
                    + " exec.start = \"/bin/probe exchange /\(folder) /\(link) &\"; }\n", to: evil)
            let swapper =
                fromHost
                ? Command([Laboratory.probe, "exchange", "\(machine.root)/\(folder)", "\(machine.root)/\(link)"])
                    .start() : nil
            if !fromHost {
                let start = machine.jailrun("start", evil)
                #expect(start.status == 0, "\(start)")
            }
            try body(outside)
            if fromHost { swapper?.signal(SIGKILL) } else { machine.stop("evil") }
            #expect(tree(outside) == before)
        }

        private func tree(_ path: String) -> [String] { Command(["find", path]).run().lines.sorted() }

        /// Starts the jail again and again; tells of each start that came up. Some must be refused, or nothing was raced: how many
        /// depends on the machine, and where every look at the root is one at a link, all are.
        private func race(
            _ machine: Machine, command: String, _ parameters: String, refusal: String, _ check: (Outcome) -> Void
        ) {
            machine.configure("command = \"\(command)\";\n    \(parameters)")
            var (up, refused) = (0, 0)
            for _ in 0..<Self.rounds {
                let outcome = machine.jailrun("run", "-q", machine.conf)
                if outcome.status == 125 {
                    #expect(outcome.errors.contains(refusal), "\(outcome)")
                    refused += 1
                } else {
                    check(outcome)
                    up += 1
                }
            }
            #expect(refused > 0, "\(up) starts, \(refused) refused")
        }

        @Test(
            "a mount's target that is swapped for a link out of the root: it is mounted in the root, or refused",
            arguments: [
                "mount = \"tmpfs $path/var/d/x tmpfs rw 0 0\";", "mount = \"$path/etc $path/var/d/x nullfs rw 0 0\";",
                "mount = \"proc $path/var/d/x linprocfs rw 0 0\";",
            ])
        func target(parameters: String) throws {
            try Machine.with { machine in
                swapping("var/d", in: machine) { _ in
                    race(machine, command: "/bin/probe mounts", parameters, refusal: "/var/d/x") { outcome in
                        let points = outcome.lines.compactMap { $0.split(separator: " ").dropFirst(4).first }
                        #expect(points.contains { ["/var/d/x", "/var/l/x"].contains($0) }, "\(outcome)")
                    }
                }
            }
        }

        @Test(
            "a /proc, /dev or /sys of the root that is swapped for a link: the jail has all its mounts, or is refused",
            arguments: ["proc", "dev", "sys"])
        func pseudo(folder: String) throws {
            try Machine.with { machine in
                machine.script(
                    "look",
                    """
                    exec 2>&-
                    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
                        cat /proc/self/mountinfo || cat /l/self/mountinfo && exit
                    done
                    """)
                let parameters = "mount.procfs; mount.devfs; mount.sysfs;"
                let clean = machine.run("/bin/look", parameters)
                #expect(clean.lines.count > 10, "\(clean)")
                swapping(folder, fromHost: true, in: machine) { _ in
                    race(machine, command: "/bin/look", parameters, refusal: folder) { outcome in
                        #expect(outcome.lines.count == clean.lines.count, "\(outcome)")
                    }
                }
            }
        }

        @Test("a mount's source below the root that is swapped for a link: nothing of the host is mounted")
        func source()
            throws
        {
            try Machine.with { machine in
                swapping("var/d", in: machine) { _ in
                    race(
                        machine, command: "cat /tmp/mark", "mount = \"$path/var/d/x $path/tmp nullfs rw 0 0\";",
                        refusal: "/var/d/x"
                    ) { #expect($0.output == "inside\n", "\($0)") }
                }
            }
        }

        @Test("a console log below the root whose folder is swapped for a link is made in the root, or nowhere")
        func consoleLog() throws {
            try Machine.with { machine in
                swapping("var/d", in: machine) { _ in
                    race(
                        machine, command: "echo logged", "exec.consolelog = \"$path/var/d/x/log\";",
                        refusal: "/var/d/x/log"
                    ) { #expect($0.status == 0 && $0.output == "", "\($0)") }
                }
            }
        }

        @Test("an /etc that is swapped for a link: a user's number comes from the root's passwd, never from the host's")
        func passwd() throws {
            try Machine.with { machine in
                let hostile = "user:x:4242:4242::/:/bin/sh\n"
                let outside = "\(machine.directory)/outside"
                mkdir(outside, 0o755)
                machine.write(hostile, to: "\(outside)/passwd")
                swapping("etc", fromHost: true, in: machine) { _ in
                    race(
                        machine, command: "/bin/probe ids", "exec.jail_user = user;", refusal: "no such user"
                    ) { #expect($0["uid"]?.first == "1000", "\($0)") }
                }
            }
        }

        @Test("a working directory that is swapped for a link: exec enters the root's, or none") func directory() throws
        {
            try Machine.with { machine in
                machine.configure("persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                swapping("var/d", in: machine) { _ in
                    for _ in 0..<Self.rounds {
                        let outcome = machine.jailrun("exec", "-w", "/var/d/x", "t", "cat", "mark")
                        #expect(outcome.output == "inside\n" || outcome.status == 125, "\(outcome)")
                    }
                }
            }
        }
    }
}
