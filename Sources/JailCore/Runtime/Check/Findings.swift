internal import SystemPackage

/// What a host lacks for a start. A start ends with the first; `check` goes on, and says all of them. Both look by the same
/// functions, which tell `FactFinder.object(_:_:)` what they miss.
final class Findings {
    /// What is not there may be made by commands of the host that run before it is needed.
    enum Making {
        case never
        case byHooks
        /// By those of jails that are up before; it is needed before the jail's own.
        case byHooksOfOthers
    }

    struct Finding {
        var error: RuntimeError
        var isMade: Making

        /// Whether there are commands that may make it for that jail.
        func isMade(for jail: ConfiguredJail, _ makers: HookMakers) -> Bool {
            switch isMade {
            case .never: false
            case .byHooks: makers.exist(before: jail)
            case .byHooksOfOthers: makers.existOfOthers(before: jail)
            }
        }
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

    func add(_ error: RuntimeError, isMade: Making = .never) {
        all.append(Finding(error: error, isMade: isMade))
    }

    /// The first in the file of those that a start ends with, of which the error is one. What is not there, and a command before may
    /// make, is no error of a `check` either.
    func foremost(_ error: RuntimeError, of jails: [ConfiguredJail]) -> RuntimeError? {
        if !all.contains(where: { $0.error.message == error.message }) { add(error) }
        let makers = HookMakers(jails)
        let certain = all.filter { finding in
            if finding.error.message == error.message { return true }
            guard let jail = jails.first(where: { $0.label == finding.error.jail }) else { return true }
            return !finding.isMade(for: jail, makers)
        }.map(\.error)
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
