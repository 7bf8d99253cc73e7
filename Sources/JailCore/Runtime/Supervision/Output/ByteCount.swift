/// Sizes as people write them.
package enum ByteCount {
    /// `256M`, `1.5G`: at most one digit behind the point.
    package static func text(_ bytes: Int) -> String {
        var value = Double(bytes)
        for unit in ["", "K", "M", "G", "T"] {
            if value < 1024 { return text(value) + unit }
            value /= 1024
        }
        return text(value) + "P"
    }

    private static func text(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 || tenths >= 1000 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }
}
