import Glibc
import JailCore

/// What is waited for, on standard error: on a terminal one line that changes, and goes with the wait; else a line every 5 s.
enum WaitLine {
    private static let terminalSeconds = 2
    private static let plainSeconds = 5
    // Each process has its own.
    /// There is one on the terminal, and the cursor at its beginning.
    nonisolated(unsafe) private static var isDrawn = false
    /// When lines were printed last.
    nonisolated(unsafe) private static var printed = 0

    static func attach(to waits: Waits, as program: String = "jailrun") {
        waits.tell = { wait in
            guard let wait else { return erase() }
            show([wait], isOneOfMany: waits.isOneOfMany, as: program)
        }
    }

    /// To be called every second.
    static func show(_ waits: [Waits.Wait], isOneOfMany: Bool = false, as program: String = "jailrun") {
        if isOneOfMany || isatty(2) == 0 { return print(waits, program) }
        draw(waits.filter { $0.seconds >= terminalSeconds }, Screen.size(of: 2)?.columns ?? 80, program)
    }

    private static func draw(_ waits: [Waits.Wait], _ columns: Int, _ program: String) {
        if waits.isEmpty { return erase() }
        let text = ConsoleText.safe("\(program): " + waits.map(\.text).joined(separator: "; "))
        Output.raw("\r\u{1b}[K\(text.prefix(max(1, columns - 1)))\r")
        isDrawn = true
    }

    private static func print(_ waits: [Waits.Wait], _ program: String) {
        let now = Screen.milliseconds()
        let told = waits.filter { $0.seconds >= plainSeconds }
        // The ticks are a second apart, and a little more.
        if told.isEmpty || printed > 0 && now - printed < plainSeconds * 1000 - 500 { return }
        printed = now
        for wait in told { Output.notice("\(program): \(wait.text)") }
    }

    /// Before anything else is written there.
    static func erase() {
        if !isDrawn { return }
        isDrawn = false
        Output.raw("\r\u{1b}[K")
    }
}
