import JailCore

/// What jls(8) prints of jails, as text or as fields.
struct JailListing {
    /// Which form: jls's own columns, -v, or parameters by name.
    enum Form: Equatable {
        case columns(byName: Bool)
        case verbose
        case parameters([String])
    }

    var form = Form.columns(byName: false)
    /// -h
    var hasHeader = false
    /// -n
    var isNamed = false
    /// -q
    var isQuoted = false
    /// -s
    var skipsUnsettable = false

    private let others: [JailRecord]

    /// - Parameter others: all jails that run, among which nested jails are found.
    init(among others: [JailRecord]) { self.others = others }

    // MARK: Text

    /// The lines, each with its newline.
    /// - Throws: when a value could not be looked at.
    func text(_ jails: [JailRecord]) throws(RuntimeError) -> String {
        let lines = try jails.map { (jail) throws(RuntimeError) in
            let values = JailValues(jail, among: others)
            switch form {
            case .columns(let byName): return try Self.columns(jail, values, byName: byName)
            case .verbose: return try Self.verbose(jail, values)
            case .parameters(let names):
                let words = try shown(names, values).map { (name) throws(RuntimeError) in
                    word(name, try values.value(of: name))
                }
                return words.joined(separator: " ") + "\n"
            }
        }
        return header + lines.joined()
    }

    private var header: String {
        switch form {
        case .columns(byName: true): " JID             IP Address      Hostname                      Path\n"
        case .columns: "   JID  IP Address      Hostname                      Path\n"
        case .verbose:
            """
               JID  Hostname                      Path
                    Name                          State
                    CPUSetID
                    IP Address(es)

            """
        case .parameters(let names): hasHeader ? names.joined(separator: " ") + "\n" : ""
        }
    }

    private static func columns(_ jail: JailRecord, _ values: JailValues, byName: Bool)
        throws(RuntimeError) -> String
    {
        let identity =
            byName ? " \(pad(Terminal.escaped(jail.name), 15)) " : "\(padLeft(String(jail.identity.jid), 6))  "
        return try identity + pad(cut(values.addresses(.ipv4).first ?? "", 15), 15) + " "
            + pad(cut(values.hostname(), 29), 29) + " " + cut(jail.spec.path.value, 74) + "\n"
    }

    private static func verbose(_ jail: JailRecord, _ values: JailValues) throws(RuntimeError) -> String {
        let margin = String(repeating: " ", count: 8)
        let addresses = values.addresses(.ipv4) + values.addresses(.ipv6)
        let hostname = try values.hostname()
        let lines =
            [
                padLeft(String(jail.identity.jid), 6) + "  " + pad(cut(hostname, 29), 29) + " "
                    + cut(jail.spec.path.value, 74),
                margin + pad(cut(jail.name, 29), 29) + " " + state(jail), margin + String(jail.identity.jid),
            ] + addresses.map { margin + $0 }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func state(_ jail: JailRecord) -> String { jail.isDying ? "DYING" : "ACTIVE" }
    private static func cut(_ text: String, _ width: Int) -> String { String(Terminal.escaped(text).prefix(width)) }

    private static func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private static func padLeft(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }

    // MARK: Parameters

    /// -s leaves out what cannot be set, and what belongs to a part that is not the jail's own: `ip4.addr` without `ip4 = new`.
    private func shown(_ names: [String], _ values: JailValues) throws(RuntimeError) -> [String] {
        if !skipsUnsettable { return names }
        var shown: [String] = []
        for name in names where !KernelParameters.isReadOnly(name) {
            let part = String(name.split(separator: ".")[0])
            let isOfPart = part != name && KernelParameters.isPart(part)
            if isOfPart, try values.value(of: part) != .text("new") { continue }
            shown.append(name)
        }
        return shown
    }

    /// `name=value`, `noname`, or the value alone.
    private func word(_ name: String, _ value: JailValues.Value) -> String {
        if !isNamed { return bare(value) }
        if case .flag(let flag) = value { return flag ? name : Self.negated(name) }
        return value == .none ? name : "\(name)=\(bare(value))"
    }

    private func bare(_ value: JailValues.Value) -> String {
        switch value {
        case .flag(let flag): String(flag)
        case .number(let number): String(number)
        case .none: ""
        case .list([]): isQuoted ? "\"\"" : isNamed ? "" : "-"
        case .list(let texts): Self.plain(texts.joined(separator: ","))
        case .text(""): "\"\""
        case .text(let text): isQuoted ? Self.quoted(Self.plain(text)) : Self.plain(text)
        }
    }

    /// Without what moves a terminal's cursor or sets its title. Lines and tabs stay, which `meta` and `env` are made of.
    static func plain(_ text: String) -> String {
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) { return text }
        return text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.split(separator: "\t", omittingEmptySubsequences: false).map { Terminal.escaped(String($0)) }
                .joined(separator: "\t")
        }.joined(separator: "\n")
    }

    private static func negated(_ name: String) -> String {
        if let positive = KernelParameters.positive(of: name) { return positive }
        guard let dot = name.lastIndex(of: ".") else { return "no\(name)" }
        return name[...dot] + "no" + name[name.index(after: dot)...]
    }

    /// As FreeBSD quotes what has blanks or quotes; and whatever else a shell or jail.conf(5) would not read as it is.
    private static func quoted(_ text: String) -> String {
        let special = " \t\n'\"\\$`;&|<>()*?[]{}#!~^"
        if !text.contains(where: special.contains) { return text }
        if text.contains("\""), !text.contains(where: "'\\".contains) { return "'\(text)'" }
        let body = text.map { "\"\\$`".contains($0) ? "\\\($0)" : String($0) }
        return "\"\(body.joined())\""
    }

    // MARK: Fields

    func fields(of jail: JailRecord) throws(RuntimeError) -> [StructuredOutput.Field] {
        let values = JailValues(jail, among: others)
        let hostname = StructuredOutput.Field(name: "hostname", value: .text(try values.hostname()))
        let path = StructuredOutput.Field(name: "path", value: .text(jail.spec.path.value))
        let jid = StructuredOutput.Field(name: "jid", value: .number(jail.identity.jid))
        let name = StructuredOutput.Field(name: "name", value: .text(jail.name))
        switch form {
        case .columns(let byName):
            let address = StructuredOutput.Field(name: "ipv4", value: .text(values.addresses(.ipv4).first ?? ""))
            return [byName ? name : jid, address, hostname, path]
        case .verbose:
            return [
                jid, hostname, path, name, .init(name: "state", value: .text(Self.state(jail))),
                .init(name: "cpusetid", value: .number(jail.identity.jid)),
                .init(name: "ipv4_addrs", value: .list(values.addresses(.ipv4), element: "ipv4_addr")),
                .init(name: "ipv6_addrs", value: .list(values.addresses(.ipv6), element: "ipv6_addr")),
            ]
        case .parameters(let names):
            return try shown(names, values).map { (name) throws(RuntimeError) in
                field(name, try values.value(of: name))
            }.compactMap { $0 }
        }
    }

    /// Values are texts, but for booleans with -n.
    private func field(_ name: String, _ value: JailValues.Value) -> StructuredOutput.Field? {
        switch value {
        case .none: nil
        case .flag(let flag): .init(name: name, value: isNamed ? .flag(flag) : .text(String(flag)))
        case .number(let number): .init(name: name, value: .text(String(number)))
        case .text(let text): .init(name: name, value: .text(text))
        case .list(let texts):
            .init(name: name, value: .list(texts, element: name == "ip6.addr" ? "ipv6_addr" : "ipv4_addr"))
        }
    }
}
