import Foundation
import Glibc
import Testing

@testable import JailCore

/// Folders and files that two jails of one file write to.
@Suite("Jails beside each other")
final class NeighbourTests {
    private let directory: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "jailrun-neighbours-\(UUID())")
        directory = url.path()
        for name in ["root/mnt", "root/opt", "ext/inner", "low", "w/u", "w/k", "v/k", "log"] {
            try FileManager.default.createDirectory(at: url.appending(path: name), withIntermediateDirectories: true)
        }
        chmod(directory, 0o700)
        symlink("\(directory)/ext", "\(directory)/link")
        symlink("\(directory)/log", "\(directory)/logs")
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    /// What is found on this host of jails a and b, their common root aside.
    private func check(_ first: String, _ second: String = "") throws -> [Diagnostic] {
        let text = "path = DIR/root; persist;\na { \(first) }\nb { \(second) }\n"
        let file = "\(directory)/jail.conf"
        try Data(text.replacing("DIR", with: directory).utf8).write(to: URL(filePath: file))
        let found = try Configuration(path: file, source: FileConfigurationSource(trustedOwners: nil)).checkedOnHost()
        let subjects = ["mount:", "log.file:", "exec.consolelog:", "userns:"]
        return found.diagnostics.filter { diagnostic in subjects.contains(where: diagnostic.message.hasPrefix) }
    }

    private static let union = "mount += \"DIR/ext DIR/root/mnt unionfs rw 0 0\";"
    private static let over =
        "mount += \"o DIR/root/mnt overlay lowerdir=DIR/low,upperdir=DIR/w/u,workdir=DIR/w/k 0 0\";"

    @Test(
        "a folder that an overlay writes to is in no other overlay, nor in another's folder",
        arguments: [
            (union, union, "are one folder"),
            (union, "mount = \"DIR/link DIR/root/mnt unionfs rw 0 0\";", "are one folder"),
            (union, "mount = \"DIR/ext/inner DIR/root/opt unionfs rw 0 0\";", "overlap"),
            ("mount = \"DIR/ext/inner DIR/root/opt unionfs rw 0 0\";", union, "overlap"),
            (union, "mount = \"DIR/ext DIR/root unionfs rw 0 0\";", "are one folder"),
            (union, "mount = \"DIR/ext DIR/root/mnt unionfs ro 0 0\";", "are one folder"),
            ("mount = \"DIR/ext DIR/root/mnt unionfs ro 0 0\";", union, "are one folder"),
            (over, "mount = \"o DIR/root/opt overlay lowerdir=DIR/low:DIR/w/u 0 0\";", "are one folder"),
            (over, "mount = \"DIR/w/k DIR/root/opt unionfs rw 0 0\";", "are one folder"),
        ])
    func layers(first: String, second: String, relation: String) throws {
        let found = try check(first, second).filter { $0.severity == .error }
        #expect(found.count == 1 && found[0].severity == .error && found[0].location?.line == 3, "\(found)")
        #expect(found.first?.message.contains("of jail \"a\" \(relation)") == true, "\(found)")
        #expect(found.first?.hint?.contains("a folder of its own") == true, "\(found)")
    }

    @Test(
        "a folder that an overlay shows, and another jail writes to, is a warning, whichever comes first",
        arguments: [
            ("", "mount = \"DIR/ext DIR/root unionfs rw 0 0\";"),
            ("mount = \"DIR/low DIR/root/mnt nullfs rw 0 0\";", over.replacing("root/mnt", with: "root/opt")),
        ])
    func lowers(plain: String, overlay: String) throws {
        for (first, second) in [(plain, overlay), (overlay, plain)] {
            let found = try check(first, second)
            #expect(found.count == 1 && found[0].severity == .warning, "\(found)")
            #expect(found.first?.message.contains("below an overlay") == true, "\(found)")
            #expect(found.first?.message.contains("jail \"a\"") == true, "\(found)")
        }
        for quiet in ["root.readonly; \(plain.replacing(" rw ", with: " ro "))", "root.ephemeral;"] {
            #expect(try check(quiet, overlay) == [])
        }
    }

    @Test("ids that two jails have in common are a warning")
    func ids() throws {
        let found = try check("userns = 100000+65536;", "userns = 150000+65536;")
        #expect(found.count == 1 && found[0].severity == .warning && found[0].location?.line == 3, "\(found)")
        #expect(found.first?.message.contains("ids in common with 100000+65536 of jail \"a\"") == true, "\(found)")
        #expect(try check("userns = 100000+65536;", "userns = 165536+65536;") == [])
        #expect(try check("userns = 100000+65536;", "") == [])
    }

    @Test("one folder twice in one jail is told, too")
    func twice() throws {
        let found = try check(Self.union + "\nmount += \"DIR/ext DIR/root/opt unionfs rw 0 0\";")
        #expect(found.count == 1 && found[0].location?.line == 3, "\(found)")
        #expect(found.first?.message.contains("of another mount of the jail are one folder") == true, "\(found)")
    }

    @Test("folders that are only read are shared, and different ones beside each other are no matter")
    func shared() throws {
        let low = "mount = \"DIR/low DIR/root/mnt unionfs ro 0 0\";"
        #expect(try check(low, low) == [])
        #expect(try check(Self.over, low) == [])
        #expect(try check(Self.union, Self.over) == [])
    }

    @Test(
        "one log of two jails is an error where one rotates it, under whichever path",
        arguments: [
            ("log.file = DIR/log/x;", "log.file = DIR/log/x;"), ("log.file = DIR/log/x;", "log.file = DIR/logs/x;"),
            ("exec.consolelog = DIR/log/x;", "log.file = DIR/log/./x;"),
            ("log.file = DIR/log/x;", "exec.consolelog = DIR/log/x;"),
        ], [false, true])
    func rotated(logs: (String, String), isThere: Bool) throws {
        if isThere { try Data().write(to: URL(filePath: "\(directory)/log/x")) }
        let found = try check(logs.0, logs.1)
        #expect(found.count == 1 && found[0].severity == .error && found[0].location?.line == 3, "\(found)")
        #expect(found.first?.message.hasSuffix("of jail \"a\", too") == true, "\(found)")
    }

    @Test("a log that another is rotated to is an error, either way; more are not kept")
    func rotation() throws {
        let (log, first, second) = ("log.file = DIR/log/x;", "DIR/log/x.1;", "DIR/logs/x.2;")
        for pair in [
            (log, "log.file = \(first)"), ("log.file = \(first)", log), (log, "exec.consolelog = \(first)"),
            (log + "log.keep = 2;", "log.file = \(second)"),
        ] {
            let found = try check(pair.0, pair.1)
            #expect(found.count == 1 && found[0].severity == .error && found[0].message.contains("rotate"), "\(found)")
        }
        #expect(try check(log, "log.file = \(second)") == [])
        #expect(try check(log + "log.keep = 0;", "log.file = \(first)") == [])
    }

    @Test("one exec.consolelog of two jails is a warning, as FreeBSD takes it; different ones are no matter")
    func console() throws {
        let found = try check("exec.consolelog = DIR/log/x;", "exec.consolelog = DIR/logs/x;")
        #expect(found.count == 1 && found[0].severity == .warning && found[0].location?.line == 3, "\(found)")
        #expect(try check("log.file = DIR/log/a;", "log.file = DIR/log/b;") == [])
    }

    @Test("check says that a link cannot be in two jails, but for one whose commands may make it")
    func link() throws {
        func found(_ more: String) throws -> [Diagnostic] {
            let text = "path = /j; persist; vnet; vnet.interface = eth9;\na {}\nb { \(more) }\nc {}"
            let configuration = try Configuration(path: "www.conf", source: TextSource(files: ["www.conf": text]))
            return configuration.check().filter { $0.message.hasPrefix("vnet.interface:") }
        }
        #expect(try found("").contains { $0.message == "vnet.interface: jail \"a\" has eth9, too" })
        #expect(try found("exec.prestart = \"ip link add eth9 type dummy\";").count == 1)
    }
}
