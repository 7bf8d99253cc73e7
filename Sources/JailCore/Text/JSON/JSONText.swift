/// JSON for people and programs, its keys sorted.
package enum JSONText {
    /// - Parameter isPretty: one value a line.
    package static func of(_ value: some Encodable, isPretty: Bool = true) -> String {
        guard let tree = try? JSONValueEncoder().encode(value) else { return "null" }
        return tree.sorted.text(isPretty: isPretty)
    }
}
