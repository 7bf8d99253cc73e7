import Testing

@testable import JailCore

/// The kinds of cases that JSON's parsers are compared by: what all must take, and what none may.
@Suite("JSON is read to the letter")
struct JSONReaderTests {
    private static func fault(_ text: String) -> JSONFault? { fault(Bytes(text.utf8)) }

    private static func fault(_ bytes: Bytes) -> JSONFault? {
        do throws(JSONFault) {
            _ = try JSONReader.read(bytes)
            return nil
        } catch { return error }
    }

    private static func nested(_ levels: Int, _ open: String = "[", _ close: String = "]") -> String {
        String(repeating: open, count: levels) + "0" + String(repeating: close, count: levels)
    }

    @Test(
        "a text that is JSON is taken",
        arguments: [
            "0", "-0", " 1 ", "[]", "{}", "[ ]", "{ }", "null", "true", "false", "\"\"", "\t\r\n[\n]\n", "[[[[]]]]",
            "{\"a\":{\"b\":[1,{}]}}", "[1,2,3]", "{\"\":0}", "{\"a\":1,\"A\":2}", "1e5", "1E+5", "1e-5", "0.1", "-0.1",
            "0e1",
            "123.456e-7", "1e-999", "18446744073709551615", "-9223372036854775808", "100000000000000000000000",
            "\"\\u0000\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\uD83D\\uDE00\"", "\"\\ud83d\\ude00x\"", "\"\u{7f}\"",
            "\"\u{2028}\u{2029}\"", "\"\u{feff}\"", "\"é😀\"", "\"/\"", "[\"a\\u0062c\"]", "\"\\uFFFF\"", "\"\\u2028\"",
        ] + [nested(128), nested(64, "{\"a\":[", "]}")])
    func taken(text: String) { #expect(Self.fault(text) == nil, "\(text)") }

    @Test(
        "a text that is none is not: at which byte, and why",
        arguments: [
            ("", 0, "expected a value, found the end"), (" \n", 2, "expected a value, found the end"),
            ("[", 1, "expected a value, found the end"), ("[1", 2, "expected \",\" or \"]\", found the end"),
            ("{", 1, "expected a key in double quotes, found the end"), ("{\"a\"", 4, "expected \":\", found the end"),
            ("{\"a\":", 5, "expected a value, found the end"), ("]", 0, "expected a value, found \"]\""),
            ("[1]]", 3, "expected the end, found \"]\""), ("1 2", 2, "expected the end, found \"2\""),
            ("[1,]", 2, "a comma after the last"), ("{\"a\":1,}", 6, "a comma after the last"),
            ("[,1]", 1, "expected a value, found \",\""), ("[1,,2]", 3, "expected a value, found \",\""),
            ("[1 2]", 3, "expected \",\" or \"]\", found \"2\""), ("[1}", 2, "expected \",\" or \"]\", found \"}\""),
            ("{\"a\":1]", 6, "expected \",\" or \"}\", found \"]\""),
            ("{1:2}", 1, "expected a key in double quotes, found \"1\""),
            ("{a:1}", 1, "expected a key in double quotes, found \"a\""),
            ("{'a':1}", 1, "expected a key in double quotes"),
            ("{\"a\" 1}", 5, "expected \":\", found \"1\""), ("{\"a\":1 \"b\":2}", 7, "expected \",\" or \"}\""),
            ("{\"a\":1,\"a\":2}", 7, "\"a\": the object already has this key"),
            ("{\"a\":1,\"\\u0061\":2}", 7, "\"a\": the object already has this key"),
            ("True", 0, "\"True\": not a value (did you mean \"true\"?)"), ("nul", 0, "\"nul\": not a value"),
            ("NaN", 0, "\"NaN\": not a value"), ("[Infinity]", 1, "\"Infinity\": not a value"),
            ("[-Infinity]", 2, "expected a digit"), ("nullx", 0, "\"nullx\": not a value"),
            ("'a'", 0, "expected a value, found \"'\""), ("/* */ 1", 0, "expected a value, found \"/\""),
            ("1 // one", 2, "expected the end, found \"/\""), ("# one\n1", 0, "expected a value, found \"#\""),
            ("01", 0, "a number with leading zeros"), ("-01", 0, "a number with leading zeros"),
            ("+1", 0, "expected a value, found \"+\""), (".5", 0, "expected a value, found \".\""),
            ("1.", 2, "expected a digit after the point"), ("1.e5", 2, "expected a digit after the point"),
            ("1e", 2, "expected a digit of the exponent"), ("1e+", 3, "expected a digit of the exponent"),
            ("-", 1, "expected a digit"), ("--1", 1, "expected a digit"), ("0x10", 1, "expected the end, found \"x\""),
            ("1_000", 1, "expected the end, found \"_\""), ("1e999", 0, "a number out of range"),
            ("[-1e999]", 1, "a number out of range"), ("\"a", 0, "a string without its closing quote"),
            ("\"a\\\"", 0, "a string without its closing quote"), ("\"\\", 1, "an unknown escape"),
            ("\"\\x41\"", 1, "an unknown escape"), ("\"\\u12\"", 1, "not four hexadecimal digits"),
            ("\"\\u12g4\"", 1, "not four hexadecimal digits"), ("\"\\u\"", 1, "not four hexadecimal digits"),
            ("\"\\ud800\"", 1, "half of a surrogate pair"), ("\"x\\udc00\"", 2, "half of a surrogate pair"),
            ("\"\\ud800\\u0041\"", 1, "half of a surrogate pair"),
            ("\"\\ud800\\ud800\"", 1, "half of a surrogate pair"),
            ("\"\\udc00\\ud800\"", 1, "half of a surrogate pair"), ("\"\\ud800\\n\"", 1, "half of a surrogate pair"),
            ("\"a\nb\"", 2, "control character \"\\012\" in a string"), ("\"\t\"", 1, "control character"),
            ("\"\u{0}\"", 1, "control character"), ("\u{c}1", 0, "expected a value, found \"\\014\""),
            ("\u{a0}1", 0, "expected a value, found \"\\302\""), ("1\u{0}", 1, "expected the end, found \"\\000\""),
            ("\u{feff}1", 0, "a byte order mark"), ("[\u{2028}]", 1, "expected a value, found \"\\342\""),
            (nested(129), 128, "more than 128 nested arrays and objects"),
            (nested(65, "{\"a\":[", "]}"), 384, "more than 128 nested arrays and objects"),
            (String(repeating: "[", count: 1_000_000), 128, "more than 128 nested arrays and objects"),
        ] as [(String, Int, String)])
    func refused(text: String, offset: Int, message: String) {
        let fault = Self.fault(text)
        #expect(
            fault?.offset == offset && fault?.message.hasPrefix(message) == true,
            "\(text.prefix(40)) \(String(describing: fault))")
    }

