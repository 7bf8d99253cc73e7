/// A change of a jail that runs, as steps.
package struct ChangePlan: Equatable, Sendable {
    /// If one fails, those before it are undone, newest first.
    package var steps: [Step] = []
    /// Performed once the change is in the jail's record; none can fail while the jail exists.
    package var last: [Step] = []
    /// What undoes the network that the jail has then, newest first.
    package var networkUndo: [NetworkOperation] = []

    package var allSteps: [Step] { steps + last }
}
