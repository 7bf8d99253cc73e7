import FoundationEssentials
import Testing

@testable import JailCore

@Suite("Values in JSON")
struct JSONCodingTests {
    private enum Choice: Codable, Equatable {
        case none
        case some(Int, name: String)
    }

    private struct Part: Codable, Equatable {
        var list: [Int8]
        var choice: Choice
        var table: [String: UInt16]
        var maybe: String?
    }

    /// Capitals come first where keys are sorted.
    private struct Upper: Codable, Equatable {
        private enum CodingKeys: String, CodingKey { case one = "b", two = "B", three = "a10", four = "a9" }
        var (one, two, three, four) = (1, 2, 3, 4)
    }

    private struct Whole: Codable, Equatable {
        var z = "a/b \" \\ \u{1}\u{1f}\u{7f}\u{8}\u{c}\n\r\t é😀 \u{2028}"
        var upper = Upper()
        var a10 = UInt64.max
        var a9 = Int64.min
        var aé = 0.1
        var one = 1.0
        var large = 1e20
        var small: Float = 0.5
        var nested: [[Int]] = [[1, 2], []]
        var parts = [
            Part(list: [-128, 127], choice: .some(1, name: "n"), table: ["k": 1, "j": 2], maybe: "m"),
            Part(list: [], choice: .none, table: [:], maybe: nil),
        ]
        var gaps: [Int?] = [nil, 1]
    }

