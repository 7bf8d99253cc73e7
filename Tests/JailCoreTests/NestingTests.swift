import Testing

@testable import JailCore

/// Limits that a file sets, for jails that are in others of it.
@Suite("Jails of a file in each other")
struct NestingTests {
    private static func configuration(_ text: String) throws -> Configuration {
        try Configuration(path: "www.conf", source: TextSource(files: ["www.conf": text]))
    }

    private static func errors(_ text: String, of names: [String] = []) throws -> [Diagnostic] {
        let configuration = try configuration("path = \"/j/$name\"; persist;\n\(text)")
        do throws(ConfigurationFailure) {
            _ = try configuration.specs(of: names, starts: true)
            return []
        } catch { return error.diagnostics }
    }

    @Test(
        "jails of the file that children.max has no room for are an error at its line, at every depth",
        arguments: [
            ("a { children.max = 1; }\na.b {}\na.c {}", "children.max: 1 is too few for the 2", "a.b, a.c"),
            ("a { children.max = 2; }\na.b {}\na.b.c {}\na.b.d {}", "children.max: 2 is too few for the 3", "a.b.d"),
            ("a { children.max = 1; }\na.b { children.max = 1; }\na.b.c {}", "children.max: 1 is too few", "a.b.c"),
        ])
    func count(text: String, message: String, names: String) throws {
        let errors = try Self.errors(text)
        #expect(errors.count == 1 && errors[0].location?.line == 2, "\(errors)")
        #expect(errors.first?.message.hasPrefix(message) == true && errors[0].message.contains(names), "\(errors)")
        #expect(errors.first?.hint?.contains("must be at least") == true, "\(errors)")
        #expect(try Self.configuration("path = \"/j/$name\"; persist;\n\(text)").check().contains { $0 == errors[0] })
    }

    @Test("there is room for as many as it says, for any number without it, and for those of them that start")
    func room() throws {
        #expect(try Self.errors("a { children.max = 2; } a.b {} a.c {}") == [])
        #expect(try Self.errors("a { children.max = 2; } a.b { children.max = 1; } a.b.c {}") == [])
        #expect(try Self.errors("a {} a.b {} a.c {} a.b.d {}") == [])
        #expect(try Self.errors("a { children.max = 1; } a.b {} a.c {}", of: ["a.c"]) == [])
        #expect(try Self.errors("a { children.max = 1; } ab {} b.a {}") == [])
    }

    @Test(
        "limits of cgroups have room for those that jailrun makes itself",
        arguments: [
            ("descendants", 1, 2, "a.b {}"), ("descendants", 2, 3, "a.b {} a.c {}"),
            ("descendants", 2, 3, "a.b { children.max = 1; }"), ("descendants", 3, 4, "a.b {} a.b.c {}"),
            ("depth", 0, 1, "a.b {}"), ("depth", 1, 2, "a.b {} a.b.c {}"),
            ("depth", 2, 3, "a.b {} a.b.c { children.max = 1; }"),
        ])
    func cgroups(limit: String, few: Int, enough: Int, inner: String) throws {
        let errors = try Self.errors("a {\ncgroup.cgroup.max.\(limit) = \(few); }\n\(inner)")
        #expect(errors.count == 1 && errors[0].location?.line == 3, "\(errors)")
        #expect(errors.first?.message.hasPrefix("cgroup.cgroup.max.\(limit): \(few) is too few") == true, "\(errors)")
        #expect(errors.first?.hint?.hasPrefix("it must be at least \(enough)") == true, "\(errors)")
        #expect(try Self.errors("a { cgroup.cgroup.max.\(limit) = \(enough); } \(inner)") == [])
    }
}
