import Foundation
import Testing

extension Kernel {
    /// Mounts of the file where jailrun mounts something by itself.
    @Suite struct MountPlaceTests {
        private func run(
            _ mounts: [String], _ command: String, _ machine: Machine, _ parameters: String = ""
        ) -> Outcome {
            let lines = mounts.map { "mount += \"\($0) 0 0\";" }.joined(separator: "\n    ")
            machine.script("ask", command)
            machine.configure("command = /bin/ask; \(parameters)\n    \(lines)")
            let check = machine.jailrun("check", machine.conf)
            #expect(check.status == 0, "\(check)")
            return machine.jailrun("run", machine.conf)
        }

        @Test("a tmpfs at /dev/shm has the size that the file gives it; without one it is as large as on a host")
        func shared() throws {
            try Machine.with { machine in
                let ask = "df -k /dev/shm | tail -n1; grep -c ' /dev/shm ' /proc/mounts; stat -c %a /dev/shm"
                let sized = run(["tmpfs $path/dev/shm tmpfs rw,size=300m,mode=1777"], ask, machine)
                #expect(sized.lines.first?.contains(" 307200 ") == true, "\(sized)")
                #expect(sized.lines.dropFirst() == ["1", "1777"], "\(sized)")
                let free = run([], ask, machine)
                let total = machine.read("/proc/meminfo").split(separator: " ").compactMap { Int($0) }.first ?? 0
                let size = free.lines.first?.split(separator: " ").compactMap { Int($0) }.first ?? 0
                #expect(
                    abs(size - total / 2) < 1024 && free.lines.dropFirst() == ["1", "1777"], "\(free), of \(total)")
            }
        }

        @Test("folders and files are mounted below /dev, /proc and /sys, and seen there") func below() throws {
            try Machine.with { machine in
                let folder = "\(machine.directory)/folder"
                _ = Command.shell("mkdir '\(folder)'; echo inside >'\(folder)/file'; chmod -R a+rX '\(folder)'").run()
                let outcome = run(
                    [
                        "\(folder) $path/dev/own/folder nullfs rw", "\(folder)/file $path/dev/some/file nullfs ro",
                        "\(folder)/file $path/dev/null nullfs ro", "\(folder)/file $path/dev/stdout nullfs ro",
                        "\(folder)/file $path/proc/meminfo nullfs ro", "\(folder)/file $path/proc/kallsyms nullfs ro",
                        "\(folder) $path/sys/kernel nullfs ro",
                    ],
                    """
                    cat /dev/own/folder/file /dev/some/file /dev/null /dev/stdout /proc/meminfo /proc/kallsyms /sys/kernel/file
                    echo written >/dev/own/folder/new; (echo x >/proc/meminfo) 2>/dev/null || echo kept
                    """, machine)
                #expect(outcome.lines == Array(repeating: "inside", count: 7) + ["kept"], "\(outcome)")
                #expect(machine.read("\(folder)/new") == "written\n")
            }
        }

        @Test("the file's own /etc/hosts, resolv.conf, hostname and machine-id are not covered") func names() throws {
            try Machine.with { machine in
                let names = ["hosts", "resolv.conf", "hostname", "machine-id"]
                var mounts: [String] = []
                for name in names {
                    machine.write("own \(name)\n", to: "\(machine.directory)/\(name)")
                    machine.write("root's\n", to: "\(machine.root)/etc/\(name)")
                    mounts.append("\(machine.directory)/\(name) $path/etc/\(name) nullfs ro")
                }
                let ask = "cd /etc; cat \(names.joined(separator: " "))"
                let parameters = "mount.resolvconf; host.hostuuid = 11111111-2222-3333-4444-555555555555;"
                let own = run(mounts, ask, machine, parameters)
                #expect(own.lines == names.map { "own \($0)" }, "\(own)")
                let one = run([mounts[0]], ask, machine, parameters)
                #expect(one.lines.first == "own hosts" && !one.output.contains("root's"), "\(one)")
            }
        }

        @Test("procfs in a line of its own is /proc with what jailrun covers there, and with the line's options")
        func procfs() throws {
            try Machine.with { machine in
                let ask = """
                    grep -c '^[a-z]* /proc proc ' /proc/mounts; wc -c </proc/kallsyms; (: >/proc/self/comm) || echo no
                    """
                let outcome = run(["proc $path/proc procfs ro"], ask, machine)
                #expect(outcome.lines == ["1", "0", "no"], "\(outcome)")
            }
        }
    }
}
