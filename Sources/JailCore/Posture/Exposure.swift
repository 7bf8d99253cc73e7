/// How much is open, in hundredths: 0 is nothing, 10.00 everything.
package struct Exposure: Hashable, Comparable, Sendable {
    package var hundredths: Int

    package init(hundredths: Int) { self.hundredths = hundredths }

    /// `0` to `10`, with at most two decimals; nil for anything else.
    package init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let whole = DigitsOnly.value(parts[0].utf8, in: 0...10) else { return nil }
        var hundredths = whole * 100
        if parts.count == 2 {
            guard (1...2).contains(parts[1].utf8.count), let digits = DigitsOnly.value(parts[1].utf8, in: 0...99) else {
                return nil
            }
            hundredths += parts[1].utf8.count == 1 ? digits * 10 : digits
        }
        if hundredths > Self.everything.hundredths { return nil }
        self.hundredths = hundredths
    }

    package static let nothing = Exposure(hundredths: 0)
    package static let everything = Exposure(hundredths: 1000)

    package static func < (left: Self, right: Self) -> Bool { left.hundredths < right.hundredths }
}

extension Exposure: CustomStringConvertible {
    /// `1.13`.
    package var description: String {
        let digits = String(hundredths % 100)
        return "\(hundredths / 100).\(digits.utf8.count < 2 ? "0" : "")\(digits)"
    }
}

extension Exposure: Encodable {
    /// As a number.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(Double(hundredths) / 100)
    }
}
