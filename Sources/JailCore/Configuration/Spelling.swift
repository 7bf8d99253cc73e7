/// A mistyped word.
struct Spelling {
    private let word: [Character]

    init(_ word: String) { self.word = Array(word.lowercased()) }

    /// The nearest candidate, the first of equals, if it is near enough to be meant.
    func closest(in candidates: [String]) -> String? {
        let limit = max(1, min(3, word.count / 3))
        let ranked = candidates.map { ($0, distance(to: $0)) }
        return ranked.filter { $0.1 <= limit }.min { $0.1 < $1.1 }?.0
    }

    /// Damerau-Levenshtein distance: insertions, deletions, substitutions and swaps of neighbours.
    func distance(to candidate: String) -> Int {
        let other = Array(candidate.lowercased())
        var rows = [Array(0...other.count)]
        for i in word.indices {
            var row = [i + 1]
            for j in other.indices {
                let isSame = word[i] == other[j]
                var best = min(rows[i][j] + (isSame ? 0 : 1), rows[i][j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, word[i] == other[j - 1], word[i - 1] == other[j] {
                    best = min(best, rows[i - 1][j - 1] + 1)
                }
                row.append(best)
            }
            rows.append(row)
        }
        return rows[word.count][other.count]
    }
}
