import Foundation
import Glibc
import Testing

@testable import JailCore

@Suite("The state directory")
struct StateDirectoryTests {
    private func state() throws -> StateDirectory {
        var name = Array("/tmp/jailrun-state.XXXXXX".utf8CString)
        try #require(mkdtemp(&name) != nil)
        let state = StateDirectory(path: String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
        try state.prepare()
        return state
    }

    private func trace(_ name: String) -> JailTrace {
        JailTrace(
            name: name, label: name, identity: JailIdentity(jid: 1, idRange: nil, generation: 7), phase: .up,
            cgroup: "/nowhere/old", isTransient: false, supervisor: 1, supervisorStartTime: 1, hasNetwork: false)
    }

    @Test("a renaming that was broken off after the trace was told the new name is finished by whoever finds it")
    func brokenRename() throws {
        let state = try state()
        defer { _ = system("rm -rf '\(state.path)'") }
        try state.write(trace("old"))
        try Files.replace(state.tracePath("old"), with: Array(trace("new").text.utf8))
        #expect(try state.names() == ["old"])
        #expect(try state.name(of: trace("old").identity, once: "old") == "new")
        #expect(try state.finishRename("old"))
        #expect(try state.names() == ["new"] && state.trace(of: "new")?.cgroup == "/nowhere/old")
        #expect(try !state.finishRename("new"))
    }

    @Test("a directory that is none of its own is refused for its reason, and nobody is told to remove it")
    func refused() throws {
        func objection(_ mode: mode_t, _ owner: uid_t, user: uid_t = 0) -> [String?]? {
            var status = stat()
            (status.st_mode, status.st_uid) = (mode, owner)
            return StateDirectory.objection(to: status, user: user).map { [$0.reason, $0.change] }
        }
        #expect(objection(S_IFDIR | 0o755, 0) == nil && objection(S_IFDIR | 0o700, 7, user: 7) == nil)
        #expect(objection(S_IFREG | 0o644, 0) == ["it is not a directory", nil])
        let owned = "it belongs to user 7"
        #expect(objection(S_IFDIR | 0o755, 7) == [owned, "chown root"])
        #expect(objection(S_IFDIR | 0o755, 7, user: 8) == [owned, nil])
        #expect(objection(S_IFDIR | 0o775, 0) == ["other users can write it", "chmod go-w"])
        #expect(objection(S_IFDIR | 0o1777, 0) == ["other users can write it", nil])

        let state = try state()
        defer { _ = system("rm -rf '\(state.path)'") }
        chmod(state.path, 0o777)
        let error = #expect(throws: RuntimeError.self) { try state.checkOwner() }
        #expect(error?.message.contains("refused as state directory: other users can write it") == true)
        #expect(
            error?.hint
                == "name another directory with --root, or chmod go-w \(state.path) if nothing else uses it")
    }

    /// What somebody names may be the home of somebody.
    @Test("no hint is a command that removes or kills") func hints() throws {
        let files = FileManager.default.enumerator(atPath: "Sources")?.compactMap { $0 as? String } ?? []
        #expect(files.count > 100)
        for file in files where file.hasSuffix(".swift") {
            let text = try String(contentsOfFile: "Sources/\(file)", encoding: .utf8)
            for line in text.split(separator: "\n") where line.contains("hint: \"") {
                let hint = line[line.firstRange(of: "hint: \"")!.upperBound...]
                #expect(!hint.contains(/(^|[ "])(rm|rmdir|kill|unlink|umount) (-|\\)/), "\(file): \(line)")
            }
        }
    }

    @Test(
        "an origin is recorded as it is shown, and read as it was",
        arguments: [
            Origin.configuration(SourceLocation(file: "/etc/jail.conf", line: 3, column: 5)),
            .configuration(SourceLocation(file: "a:b: default; x", line: 1, column: 2)), .commandLine, .standard(""),
            .standard("stop.timeout = SECONDS"),
        ])
    func origin(origin: Origin) throws {
        let bytes = try JSONValueEncoder().encode([origin]).bytes
        #expect(try JSONValueDecoder().decode([Origin].self, from: bytes) == [origin])
        #expect(String(decoding: bytes, as: UTF8.self).contains(origin.description))
    }
}
