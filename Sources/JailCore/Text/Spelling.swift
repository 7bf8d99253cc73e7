/// A mistyped word.
package struct Spelling {
    private let word: Bytes

    package init(_ word: String) { self.word = Bytes(word.lowercased().utf8) }

    /// The nearest candidate, the first of equals, if it is near enough to be meant.
    package func closest(in candidates: [String]) -> String? {
        let limit = max(1, min(3, word.count / 3))
        // A difference in length is a distance already, and told faster.
        let possible = candidates.filter { abs($0.utf8.count - word.count) <= limit }
        let ranked = possible.map { ($0, distance(to: $0)) }
        return ranked.filter { $0.1 <= limit }.min { $0.1 < $1.1 }?.0
    }

    /// Damerau-Levenshtein distance in bytes: insertions, deletions, substitutions and swaps of neighbours.
    func distance(to candidate: String) -> Int {
        let other = Bytes(candidate.lowercased().utf8)
        var beforeLast: [Int] = []
        var last = Array(0...other.count)
        for i in word.indices {
            var row = [i + 1]
            row.reserveCapacity(last.count)
            for j in other.indices {
                let isSame = word[i] == other[j]
                var best = min(last[j] + (isSame ? 0 : 1), last[j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, word[i] == other[j - 1], word[i - 1] == other[j] {
                    best = min(best, beforeLast[j - 1] + 1)
                }
                row.append(best)
            }
            (beforeLast, last) = (last, row)
        }
        return last[other.count]
    }
}
