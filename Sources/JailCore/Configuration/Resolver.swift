/// Builds the effective parameters of each jail: implied name, wildcards and own block in file order, variables
/// expanded.
struct Resolver {
    private let tree: ConfigurationTree
    private let wildcards: WildcardBlocks

    init(_ tree: ConfigurationTree) {
        self.tree = tree
        wildcards = WildcardBlocks(tree.blocks)
    }

    /// The jails that are no wildcards, in file order.
    func jails() -> [EffectiveJail] {
        tree.blocks.indices.filter { JailWildcard(tree.blocks[$0].name) == nil }.map(jail)
    }

    private func jail(_ index: Int) -> EffectiveJail {
        let block = tree.blocks[index]
        var merge = ParameterMerge(label: block.name, location: block.location, tree: tree)
        merge.imply(Self.isNumber(block.name) ? "jid" : "name", block)
        merge.apply(settings(of: index))
        if !merge.hasImpliedOrSet("name") { merge.imply("name", block) }
        var expansion = VariableExpansion(merge)
        return expansion.expanded()
    }

    /// The wildcards that match stand in file order, and the jail's own settings at its own place among them.
    private func settings(of index: Int) -> [Setting] {
        let indices = wildcards.matching(tree.blocks[index].name) + [index]
        return indices.sorted().flatMap { tree.blocks[$0].settings }
    }

    /// A name that strtol(3) reads to its end as a number other than 0 is the jail's jid.
    static func isNumber(_ name: Bytes) -> Bool {
        var digits = name.drop { $0 == UInt8(ascii: " ") || (0x09...0x0d).contains($0) }
        if digits.first == .plus || digits.first == UInt8(ascii: "-") { digits = digits.dropFirst() }
        return !digits.isEmpty && digits.allSatisfy(\.isDigit) && digits.contains { $0 != UInt8(ascii: "0") }
    }
}

/// The wildcard blocks, found by a component that they have in plain words: thousands of jails with a wildcard each would
/// otherwise be compared with thousands of wildcards.
private struct WildcardBlocks {
    private struct Component: Hashable {
        var position: Int
        var text: ArraySlice<UInt8>
    }

    private struct Entry {
        var index: Int
        var pattern: JailWildcard
    }

    // Not `[:]`, which makes a type more at every start: docs/design/0009.
    private var named = Dictionary<Component, [Entry]>()
    /// Those of stars alone.
    private var others: [Entry] = []

    init(_ blocks: [Block]) {
        for (index, block) in blocks.enumerated() {
            guard let pattern = JailWildcard(block.name) else { continue }
            if let position = pattern.components.firstIndex(where: { $0 != [.star] }) {
                let component = Component(position: position, text: pattern.components[position])
                named[component, default: []].append(Entry(index: index, pattern: pattern))
            } else {
                others.append(Entry(index: index, pattern: pattern))
            }
        }
    }

    /// Indices of blocks, in no order.
    func matching(_ name: Bytes) -> [Int] {
        if named.isEmpty && others.isEmpty { return [] }
        let parts = JailWildcard.parts(of: name)
        let candidates = parts.enumerated().flatMap { named[Component(position: $0, text: $1)] ?? [] }
        return (others + candidates).filter { $0.pattern.matches(parts) }.map(\.index)
    }
}
