import Foundation
import Glibc
import Testing

extension Kernel {
    /// What a jail that is up keeps another from.
    @Suite struct NeighbourTests {
        private func file(_ text: String, _ machine: Machine, named name: String) -> String {
            let path = "\(machine.directory)/\(name).conf"
            machine.write(
                "path = \"\(machine.root)\"; persist;\n"
                    + text.replacingOccurrences(of: "DIR", with: machine.directory) + "\n", to: path)
            return path
        }

        /// Of a check and of a start, which says it behind the jail's name.
        private func expect(_ message: String, of path: String, _ machine: Machine) {
            let check = machine.jailrun("check", path)
            #expect(check.status == 65 && check.errors.contains(message), "\(check)")
            let start = machine.jailrun("start", path)
            #expect(start.status == 125 && start.errors.contains(message), "\(start)")
            #expect(start.errors.contains("\(path):2:") && start.errors.contains("hint: "), "\(start)")
        }

        @Test("an overlay does not write where that of another jail does: of the file, or up") func layers() throws {
            try Machine.with { machine in
                _ = Command.shell("mkdir '\(machine.directory)/ext'; chmod 700 '\(machine.directory)'").run()
                let union = "mount = \"DIR/ext $path/tmp unionfs rw 0 0\";"
                let words = "ext of jail \"a\" are one folder, and an overlay writes there"
                let both = file("b { \(union) } a { \(union) }", machine, named: "both")
                expect(words, of: both, machine)
                let first = file("a { \(union) }", machine, named: "first")
                #expect(machine.jailrun("start", first).status == 0)
                expect(words, of: file("b { \(union) }", machine, named: "second"), machine)
                expect(
                    words, of: file("b { mount = \"DIR/ext $path/tmp unionfs ro 0 0\"; }", machine, named: "reader"),
                    machine)
                // It is no neighbour of its own.
                let again = machine.jailrun("check", first)
                #expect(again.status == 0, "\(again)")
                let restart = machine.jailrun("restart", "a")
                #expect(restart.status == 0, "\(restart)")
                machine.stop("a")
            }
        }

        @Test("a log has one jail; two may share exec.consolelog, and are told") func logs() throws {
            try Machine.with { machine in
                let first = file("a { log.file = DIR/log; }", machine, named: "first")
                #expect(machine.jailrun("start", first).status == 0)
                symlink(machine.directory, "\(machine.directory)/link")
                for path in ["DIR/log", "DIR/./log", "DIR/link/log"] {
                    let other = file("b { log.file = \"\(path)\"; }", machine, named: "second")
                    expect("is log.file of jail \"a\", too", of: other, machine)
                }
                machine.stop("a")
                let shared = file("* { exec.consolelog = DIR/log; } a {} b {}", machine, named: "shared")
                for verb in ["check", "start"] {
                    let outcome = machine.jailrun(verb, shared)
                    #expect(outcome.status == 0, "\(outcome)")
                    #expect(outcome.errors.contains("is exec.consolelog of jail \"a\", too"), "\(outcome)")
                }
                machine.stop("a")
                machine.stop("b")
            }
        }
    }
}
