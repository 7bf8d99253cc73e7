/// Secrets in a configuration: what stands there is read by more people, and programs, than the one that needs it.
extension JailReader {
    /// Warns of values of `env` and of environments in commands that look like one.
    mutating func checkSecrets() {
        for parameter in jail.parameters where !parameter.isImplied {
            let name = parameter.name.printable()
            if name.hasPrefix("env."), let value = parameter.lastValue {
                warn(of: String(name.dropFirst("env.".utf8.count)), value.bytes, in: name, value.location)
            } else if name == "env" || name == "command" || name.hasPrefix("exec.") || name == "health.command" {
                for value in parameter.values { warnOfAssignments(in: value, of: name) }
            }
        }
    }

    /// `NAME=VALUE` among the words.
    private mutating func warnOfAssignments(in value: ParameterValue, of parameter: String) {
        for word in value.bytes.split(whereSeparator: { $0 == UInt8(ascii: " ") || $0 == .newline || $0 == 0x09 }) {
            guard let equals = word.firstIndex(of: .equals), equals > word.startIndex else { continue }
            let name = Bytes(word[..<equals]).printable()
            warn(of: name, Bytes(word[(equals + 1)...]), in: "\(parameter): \(name)", value.location)
        }
    }

    private mutating func warn(of name: String, _ value: Bytes, in object: String, _ place: SourceLocation) {
        guard SecretName(name).isSecret, SecretName.isGiven(value) else { return }
        say(
            .warning,
            "\(object): looks like a secret; anyone who can read this file, the jail's record or its processes sees it",
            at: place, hint: "keep it in a file that only its user may read, and mount that file read-only: nullfs ro")
    }
}

/// The name of a variable, `DB_PASSWORD`.
struct SecretName {
    private let words: [Substring]
    private let name: String

    /// Options of programs count, too: `--db-password`.
    init(_ name: String) {
        self.name = name.lowercased()
        words = self.name.split { !$0.isLetter && !$0.isNumber }
    }

    private static let endings = ["password", "passwd", "passphrase", "secret", "token", "credential", "credentials"]
    private static let others = ["pwd", "pw", "apikey", "privatekey", "accesskey", "secretkey"]
    private static let keys = ["api", "private", "access", "secret", "encryption", "signing", "master"]

    var isSecret: Bool {
        guard let last = words.last else { return false }
        // The shell's own.
        if ["pwd", "oldpwd"].contains(name) { return false }
        return Self.endings.contains { last.hasSuffix($0) } || Self.others.contains { last == $0 }
            || last == "key" && words.dropLast().last.map { Self.keys.contains(String($0)) } == true
    }

    /// Not the name of a file, nor what a shell or program is to find.
    static func isGiven(_ value: Bytes) -> Bool {
        let bare = value.drop { $0 == .singleQuote || $0 == .doubleQuote }
        guard let first = bare.first, first != .singleQuote, first != .doubleQuote else { return false }
        return first != UInt8(ascii: "/") && first != UInt8(ascii: "$") && first != UInt8(ascii: "`")
    }
}
