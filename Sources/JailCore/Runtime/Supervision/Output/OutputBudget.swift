/// How much of its processor time a supervisor gives to one jail's output. What comes faster for long is read again after a moment, and what
/// came meanwhile is dropped and counted: a flood costs the supervisor, and the other jails of it, little.
struct OutputBudget {
    /// Of each second.
    static let microsecondsPerSecond = 100_000
    /// At once.
    static let burstMicroseconds = 1_000_000
    static let pauseMilliseconds = 50

    private var available = Self.burstMicroseconds
    private var filledMilliseconds: Int?
    private var droppedBytes = 0
    /// When it is looked at next; nil while it is read as it comes.
    private(set) var resumesMilliseconds: Int?

    mutating func spend(_ microseconds: Int, _ now: Int) {
        fill(now)
        available -= microseconds
        if available <= 0 { resumesMilliseconds = now + Self.pauseMilliseconds }
    }

    /// At the end of a pause.
    /// - Returns: whether it is read again from now on.
    mutating func drop(_ bytes: Int, _ now: Int) -> Bool {
        fill(now)
        droppedBytes += bytes
        let isOver = available >= Self.microsecondsPerSecond
        resumesMilliseconds = isOver ? nil : now + Self.pauseMilliseconds
        return isOver
    }

    /// How many bytes were dropped, which is reported then.
    mutating func takeDropped() -> Int {
        defer { droppedBytes = 0 }
        return droppedBytes
    }

    private mutating func fill(_ now: Int) {
        let passed = now - (filledMilliseconds ?? now)
        available = min(Self.burstMicroseconds, available + passed * Self.microsecondsPerSecond / 1000)
        filledMilliseconds = now
    }
}
