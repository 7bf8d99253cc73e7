import FoundationEssentials
import Glibc
import Testing

@testable import JailCore

/// Records as they were once written, and as they must not be taken for what they say. `Golden/Records` has what `release` wrote,
/// the last that was given out, and `unsealed`, the last version that made no sum; they are never written anew.
@Suite("A record")
struct RecordTests {
    private static let forms = ["release", "unsealed"]

    private static func bytes(_ form: String, _ file: String) throws -> [UInt8] {
        try Files.read(try Files.open(Golden.folder("Records/\(form)/\(file)")))
    }

    private static func text(_ form: String, _ file: String) throws -> String {
        String(decoding: try bytes(form, file), as: UTF8.self)
    }

    /// As an older jailrun wrote it, which made no sum and did not know these keys.
    static func older(_ trace: JailTrace, without keys: [String]) -> String {
        let lines = trace.text.split(separator: "\n").dropFirst().filter { line in
            !(keys + ["sum"]).contains { line.hasPrefix("\($0) ") }
        }
        return (["jailrun 1"] + lines).joined(separator: "\n")
    }

    private func details(_ bytes: [UInt8]) throws -> JailDetails {
        try RecordForm.decode(JailDetails.self, from: bytes) { JailDetails(standardFor: "standard") }
    }

    @Test("of an older jailrun is read: what was asked for is as it was, the rest is as by default", arguments: forms)
    func older(form: String) throws {
        let full = try details(try Self.bytes(form, "full.json"))
        #expect(full.spec.name.value == "full" && full.spec.path.value == "/tmp/bfx/root")
        #expect(full.spec.commands.stop.map(\.value) == ["/bin/true"] && !full.spec.commands.awaitsCommand)
        #expect(full.spec.privileges.capDrop.map(\.value) == ["CAP_CHOWN"])
        #expect(full.spec.privileges.securityLevel.value == 1)
        #expect(full.spec.mounts.map(\.relativeTarget) == ["data", "tmp"] && full.spec.network.ports.count == 1)
        #expect(full.spec.process.limits.count == 1 && full.spec.health?.command.value == "/bin/true")
        #expect(!full.networkUndo.isEmpty)
        let little = try details(try Self.bytes(form, "little.json"))
        #expect(little.spec.name.value == "little" && little.spec.commands.stop.isEmpty)
    }

    @Test("of an older jailrun is not completed where a jail has written it") func uncompleted() throws {
        let older = try Self.bytes("release", "little.json")
        #expect(throws: UnreadableRecord.self) { try RecordForm.decode(JailDetails.self, from: older) }
        let whole = try details(older).json()
        #expect(try RecordForm.decode(JailDetails.self, from: whole).spec.name.value == "little")
    }

    @Test("of an older supervisor is read, and so is a trace", arguments: forms, ["full", "little"])
    func olderService(form: String, jail: String) throws {
        let folder = "/tmp/jailrun-records-\(getpid())-\(form)-\(jail)"
        defer { _ = system("rm -rf '\(folder)'") }
        try Files.makeDirectories("\(folder)/services", mode: 0o700)
        try Files.replace("\(folder)/services/\(jail).json", with: try Self.bytes(form, "\(jail).service.json"))
        let service = try #require(try ServiceRegistry(state: StateDirectory(path: folder)).record(of: jail))
        #expect(service.name == jail && service.unreadable == nil && service.supervisor > 0)
        let trace = try JailTrace(text: try Self.text(form, "\(jail).trace"))
        #expect(trace.name == jail && trace.cgroup == "/sys/fs/cgroup/jailrun/\(jail)" && trace.pid > 0)
        #expect(trace.identity.idRange?.count == 65536 && trace.hasNetwork == (jail == "full"))
    }

