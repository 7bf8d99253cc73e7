import Foundation
import Glibc
import Testing

extension Kernel {
    /// A user of the host in a user namespace of his own, which has one id: unshare(1), user_namespaces(7).
    @Suite struct OwnNamespaceTests {
        private static let user: uid_t = 1000

        private func check(_ path: String) -> Outcome {
            Command(
                [
                    "setpriv", "--reuid=\(Self.user)", "--regid=\(Self.user)", "--clear-groups", "unshare", "--user",
                    "--map-root-user", Laboratory.program, "check", path,
                ]
            ).run()
        }

        /// His file, to which folders lead that are root's, and have no owner who is known inside.
        private func withFile(_ body: (Machine, String) throws -> Void) throws {
            try Machine.with { machine in
                machine.configure("command = \"/bin/true\"; mount.nodevfs;")
                for path in [machine.directory, machine.root] { chmod(path, 0o755) }
                let path = "\(machine.directory)/his/jail.conf"
                mkdir("\(machine.directory)/his", 0o755)
                machine.write(machine.read(machine.conf), to: path)
                for path in ["\(machine.directory)/his", path] { _ = chown(path, Self.user, Self.user) }
                try body(machine, path)
            }
        }

        @Test("his own file is read, though the folders on the way to it belong to nobody who is known there")
        func own() throws {
            try withFile { machine, path in
                let outcome = check(path)
                #expect(!outcome.errors.contains("refused"), "\(outcome)")
            }
        }

        @Test("a file of somebody else's outside is refused, and one of root's below /etc is read") func strangers()
            throws
        {
            try withFile { machine, path in
                for owner in [0, 1234] as [uid_t] {
                    _ = chown(path, owner, owner)
                    let outcome = check(path)
                    #expect(
                        outcome.errors.contains("the file belongs to a user outside of this user namespace"),
                        "\(outcome)")
                }
                let mounts = machine.read("/proc/self/mountinfo")
                try #require(
                    Laboratory.isVirtualMachine || mounts.contains(" /etc "), "no lab with an /etc of its own (-e www)")
                let ofRoot = "/etc/jailrun-test.conf"
                machine.write(machine.read(path), to: ofRoot)
                defer { unlink(ofRoot) }
                #expect(!check(ofRoot).errors.contains("refused"), "\(check(ofRoot))")
            }
        }

        @Test("a link of somebody else's in a folder where users make entries chooses no file") func link() throws {
            try withFile { machine, path in
                let shared = "\(machine.directory)/shared"
                mkdir(shared, 0o777)
                chmod(shared, 0o1777)
                symlink(path, "\(shared)/link")
                #expect(lchown("\(shared)/link", 1234, 1234) == 0)
                let outcome = check("\(shared)/link")
                #expect(outcome.errors.contains("the link link belongs to a user outside"), "\(outcome)")
            }
        }

        @Test("a folder that others can write leads to no file that is read") func writable() throws {
            try withFile { machine, path in
                chmod(machine.directory, 0o777)
                defer { chmod(machine.directory, 0o755) }
                #expect(check(path).errors.contains("refused: others can write the folder"), "\(check(path))")
            }
        }
    }
}
