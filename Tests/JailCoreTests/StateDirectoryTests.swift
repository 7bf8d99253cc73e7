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
