import Glibc
import JailCore
import Testing

/// A folder that goes with its last owner.
private final class TemporaryFolder {
    let path: String

    init() throws {
        var template = Array("/tmp/jailrun-test-XXXXXX".utf8CString)
        path = String(cString: try #require(mkdtemp(&template)))
    }

    func write(_ name: String, _ text: String = "a { }", mode: mode_t = 0o644) {
        let file = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        _ = Glibc.write(file, text, text.utf8.count)
        close(file)
        chmod("\(path)/\(name)", mode)
    }

    func makeFolder(_ name: String, mode: mode_t) {
        mkdir("\(path)/\(name)", 0o700)
        chmod("\(path)/\(name)", mode)
    }

    deinit { Self.remove(path) }

    private static func remove(_ path: String) {
        if unlink(path) == 0 { return }
        for name in (try? FileConfigurationSource().names(in: path)) ?? [] where name != "." && name != ".." {
            remove("\(path)/\(name)")
        }
        rmdir(path)
    }
}

@Suite("Whose configuration is read as root")
struct FileConfigurationSourceTests {
    private let folder: TemporaryFolder
    private let source = FileConfigurationSource(trustedOwners: [0, getuid()])

    init() throws { folder = try TemporaryFolder() }

    private func reason(_ name: String, _ source: FileConfigurationSource? = nil) -> String? {
        do throws(ConfigurationReadError) {
            _ = try (source ?? self.source).contents(of: "\(folder.path)/\(name)", isInclude: false)
            return nil
        } catch { return error.reason }
    }

    @Test("a file that only its owner can write is read, also below a sticky folder")
    func safe() {
        folder.write("ok")
        folder.makeFolder("sticky", mode: 0o1777)
        folder.write("sticky/ok")
        #expect(reason("ok") == nil)
        #expect(reason("sticky/ok") == nil)
        #expect(reason("sticky/../ok") == nil)
    }

    @Test("a file that others can write is refused", arguments: [0o664, 0o646, 0o666] as [mode_t])
    func writable(mode: mode_t) {
        folder.write("open", mode: mode)
        #expect(reason("open") == "refused: others can write the file, and so change what root runs")
        #expect(reason("open", FileConfigurationSource(trustedOwners: nil)) == nil)
    }

    @Test("a file in a folder that others can write is refused")
    func writableFolder() {
        folder.makeFolder("open", mode: 0o777)
        folder.write("open/ok")
        #expect(reason("open/ok") == "refused: others can write the folder open, and so change what root runs")
    }

    @Test("a safe file is refused when the link to it can be replaced")
    func writableLink() {
        folder.write("ok")
        folder.makeFolder("open", mode: 0o777)
        symlink("\(folder.path)/ok", "\(folder.path)/open/link")
        symlink("ok", "\(folder.path)/link")
        #expect(reason("link") == nil)
        #expect(reason("open/link")?.contains("the folder open") == true)
    }

    @Test("a stranger's file is refused")
    func stranger() {
        folder.write("ok")
        let reason = reason("ok", FileConfigurationSource(trustedOwners: [getuid() + 1]))
        #expect(reason?.hasPrefix("refused: ") == true)
    }

    @Test("what is no regular file is refused without waiting", arguments: [true, false])
    func special(isChecked: Bool) {
        mkfifo("\(folder.path)/fifo", 0o600)
        folder.makeFolder("folder", mode: 0o755)
        let source = isChecked ? source : FileConfigurationSource(trustedOwners: nil)
        #expect(reason("fifo", source) == "not a regular file")
        #expect(reason("folder", source) == "Is a directory")
        #expect(reason("missing", source) == "No such file or directory")
        #expect(reason("../../dev/null", source) == "not a regular file")
    }

    @Test("of a pipe behind /dev/fd it is said that it is no regular file, not that it is not there")
    func pipe() throws {
        var ends: [Int32] = [-1, -1]
        try #require(Glibc.pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        #expect(reason("../../proc/self/fd/\(ends[0])") == "not a regular file")
    }

    @Test("links that lead to each other end with an error")
    func loop() {
        symlink("b", "\(folder.path)/a")
        symlink("a", "\(folder.path)/b")
        #expect(reason("a") == "Too many levels of symbolic links")
    }

    @Test("a file of more than 1 MiB is refused")
    func large() {
        folder.write("limit", String(repeating: "#", count: 16 << 20))
        folder.write("large", String(repeating: "#", count: (16 << 20) + 1))
        #expect(reason("limit") == nil)
        #expect(reason("large") == "larger than 16777216 bytes")
    }

    @Test("a folder that cannot be listed is no empty one: what a glob would include is not left out in silence")
    func listing() throws {
        symlink("loop", "\(folder.path)/loop")
        #expect(try source.names(in: "\(folder.path)/nothing") == [])
        #expect(throws: ConfigurationReadError("Too many levels of symbolic links")) {
            try source.names(in: "\(folder.path)/loop")
        }
        folder.write("main", ".include \"\(folder.path)/loop/*.conf\";\na { path = /; persist; }\n")
        let file = "\(folder.path)/main"
        let failure = #expect(throws: ConfigurationFailure.self) { try Configuration(path: file) }
        let said = failure?.diagnostics.map(\.description).joined() ?? ""
        #expect(said.hasPrefix("\(file):1:") && said.contains("loop/*.conf: Too many levels"), "\(said)")
    }

    @Test("no descriptor is left open")
    func descriptors() throws {
        folder.write("ok")
        folder.makeFolder("open", mode: 0o777)
        folder.write("open/ok")
        let probe = { () -> Int32 in
            let descriptor = dup(0)
            close(descriptor)
            return descriptor
        }
        let before = probe()
        for _ in 0..<50 {
            _ = reason("ok")
            _ = reason("open/ok")
            _ = try source.names(in: folder.path)
        }
        #expect(probe() - before < 50)
    }
}
