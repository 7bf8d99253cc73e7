/// Writes JSON as it goes: for the record, which every start writes. The library's encoder makes types of its own for each
/// type that it is given, which took a tenth of a start (docs/design/0009): what few jails have is left to `JSONValueEncoder`, which
/// does so, too.
struct JSONWriter {
    private(set) var bytes: [UInt8] = []

    init() { bytes.reserveCapacity(4096) }

    mutating func object(_ fields: (inout JSONWriter) throws -> Void) rethrows {
        separate()
        bytes.append(UInt8(ascii: "{"))
        try fields(&self)
        bytes.append(UInt8(ascii: "}"))
    }

    mutating func array<Element>(_ elements: [Element], _ write: (inout JSONWriter, Element) -> Void) {
        separate()
        bytes.append(UInt8(ascii: "["))
        for element in elements { write(&self, element) }
        bytes.append(UInt8(ascii: "]"))
    }

    /// Its value is what is written next.
    mutating func key(_ name: String) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        bytes.append(contentsOf: name.utf8)
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
    }

    mutating func value(_ text: String) {
        separate()
        quote(text)
    }

    mutating func value(_ number: some BinaryInteger) {
        separate()
        bytes.append(contentsOf: String(number).utf8)
    }

    mutating func value(_ truth: Bool) {
        separate()
        bytes.append(contentsOf: (truth ? "true" : "false").utf8)
    }

    mutating func coded(_ value: some Encodable) throws {
        let value = try JSONValueEncoder().encode(value).bytes
        separate()
        bytes.append(contentsOf: value)
    }

    /// A comma, unless a value or the first of several comes now.
    private mutating func separate() {
        guard let last = bytes.last, last != UInt8(ascii: "{"), last != UInt8(ascii: "["), last != UInt8(ascii: ":")
        else { return }
        bytes.append(UInt8(ascii: ","))
    }

    /// RFC 8259, section 7.
    private mutating func quote(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0..<0x20: bytes.appendEscape(byte)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

extension JSONWriter {
    mutating func field(_ name: String, _ text: String?) {
        guard let text else { return }
        key(name)
        value(text)
    }

    mutating func field(_ name: String, _ number: Int) {
        key(name)
        value(number)
    }

    mutating func field(_ name: String, _ truth: Bool) {
        key(name)
        value(truth)
    }

    mutating func field(_ name: String, _ texts: [String]) {
        key(name)
        array(texts) { $0.value($1) }
    }

    mutating func field(_ name: String, _ located: Located<String>?) {
        if let located { self.located(name, located.origin) { $0.value(located.value) } }
    }

    mutating func field(_ name: String, _ located: Located<Bool>?) {
        if let located { self.located(name, located.origin) { $0.value(located.value) } }
    }

    mutating func field(_ name: String, _ located: Located<Int>?) {
        if let located { self.located(name, located.origin) { $0.value(located.value) } }
    }

    mutating func field(_ name: String, _ located: [Located<String>]) {
        key(name)
        array(located) { json, element in
            json.located(element.origin) { $0.value(element.value) }
        }
    }

    mutating func located(_ name: String, _ origin: Origin, _ writeValue: (inout JSONWriter) -> Void) {
        key(name)
        located(origin, writeValue)
    }

    private mutating func located(_ origin: Origin, _ writeValue: (inout JSONWriter) -> Void) {
        object {
            $0.key("value")
            writeValue(&$0)
            $0.field("origin", origin.description)
        }
    }

    /// What few jails have; an empty list of it is written here.
    mutating func field(_ name: String, rare list: [some Encodable]) throws {
        key(name)
        if list.isEmpty { array([Int]()) { $0.value($1) } } else { try coded(list) }
    }

    mutating func field(_ name: String, rare value: (some Encodable)?) throws {
        guard let value else { return }
        key(name)
        try coded(value)
    }
}
