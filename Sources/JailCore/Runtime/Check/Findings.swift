internal import SystemPackage

/// What a host lacks for a start. A start ends with the first; `check` goes on, and says all of them. Both look by the same
/// functions, which tell `FactFinder.object(_:_:)` what they miss.
final class Findings {
    struct Finding {
        var error: RuntimeError
        /// It is not there, and a command that runs before might make it.
        var isAbsent: Bool
    }

    /// What does not keep a jail from starting, but from being of use.
    struct Doubt: Equatable {
        var jail: String
        var obstacle: FirewallObstacle
    }

    private(set) var all: [Finding] = []
    private(set) var doubts: [Doubt] = []
    /// What a start warns of.
    private(set) var warnings: [RuntimeError] = []

    func add(_ obstacle: FirewallObstacle, jail: String) {
        let doubt = Doubt(jail: jail, obstacle: obstacle)
        if !doubts.contains(doubt) { doubts.append(doubt) }
    }

    func addWarning(_ warning: RuntimeError) { warnings.append(warning) }

    func add(_ error: RuntimeError, isAbsent: Bool = false) {
        all.append(Finding(error: error, isAbsent: isAbsent))
    }

    /// The first in the file of those that a start ends with; nil when that error is none of them. What is not there, and a command
    /// before may make, is no error of a `check` either.
    func foremost(_ error: RuntimeError, of jails: [ConfiguredJail]) -> RuntimeError? {
        guard all.contains(where: { $0.error.message == error.message }) else { return nil }
        let making = jails.filter { !$0.commands.prepare.isEmpty || !$0.commands.prestart.isEmpty }.map(\.label)
        let certain = all.map(\.error.message).enumerated().filter { index, message in
            !all[index].isAbsent || message == error.message || !making.contains(all[index].error.jail ?? "")
        }.map { all[$0.offset].error }
        let places = certain.map { Self.place(of: $0, jails) }
        let files = places.compactMap(\.?.file)
        let ranks = places.map { place in
            [files.firstIndex { $0 == place?.file } ?? 0, place?.line ?? 0, place?.column ?? 0]
        }
        return certain.indices.min { ranks[$0].lexicographicallyPrecedes(ranks[$1]) }.map { certain[$0] }
    }

    private static func place(of error: RuntimeError, _ jails: [ConfiguredJail]) -> SourceLocation? {
        if case .configuration(let place)? = error.finding.origin { return place }
        let jail = jails.first { $0.label == error.jail } ?? jails.first
        guard case .configuration(let place)? = jail?.name.origin else { return nil }
        return place
    }
}
