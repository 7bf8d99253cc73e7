/// Reads one jail's parameters into a `ConfiguredJail`, and notes everything that is wrong with them.
///
/// Each reading function returns a usable value in any case, so that one pass finds all errors.
struct JailReader {
    let jail: EffectiveJail
    let configuration: Configuration
    private(set) var diagnostics: [Diagnostic]

    init(_ jail: EffectiveJail, _ configuration: Configuration) {
        (self.jail, self.configuration) = (jail, configuration)
        diagnostics = jail.errors
    }

    // MARK: Diagnostics

    /// `jailMessage` is FreeBSD's wording, without the jail's name.
    mutating func error(
        _ message: String, at location: SourceLocation, hint: String? = nil, jailMessage: String? = nil,
        line: Bytes? = nil, code: Diagnostic.Code? = nil
    ) {
        say(.error, message, at: location, hint: hint, jailMessage: jailMessage, line: line, code: code)
    }

    mutating func say(
        _ severity: Diagnostic.Severity, _ message: String, at location: SourceLocation, hint: String? = nil,
        jailMessage: String? = nil, line: Bytes? = nil, code: Diagnostic.Code? = nil
    ) {
        diagnostics.append(
            Diagnostic(
                message, at: location, severity: severity, hint: hint,
                sourceLine: line ?? configuration.line(at: location),
                jailMessage: (jail.label.isEmpty ? [] : jail.label + Bytes(": ".utf8))
                    + Bytes((jailMessage ?? message).utf8), code: code))
    }

    /// Of the host, or of all jails: no line is at fault.
    mutating func note(_ message: String) { diagnostics.append(Diagnostic(message, at: nil, severity: .note)) }

    /// A value is wrong: `ip4.addr: "10.0.0" is not an IPv4 address`.
    mutating func error(
        _ parameter: EffectiveParameter, _ message: String, at location: SourceLocation, hint: String? = nil
    ) {
        error("\(parameter.name.printable()): \(message)", at: location, hint: hint)
    }

    // MARK: Scalars

    /// A boolean is valueless, true, false or a number; `no` in front of its last component negates it.
    mutating func boolean(_ name: String, otherwise: Bool, _ hint: String) -> Located<Bool> {
        guard let parameter = jail.parameter(name), let value = boolean(parameter) else {
            return Located(otherwise, .standard(hint))
        }
        return Located(value, .configuration(parameter.location))
    }

    /// Nil when the parameter is not set.
    mutating func optionalBoolean(_ name: String) -> Located<Bool>? {
        guard let parameter = jail.parameter(name), let value = boolean(parameter) else { return nil }
        return Located(value, .configuration(parameter.location))
    }

    mutating func boolean(_ parameter: EffectiveParameter) -> Bool? {
        let isNegated = ParameterName.isNegated(parameter.name)
        guard let value = parameter.lastValue else { return !isNegated }
        guard let truth = Self.truth(of: value.bytes) else {
            let message = "\(parameter.name.printable()): unknown boolean value \"\(value.bytes.printable())\""
            error(message, at: value.location, hint: "true, false, a number, or no value at all")
            return nil
        }
        return truth != isNegated
    }

    static func truth(of value: Bytes) -> Bool? {
        switch String(decoding: value.map(\.lowercased), as: UTF8.self) {
        case "true": return true
        case "false", "": return false
        default:
            let digits = value.first == UInt8(ascii: "-") || value.first == .plus ? value.dropFirst() : value[...]
            guard !digits.isEmpty, digits.allSatisfy(\.isDigit) else { return nil }
            return digits.contains { $0 != UInt8(ascii: "0") }
        }
    }

    enum Jailsys: String { case disable, new, inherit }

    /// Nil when the parameter is not set, or wrong.
    mutating func jailsys(_ name: String) -> Located<Jailsys>? {
        guard let parameter = jail.parameter(name) else { return nil }
        let origin = Origin.configuration(parameter.location)
        if ParameterName.isNegated(parameter.name) { return Located(.disable, origin) }
        guard let value = parameter.lastValue, !value.bytes.isEmpty else { return Located(.new, origin) }
        switch String(decoding: value.bytes.map(\.lowercased), as: UTF8.self) {
        case "disable", "0": return Located(.disable, origin)
        case "new", "1": return Located(.new, origin)
        case "inherit", "2": return Located(.inherit, origin)
        default:
            let message = "\(name): unknown jailsys value \"\(value.bytes.printable())\""
            error(message, at: value.location, hint: "disable, new or inherit")
            return nil
        }
    }

