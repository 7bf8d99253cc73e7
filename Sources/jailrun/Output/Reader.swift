import Glibc
import JailCore

/// Standard output, when a person reads it there.
struct Reader {
    /// Longer lines are hard to follow.
    private static let widest = 100
    private static let narrowest = 40

    private let isTerminal = isatty(1) == 1
    private let wantsColour: Bool
    private var rows: Int?
    private var columns: Int?

    /// - Parameter isColourRefused: by `--no-color`.
    init(isColourRefused: Bool) {
        wantsColour =
            isTerminal && !isColourRefused && !Output.refusesColour
            && getenv("TERM").map { String(cString: $0) } != "dumb"
        var size = winsize()
        // A serial line does not know its size: 0.
        guard isTerminal, ioctl(1, UInt(TIOCGWINSZ), &size) == 0 else { return }
        rows = size.ws_row > 0 ? Int(size.ws_row) : nil
        columns = size.ws_col > 0 ? Int(size.ws_col) : nil
    }

    /// As wide as the terminal; where nothing says how wide that is, or there is none, as $COLUMNS says, or as most are.
    var width: Int {
        min(max(columns ?? Self.askedWidth ?? 80, Self.narrowest), Self.widest)
    }

    /// $COLUMNS.
    static var askedWidth: Int? {
        getenv("COLUMNS").flatMap { Int(String(cString: $0)) }.flatMap { $0 > 0 ? $0 : nil }
    }

    /// Shows the lines: on a terminal that is too small for them by a pager, and in colour where that is seen as colour.
    func show(_ lines: (Page.Look) -> [String]) {
        let plain = lines(Page.Look(width: width))
        let coloured = wantsColour ? lines(Page.Look(width: width, isColoured: true)) : plain
        if isLong(plain), let pager = Pager(), pager.show(pager.showsColour ? coloured : plain) { return }
        Output.text(coloured.joined(separator: "\n"))
    }

    private func isLong(_ lines: [String]) -> Bool {
        guard let rows, let columns else { return false }
        return lines.reduce(0) { $0 + max(1, ($1.count + columns - 1) / columns) } >= rows
    }
}
