extension JailReader {
    /// Checks every name against the table: unknown, refused, or accepted without effect.
    mutating func checkNames() {
        for parameter in jail.parameters where !parameter.isImplied {
            guard let row = ParameterTable.row(parameter.name), Self.isSpelled(parameter.name, as: row) else {
                reportUnknown(parameter)
                continue
            }
            checkFate(of: parameter, row)
        }
    }

    /// `no` counts before the last component, where booleans have it; without a value it clears lists.
    private static func isSpelled(_ name: Bytes, as row: ParameterTable.Row) -> Bool {
        if row.prefix != nil || name == Bytes(row.name.utf8) { return true }
        return ParameterName.isNegated(name)
    }

    private mutating func reportUnknown(_ parameter: EffectiveParameter) {
        let name = parameter.name.printable()
        let isInclude = Self.isMeantToInclude(parameter.name)
        let near = isInclude ? ".include" : ParameterTable.suggestion(for: parameter.name)
        let suggestion = near.flatMap { $0 == name ? nil : " (did you mean \"\($0)\"?)" } ?? ""
        error(
            "unknown parameter \"\(name)\"\(suggestion)", at: parameter.location,
            hint: isInclude ? Self.includeHint : nil, jailMessage: "unknown parameter: \(name)")
    }

    static let includeHint = "write .include \"FILE\"; with a dot, and without = or +="

    static func isMeantToInclude(_ name: Bytes) -> Bool {
        Spelling(name.printable()).closest(in: [".include", "include"]) != nil
    }

    private mutating func checkFate(of parameter: EffectiveParameter, _ row: ParameterTable.Row) {
        switch row.fate {
        case .done: checkNegation(of: parameter, row)
        case .refused(let reason): refuse(parameter, reason)
        case .withheld(let why):
            guard let isAsked = boolean(parameter) else { return }
            say(
                .note, isAsked ? "\(row.name) is not granted: \(why)" : "\(row.name) has no effect: no jail has it",
                at: parameter.location)
        case .noted(let why, let values, let otherwise):
            guard isReadable(parameter, row) else { return }
            guard isHarmless(parameter, values, row.kind) else {
                if hasOneSource(row) {
                    return say(
                        .note, "\(row.name) has no effect: there is only one address", at: parameter.location)
                }
                return refuse(parameter, otherwise)
            }
            // A value that programs inside would read is one that somebody may count on.
            let isCountedOn = values == .any && row.kind != .boolean
            say(isCountedOn ? .warning : .note, "\(row.name) has no effect: \(why)", at: parameter.location)
        }
    }

    private mutating func checkNegation(of parameter: EffectiveParameter, _ row: ParameterTable.Row) {
        let isPlain = row.prefix != nil || parameter.name == Bytes(row.name.utf8)
        let isCleared = parameter.values.isEmpty && (row.kind == .list || row.kind == .commands)
        if isPlain || row.kind == .boolean || row.kind == .jailsys || isCleared { return }
        error(parameter, "\(row.name) is not a boolean: \"no\" cannot be put in front of it", at: parameter.location)
    }

    private mutating func refuse(_ parameter: EffectiveParameter, _ reason: String) {
        error("\(parameter.name.printable()): \(reason)", at: parameter.lastValue?.location ?? parameter.location)
    }

    /// `ip4.saddrsel = false` of a jail that has no second address of the family.
    private func hasOneSource(_ row: ParameterTable.Row) -> Bool {
        guard ["ip4.saddrsel", "ip6.saddrsel"].contains(row.name), jail.parameter("ip_hostname") == nil else {
            return false
        }
        let values = jail.parameter("\(row.name.prefix(3)).addr")?.values ?? []
        return values.flatMap { $0.bytes.split(separator: .comma) }.count < 2
    }

    /// What no kernel would take is an error even where the value has no effect.
    private mutating func isReadable(_ parameter: EffectiveParameter, _ row: ParameterTable.Row) -> Bool {
        guard row.kind == .integer, let value = parameter.lastValue, !DigitsOnly.isInteger(value.bytes) else {
            return true
        }
        error(
            "\(row.name): non-integer value \"\(value.bytes.printable())\"", at: value.location,
            hint: "decimal digits only")
        return false
    }

    /// A value that cannot be read is reported as such, and counts as harmless here.
    private mutating func isHarmless(
        _ parameter: EffectiveParameter, _ values: ParameterTable.NotedValues, _ kind: ParameterTable.Kind
    ) -> Bool {
        switch values {
        case .any: return true
        case .boolean(let expected): return boolean(parameter).map { $0 == expected } ?? true
        case .words(let words):
            return jailsys(parameter.name.printable()).map { words.contains($0.value.rawValue) } ?? true
        case .numbers(let range):
            guard let value = parameter.lastValue else { return true }
            let isNegative = value.bytes.first == UInt8(ascii: "-")
            let digits = isNegative ? value.bytes.dropFirst() : value.bytes[...]
            return DigitsOnly.value(digits, in: 0...9999).map { range.contains(isNegative ? -$0 : $0) } ?? false
        }
    }
}
