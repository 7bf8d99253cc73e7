internal import SystemPackage

/// What a host lacks for a start. A start ends with the first; `check` goes on, and says all of them. Both look by the same
/// functions, which tell `FactFinder.object(_:_:)` what they miss.
final class Findings {
    struct Finding {
        var error: RuntimeError
        /// It is not there, and a command that runs before might make it.
        var isAbsent: Bool
    }

    private(set) var all: [Finding] = []

    func add(_ error: RuntimeError, isAbsent: Bool = false) {
        all.append(Finding(error: error, isAbsent: isAbsent))
    }
}