    @Test(
        "what is not UTF-8 is refused, at its first wrong byte: stray, cut, overlong, a surrogate, above the last",
        arguments: [
            [0x80], [0xff], [0xc3], [0xc3, 0x28], [0xe2, 0x82], [0xc0, 0xaf], [0xe0, 0x80, 0xaf], [0xed, 0xa0, 0x80],
            [0xf4, 0x90, 0x80, 0x80], [0xf0, 0x9f, 0x98],
        ] as [Bytes])
    func encoding(wrong: Bytes) {
        #expect(Self.fault(Bytes("\"é".utf8) + wrong + Bytes("\"".utf8)) == JSONFault(3, "not UTF-8"))
        #expect(Self.fault(Bytes("{\"a\\n".utf8) + wrong + Bytes("\":1}".utf8)) == JSONFault(5, "not UTF-8"))
        #expect(Self.fault(wrong) != nil)
    }

    @Test("a key that stands twice is found among many, too") func twice() {
        let many = (0..<2000).map { "\"k\($0)\":\($0)" }.joined(separator: ",")
        #expect(Self.fault("{\(many)}") == nil)
        #expect(Self.fault("{\(many),\"k3\":0}")?.message == "\"k3\": the object already has this key")
        #expect(Self.fault("{\(many),\"k1999\":0}")?.message == "\"k1999\": the object already has this key")
    }

    @Test("numbers are exact as far as 64 bits go, and the nearest Double beyond")
    func numbers() throws {
        for (text, number): (String, JSONNumber) in [
            ("0", .integer(0)), ("-1", .integer(-1)), ("9223372036854775807", .integer(.max)),
            ("-9223372036854775808", .integer(.min)), ("9223372036854775808", .natural(1 << 63)),
            ("18446744073709551615", .natural(.max)), ("18446744073709551616", .real(18446744073709551616)),
            ("-9223372036854775809", .real(-9223372036854775808)), ("1.0", .real(1)), ("1e3", .real(1000)),
            ("-0", .real(-0.0)), ("0.1", .real(0.1)), ("5e-324", .real(.leastNonzeroMagnitude)), ("1e-999", .real(0)),
            ("1.7976931348623157e308", .real(.greatestFiniteMagnitude)),
        ] { #expect(try JSONReader.read(Bytes(text.utf8)).content == .number(number), "\(text)") }
        #expect(JSONNumber.real(1000).exactly(UInt16.self) == 1000 && JSONNumber.real(0.5).exactly(Int.self) == nil)
        #expect(
            JSONNumber.natural(.max).exactly(UInt64.self) == .max && JSONNumber.natural(.max).exactly(Int64.self) == nil
        )
        #expect(JSONNumber.integer(300).exactly(Int8.self) == nil && JSONNumber.integer(-1).exactly(UInt.self) == nil)
    }