    /// For those that cannot be disabled. The message has the word that was written: `0`, `disable`, `novnet`.
    mutating func refuseDisabled(_ name: String, _ mode: Located<Jailsys>, hint: String) {
        guard mode.value == .disable, let parameter = jail.parameter(name) else { return }
        let word = ParameterName.isNegated(parameter.name) ? nil : parameter.lastValue
        let shown = word?.bytes.printable() ?? parameter.name.printable()
        error("\(name): unknown jailsys value \"\(shown)\"", at: word?.location ?? mode.place, hint: hint)
    }

    /// `ip4 = 0`, as the file has it.
    func written(_ name: String) -> String {
        guard let parameter = jail.parameter(name) else { return name }
        return parameter.name.printable() + (parameter.lastValue.map { " = \($0.bytes.printable())" } ?? "")
    }

    mutating func integer(_ name: String, in range: ClosedRange<Int>) -> Located<Int>? {
        guard let parameter = jail.parameter(name), let value = parameter.lastValue else { return nil }
        guard let number = DigitsOnly.value(value.bytes, in: range) else {
            let isNumber = DigitsOnly.isInteger(value.bytes)
            let shown = value.bytes.printable()
            error(
                isNumber
                    ? "\(name): \(shown) is not between \(range.lowerBound) and \(range.upperBound)"
                    : "\(name): non-integer value \"\(shown)\"", at: value.location,
                hint: isNumber ? nil : "decimal digits only, from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return Located(number, .configuration(value.location))
    }

    /// The last value as text.
    mutating func string(_ name: String) -> Located<String>? {
        guard let parameter = jail.parameter(name), let value = parameter.lastValue else { return nil }
        return text(value, of: parameter)
    }

    mutating func text(_ value: ParameterValue, of parameter: EffectiveParameter) -> Located<String>? {
        guard let text = value.bytes.text else {
            error(parameter, "the value is not UTF-8", at: value.location)
            return nil
        }
        return Located(text, .configuration(value.location))
    }

    /// All values that are not empty: an empty one is skipped, as by jail(8).
    mutating func strings(_ name: String) -> [Located<String>] {
        guard let parameter = jail.parameter(name) else { return [] }
        var found: [Located<String>] = []
        for value in parameter.values where !value.bytes.isEmpty {
            if let text = text(value, of: parameter) { found.append(text) }
        }
        return found
    }

    /// An absolute path of the host.
    /// - Parameter separator: what jail(8) puts between the name and a path that is not absolute.
    mutating func absolutePath(_ name: String, separator: String = "") -> Located<String>? {
        guard let path = string(name), !path.value.isEmpty else { return nil }
        if path.value.hasPrefix("/") && path.value.utf8.count < 4096 { return path }
        error(
            path.value.hasPrefix("/")
                ? "\(name): path is longer than 4095 bytes" : "\(name): \"\(path.shown)\" is not an absolute path",
            at: path.place, jailMessage: "\(name)\(separator) \(path.value): not an absolute pathname")
        return nil
    }

    /// That of a file.
    mutating func absoluteFile(_ name: String, separator: String = "") -> Located<String>? {
        guard let path = absolutePath(name, separator: separator) else { return nil }
        if path.value.utf8.last != .slash { return path }
        error("\(name): \(path.shown) is the path of a folder", at: path.place, hint: "name the file in it")
        return nil
    }
}

extension Origin {
    /// The line of what the configuration gave.
    var place: SourceLocation {
        if case .configuration(let location) = self { return location }
        return SourceLocation(file: "", line: 0, column: 0)
    }
}

extension Located {
    var place: SourceLocation { origin.place }
}

extension Located<String> {
    /// For messages: control characters escaped.
    var shown: String { Bytes(value.utf8).printable() }
}
