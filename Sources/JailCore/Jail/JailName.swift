/// The names of jails: `[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}`, whose dots nest. They become file, cgroup and interface
/// names.
package enum JailName {
    package static let maximumBytes = 63

    /// Why a name cannot be a jail's, or nil.
    package static func objection(to name: Bytes) -> String? {
        if name.isEmpty { return "it is empty" }
        if name.count > maximumBytes { return "it is longer than \(maximumBytes) bytes" }
        if let bad = name.first(where: { !isAllowed($0) }) { return "it contains \"\([bad].printable())\"" }
        if name.split(separator: .dot, omittingEmptySubsequences: false).contains(where: { $0.isEmpty }) {
            return "a dot must be between two names"
        }
        return name[0] == UInt8(ascii: "-") ? "it begins with -" : nil
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        byte.isLetter || byte.isDigit || byte == .dot || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }

    /// The name of a nested jail's outer jail: `a.b` of `a.b.c`.
    package static func parent(of name: String) -> String? {
        name.lastIndex(of: ".").map { String(name[..<$0]) }
    }

    /// All outer jails of a nested one, the outermost first: `a` and `a.b` of `a.b.c`.
    package static func ancestors(of name: String) -> [String] {
        name.indices.filter { name[$0] == "." }.map { String(name[..<$0]) }
    }

    /// Whether one of the two is inside the other.
    static func isNest(of first: String, _ second: String) -> Bool {
        first.hasPrefix(second + ".") || second.hasPrefix(first + ".")
    }
}
