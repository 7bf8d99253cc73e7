/// When to say that a command which is waited for may be one that stays.
struct Patience {
    private static let milliseconds = 10_000
    private var end: Int?

    init() {}
    init(since now: Int) { end = now + Self.milliseconds }

    func deadline(_ other: Int?) -> Int? {
        guard let end else { return other }
        return min(end, other ?? end)
    }
    func isOver(_ other: Int?) -> Bool { end.map { end in other.map { end < $0 } ?? true } ?? false }

    static func words(_ jail: String, _ command: Plan.Command) -> String {
        RuntimeError.unsuitable(
            jail: jail, origin: command.origin,
            "exec.start: \(Terminal.escaped(command.line.text)): still running after \(milliseconds / 1000) s, and the "
                + "start waits for it",
            hint: nil
        ).message + "\n    hint: for a program that keeps running write command = … instead of exec.start, or end it "
            + "with &"
    }
}
