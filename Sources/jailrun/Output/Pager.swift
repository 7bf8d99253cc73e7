import Glibc

/// The program that shows a long text on a terminal: $PAGER as git(1) reads it, or less(1).
struct Pager {
    private let command: String
    /// Nil where the shell has to find it out.
    private var program: Substring { command.split(separator: " ").first?.split(separator: "/").last ?? "" }

    /// Nil where the caller wants none: $PAGER is empty, or `cat`.
    init?() {
        // 127: as the shell ends that finds no such program.
        let command = Self.variable("PAGER") ?? "command -v less >/dev/null || exit 127; exec less"
        if command.isEmpty || command == "cat" { return nil }
        self.command = command
        // What git gives them: escapes as colours, no second screen, no wait at the end of what is short. What the caller
        // has set stays.
        setenv("LESS", "FRX", 0)
        setenv("LV", "-c", 0)
    }

    /// Whether it shows an escape as a colour. Of a program that is not known nobody can tell, and plain text is always
    /// legible.
    var showsColour: Bool {
        switch program {
        case "command", "less":
            Self.hasOption(["r", "R"], ["raw-control-chars", "RAW-CONTROL-CHARS"], in: options("LESS"))
        case "lv": Self.hasOption(["c"], [], in: options("LV"))
        case "more", "cat", "bat", "batcat", "moar", "moor", "ov", "delta": true
        default: false
        }
    }

    /// - Returns: false when it could not be started.
    func show(_ lines: [String]) -> Bool {
        // `Host` has blocked them to read them; a pager lives by them.
        var none = sigset_t()
        sigemptyset(&none)
        sigprocmask(SIG_SETMASK, &none, nil)
        signal(SIGINT, SIG_IGN)
        signal(SIGPIPE, SIG_IGN)
        guard let pager = popen(command, "w") else { return false }
        for line in lines where fputs(line + "\n", pager) < 0 { break }
        return pclose(pager) >> 8 & 0xff != 127
    }

    // MARK: Its options

    /// Those of the variable, and of the command line.
    private func options(_ variable: String) -> [Substring] {
        let words = (Self.variable(variable) ?? "").split { $0 == " " || $0 == "$" }
        // less(1) takes a first word without its hyphen, too.
        let asOptions = words.map { $0.hasPrefix("-") ? $0 : "-\($0)" }
        return asOptions + command.split(separator: " ").dropFirst().filter { $0.hasPrefix("-") }
    }

    private static func hasOption(_ letters: [Character], _ names: [Substring], in words: [Substring]) -> Bool {
        words.contains { word in
            word.hasPrefix("--")
                ? names.contains(word.dropFirst(2)) : word.dropFirst().contains { letters.contains($0) }
        }
    }

    private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