    @Test("what is written is byte for byte what the library's encoder writes", arguments: [true, false])
    func asTheLibrary(isPretty: Bool) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if isPretty { encoder.outputFormatting.insert(.prettyPrinted) }
        #expect(
            JSONText.of(Whole(), isPretty: isPretty) == String(decoding: try encoder.encode(Whole()), as: UTF8.self))
        for list in [[], [1]] as [[Int]] {
            #expect(JSONText.of(list, isPretty: isPretty) == String(decoding: try encoder.encode(list), as: UTF8.self))
        }
        #expect(JSONText.of("x", isPretty: isPretty) == "\"x\"" && JSONText.of(Int?.none, isPretty: isPretty) == "null")
    }

    @Test("what was written is read as it was, in each form, by the library's decoder, too")
    func roundTrip() throws {
        let forms = [
            try JSONValueEncoder().encode(Whole()).bytes, Array(JSONText.of(Whole()).utf8),
            Array(try JSONEncoder().encode(Whole())),
        ]
        for bytes in forms { #expect(try JSONValueDecoder().decode(Whole.self, from: bytes) == Whole()) }
        #expect(try JSONDecoder().decode(Whole.self, from: Data(forms[0])) == Whole())
    }

    @Test("keys stand in the order in which they are written") func order() throws {
        struct Ordered: Encodable { var (z, a, m) = (1, 2, 3) }
        #expect(
            String(decoding: try JSONValueEncoder().encode(Ordered()).bytes, as: UTF8.self) == #"{"z":1,"a":2,"m":3}"#)
    }

    /// Uses all that the protocols have.
    private struct Nested: Codable, Equatable {
        private enum Key: String, CodingKey { case list, object, parent }
        var numbers = [1, 2]
        var name = "n"

        init() {}

        init(from decoder: any Decoder) throws {
            let top = try decoder.container(keyedBy: Key.self)
            #expect(top.allKeys == [.list, .object, .parent] && top.contains(.list))
            var list = try top.nestedUnkeyedContainer(forKey: .list)
            #expect(list.count == 4 && list.currentIndex == 0)
            #expect(try list.decodeNil() && !list.decodeNil())
            numbers = [try list.decode(Int.self)]
            var inner = try list.nestedUnkeyedContainer()
            numbers.append(try inner.decode(Int.self))
            #expect(inner.isAtEnd && !list.isAtEnd)
            #expect(throws: DecodingError.self) { _ = try inner.decode(Int.self) }
            let last = try list.nestedContainer(keyedBy: Key.self)
            #expect(last.codingPath.map(\.stringValue) == ["list", "3"] && last.allKeys.isEmpty)
            let object = try top.nestedContainer(keyedBy: Key.self, forKey: .object)
            #expect(try object.decodeNil(forKey: .list))
            name = try top.superDecoder(forKey: .parent).singleValueContainer().decode(String.self)
        }

        func encode(to encoder: any Encoder) throws {
            var top = encoder.container(keyedBy: Key.self)
            var list = top.nestedUnkeyedContainer(forKey: .list)
            try list.encodeNil()
            try list.encode(numbers[0])
            var inner = list.nestedUnkeyedContainer()
            try inner.encode(numbers[1])
            _ = list.nestedContainer(keyedBy: Key.self)
            var object = top.nestedContainer(keyedBy: Key.self, forKey: .object)
            try object.encodeNil(forKey: .list)
            var parent = top.superEncoder(forKey: .parent).singleValueContainer()
            try parent.encode(name)
        }
    }

    @Test("containers stand in each other where they were asked for") func nested() throws {
        let bytes = try JSONValueEncoder().encode(Nested()).bytes
        #expect(
            String(decoding: bytes, as: UTF8.self) == #"{"list":[null,1,[2],{}],"object":{"list":null},"parent":"n"}"#)
        #expect(try JSONValueDecoder().decode(Nested.self, from: bytes) == Nested())
    }

    @Test("a number that JSON does not have is an error of the encoder", arguments: [Double.nan, .infinity])
    func numberless(number: Double) {
        #expect(throws: EncodingError.self) { try JSONValueEncoder().encode(["x": [number]]) }
    }

    @Test(
        "what cannot be decoded is told with its path, its place and what was expected",
        arguments: [
            ("[]", "1:1: expected an object, found an array"),
            ("{}", "1:1: list: missing"),
            ("{\"lost\": []}", "1:1: list: missing"),
            ("{\"list\": 1}", "1:10: list: expected an array, found a number"),
            ("{\"list\":\n [1, \"x\"]}", "2:6: list[1]: expected a number, found a string"),
            ("{\"list\": [128]}", "1:11: list[0]: 128: not a whole number between -128 and 127"),
            ("{\"list\": [1.5]}", "1:11: list[0]: 1.5: not a whole number between -128 and 127"),
            ("{\"list\": [null]}", "1:11: list[0]: expected a number, found null"),
            (
                "{\"list\": [], \"choice\": {\"none\": {}}, \"table\": {\"k\": true}}",
                "1:53: table.k: expected a number, found a boolean"
            ),
            (
                "{\"list\": [], \"choice\": {\"none\": {}}, \"table\": {}, \"maybe\": {}}",
                "1:60: maybe: expected a string, found an object"
            ),
        ])
    func places(text: String, message: String) {
        do throws(Diagnostic) {
            _ = try JSONDocument(Bytes(text.utf8), file: "f").decode(Part.self)
            Issue.record("decoded")
        } catch {
            #expect(error.description.hasPrefix("f:\(message)\n"), "\(error)")
            #expect(error.sourceLine != nil)
        }
    }

    @Test("a key that may have been meant is a hint") func nearKey() {
        #expect {
            _ = try JSONDocument(Bytes("{\"lits\": []}".utf8), file: "f").decode(Part.self)
        } throws: { ($0 as? Diagnostic)?.hint == "it has \"lits\": a spelling mistake?" }
    }

    @Test(
        "base64 is RFC 4648's",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"), ("\u{0}\u{7f}>?", "AH8+Pw=="),
        ])
    func base64(plain: String, coded: String) {
        #expect(Base64.text(Bytes(plain.utf8)) == coded && Base64.bytes(coded) == Bytes(plain.utf8))
    }

    @Test(
        "what is no base64 is not read",
        arguments: ["Z", "Zg", "Zg=", "Zh==", "Zm9=", "====", "Zg==Zg==", "Z===", "Zm9v\n", "Zm 9", "Zm-v"])
    func noBase64(text: String) { #expect(Base64.bytes(text) == nil) }

    @Test("every byte goes through base64") func allBytes() {
        for count in 0..<70 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37 + count) }
            #expect(Base64.bytes(Base64.text(bytes)) == bytes)
            #expect(Base64.text(bytes) == Data(bytes).base64EncodedString())
        }
    }

    @Test("a word is found in a text, first and last") func words() {
        let text = "a,b=1,b=2"
        #expect(text.holds("b=") && !text.holds("c=") && text.holds("a") && !"".holds("a"))
        #expect(text.firstPlace(of: "b=").map { text[$0.upperBound...] } == "1,b=2")
        #expect(text.lastPlace(of: "b=").map { text[$0.upperBound...] } == "2")
    }
}
