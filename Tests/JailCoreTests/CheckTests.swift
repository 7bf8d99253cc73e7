import Testing

@testable import JailCore

/// What is wrong or doubtful in a file, whatever the host is like.
@Suite("check, of the file alone")
struct CheckTests {
    private static func configuration(_ text: String, _ more: [String: String] = [:]) throws -> Configuration {
        let files = more.merging(["www.conf": text]) { $1 }
        return try Configuration(path: "www.conf", source: TextSource(files: files))
    }

    private static func errors(_ text: String) throws -> [Diagnostic] {
        let configuration = try configuration(text)
        do throws(ConfigurationFailure) {
            _ = try configuration.specs()
            return []
        } catch { return error.diagnostics }
    }

    // MARK: Files without a jail

    @Test(
        "a file that defines no jail is an error: nobody who starts nothing is to believe that all is well",
        arguments: ["", "# a comment\n", "exec.clean;\n", "* { persist; }\n", "$root = \"/jails\";\n"])
    func empty(text: String) throws {
        let errors = try Self.errors(text)
        #expect(errors.map(\.message) == ["www.conf: no jail is defined"] && errors[0].hint != nil, "\(errors)")
        #expect(try Self.configuration(text).check().map(\.severity) == [.error])
    }

    @Test("an include without its dot is named, with its line and the right word", arguments: ["include", ".Include"])
    func include(word: String) throws {
        for statement in ["\(word) \"more.conf\";", "\(word) = \"more.conf\";"] {
            let alone = try Self.errors("\n\(statement)\n")
            #expect(alone.count == 1 && alone[0].location?.line == 2, "\(alone)")
            #expect(alone.first?.hint?.contains(".include \"FILE\"") == true, "\(alone)")
            let beside = try Self.errors("\(statement)\na { path = /j/a; persist; }\n")
            #expect(beside.count == 1 && beside[0].location?.line == 1, "\(beside)")
            #expect(beside.first?.message.contains("did you mean \".include\"?") == true, "\(beside)")
        }
    }

    @Test("jails that an include brings are jails of the file")
    func included() throws {
        let configuration = try Self.configuration(
            ".include \"more.conf\";\n", ["more.conf": "a { path = /j/a; persist; }\n"])
        #expect(try configuration.specs().map(\.label) == ["a"])
    }

    // MARK: path

    @Test(
        "a jail without a path is an error at its block; / has to be written", arguments: ["", "path = \"\";", "path;"])
    func path(parameters: String) throws {
        let errors = try Self.errors("b { path = /j/b; persist; }\na { persist; \(parameters) }\n")
        #expect(errors.count == 1 && errors[0].location?.line == 2, "\(errors)")
        #expect(errors.first?.message.contains("no path") == true && errors[0].hint?.contains("path = /;") == true)
        #expect(try Self.errors("a { persist; path = /; }") == [])
        #expect(try Self.errors("path = \"/j/$name\"; a { persist; }") == [])
    }

    @Test("jail(8) starts it in /, as on FreeBSD")
    func freeBSD() throws {
        let jails = try Self.configuration("a { persist; }").checkedJails()
        #expect(jails.map(\.spec.path.value) == ["/"] && jails[0].errors == [], "\(jails)")
    }

    // MARK: cap.drop = all

    private static func capabilities(_ parameters: String) throws -> [String] {
        let jail = try #require(try configuration("a { path = /j/a; persist; \(parameters) }").specs().first)
        return CapabilitySet(jail.privileges).capabilities.map(\.name)
    }

    @Test(
        "cap.drop = all leaves what cap.add names, in whichever order and spelling",
        arguments: [
            ("cap.drop = all;", []), ("cap.drop = ALL;", []), ("cap.drop = chown, CAP_ALL;", []),
            ("cap.drop = all; cap.add = chown;", ["CAP_CHOWN"]),
            ("cap.add = NET_BIND_SERVICE, setuid; cap.drop = all;", ["CAP_SETUID", "CAP_NET_BIND_SERVICE"]),
            ("cap.drop = all; cap.add = net_admin; allow.raw_sockets;", ["CAP_NET_ADMIN"]),
        ])
    func all(parameters: String, left: [String]) throws {
        #expect(try Self.capabilities(parameters) == left)
    }

