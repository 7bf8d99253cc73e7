/// JSON for people and programs, its keys sorted.
public enum JSONText {
    /// - Parameter isPretty: one value a line.
    public static func of(_ value: some Encodable, isPretty: Bool = true) -> String {
        guard let tree = try? JSONValueEncoder().encode(value) else { return "null" }
        return tree.sorted.text(isPretty: isPretty)
    }
}