    @Test("strings are what their escapes mean") func strings() throws {
        for (text, string) in [
            (#""\u00e9\ud83d\ude00\/\b\f""#, "\u{e9}\u{1f600}/\u{8}\u{c}"), (#""a\u0000b""#, "a\u{0}b"),
            (#""\uffff\uD800\uDC00\udbff\udfff""#, "\u{ffff}\u{10000}\u{10ffff}"), (#""e\u0301""#, "e\u{301}"),
        ] { #expect(try JSONReader.read(Bytes(text.utf8)).content == .string(string), "\(text)") }
    }

    @Test("each node knows its line and its column, in bytes") func places() throws {
        let root = try JSONReader.read(Bytes("{\n  \"é\": [1,\r\n\t{\"b\" :\n\n null}]\n}".utf8))
        func place(_ value: JSONValue?) -> [Int32]? { value.map { [$0.place.line, $0.place.column] } }
        let list = root["é"]
        #expect(place(root) == [1, 1] && place(list) == [2, 9] && place(list?.elements?.first) == [2, 10])
        #expect(place(list?.elements?.last) == [3, 2] && place(list?.elements?.last?["b"]) == [5, 2])
    }

    @Test("a document's errors have place, line, caret and hint, as those of jail.conf do") func diagnostics() {
        func told(_ text: String) -> String {
            do throws(Diagnostic) {
                _ = try JSONDocument(Bytes(text.utf8), file: "p.json")
                return "nothing"
            } catch { return "\(error)" }
        }
        #expect(
            told("{\n  \"a\": [1,\n    2,\n  ]\n}") == """
                p.json:3:6: a comma after the last
                    2,
                     ^
                hint: JSON has commas only between values
                """)
        #expect(
            told("{\n  \"a\": [1\n") == """
                p.json:3:1: expected "," or "]", found the end

                ^
                hint: the "[" at 2:8 is not closed
                """)
        #expect(told("\u{feff}{}").hasSuffix("hint: save the file as UTF-8 without one"))
        #expect(told("{\"\u{1b}[31m\": 1}").utf8.allSatisfy { $0 != 0x1b })
    }

    /// A generator whose numbers are the same each time.
    private struct Dice {
        var state: UInt64

        mutating func roll(_ sides: Int) -> Int {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return Int(state % UInt64(sides))
        }
    }

    private static let documents = [
        #"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read", "é😀"], "args": [{"index": 0, "value": 18446744073709551615}]}]}"#,
        #"[null, true, false, -0.5e-3, "\ud83d\ude00\n\\", [[], {}], {"a": {"b": [1, 2, 3]}}]"#,
        "{\n  \"k\" : \"v\",\r\n\t\"list\" : [\n\n  ]\n}\n",
    ]

    private static func mutated(_ document: Bytes, _ dice: inout Dice) -> Bytes {
        let marks = Bytes("{}[]\",:\\u0e-.d8 \n\u{0}é".utf8) + [0xff, 0xc3, 0xed, 0xa0]
        var bytes = document
        for _ in 0...dice.roll(4) {
            let place = dice.roll(bytes.count)
            switch dice.roll(5) {
            case 0: bytes[place] = marks[dice.roll(marks.count)]
            case 1: bytes.insert(marks[dice.roll(marks.count)], at: place)
            case 2: bytes.remove(at: place)
            case 3: bytes.removeSubrange(place..<min(bytes.count, place + dice.roll(9)))
            default: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + dice.roll(20))], at: place)
            }
            if bytes.isEmpty { bytes = document }
        }
        return bytes
    }

    @Test("whatever a fault makes of a document, it is read or refused, and what is read reads the same when written")
    func mutations() throws {
        var dice = Dice(state: 0x9e37_79b9_7f4a_7c15)
        var (read, refused) = (0, 0)
        for round in 0..<3000 {
            let bytes = Self.mutated(Bytes(Self.documents[round % 3].utf8), &dice)
            do throws(JSONFault) {
                let value = try JSONReader.read(bytes)
                #expect(try JSONReader.read(value.bytes) == value, "\(bytes.printable())")
                read += 1
            } catch {
                #expect((0...bytes.count).contains(error.offset), "\(bytes.printable())")
                #expect(throws: Diagnostic.self) { try JSONDocument(bytes, file: "f") }
                refused += 1
            }
            _ = try? JSONValueDecoder().decode(SeccompProfile.self, from: bytes)
        }
        #expect(read > 150 && refused > 1500, "\(read) \(refused)")
    }
}
