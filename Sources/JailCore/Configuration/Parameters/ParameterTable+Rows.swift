extension ParameterTable {
    /// All rows, by subject.
    package static var rows: [Row] {
        var rows: [Row] = []
        _ = first {
            rows.append($0)
            return false
        }
        return rows
    }

    /// The first of all rows that is wanted. The parts are constants, the whole would be made at every start.
    static func first(where isWanted: (Row) -> Bool) -> Row? {
        var found = identity.first(where: isWanted)
        found = found ?? commands.first(where: isWanted)
        found = found ?? mounts.first(where: isWanted)
        found = found ?? network.first(where: isWanted)
        found = found ?? devices.first(where: isWanted)
        found = found ?? limits.first(where: isWanted)
        found = found ?? privileges.first(where: isWanted)
        found = found ?? allowances.first(where: isWanted)
        found = found ?? kernelNames.first(where: isWanted)
        found = found ?? services.first(where: isWanted)
        found = found ?? readOnly.first(where: isWanted)
        return found
    }
}

extension ParameterTable.Row {
    static func done(
        _ name: String, _ kind: ParameterTable.Kind, _ standard: String, _ meaning: String, _ mechanism: String,
        example: String, change: Change, listed: Listing, read: Reading = .asSet, reserved: Bool = false
    ) -> Self {
        Self(
            name: name, kind: kind, standard: standard, fate: .done, meaning: meaning, mechanism: mechanism,
            isReserved: reserved, example: example, change: change, listing: listed, reading: read)
    }

    /// Of the commands that jail(8) runs, and how it runs them.
    static func command(
        _ name: String, _ kind: ParameterTable.Kind, _ standard: String, _ meaning: String, _ mechanism: String,
        example: String
    ) -> Self {
        .done(
            name, kind, standard, meaning, mechanism, example: example, change: .whileUp(.commands), listed: .never,
            reserved: true)
    }

    /// What Linux keeps anyway; `otherwise` is what another value would need.
    static func noted(
        _ name: String, _ kind: ParameterTable.Kind, _ standard: String, _ values: ParameterTable.NotedValues,
        _ meaning: String, why: String, otherwise: String = "", example: String, change: Change = .withoutEffect,
        listed: Listing, read: Reading = .asSet, reserved: Bool = false
    ) -> Self {
        Self(
            name: name, kind: kind, standard: standard,
            fate: .noted(why: why, values: values, otherwise: otherwise), meaning: meaning, mechanism: "none",
            isReserved: reserved, example: example, change: change, listing: listed, reading: read)
    }

    /// No jail can have it, so that it changes in none.
    static func refused(
        _ name: String, _ kind: ParameterTable.Kind, _ meaning: String, _ reason: String, listed: Listing = .never,
        read: Reading = .asSet, reserved: Bool = false
    ) -> Self {
        Self(
            name: name, kind: kind, standard: "", fate: .refused(reason), meaning: meaning, mechanism: "none",
            isReserved: reserved, example: "", change: .atStart, listing: listed, reading: read)
    }

    /// A permission that is off here for every jail.
    static func permission(_ name: String, _ meaning: String, _ reason: String, example: String = "") -> Self {
        Self(
            name: name, kind: .boolean, standard: "false", fate: .withheld(reason), meaning: meaning,
            mechanism: "none", example: example, change: .withoutEffect, listing: .always, reading: .asSet)
    }

    /// Of the supervisor, which reads it when it starts the jail.
    static func service(
        _ name: String, _ kind: ParameterTable.Kind, _ standard: String, _ meaning: String, _ mechanism: String,
        example: String
    ) -> Self {
        .done(name, kind, standard, meaning, mechanism, example: example, change: .atNextStart, listed: .never)
    }
}
