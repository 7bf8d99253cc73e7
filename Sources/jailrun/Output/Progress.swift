import Glibc
import JailCore

/// How jails come up, on standard error: on a terminal a line for each that is written anew, else a line for each change.
struct Progress {
    private let isQuiet: Bool
    private let isTerminal: Bool
    private let hasColour: Bool
    private let began = Screen.milliseconds()
    private var drawnLines = 0

    init(isQuiet: Bool, hasColour: Bool, jails: Int) {
        self.isQuiet = isQuiet
        let size = isatty(2) == 1 ? Screen.size(of: 2) : nil
        isTerminal = (size?.rows ?? 0) > jails + 1
        self.hasColour = isTerminal && hasColour
    }

    /// Whether it has to be drawn again when nothing has changed.
    var isMoving: Bool { isTerminal && !isQuiet }

    mutating func show(_ statuses: [ServiceStatus], changed: (before: ServiceStatus, after: ServiceStatus)? = nil) {
        if isQuiet { return }
        if isTerminal { return draw(statuses) }
        guard let (before, after) = changed, before.state != after.state else { return }
        // Why a jail failed is said apart from this, with what it printed last.
        if after.state == .failed && !after.isSkipped || after.state == .unhealthy && after.isReported { return }
        let time = after.state.isReady && !after.isYielded ? " after \(elapsed)" : ""
        Output.notice("jailrun: \(after.label): \(words(after))\(time)")
    }

    /// Prints what somebody else has to say, above the lines.
    mutating func interrupt(with bytes: [UInt8], _ statuses: [ServiceStatus]) {
        if bytes.isEmpty { return }
        if drawnLines > 0 { Output.raw("\u{1b}[\(drawnLines)A\r\u{1b}[J") }
        Output.raw(bytes)
        if drawnLines > 0 && bytes.last != UInt8(ascii: "\n") { Output.raw("\n") }
        if drawnLines > 0 {
            drawnLines = 0
            draw(statuses)
        }
    }

    /// The lines stay as they are: what comes now stands below them.
    mutating func end() { drawnLines = 0 }

    private var elapsed: String {
        let tenths = (Screen.milliseconds() - began) / 100
        return "\(tenths / 10).\(tenths % 10) s"
    }

    private mutating func draw(_ statuses: [ServiceStatus]) {
        let width = statuses.map(\.label.count).max() ?? 0
        let columns = Screen.size(of: 2)?.columns ?? 80
        var text = drawnLines > 0 ? "\u{1b}[\(drawnLines)A" : ""
        for status in statuses {
            let name = status.label + String(repeating: " ", count: width - status.label.count)
            let plain = "\(name)  \(words(status))\(status.state.isReady || status.state.isOver ? "" : ", \(elapsed)")"
            let line = String(ConsoleText.safe(plain).prefix(max(1, columns - 1)))
            text += "\r\u{1b}[K\(colour(status.state))\(line)\(hasColour ? "\u{1b}[0m" : "")\n"
        }
        drawnLines = statuses.count
        Output.raw(text)
    }

    private func colour(_ state: ServiceState) -> String {
        guard hasColour else { return "" }
        switch state {
        case .up, .healthy, .ended: return "\u{1b}[32m"
        case .failed, .unhealthy: return "\u{1b}[31m"
        case .restarting: return "\u{1b}[33m"
        case .waiting, .starting, .stopping: return ""
        }
    }

    private func words(_ status: ServiceStatus) -> String {
        switch status.state {
        case .waiting, .starting, .stopping: status.progress
        case .failed where status.isSkipped: "skipped"
        case .ended where status.isYielded: String(status.shownDetail.dropFirst(2))
        case .failed, .unhealthy, .restarting: "\(status.state.rawValue)\(status.shownDetail)"
        case .up, .healthy, .ended: status.state.rawValue
        }
    }
}
