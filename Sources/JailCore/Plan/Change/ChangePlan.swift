/// A change of a jail that runs, as steps.
package struct ChangePlan: Equatable, Sendable {
    /// When one fails, those before it are taken back, newest first.
    package var steps: [Step] = []
    /// Performed once the jail's record tells of the change; none can fail while the jail is there.
    package var last: [Step] = []
    /// What takes back the network that the jail has then, newest first.
    package var networkUndo: [NetworkOperation] = []

    package var allSteps: [Step] { steps + last }
}