    @Test("all capabilities cannot be added, and a dropped one not by name either")
    func refused() throws {
        for parameters in ["cap.add = all;", "cap.drop = chown, all; cap.add = sys_adminn;"] {
            #expect(try Self.errors("a { path = /j/a; persist; \(parameters) }").count == 1)
        }
        #expect(try Self.errors("a { path = /j/a; persist; cap.drop = kill; cap.add = kill; }").count == 1)
    }

    // MARK: Limits

    @Test(
        "a value that no kernel takes for a file of a cgroup is an error, and so is a file that only tells",
        arguments: [
            "cgroup.max.depth = -4", "cgroup.max.descendants = many", "cgroup.max.depth = 99999999999",
            "cgroup.nosuch = 4", "cgroup.stat = 4", "cgroup.events = 1", "cgroup.pressure = 2", "cpu.weight = 0",
            "cpu.weight = 10001", "cpu.weight.nice = 20", "cpu.idle = yes", "cpu.max = 999", "cpu.max = lots",
            "cpu.max = \"max 0\"", "cpu.max = \"5000 10000 1\"", "cpu.max.burst = -1", "memory.oom.group = 2",
            "memory.current = 1", "memory.stat = 1", "pids.current = 1", "cpuset.cpus.effective = 0",
        ])
    func cgroup(setting: String) throws {
        let errors = try Self.errors("a { path = /j/a; persist;\ncgroup.\(setting); }\n")
        #expect(errors.count == 1 && errors[0].location?.line == 2, "\(errors)")
    }

    @Test(
        "what a kernel takes stays as it is",
        arguments: [
            "cgroup.max.depth = max", "cgroup.max.descendants = 0", "cgroup.pressure = 0", "cpu.weight = 10000",
            "cpu.weight.nice = -20", "cpu.max = max", "cpu.max = \"1000 1000000\"", "cpu.max.burst = 0",
            "memory.oom.group = 1", "io.max = \"8:0 rbps=1\"", "cpuset.cpus = \"0-3,5\"",
        ])
    func cgroupValue(setting: String) throws {
        #expect(try Self.errors("a { path = /j/a; persist; cgroup.\(setting); }\n") == [])
    }

    // MARK: Secrets

    private static func warnings(_ parameters: String) throws -> [Diagnostic] {
        try configuration("a { path = /j/a; persist;\n\(parameters) }").check().filter { $0.severity == .warning }
    }

    @Test(
        "a value that looks like a secret is a warning",
        arguments: [
            "env.DB_PASSWORD = hunter2;", "env.api_key = 0123;", "env.GITHUB_TOKEN = x;",
            "exec.start = \"POSTGRES_PASSWORD=x docker-entrypoint\";", "command = \"mysqld --root-password=abc\";",
            "exec.prestart = \"AWS_SECRET_ACCESS_KEY='x' fetch\";", "env = \"A=b\nSECRET=c\";",
            "exec.poststop = \"env PGPASSWORD=x psql\";",
        ])
    func secrets(parameters: String) throws {
        let warnings = try Self.warnings(parameters)
        #expect(warnings.count == 1 && warnings[0].location?.line == 2 && warnings[0].hint != nil, "\(warnings)")
        // It is not repeated: a log of check must not have it.
        #expect(warnings.allSatisfy { !$0.message.contains("hunter2") }, "\(warnings)")
    }

    @Test(
        "what only names a secret's place is none",
        arguments: [
            "env.DB_PASSWORD_FILE = \"/run/secrets/db\";", "exec.start = \"DB_PASSWORD=$(cat /run/secrets/db) serve\";",
            "env.PWD = \"/srv\";", "env.KEYBOARD = de;", "env.MONKEY = x;", "env.TOKENS_PATH = x;",
            "exec.start = \"TOKEN=/run/token serve\";", "exec.start = \"PASSWORD= serve\";",
        ])
    func harmless(parameters: String) throws {
        #expect(try Self.warnings(parameters) == [])
    }
}
