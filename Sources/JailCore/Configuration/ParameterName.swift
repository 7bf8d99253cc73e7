/// The rules of parameter names: `opt` and `noopt` are one parameter, at every dot.
enum ParameterName {
    /// Whether two spellings name the same parameter: `persist` and `nopersist`, `allow.mount` and `allow.nomount`, and
    /// also `noallow.mount`. The rule is textual: names that happen to begin with `no` collide.
    static func areEqual(_ left: Bytes, _ right: Bytes) -> Bool {
        if left.count == right.count { return left == right }
        guard abs(left.count - right.count) == no.count else { return false }
        let common = zip(left, right).prefix { $0 == $1 }.count
        let starts = [0] + left[..<common].indices.filter { left[$0] == .dot }.map { $0 + 1 }
        return starts.contains { start in
            isNegation(left[start...], of: right[start...]) || isNegation(right[start...], of: left[start...])
        }
    }

    private static func isNegation(_ left: ArraySlice<UInt8>, of right: ArraySlice<UInt8>) -> Bool {
        left.starts(with: no) && left.dropFirst(no.count) == right
    }

    static let no = Bytes("no".utf8)

    /// Spelled with `no` in its last component, which is the one that counts for booleans.
    static func isNegated(_ name: Bytes) -> Bool {
        let last = name.lastIndex(of: .dot).map { $0 + 1 } ?? 0
        return name[last...].starts(with: no)
    }
}
