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
}
