/// What `jail -f FILE -e SEPARATOR` prints.
package struct ConfigurationListing: Equatable, Sendable {
    package var output: Bytes
    package var errors: Bytes
    package var status: Int32

    /// Each jail on a line, its parameters between separators. A jail with errors is listed, too.
    package init(_ configuration: Configuration, separator: Bytes) {
        let jails = configuration.jails
        output = jails.flatMap { Self.line($0, separator) }
        errors = jails.flatMap(\.errors).flatMap(\.jailLine)
        status = 0
    }

    /// A configuration that could not be read: its errors as far as jail(8) lists them, and status 1.
    package init(_ failure: ConfigurationFailure) {
        output = []
        errors = failure.jailDiagnostics.flatMap(\.jailLine)
        status = 1
    }

    private static func line(_ jail: EffectiveJail, _ separator: Bytes) -> Bytes {
        parameters(of: jail, separator: separator) + [.newline]
    }

    /// The parameters of one jail, without its number.
    package static func parameters(of jail: EffectiveJail, separator: Bytes) -> Bytes {
        let shown = jail.parameters.filter { $0.name != Bytes("jid".utf8) }
        return Bytes(shown.map(parameter).joined(separator: separator))
    }

    private static func parameter(_ parameter: EffectiveParameter) -> Bytes {
        if parameter.values.isEmpty { return parameter.name }
        return parameter.name + [.equals] + parameter.values.map { quoted($0.bytes) }.joined(separator: [.comma])
    }

    /// Values that are empty or have blanks or quotes are quoted; a backslash is doubled with and without quotes.
    package static func quoted(_ text: Bytes) -> Bytes {
        let quote = quote(for: text)
        let body = text.flatMap { $0 == .backslash || $0 == quote ? [.backslash, $0] : [$0] }
        return quote.map { [$0] + body + [$0] } ?? body
    }

    private static func quote(for text: Bytes) -> UInt8? {
        if text.isEmpty || text.contains(.singleQuote) { return .doubleQuote }
        if text.contains(.doubleQuote) { return .singleQuote }
        return text.contains(UInt8(ascii: " ")) || text.contains(UInt8(ascii: "\t")) ? .doubleQuote : nil
    }
}
