import Testing

@testable import JailCore

@Suite("devfs.rules")
struct DevfsRulesTests {
    private func read(_ text: String) throws(DevfsRulesError) -> DevfsRules {
        try DevfsRules(reading: Array(text.utf8), file: "devfs.rules")
    }

    private func message(_ text: String) -> String? {
        DevfsRules.errors(in: Array(text.utf8), file: "devfs.rules").first?.description
    }

    @Test("the shipped sets have FreeBSD's names and numbers")
    func shippedSets() {
        let sets = DevfsRules.standard.rulesets.map { "\($0.number) \($0.name)" }
        #expect(
            sets == [
                "1 devfsrules_hide_all", "2 devfsrules_unhide_basic", "3 devfsrules_unhide_login", "4 devfsrules_jail",
                "5 devfsrules_jail_vnet",
            ])
    }

    @Test("an include by which nothing is hidden is found, whatever hides being one include deeper")
    func shallowIncludes() throws {
        func include(_ text: String) throws -> Int? {
            let rules = try read("[inner=20]\nadd include 4\n[x=10]\n\(text)\n")
            return rules.shallowInclude(in: try rules.ruleset("10"))?.includes
        }
        #expect(try include("add include $devfsrules_jail") == 4)
        #expect(try include("add path 'bpf*' unhide\nadd include 5") == 5)
        for text in [
            "add hide\nadd include 4", "add include 1\nadd include 4", "add include 4\nadd include 1",
            "add path null unhide", "add include 2", "add include 20",
        ] { #expect(try include(text) == nil, "\(text)") }
    }

    @Test("a set is found by its number, by its name, and set 0 is always there, empty")
    func lookup() throws {
        let rules = try read("[www_ruleset=10]\nadd hide\n")
        #expect(try rules.ruleset("10").name == "www_ruleset")
        #expect(try rules.ruleset("www_ruleset").number == 10)
        #expect(try rules.ruleset("4").name == "devfsrules_jail")
        #expect(try rules.ruleset("0").rules.isEmpty)
    }

    @Test("a name that is nearly one of the sets is answered with it")
    func didYouMean() throws {
        let rules = try read("[www_ruleset=10]\nadd hide\n")
        #expect(throws: DevfsRulesError.unknownRuleset("www_rulset", suggestion: "www_ruleset")) {
            try rules.ruleset("www_rulset")
        }
        #expect(throws: DevfsRulesError.unknownRuleset("database", suggestion: nil)) { try rules.ruleset("database") }
        #expect(throws: DevfsRulesError.unknownRuleset("99999999999999999999", suggestion: nil)) {
            try rules.ruleset("99999999999999999999")
        }
    }

    @Test("a set of a shipped number replaces it, whatever its name")
    func replacement() throws {
        let rules = try read("[mine=4]\nadd path null unhide\n")
        #expect(try rules.ruleset("4").name == "mine")
        #expect(try rules.ruleset("4").rules.count == 1)
        #expect(throws: DevfsRulesError.self) { try rules.ruleset("devfsrules_jail") }
    }

    @Test("words are quoted, expanded and commented as a shell does")
    func shellWords() throws {
        let rules = try read(
            """
            # comment
            [a=10] # another
              add path 'tty*' unhide   # why
            add path "pts/$a" mode 0600 user root group 5
            add include ${devfsrules_hide_all}
            add path a\\#b hide
            add type disk hide

            """)
        let set = try rules.ruleset("a").rules
        #expect(set.map(\.path) == ["tty*", "pts/10", nil, "a#b", nil])
        #expect(set[1].mode == 0o600)
        #expect(set[1].user == .name("root"))
        #expect(set[1].group == .number(5))
        #expect(set[2].includes == 1)
        #expect(set[4].deviceClass == .disk)
        #expect(set.map(\.number) == [100, 200, 300, 400, 500])
        #expect(set[0].location == SourceLocation(file: "devfs.rules", line: 3, column: 3))
    }

    @Test("rules with numbers stand in their order")
    func numberedRules() throws {
        let set = try read("[a=10]\nadd 300 hide\nadd 100 unhide\nadd path x hide\n").ruleset("a")
        #expect(set.rules.map(\.number) == [100, 300, 400])
    }

    @Test(
        "what is no rule is answered with file, line and column",
        arguments: [
            ("add hide\n", "devfs.rules:1:1: a rule before the first [name=number]"),
            ("[a=10\n", "devfs.rules:1:1: a ruleset starts with [name=number]"),
            ("[a=0]\n", "devfs.rules:1:4: ruleset number \"0\": not between 1 and 65535"),
            ("[a=65536]\n", "devfs.rules:1:4: ruleset number \"65536\": not between 1 and 65535"),
            ("[a-b=10]\n", "devfs.rules:1:2: ruleset name \"a-b\": letters, digits and _ only"),
            ("[a=10]\ndel 100\n", "devfs.rules:2:1: \"del\": only \"add\" is a rule"),
            ("[a=10]\nadd\n", "devfs.rules:2:1: a rule without an action"),
            ("[a=10]\nadd path null\n", "devfs.rules:2:1: a rule without an action"),
            ("[a=10]\nadd hide path null\n", "devfs.rules:2:10: \"path\" after an action"),
            ("[a=10]\nadd path\n", "devfs.rules:2:5: \"path\" without a value"),
            ("[a=10]\nadd path null unhidden\n", "devfs.rules:2:15: \"unhidden\": not a condition or action of a rule"),
            ("[a=10]\nadd type floppy hide\n", "devfs.rules:2:10: type \"floppy\": not disk, mem, tape or tty"),
            ("[a=10]\nadd mode 0888\n", "devfs.rules:2:10: mode \"0888\": not an octal number up to 7777"),
            ("[a=10]\nadd mode 17777\n", "devfs.rules:2:10: mode \"17777\": not an octal number up to 7777"),
            ("[a=10]\nadd user 4294967295\n", "devfs.rules:2:10: id \"4294967295\": not between 0 and 4294967294"),
            ("[a=10]\nadd user -1\n", "devfs.rules:2:10: id \"-1\": not between 0 and 4294967294"),
            ("[a=10]\nadd group 0x10\n", "devfs.rules:2:11: id \"0x10\": not between 0 and 4294967294"),
            ("[a=10]\nadd include $b\n", "devfs.rules:2:13: $b: no ruleset of this name above this line"),
            ("[a=10]\nadd include b\n", "devfs.rules:2:13: include \"b\": not a ruleset number or $name"),
            ("[a=10]\nadd path 'null unhide\n", "devfs.rules:2:10: a quote is not closed"),
            ("[a=10]\nadd 5 hide\nadd 5 hide\n", "devfs.rules:3:5: rule number 5: already in this ruleset"),
        ])
    func errors(text: String, expected: String) throws {
        let message = try #require(self.message(text))
        #expect(message.split(separator: "\n").first.map(String.init) == expected)
    }

    @Test("every wrong line is reported, each with its text and a caret")
    func allErrors() {
        let text = "[a=10]\nadd bogus\n\tadd hide\nadd path x\n"
        let errors = DevfsRules.errors(in: Array(text.utf8), file: "f")
        #expect(
            errors.map(\.description) == [
                "f:2:5: \"bogus\": not a condition or action of a rule\nadd bogus\n    ^",
                "f:4:1: a rule without an action\nadd path x\n^",
            ])
    }

    @Test(
        "bytes that are no text, and unfinished words, are errors and not traps",
        arguments: [
            [0x5b, 0xff, 0x3d, 0x31, 0x5d], [0x24], [0x5b, 0x61, 0x3d, 0x31, 0x5d, 0x0a, 0x24, 0x7b, 0x61], [0x5c],
            [0x22, 0x24],
        ] as [[UInt8]])
    func hostileBytes(text: [UInt8]) {
        #expect(!DevfsRules.errors(in: text, file: "f").isEmpty)
    }
}

@Suite("glob patterns")
struct GlobTests {
    @Test(
        "patterns match as glob(7) says",
        arguments: [
            ("null", "null", true), ("nul", "null", false), ("*", "null", true), ("*", "pts/1", false),
            ("pts/*", "pts/1", true),
            ("pts/*", "pts", false), ("tty?", "tty1", true), ("tty?", "tty", false), ("tty[0-9]", "tty7", true),
            ("tty[!0-9]", "ttyS", true), ("tty[!0-9]", "tty0", false), ("tty[^0-9]", "tty0", false),
            ("a[]]b", "a]b", true),
            ("a[b", "a[b", true), ("\\*", "*", true), ("\\*", "x", false), ("*a*b", "xaxxb", true),
            ("*a*b", "xaxxc", false),
            ("d?i/*", "dri/card0", true), ("dri[/]card0", "dri/card0", false), ("**", "x", true), ("", "", true),
            ("", "x", false),
            ("*/1", "pts/1", true), ("bus/*/1", "bus/usb/2/1", false), ("[a-", "[a-", true),
        ])
    func matching(pattern: String, name: String, expected: Bool) {
        #expect(Glob(pattern).matches(name) == expected)
    }
}
