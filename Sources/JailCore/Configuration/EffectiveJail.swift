/// A value after substitution, and where its text stands in the file.
package struct ParameterValue: Equatable, Sendable {
    package var bytes: Bytes
    package var location: SourceLocation
}

/// A parameter as one jail has it: wildcards merged, variables expanded.
package struct EffectiveParameter: Equatable, Sendable {
    /// The latest spelling, with or without `no`.
    package var name: Bytes
    package var values: [ParameterValue]
    /// The latest statement that set it; the block's name for an implied `name` or `jid`.
    package var location: SourceLocation
    /// Made from the block's name, not from a statement.
    package var isImplied: Bool

    /// The last value: what a scalar given several times has.
    package var lastValue: ParameterValue? { values.last }
}

/// A jail of the configuration with all that applies to it.
package struct EffectiveJail: Equatable, Sendable {
    /// The block's name, which messages use.
    package var label: Bytes
    package var location: SourceLocation
    /// In the order of jail(8)'s `-e`.
    package var parameters: [EffectiveParameter]
    /// What was wrong while merging and expanding; jail(8) marks the jail as failed and continues with the others.
    package var errors: [Diagnostic]

    /// The parameter of that name, with or without `no`.
    package func parameter(_ name: String) -> EffectiveParameter? {
        let bytes = Bytes(name.utf8)
        return parameters.first { ParameterName.areEqual($0.name, bytes) }
    }
}
