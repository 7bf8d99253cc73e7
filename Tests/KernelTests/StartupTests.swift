import Foundation
import Testing

extension Kernel {
    /// What the program does before it does anything, and in how many threads.
    @Suite struct StartupTests {
        private static func calls(_ kinds: String, _ machine: Machine, _ words: String...) -> [TracedCall] {
            let trace = "\(machine.directory)/trace"
            let outcome = Command(["strace", "-f", "-o", trace, "-e", kinds, Laboratory.program] + words).run()
            #expect(outcome.status == 0, "\(outcome)")
            return TracedCall.all(in: machine.read(trace))
        }

        /// What ships is; a debug build is linked to libraries, which a loader looks for.
        private static let isStatic: Bool = {
            let said = Command(["ldd", Laboratory.program]).run()
            return (said.output + said.errors).contains("not a dynamic executable")
        }()

        @Test(
            "before main no file is opened, looked for or read, and nothing is asked of the machine",
            .enabled(if: isStatic, "a debug build, which a loader starts"))
        func before() throws {
            try Machine.with { machine in
                let calls = Self.calls("%file,%desc,sched_getaffinity,sysinfo,uname,prctl", machine, "--version")
                // The C library reads one link, in every static program; jailrun begins with a look at its descriptors.
                let before = calls.prefix { $0.name != "poll" }
                #expect(before.map(\.name) == ["execve", "readlink"], "\(before)")
                #expect(!calls.contains { $0.name.hasPrefix("open") }, "\(calls)")
            }
        }

        @Test("a run makes processes, and no thread") func run() throws {
            try Machine.with { machine in
                machine.configure("command = /bin/true; exec.prestart = /bin/true; exec.start = /bin/true;")
                let calls = Self.calls("clone,clone3", machine, "run", machine.conf)
                #expect(calls.contains { $0.name == "clone3" }, "\(calls)")
                #expect(!calls.contains { "\($0)".contains("CLONE_THREAD") }, "\(calls)")
            }
        }

        @Test("the supervisor has one thread") func supervisor() throws {
            try Machine.with { machine in
                machine.configure("persist; restart = always; log.file = \"\(machine.directory)/log\";")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let threads = Command.shell(
                    """
                    for exe in /proc/[0-9]*/exe; do
                        [ "$(readlink "$exe")" != '\(Laboratory.program)' ] || ls "${exe%exe}task" | wc -l
                    done
                    """
                ).run()
                #expect(!threads.lines.isEmpty && threads.lines.allSatisfy { $0 == "1" }, "\(threads)")
            }
        }
    }
}
