import Testing

@testable import JailCore

@Suite("Parameters on a command line")
struct ParameterWordsTests {
    private func jail(_ operands: String...) throws -> EffectiveJail {
        var words = ParameterWords()
        words.add(operands: operands)
        return try #require(Configuration(words).jails.first)
    }

    private func values(_ jail: EffectiveJail, _ name: String) -> [String]? {
        jail.parameter(name)?.values.map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    @Test("values are literal: neither quotes nor variables mean anything")
    func literal() throws {
        let jail = try jail("host.hostname=$name", "meta=\"a b\"", "path=/a=b", "env=")
        #expect(values(jail, "host.hostname") == ["$name"])
        #expect(values(jail, "meta") == ["\"a b\""])
        #expect(values(jail, "path") == ["/a=b"])
        #expect(values(jail, "env") == [""])
    }

    @Test("lists are split at commas and go on when they are given again; commands and fstab lines are not split")
    func lists() throws {
        let jail = try jail(
            "ip4.addr=10.0.0.1,10.0.0.2", "ip4.addr=10.0.0.3", "exec.start=echo a,b", "exec.start=true",
            "mount=/a /b nullfs ro,nosuid")
        #expect(values(jail, "ip4.addr") == ["10.0.0.1", "10.0.0.2", "10.0.0.3"])
        #expect(values(jail, "exec.start") == ["echo a,b", "true"])
        #expect(values(jail, "mount") == ["/a /b nullfs ro,nosuid"])
    }

    @Test(
        "command takes all that follows, in each of its forms",
        arguments: [(["command=a", "b=c"], ["a", "b=c"]), (["command", "a"], ["a"]), (["command=", "a"], ["a"])])
    func command(operands: [String], expected: [String]) {
        var words = ParameterWords()
        words.add(operands: ["persist"] + operands)
        #expect(words.command == expected)
    }

    @Test("messages of a jail without a block begin with no name, and show the place on the line")
    func messages() throws {
        var words = ParameterWords()
        words.add(operands: ["persist", "mount.prcfs"])
        let jails = try Configuration(words).checkedJails()
        let error = try #require(jails[0].errors.first)
        #expect(error.jailMessage == Bytes("unknown parameter: mount.prcfs".utf8))
        #expect(error.description.contains("command line:1:9") && error.description.contains("did you mean"))
    }
}

@Suite("Parameters of a jail that runs")
struct JailParametersTests {
    private func jail(_ operands: [String]) -> EffectiveJail {
        var words = ParameterWords()
        words.add(operands: operands)
        return Configuration(words).jails[0]
    }

    private func meta(_ steps: [String]...) -> String? {
        var parameters = JailParameters(jail(["meta"]))
        for step in steps { parameters = JailParameters(parameters.changed(by: jail(step))) }
        return parameters.setting("meta")?.values.last
    }

    @Test("a line of meta is put first, replaced, emptied and taken away; changes apply in their order")
    func lines() {
        #expect(meta(["meta.a=1"]) == "a=1")
        #expect(meta(["meta.a=1"], ["meta.c=3", "meta.b=2"]) == "b=2\nc=3\na=1")
        #expect(meta(["meta=b=2\na=1"], ["meta.a=A"]) == "a=A\nb=2")
        #expect(meta(["meta=a=1\nb=2"], ["meta.a="]) == "a=\nb=2")
        #expect(meta(["meta=a=1\nb=2"], ["meta.a"]) == "b=2")
        #expect(meta(["meta.a=1", "meta=ttt", "meta.b=2"]) == "b=2\nttt")
        #expect(meta(["meta.b=="]) == "b==")
        #expect(meta(["meta=x"], ["meta="]) == "")
    }

    @Test("a key is found at the beginning of a line only")
    func keys() {
        #expect(JailParameters.value(of: "a", in: "ba=1\na=2") == "2")
        #expect(JailParameters.value(of: "a", in: "a=\nb=2") == "")
        #expect(JailParameters.value(of: "c", in: "a=\nb=c=1") == nil)
    }

    @Test("opt and noopt are one parameter, and the latest counts")
    func negation() {
        let parameters = JailParameters(jail(["persist", "allow.nomount"]))
        let changed = JailParameters(parameters.changed(by: jail(["nopersist", "allow.mount=1"])))
        #expect(parameters.flag("persist") == true && parameters.flag("allow.mount") == false)
        #expect(changed.flag("persist") == false && changed.flag("allow.mount") == true)
        #expect(changed.settings.count == 2)
    }

    @Test("more than FreeBSD's 4095 bytes of meta are too large")
    func size() throws {
        var words = ParameterWords()
        words.add(operands: ["persist", "env=\(String(repeating: "x", count: 4095))"])
        #expect(try Configuration(words).checkedJails()[0].errors.isEmpty)
        words.add(operands: ["meta=\(String(repeating: "x", count: 4096))"])
        #expect(try Configuration(words).checkedJails()[0].errors.map(\.message).first?.contains("too large") == true)
    }

    @Test("every parameter that a running jail has stands in the table, and those without a dot come first")
    func kernelParameters() {
        let names = KernelParameters.all
        for name in names { #expect(ParameterTable.row(Bytes(name.utf8)) != nil, "\(name)") }
        let first = names.firstIndex { $0.contains(".") } ?? 0
        #expect(names[..<first].elementsEqual(names[..<first].sorted()))
        #expect(
            names[first...].elementsEqual(names[first...].sorted()) && names[first...].allSatisfy { $0.contains(".") })
        #expect(KernelParameters.contains("meta.key") && !KernelParameters.contains("meta."))
        #expect(KernelParameters.contains("ulimit.core") && KernelParameters.isFixed("ulimit.core"))
        #expect(!KernelParameters.contains("exec.start") && !KernelParameters.contains("nopersist"))
    }
}