    @Test("of a service that cannot be read still has who looks after it, which its name tells until it goes")
    func keeper() throws {
        let folder = "/tmp/jailrun-keeper-\(getpid())"
        defer { _ = system("rm -rf '\(folder)'") }
        let registry = ServiceRegistry(state: StateDirectory(path: folder))
        try Files.makeDirectories("\(folder)/services", mode: 0o700)
        try Files.replace(registry.path("little"), with: try Self.bytes("unsealed", "little.service.json"))
        var record = try #require(try registry.record(of: "little"))
        for supervisor: Int32 in [7, 8] {
            (record.supervisor, record.supervisorStartTime) = (supervisor, 1 << 63)
            try registry.write(record)
            try Files.replace(registry.path("little"), with: [])
            let damaged = try #require(try registry.record(of: "little"))
            #expect(damaged.unreadable != nil && damaged.hasSupervisor(of: record) && !damaged.hasUnknownSupervisor)
        }
        for target in ["7", "7.", "0.5", "-1.5", "7.5.5", "x.5", "7.-5"] {
            registry.forgetKeeper(of: "little")
            symlink(target, "\(folder)/services/little.keeper")
            #expect(try registry.record(of: "little")?.hasUnknownSupervisor == true, "\(target)")
        }
        registry.remove("little")
        #expect(try registry.keeper(of: "little") == nil && (try Files.namesIfThere(in: "\(folder)/services")) == [])
    }

    @Test("in which any one bit is another is not read: neither a jail's, nor a trace")
    func flipped() throws {
        let sealed = try details(try Self.bytes("unsealed", "little.json")).json()
        let trace = Array(try JailTrace(text: try Self.text("unsealed", "little.trace")).text.utf8)
        #expect(throws: Never.self) { try details(sealed) }
        for place in sealed.indices.filter({ $0 < 200 || $0.isMultiple(of: 13) }) {
            var bytes = sealed
            bytes[place] ^= 1 << UInt8(place % 8)
            #expect(throws: UnreadableRecord.self, "bit \(place % 8) of byte \(place)") { try details(bytes) }
        }
        for place in trace.indices where place < trace.count - 1 {
            var bytes = trace
            bytes[place] ^= 1 << UInt8(place % 7)
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(throws: UnreadableRecord.self, "bit \(place % 7) of byte \(place)") { try JailTrace(text: text) }
        }
    }

    @Test("without one of its keys, or of another version, is not read, and says why")
    func other() throws {
        let sealed = String(decoding: try details(try Self.bytes("unsealed", "little.json")).json(), as: UTF8.self)
        func reason(_ text: String) -> String? {
            do throws(UnreadableRecord) {
                _ = try RecordForm.decode(JailDetails.self, from: Array(text.utf8)) { JailDetails(standardFor: "s") }
                return nil
            } catch { return error.reason }
        }
        #expect(reason(sealed) == nil)
        #expect(reason(sealed.replacing("\"createdSeconds\":", with: "\"x\":")) == "it is not as it was written")
        #expect(reason(String(sealed.dropLast(40))) == "it is not as it was written")
        #expect(reason("") == "it is not as it was written")
        // What an older version did not write is no such record either.
        #expect(reason("{}") == "generation is missing" && reason("{\"generation\":1,\"spec\":{}}") != nil)
        // As a tool writes JSON that has read it.
        #expect(reason(sealed.replacing(",", with: ", ").replacing(":", with: ": ")) == "it is not as it was written")
        let newer = sealed.replacing("{\"version\":\(RecordForm.version)", with: "{\"version\":7")
        #expect(reason(newer) == "another version of jailrun wrote it, with records of version 7")
        let trace = try JailTrace(text: try Self.text("unsealed", "little.trace"))
        let newerTrace = trace.text.replacing("jailrun \(RecordForm.version)", with: "jailrun 7")
        #expect(throws: UnreadableRecord.self) { try JailTrace(text: newerTrace) }
        for key in ["jailrun", "name", "jid", "generation", "phase", "cgroup", "pid", "supervisor", "links", "sum"] {
            let rest = trace.text.split(separator: "\n").filter { !$0.hasPrefix("\(key) ") }.joined(separator: "\n")
            #expect(throws: UnreadableRecord.self, "without \(key)") { try JailTrace(text: rest) }
        }
    }

    @Test("that was written in the place of a longer one is read without the rest of that")
    func shorter() throws {
        let trace = try JailTrace(text: try Self.text("unsealed", "little.trace"))
        #expect(try JailTrace(text: trace.text + "rest of a longer text\njid 9\n") == trace)
    }
}
