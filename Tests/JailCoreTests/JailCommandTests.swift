import Testing

@testable import JailCore

@Suite("Commands of exec.*")
struct JailCommandTests {
    @Test(
        "without a character of the shell's a command is words, whatever white space is between them",
        arguments: [
            ("a b", ["a", "b"]), (" a\tb ", ["a", "b"]), ("a\n  b\r\n\u{b}c\u{c}", ["a", "b", "c"]),
            ("X=1 a #b", ["X=1", "a", "#b"]), ("", []), (" \n\t", []),
        ])
    func words(text: String, arguments: [String]) {
        #expect(JailCommand(text) == JailCommand(text: text, arguments: arguments, isBackground: false))
    }

    @Test("with one it is the shell's", arguments: Array("!\"$'()*;<>?[\\]`{|}~").map { "a\n\($0) b" } + ["a && b"])
    func shell(text: String) {
        #expect(JailCommand(text).arguments == ["/bin/sh", "-c", text])
    }

    @Test("a last & alone runs it in the background without a shell")
    func background() {
        #expect(JailCommand("a b &") == JailCommand(text: "a b &", arguments: ["a", "b"], isBackground: true))
        #expect(JailCommand("a & b &").arguments == ["/bin/sh", "-c", "a & b &"])
    }

    @Test(
        "so it does when its words are quoted, and nothing else is the shell's",
        arguments: [
            ("nginx -g 'daemon off;' &", ["nginx", "-g", "daemon off;"]), ("a \"b  c\"d '' & ", ["a", "b  cd", ""]),
            ("'/my prog' '$x' &", ["/my prog", "$x"]),
        ])
    func quoted(text: String, arguments: [String]) {
        #expect(JailCommand(text) == JailCommand(text: text, arguments: arguments, isBackground: true))
    }

    @Test(
        "a shell is needed for what else it does",
        arguments: [
            "a \"$x\" &", "a 'b' >f &", "A='1' b &", "cd '/x' &", "a 'b &", "a 'b' #c &", "(a 'b') &", "a 'b'\nc &",
            "a 'b' && c &", "a \"\\x\" &", "a '*' ? &",
        ])
    func unquoted(text: String) {
        #expect(
            !JailCommand(text).isBackground && JailCommand(text).arguments.first == "/bin/sh", "\(JailCommand(text))")
    }

    @Test(
        "a quote that is open at the end is found, where that takes no shell",
        arguments: [
            ("\"unclosed", "\"" as Character?), ("echo it's", "'"), ("echo 'a' \"b'", "\""), ("echo \\'a 'b", "'"),
            ("a # it's\necho 'b", "'"), ("echo 'a \\\\' b'", "'"), ("echo 'a' \"it's\"", nil), ("echo it\\'s", nil),
            ("a; # it's", nil), ("echo 'a\nb'", nil), ("a b#it's c'", nil), ("cat <<E\nit's\nE", nil),
            ("echo \"$(echo '\"')\"", nil), ("echo `echo it's`", nil), ("echo ${x#\"}", nil), ("echo $'it\\'s'", nil),
            ("echo \"a\\\"b\"", nil), ("plain words", nil),
        ])
    func unclosed(text: String, quote: Character?) { #expect(JailCommand(text).unclosedQuote == quote) }
}
