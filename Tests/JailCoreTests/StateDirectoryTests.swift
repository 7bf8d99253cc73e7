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
        #expect(state.names == ["old"] && state.name(of: trace("old").identity) == "new")
        #expect(state.finishRename("old"))
        #expect(state.names == ["new"] && state.trace(of: "new")?.cgroup == "/nowhere/old")
        #expect(!state.finishRename("new"))
    }
}
