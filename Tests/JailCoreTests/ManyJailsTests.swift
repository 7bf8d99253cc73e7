import Glibc
import Testing

@testable import JailCore

/// Files of many jails. Processor time is compared with processor time of the same run: no figure depends on the machine.
@Suite("Many jails", .serialized)
struct ManyJailsTests {
    /// Each needs the one before it, and has an address and a port of its own.
    private static func text(_ count: Int) -> String {
        let jails = (0..<count).map { number in
            "j\(number) { ip4.addr = 10.\(77 + number / 60000).\(number / 250 % 250).\(number % 250 + 2); "
                + (number > 0 ? "depend = j\(number - 1); " : "") + "port = \"127.0.0.1:\(20000 + number):80\"; }\n"
        }
        return "path = /; command = \"/bin/true\";\n" + jails.joined()
    }

    /// Of this thread: other tests run beside it.
    private static func seconds(_ body: () throws -> Void) rethrows -> Double {
        let began = now()
        try body()
        return now() - began
    }

    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func ratio(_ body: (Int) throws -> Void) rethrows -> Double {
        try body(1)  // what is looked up once is looked up
        let few = try seconds { try body(60) }
        return try seconds { try body(480) } / few
    }

    /// Eight times is linear, 64 times is quadratic.
    private static let bound = 24.0

    @Test("eight times as many jails take eight times as long to read and to check, not 64")
    func checking() throws {
        let ratio = try Self.ratio { count in
            let source = TextSource(files: ["many.conf": Self.text(count)])
            let configuration = try Configuration(path: "many.conf", source: source)
            #expect(try configuration.specs().count == count)
            #expect(configuration.check().allSatisfy { $0.severity != .error })
            _ = DependencyGraph(try configuration.specs()).waves(of: try configuration.specs().map(\.name.value))
        }
        #expect(ratio < Self.bound)
    }

    @Test("eight times as many jails get their numbers and ranges of ids in eight times the time, each its own")
    func identities() throws {
        let registry = IdentityRegistry(state: StateDirectory(path: "/nonexistent"))
        var specs: [Int: [ConfiguredJail]] = [:]
        for count in [1, 60, 480] {
            let source = TextSource(files: ["many.conf": Self.text(count) + "own { userns = 2000000+65536; }\n"])
            specs[count] = try Configuration(path: "many.conf", source: source).specs()
        }
        let ratio = try Self.ratio { count in
            for _ in 0..<20 { _ = try registry.preview(for: specs[count] ?? []) }
        }
        #expect(ratio < Self.bound)
        let places = try registry.preview(for: try #require(specs[480]))
        #expect(places.map(\.identity.jid) == Array(1...481) && Set(places.map(\.network)).count == 481)
        let ranges = places.compactMap(\.identity.idRange).sorted { $0.first < $1.first }
        #expect(ranges.count == 481 && zip(ranges, ranges.dropFirst()).allSatisfy { $0.first + $0.count <= $1.first })
    }

    @Test("jails with the same filter are judged by one walk of it, and are judged as they would be alone")
    func posture() throws {
        let source = TextSource(files: ["many.conf": Self.text(2) + "c { seccomp = none; }\n"])
        let jails = try Configuration(path: "many.conf", source: source).specs()
        let shared = SharedLooks()
        for jail in jails {
            let together = Posture(of: jail, try PostureFacts(of: jail, among: jails, shared))
            let alone = Posture(of: jail, try PostureFacts(of: jail, among: jails))
            #expect(together.exposure == alone.exposure && together.calls.map(\.names) == alone.calls.map(\.names))
        }
        let ratio = try Self.ratio { count in
            let source = TextSource(files: ["many.conf": Self.text(count)])
            let jails = try Configuration(path: "many.conf", source: source).specs()
            let shared = SharedLooks()
            for jail in jails { _ = Posture(of: jail, try PostureFacts(of: jail, among: jails, shared)) }
        }
        #expect(ratio < Self.bound)
    }

    @Test("what is in a loop, or needs one, is in no wave; all else comes as early as it can")
    func waves() throws {
        let text = """
            path = /; persist;
            d { depend = c, a; } a { } b { depend = a; } c { depend = b; } e { }
            """
        let source = TextSource(files: ["w.conf": text])
        let graph = DependencyGraph(try Configuration(path: "w.conf", source: source).specs())
        #expect(graph.waves(of: ["a", "b", "c", "d", "e"]) == [["a", "e"], ["b"], ["c"], ["d"]])
        #expect(graph.waves(of: ["d", "c", "e"]) == [["c", "e"], ["d"]])
        #expect(graph.needed == ["a", "b", "c"])
    }
}
