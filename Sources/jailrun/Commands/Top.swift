import ArgumentParser
import Glibc
import JailCore

struct Top: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "Show what jails use, continuously.",
        usage: "jailrun top [<options>] [<jail> ...]",
        discussion: HelpText.discussion(
            "Keys: c, m, p, i, n sort by CPU, memory, processes, disk I/O and network; q quits. If standard output is "
                + "not a terminal, a table is printed for each update.",
            examples: "jailrun top", "jailrun top -d 5 -c 1 www"))

    @OptionGroup var global: GlobalOptions

    @Option(name: [.customShort("d"), .long], help: ArgumentHelp("Seconds between two updates.", valueName: "seconds"))
    var delay = 1

    @Option(name: .shortAndLong, help: ArgumentHelp("Quit after this many updates.", valueName: "updates"))
    var count: Int?

    @Argument(help: "Jails by name or jid; all if omitted.")
    var jails: [String] = []

    func validate() throws {
        if delay < 1 || delay > 3600 { throw ValidationError("-d: must be 1 to 3600 seconds") }
        if let count, count < 1 { throw ValidationError("-c: must be at least 1") }
    }

    func run() throws {
        try reporting {
            let host = try global.host()
            let size = isatty(0) == 1 ? Screen.size(of: 1) : nil
            var view = TopView(isFullScreen: size != nil)
            let terminal = size == nil ? nil : RawTerminal(0)
            if terminal != nil { TopView.enter() }
            defer { if terminal != nil { TopView.leave() } }
            try watch(host, &view)
            withExtendedLifetime(terminal) {}
        }
    }

    private func watch(_ host: Host, _ view: inout TopView) throws {
        let lookup = JailLookup(host: host)
        var looks = 0
        while true {
            try view.look(try Stats.records(jails, lookup))
            try view.draw()
            looks += 1
            if looks == count { return }
            let end = Screen.milliseconds() + (looks == 1 ? min(250, delay * 1000) : delay * 1000)
            while true {
                let rest = end - Screen.milliseconds()
                if rest <= 0 { break }
                switch wait(host, rest, view.isFullScreen) {
                case .quit(let signal):
                    if let signal { throw ExitCode(128 + signal) }
                    return
                case .key(let key): if !view.press(key) { return }
                case .nothing: break
                }
                try view.redraw()
            }
        }
    }

    private enum Event { case quit(signal: Int32?), key(UInt8), nothing }

    private func wait(_ host: Host, _ milliseconds: Int, _ hasKeys: Bool) -> Event {
        var watched = [
            pollfd(fd: host.signals.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: hasKeys ? 0 : -1, events: Int16(POLLIN), revents: 0), Output.watchedReader,
        ]
        guard poll(&watched, 3, Int32(milliseconds)) > 0 else { return .nothing }
        if watched[0].revents != 0, let signal = host.signals.nextWithSender(), signal.signal != SIGWINCH {
            return .quit(signal: signal.signal)
        }
        if watched[2].revents != 0 { return .quit(signal: nil) }
        var byte: UInt8 = 0
        if watched[1].revents != 0 { return read(0, &byte, 1) == 1 ? .key(byte) : .quit(signal: nil) }
        return .nothing
    }
}

/// The screen of `top`.
struct TopView {
    private enum Order: UInt8, CaseIterable {
        case cpu = 0x63
        case memory = 0x6d
        case processes = 0x70
        case io = 0x69
        case network = 0x6e

        var column: Int {
            switch self {
            case .cpu: 1
            case .memory: 2
            case .processes: 4
            case .io: 5
            case .network: 7
            }
        }

        func weight(_ usage: Usage) -> Double {
            switch self {
            case .cpu: usage.processors ?? 0
            case .memory: Double(usage.now.memoryBytes ?? 0)
            case .processes: Double(usage.now.processes)
            case .io: (usage.readRate ?? 0) + (usage.writeRate ?? 0)
            case .network: (usage.receiveRate ?? 0) + (usage.sendRate ?? 0)
            }
        }
    }

    private static let historyLength = 20

    let isFullScreen: Bool
    private var order = Order.cpu
    private var usages: [Usage] = []
    private var before: [JailStatistics] = []
    private var history: [String: [Double]] = [:]

    init(isFullScreen: Bool) { self.isFullScreen = isFullScreen }

    /// The alternate screen, without a cursor.
    static func enter() { try? write("\u{1b}[?1049h\u{1b}[?25l") }
    static func leave() { try? write("\u{1b}[?25h\u{1b}[?1049l") }

    mutating func look(_ jails: [JailRecord]) throws {
        usages = try jails.map { jail in try Usage(jail, before: before.first { $0.name == jail.name }) }
        before = usages.map(\.now)
        for usage in usages {
            let values = (history[usage.now.name] ?? []) + [usage.processors ?? 0]
            history[usage.now.name] = values.suffix(Self.historyLength)
        }
    }

    /// Whether to go on.
    mutating func press(_ key: UInt8) -> Bool {
        // q, Ctrl-C
        if key == 0x71 || key == 3 { return false }
        order = Order(rawValue: key) ?? order
        return true
    }

    /// - Throws: as `Output.result`.
    func draw() throws {
        if isFullScreen { try redraw() } else { try Self.write(Usage.table(sorted) + "\n") }
    }

    func redraw() throws {
        guard isFullScreen, let size = Screen.size(of: 1) else { return }
        let table = Usage.table(sorted).split(separator: "\n").map(String.init)
        let sparks = [""] + sorted.map { spark(history[$0.now.name] ?? []) }
        let load = usages.compactMap(\.processors).reduce(0, +)
        let title = "jailrun top: \(usages.count) jails, \(Int((load * 100).rounded()))% of a processor"
        let lines = [title, ""] + zip(table, sparks).map { "\($0)  \($1)" }
        let keys = "sort: c cpu, m memory, p processes, i disk I/O, n network; q quits"
        var text = "\u{1b}[H"
        for row in 0..<size.rows - 1 {
            let line = row < lines.count ? String(lines[row].prefix(size.columns)) : ""
            text += (row == 2 ? "\u{1b}[7m\(line)\u{1b}[0m" : line) + "\u{1b}[K\r\n"
        }
        try Self.write(text + keys.prefix(size.columns - 1) + "\u{1b}[K")
    }

    private var sorted: [Usage] {
        usages.sorted { (order.weight($0), $1.label) > (order.weight($1), $0.label) }
    }

    /// The last looks, the highest as high as the highest is.
    private func spark(_ values: [Double]) -> String {
        let marks = Array("▁▂▃▄▅▆▇█")
        let top = max(values.max() ?? 0, 0.05)
        return String(values.map { marks[min(marks.count - 1, Int($0 / top * Double(marks.count - 1)))] })
    }

    private static func write(_ text: String) throws {
        try Output.result(Array(text.utf8))
    }
}
