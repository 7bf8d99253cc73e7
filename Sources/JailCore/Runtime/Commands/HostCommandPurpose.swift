/// What a command of the host is run for: with its end there is nothing to wait for.
final class HostCommandPurpose {
    /// Readable when there is something to look at.
    let descriptor: Int32
    private let look: () -> Int
    /// How long a command may still take; nil as long as its purpose is there.
    private(set) var secondsLeft: Int?

    /// - Parameter look: called when the descriptor is readable.
    /// - Returns: of `look`: how many seconds a command may still take.
    init(_ descriptor: Int32, look: @escaping () -> Int = { 0 }) { (self.descriptor, self.look) = (descriptor, look) }

    var isLost: Bool { secondsLeft == 0 }

    func lookAgain() -> Int {
        let seconds = look()
        secondsLeft = seconds
        return seconds
    }
}
