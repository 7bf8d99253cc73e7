import Glibc
import Testing

@testable import JailCore

@Suite("What a jail with the host's root must not see")
struct HiddenSearchTests {
    /// What is hidden in a root that a script has made, the ways to it aside.
    private func hidden(_ script: String) throws -> [String] {
        var name = Array("/tmp/jailrun-hidden.XXXXXX".utf8CString)
        try #require(mkdtemp(&name) != nil)
        let folder = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { _ = system("rm -rf '\(folder)'") }
        try #require(system("umask 022; cd '\(folder)' && \(script)") == 0)
        let root = try Files.open(folder)
        var search = try HiddenSearch(root: root.number, shown: [])
        try search.run()
        return search.found.filter { $0.kind != .way }.map(\.path)
    }

    @Test(
        "users' keys are hidden where they are, whatever links of root's lead there",
        arguments: [
            ("mkdir -p home/u/.ssh", "home/u/.ssh"),
            ("mkdir -p usr/home/u/.ssh; ln -s usr/home home", "usr/home/u/.ssh"),
            ("mkdir -p usr/home/u/.ssh; ln -s /usr/home home", "usr/home/u/.ssh"),
            ("mkdir -p home data/u/.ssh; ln -s ../data/u home/u", "data/u/.ssh"),
            ("mkdir -p var/home data/u/.ssh; ln -s var/home home; ln -s /data/u var/home/u", "data/u/.ssh"),
            ("mkdir -p var/roothome; ln -s var/roothome root", "var/roothome"),
        ])
    func links(script: String, path: String) throws {
        #expect(try hidden(script) == [path])
    }

    @Test(
        "a link of a user's hides nothing else, and one that leads nowhere nothing",
        arguments: [
            "mkdir -p home/u etc/open; ln -s /etc/open home/u/.ssh", "ln -s gone home", "ln -s home home",
            "mkdir home; ln -s /../../gone home/u",
        ])
    func others(script: String) throws {
        #expect(try hidden(script) == [])
    }
}
