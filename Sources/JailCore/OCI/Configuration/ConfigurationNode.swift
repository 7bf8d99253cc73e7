/// A value of config.json with the way to it, by which errors name it: `config.json:41:9: process.cwd: …`.
struct ConfigurationNode {
    let document: JSONDocument
    let value: JSONValue
    let path: [JSONKey]

    init(_ document: JSONDocument) { self.init(document: document, value: document.root, path: []) }

    private init(document: JSONDocument, value: JSONValue, path: [JSONKey]) {
        (self.document, self.value, self.path) = (document, value, path)
    }

    var origin: Origin { .configuration(document.location(of: value)) }

    func wrong(_ message: String, hint: String? = nil) -> Diagnostic {
        document.diagnostic(message, at: path, hint: hint)
    }

    private func expected(_ kind: String) -> Diagnostic { wrong("expected \(kind), found \(value.kind)") }

    // MARK: Objects

    /// Nil for a member that is not there, and for null, which Go's encoders write for it.
    subscript(key: String) -> ConfigurationNode? {
        get throws(Diagnostic) {
            guard value.members != nil else { throw expected("an object") }
            guard let member = value[key], member.content != .null else { return nil }
            return ConfigurationNode(document: document, value: member, path: path + [JSONKey(stringValue: key)])
        }
    }

    func required(_ key: String) throws(Diagnostic) -> ConfigurationNode {
        if let node = try self[key] { return node }
        throw document.diagnostic("missing", at: path + [JSONKey(stringValue: key)])
    }

    /// With its keys.
    var members: [(key: String, node: ConfigurationNode)] {
        get throws(Diagnostic) {
            guard let members = value.members else { throw expected("an object") }
            return members.map { member in
                let path = path + [JSONKey(stringValue: member.key)]
                return (member.key, ConfigurationNode(document: document, value: member.value, path: path))
            }
        }
    }

    // MARK: Values

    var elements: [ConfigurationNode] {
        get throws(Diagnostic) {
            guard let elements = value.elements else { throw expected("an array") }
            return elements.enumerated().map { index, element in
                ConfigurationNode(document: document, value: element, path: path + [JSONKey(intValue: index)])
            }
        }
    }

    /// What the kernel could take: without NUL.
    var string: String {
        get throws(Diagnostic) {
            guard case .string(let text) = value.content else { throw expected("a string") }
            if text.utf8.contains(0) { throw wrong("has a NUL character") }
            return text
        }
    }

    var bool: Bool {
        get throws(Diagnostic) {
            guard case .bool(let truth) = value.content else { throw expected("true or false") }
            return truth
        }
    }

    func integer<Integer: FixedWidthInteger>(_ type: Integer.Type = Integer.self) throws(Diagnostic) -> Integer {
        guard case .number(let number) = value.content else { throw expected("a number") }
        guard let integer = number.exactly(type) else {
            throw wrong("\(number): not a whole number from \(Integer.min) to \(Integer.max)")
        }
        return integer
    }

    var strings: [String] {
        get throws(Diagnostic) {
            var all: [String] = []
            for element in try elements { all.append(try element.string) }
            return all
        }
    }

    var located: Located<String> {
        get throws(Diagnostic) { Located(try string, origin) }
    }

    var absolutePath: String {
        get throws(Diagnostic) {
            let text = try string
            if !text.hasPrefix("/") { throw wrong("\"\(shown(text))\" is not an absolute path") }
            return text
        }
    }

    /// One of the words of `values`.
    func word<Value>(_ values: [(String, Value)]) throws(Diagnostic) -> Value {
        let text = try string
        if let value = values.first(where: { $0.0 == text }) { return value.1 }
        let near = Spelling(text).closest(in: values.map(\.0)).map { " (did you mean \"\($0)\"?)" } ?? ""
        throw wrong("unknown value \"\(shown(text))\"\(near)")
    }
}

/// Of a file: nothing in it reaches a terminal as it is.
func shown(_ text: String) -> String { Bytes(text.utf8).printable() }
