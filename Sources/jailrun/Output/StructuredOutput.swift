/// JSON and XML in the shape of FreeBSD's libxo(3): a container with a list of instances, each with fields.
struct StructuredOutput {
    enum Style: Equatable { case json, xml }

    enum Value: Equatable {
        case text(String)
        case number(Int)
        case flag(Bool)
        /// Texts; in XML each is an element of that name.
        case list([String], element: String)
    }

    struct Field: Equatable {
        var name: String
        var value: Value
    }

    var style: Style
    var isPretty: Bool
    let container = "jail-information"
    let list = "jail"
    /// Told to whoever reads it; jls(8)'s.
    let version = "2"

    func text(_ instances: [[Field]]) -> String { style == .json ? json(instances) : xml(instances) }

    private func indent(_ depth: Int) -> String { isPretty ? String(repeating: "  ", count: depth) : "" }
    private var newline: String { isPretty ? "\n" : "" }

    // MARK: JSON

    /// Fields are separated by a comma, everything with a bracket by a comma and a blank.
    private func json(_ instances: [[Field]]) -> String {
        let bodies = instances.map { indent(3) + "{" + newline + fields($0) + newline + indent(3) + "}" }
        let separator = isPretty ? ",\n" : ", "
        let opening = [
            "{", indent(1) + "\"__version\": \"\(version)\"" + (isPretty ? "," : ", "),
        ]
        return opening.joined(separator: newline) + newline
            + indent(1) + "\"\(container)\": {" + newline + indent(2) + "\"\(list)\": [" + newline
            + bodies.joined(separator: separator) + (bodies.isEmpty ? "" : newline)
            + indent(2) + "]" + newline + indent(1) + "}" + newline + "}\n"
    }

    private func fields(_ fields: [Field]) -> String {
        var text = ""
        for (index, field) in fields.enumerated() {
            let isBracketed = if case .list = field.value { true } else { false }
            if index > 0 { text += isPretty ? ",\n" : isBracketed ? ", " : "," }
            let colon = isPretty || isBracketed ? ": " : ":"
            text += indent(4) + Self.quoted(field.name) + colon + json(field.value)
        }
        return text
    }

    private func json(_ value: Value) -> String {
        switch value {
        case .text(let text): Self.quoted(text)
        case .number(let number): String(number)
        case .flag(let flag): String(flag)
        case .list(let texts, _):
            "[" + newline + texts.map { indent(5) + Self.quoted($0) }.joined(separator: isPretty ? ",\n" : ",")
                + (texts.isEmpty ? "" : newline) + indent(4) + "]"
        }
    }

    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            default:
                if scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value) {
                    let digits = String(scalar.value, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                } else {
                    result.unicodeScalars.append(scalar)
                }
            }
        }
        return result + "\""
    }

    // MARK: XML

    private func xml(_ instances: [[Field]]) -> String {
        let bodies = instances.map { fields in
            indent(1) + "<\(list)>" + newline + fields.map(element).joined() + indent(1) + "</\(list)>" + newline
        }
        return "<\(container) version=\"\(version)\">" + newline + bodies.joined() + "</\(container)>" + newline
    }

    private func element(_ field: Field) -> String {
        switch field.value {
        case .text(let text): element(field.name, text)
        case .number(let number): element(field.name, String(number))
        case .flag(let flag): element(field.name, String(flag))
        case .list(let texts, let name): texts.map { element(name, $0) }.joined()
        }
    }

    private func element(_ name: String, _ text: String) -> String {
        indent(2) + "<\(name)>\(Markup.text(JailListing.plain(text)))</\(name)>" + newline
    }
}
