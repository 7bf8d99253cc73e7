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

    /// All names that are equal to this one; nil for a name of so many dots that looking at each would take longer than
    /// comparing with all that there are.
    static func spellings(of name: Bytes) -> [Bytes]? {
        let starts = [0] + name.indices.filter { name[$0] == .dot }.map { $0 + 1 }
        if starts.count > 16 { return nil }
        var spellings = [name]
        for start in starts {
            spellings.append(Bytes(name[..<start] + no + name[start...]))
            if name[start...].starts(with: no) {
                spellings.append(Bytes(name[..<start] + name[(start + no.count)...]))
            }
        }
        return spellings
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
