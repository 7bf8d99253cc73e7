/// A pattern of glob(7): `*`, `?`, `[a-z]`, `[!a-z]` and `\`. None of them but a written `/` matches a slash.
struct Glob {
    private let pattern: [UInt8]

    /// What a name must begin with: most names differ in it from most patterns.
    let firstLetter: UInt8?

    init(_ pattern: String) {
        self.pattern = Array(pattern.utf8)
        firstLetter = self.pattern.first.flatMap { Self.isSpecial($0) ? nil : $0 }
    }

    private static func isSpecial(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "*") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "[") || byte == .backslash
    }

    /// The one name that it matches; nil for a pattern of several.
    var literal: String? { pattern.contains(where: Self.isSpecial) ? nil : String(decoding: pattern, as: UTF8.self) }

    /// Whether it matches no name without a slash, by what stands before its first special character.
    var isInFolder: Bool { pattern.prefix { !Self.isSpecial($0) }.contains(UInt8(ascii: "/")) }

    /// Whether some name with this beginning could match: false only when none can.
    func mayMatchNames(beginningWith beginning: [UInt8]) -> Bool {
        for (byte, other) in zip(pattern, beginning) where byte != other { return Self.isSpecial(byte) }
        return pattern.count >= beginning.count
    }

    func matches(_ name: String) -> Bool { matches(Array(name.utf8)) }

    func matches(_ name: [UInt8]) -> Bool {
        if let firstLetter, name.first != firstLetter { return false }
        var (p, n) = (0, 0)
        // Where the last star stood, and how much of the name it has taken; one star of backtracking is enough, because
        // a later star can only do better with what the earlier one left.
        var star: (pattern: Int, name: Int)?
        while n < name.count {
            if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
                star = (p, n)
                p += 1
            } else if let length = element(at: p, matching: name[n]) {
                p += length
                n += 1
            } else if let last = star, name[last.name] != UInt8(ascii: "/") {
                star = (last.pattern, last.name + 1)
                (p, n) = (last.pattern + 1, last.name + 1)
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
    }

    /// How many bytes of the pattern match `byte`, or nil when they do not.
    private func element(at index: Int, matching byte: UInt8) -> Int? {
        guard index < pattern.count else { return nil }
        switch pattern[index] {
        case UInt8(ascii: "?"): return byte == UInt8(ascii: "/") ? nil : 1
        case UInt8(ascii: "["):
            guard let end = bracketEnd(from: index) else { return byte == UInt8(ascii: "[") ? 1 : nil }
            return byte != UInt8(ascii: "/") && bracket(index + 1..<end, contains: byte) ? end - index + 1 : nil
        case UInt8(ascii: "\\") where index + 1 < pattern.count: return pattern[index + 1] == byte ? 2 : nil
        default: return pattern[index] == byte ? 1 : nil
        }
    }

    /// The index of `]`; one that stands first is a member.
    private func bracketEnd(from index: Int) -> Int? {
        var next = index + 1
        if next < pattern.count, isNegation(pattern[next]) { next += 1 }
        guard next + 1 < pattern.count else { return nil }
        return pattern[(next + 1)...].firstIndex(of: UInt8(ascii: "]"))
    }

    private func bracket(_ range: Range<Int>, contains byte: UInt8) -> Bool {
        let isNegated = isNegation(pattern[range.lowerBound])
        var index = range.lowerBound + (isNegated ? 1 : 0)
        var isMember = false
        while index < range.upperBound {
            let isRange = index + 2 < range.upperBound && pattern[index + 1] == UInt8(ascii: "-")
            let last = isRange ? pattern[index + 2] : pattern[index]
            isMember = isMember || pattern[index] <= byte && byte <= last
            index += isRange ? 3 : 1
        }
        return isMember != isNegated
    }

    private func isNegation(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "!") || byte == UInt8(ascii: "^") }
}
