/// What a jail waits for, in words.
extension ServiceStatus {
    /// Nil when it waits for nothing.
    package var awaited: String? {
        switch state {
        case .waiting: awaits ?? "its turn"
        case .starting, .unhealthy: "\(awaits ?? "its start")\(tries)"
        case .restarting: "its restart\(shownDetail)"
        case .stopping: awaits ?? "the end of its processes"
        case .ended, .failed: isBusy ? awaits ?? "what follows its end" : nil
        case .up, .healthy: nil
        }
    }

    /// The same, where it has a name; else its state.
    package var progress: String {
        awaits == nil ? state.rawValue : awaited.map { "waits for \($0)" } ?? state.rawValue
    }

    /// The same, and since when.
    package var wait: Waits.Wait? {
        let since = awaits == nil ? nil : awaitsSinceMilliseconds
        let seconds = since.map { (Clock.milliseconds() - $0) / 1000 } ?? Clock.wallSeconds() - sinceSeconds
        return awaited.map { Waits.Wait(jail: label, what: $0, seconds: max(0, seconds)) }
    }

    private var tries: String {
        checks > 0 ? ", \(checks) \(checks == 1 ? "try" : "tries")\(shownDetail)" : ""
    }

    /// `: connection refused`, the last line of what is known.
    package var shownDetail: String {
        guard let last = detail?.split(separator: "\n").last else { return "" }
        return ": \(ConsoleText.safe(String(last)))"
    }
}
