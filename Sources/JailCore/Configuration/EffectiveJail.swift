/// A value after substitution, and where its text stands in the file.
public struct ParameterValue: Equatable, Sendable {
    public var bytes: Bytes
    public var location: SourceLocation
}

/// A parameter as one jail has it: wildcards merged, variables expanded.
public struct EffectiveParameter: Equatable, Sendable {
    /// The latest spelling, with or without `no`.
    public var name: Bytes
    public var values: [ParameterValue]
    /// The latest statement that set it; the block's name for an implied `name` or `jid`.
    public var location: SourceLocation
    /// Made from the block's name, not from a statement.
    public var isImplied: Bool

    /// The last value: what a scalar given several times has.
    public var lastValue: ParameterValue? { values.last }
}

/// A jail of the configuration with all that applies to it.
public struct EffectiveJail: Equatable, Sendable {
    /// The block's name, which messages use.
    public var label: Bytes
    public var location: SourceLocation
    /// In the order of jail(8)'s `-e`.
    public var parameters: [EffectiveParameter]
    /// What was wrong while merging and expanding; jail(8) marks the jail failed and goes on with the others.
    public var errors: [Diagnostic]

    /// The parameter of that name, with or without `no`.
    public func parameter(_ name: String) -> EffectiveParameter? {
        let bytes = Bytes(name.utf8)
        return parameters.first { ParameterName.areEqual($0.name, bytes) }
    }
}
