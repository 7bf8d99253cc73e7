/// Builds the effective parameters of each jail: implied name, wildcards and own block in file order, variables
/// expanded.
struct Resolver {
    private let tree: ConfigurationTree
    private let wildcards: [(index: Int, pattern: JailWildcard)]

    init(_ tree: ConfigurationTree) {
        self.tree = tree
        wildcards = tree.blocks.enumerated().compactMap { index, block in
            JailWildcard(block.name).map { (index, $0) }
        }
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
        let name = tree.blocks[index].name
        let indices = wildcards.filter { $0.pattern.matches(name) }.map(\.index) + [index]
        return indices.sorted().flatMap { tree.blocks[$0].settings }
    }

    /// A name that strtol(3) reads to its end as a number other than 0 is the jail's jid.
    static func isNumber(_ name: Bytes) -> Bool {
        var digits = name.drop { $0 == UInt8(ascii: " ") || (0x09...0x0d).contains($0) }
        if digits.first == .plus || digits.first == UInt8(ascii: "-") { digits = digits.dropFirst() }
        return !digits.isEmpty && digits.allSatisfy(\.isDigit) && digits.contains { $0 != UInt8(ascii: "0") }
    }
}
