import Foundation
import Testing

extension Kernel {
    /// How many jails may be in one, of its file and of others.
    @Suite struct NestingTests {
        private func file(_ text: String, _ machine: Machine, named name: String) -> String {
            let path = "\(machine.directory)/\(name).conf"
            machine.write(
                "path = \"\(machine.root)\"; persist;\n"
                    + text.replacingOccurrences(of: "DIR", with: machine.directory) + "\n", to: path)
            return path
        }

        @Test("jails that children.max has no room for keep all down, and those that are up count") func count() throws
        {
            try Machine.with { machine in
                let whole = file("a { children.max = 1; } a.b {} a.c {}", machine, named: "whole")
                for verb in ["check", "start", "run"] {
                    let outcome = machine.jailrun(verb, whole)
                    #expect(outcome.status == 65, "\(outcome)")
                    #expect(outcome.errors.contains("\(whole):2:") && outcome.errors.contains("a.b, a.c"), "\(outcome)")
                }
                let outer = file("a { children.max = 2; } a.b {}", machine, named: "outer")
                #expect(machine.jailrun("start", outer).status == 0)
                let inner = file("a.c {} a.d {}", machine, named: "inner")
                let check = machine.jailrun("check", inner)
                #expect(check.status == 65 && check.errors.contains("prison limit exceeded"), "\(check)")
                let start = machine.jailrun("start", inner)
                #expect(start.status == 125 && start.errors.contains("a.d: prison limit exceeded"), "\(start)")
                #expect(start.errors.contains("children.max = 2 of jail \"a\" in \(outer), line 2: 1 up"), "\(start)")
                #expect(!start.errors.contains("a.c"), "\(start)")
                #expect(machine.jailrun("check", outer).status == 0)
                #expect(machine.jailrun("start", inner, "a.c").status == 0)
                let restart = machine.jailrun("restart", outer)
                #expect(restart.status == 0, "\(restart)")
                machine.stop("a")
            }
        }

        @Test("limits of cgroups that have no room for the file's own are an error, and the least holds") func cgroups()
            throws
        {
            try Machine.with { machine in
                for (limit, least) in [("descendants", 4), ("depth", 2)] {
                    func path(_ value: Int) -> String {
                        file("a { cgroup.cgroup.max.\(limit) = \(value); } a.b {} a.b.c {}", machine, named: "limits")
                    }
                    let start = machine.jailrun("start", path(least - 1))
                    #expect(start.status == 65 && start.errors.contains("it must be at least \(least)"), "\(start)")
                    let held = machine.jailrun("start", path(least))
                    #expect(held.status == 0, "\(held)")
                    // One more than is known of.
                    if limit == "descendants" {
                        let more = machine.jailrun("start", file("a.d {}", machine, named: "more"))
                        #expect(more.status == 125 && more.errors.contains("cgroup.max.descendants"), "\(more)")
                    }
                    machine.stop("a")
                }
            }
        }
    }
}
