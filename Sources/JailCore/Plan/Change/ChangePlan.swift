/// A change of a jail that runs, as steps.
public struct ChangePlan: Equatable, Sendable {
    /// When one fails, those before it are taken back, newest first.
    public var steps: [Step] = []
    /// Performed once the jail's record tells of the change; none can fail while the jail is there.
    public var last: [Step] = []
    /// What takes back the network that the jail has then, newest first.
    public var networkUndo: [NetworkOperation] = []

    public var allSteps: [Step] { steps + last }
}
