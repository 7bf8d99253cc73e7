/// The library's `firstRange(of:)`, `contains(_:)` and `split(separator:)` by a text bring in its regular expressions, 1.3 MB of them.
extension StringProtocol where SubSequence == Substring {
    func firstPlace(of word: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(word) { return start..<index(start, offsetBy: word.count) }
            start = index(after: start)
        }
        return nil
    }

    func lastPlace(of word: String) -> Range<Index>? {
        var found: Range<Index>?
        var rest = self[...]
        while let place = rest.firstPlace(of: word) {
            found = place
            rest = self[place.upperBound...]
        }
        return found
    }

    func holds(_ word: String) -> Bool { firstPlace(of: word) != nil }
}
