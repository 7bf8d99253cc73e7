import ArgumentParser
import Glibc
import JailCore

struct Logs: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Print what jails have written to their consoles.",
        usage: "jailrun logs [<options>] [<jail> | <file> ...]",
        discussion: HelpText.discussion(
            "The lines of several jails are merged by time, each with its jail's name in front. Colours are removed, "
                + "and other control characters are spelled out: a jail cannot write to your terminal.",
            examples: "jailrun logs -f www", "jailrun logs --since 10m -n 100 db web"))

    @OptionGroup var global: GlobalOptions

    @Flag(name: .shortAndLong, help: "Continue until the jails are stopped.")
    var follow = false

    @Option(help: ArgumentHelp("Leave out lines older than this: 10m, 2h, or 2026-11-24T12:00.", valueName: "time"))
    var since: String?

    @Flag(name: .shortAndLong, help: "Print the time of each line in UTC.")
    var timestamps = false

    @Option(name: [.customShort("n"), .long], help: ArgumentHelp("Print only the last lines.", valueName: "count"))
    var lines: Int?

    @Flag(help: "Print the bytes unchanged; not to a terminal.")
    var raw = false

    @Argument(help: "Jails by name or jid, or jail.conf(5) files; all if omitted.")
    var jails: [String] = []

    func validate() throws {
        if let since, LogMoment.text(since) == nil {
            throw ValidationError("--since \(since): not a time such as 10m, 2h or 2026-11-24T12:00")
        }
        if let lines, lines < 0 { throw ValidationError("-n: must be 0 or more") }
        if raw && isatty(1) == 1 { throw ValidationError("--raw: a jail could write anything to your terminal") }
    }

    func run() throws {
        try reporting {
            let host = try global.host()
            let readers = try readers(host)
            if timestamps || since != nil, let plain = readers.first(where: { !$0.hasTimestamps }) {
                throw RuntimeError.host(
                    "\(plain.label): its log has no timestamps", hint: "set log.timestamps in addition to log.file")
            }
            var printer = LogPrinter(
                labels: readers.map(\.label), hasColour: !global.noColor, hasTimestamps: timestamps, isRaw: raw)
            try printRecent(readers, &printer)
            if follow, let signal = try self.follow(readers, host, &printer) { throw ExitCode(128 + signal) }
            if let failure = readers.compactMap(\.failure).first { throw failure }
        }
    }

    private func readers(_ host: Host) throws -> [LogReader] {
        let lookup = JailLookup(host: host)
        let running = try lookup.running()
        let services = try lookup.services()
        var names: [String] = jails.isEmpty ? services.map(\.name) : []
        for jail in jails {
            if Stop.isFile(jail) {
                let known = try global.specs(try global.load(jail), []).map(\.name.value).filter {
                    try lookup.isKnown($0)
                }
                if known.isEmpty {
                    throw RuntimeError.host(
                        "\(Terminal.escaped(jail)): none of its jails is up or has ended", hint: nil)
                }
                names += known
            } else {
                names.append(running.first { String($0.identity.jid) == jail }?.name ?? jail)
            }
        }
        return try names.map { name in
            let record = running.first { $0.name == name }
            guard let spec = record?.spec ?? services.first(where: { $0.name == name })?.spec else {
                throw lookup.notFound(name)
            }
            guard let place = try lookup.log(of: name, spec) else {
                if let record, record.unreadable != nil { throw record.unreadableError() }
                throw RuntimeError.host("\(name): its output goes to the jailrun that runs it", hint: nil)
            }
            return try LogReader(label: spec.label, name: name, place: place, host: host)
        }
    }

    private func printRecent(_ readers: [LogReader], _ printer: inout LogPrinter) throws {
        let moment = since.flatMap { LogMoment.text($0) }
        var merge = LogMerge(readers)
        var last: [(Int, LogReader.Line)] = []
        while let (index, line) = merge.next() {
            if let moment, let time = line.timestamp, time < moment { continue }
            guard let lines else {
                try printer.print(line, of: index)
                continue
            }
            last.append((index, line))
            if last.count > 2 * lines + 1000 { last.removeFirst(last.count - lines) }
        }
        // What no newline ends yet is a line, too; who follows may see the rest of it.
        let open = follow ? [] : readers.enumerated().compactMap { index, reader in reader.rest().map { (index, $0) } }
        last = lines.map { Array((last + open).suffix($0)) } ?? open
        for (index, line) in last { try printer.print(line, of: index) }
        try printer.flush()
    }

    /// How often a line that no newline ends is looked at before it is printed as it is: a prompt, or the last of a log.
    private static let openLooks = 5

    /// Looks ten times a second: a log is a file, which may be rotated or on any file system.
    /// - Returns: the signal that ended it, if one did.
    private func follow(_ readers: [LogReader], _ host: Host, _ printer: inout LogPrinter) throws -> Int32? {
        let lookup = JailLookup(host: host)
        var quietLooks = readers.map { _ in 0 }
        while true {
            let isOver = try !readers.contains { try lookup.isOngoing($0.name) }
            for (index, reader) in readers.enumerated() {
                let before = reader.openBytes
                while let line = reader.next() { try printer.print(line, of: index) }
                quietLooks[index] = reader.openBytes == before ? quietLooks[index] + 1 : 0
                guard isOver || quietLooks[index] >= Self.openLooks, let rest = reader.rest() else { continue }
                try printer.print(rest, of: index, isOpen: true)
            }
            if isOver { printer.endLine() }
            try printer.flush()
            if isOver || printer.isClosed { return nil }
            var watched = [
                pollfd(fd: host.signals.descriptor, events: Int16(POLLIN), revents: 0), Output.watchedReader,
            ]
            if poll(&watched, 2, 100) <= 0 { continue }
            if watched[0].revents != 0, let signal = host.signals.nextWithSender()?.signal, signal != SIGWINCH {
                return signal
            }
            if watched[1].revents != 0 { return nil }
        }
    }
}

/// The lines of several logs in the order of their times; a line without one follows the line before it.
private struct LogMerge {
    private let readers: [LogReader]
    private var heads: [LogReader.Line?]

    init(_ readers: [LogReader]) {
        self.readers = readers
        heads = readers.map { $0.next() }
    }

    mutating func next() -> (Int, LogReader.Line)? {
        let open = heads.indices.filter { heads[$0] != nil }
        guard let first = open.min(by: { (heads[$0]?.timestamp ?? "") < (heads[$1]?.timestamp ?? "") }),
            let line = heads[first]
        else { return nil }
        heads[first] = readers[first].next()
        return (first, line)
    }
}

/// Lines as they are shown.
private struct LogPrinter {
    private let labels: [String]
    private let colours: [String]
    private let hasTimestamps: Bool
    private let isRaw: Bool
    private var pending: [UInt8] = []
    /// Whose line no newline has ended.
    private var openIndex: Int?
    private(set) var isClosed = false

    init(labels: [String], hasColour: Bool, hasTimestamps: Bool, isRaw: Bool) {
        let width = labels.map(\.count).max() ?? 0
        self.labels =
            labels.count < 2 ? [] : labels.map { $0 + String(repeating: " ", count: width - $0.count) + " | " }
        let isColoured = hasColour && isatty(1) == 1 && !Output.refusesColour
        colours = isColoured ? ["36", "33", "32", "35", "34", "31"] : []
        self.hasTimestamps = hasTimestamps
        self.isRaw = isRaw
    }

    /// - Parameter isOpen: there may be more of it, which then follows on the same line.
    mutating func print(_ line: LogReader.Line, of index: Int, isOpen: Bool = false) throws {
        if openIndex != index {
            endLine()
            begin(line, index)
        }
        pending += isRaw ? Array(line.bytes) : Array(ConsoleText.safe(String(decoding: line.bytes, as: UTF8.self)).utf8)
        openIndex = index
        if !isOpen { endLine() }
        if pending.count > 65536 { try flush() }
    }

    private mutating func begin(_ line: LogReader.Line, _ index: Int) {
        if !labels.isEmpty {
            let label = labels[index]
            let colour = colours.isEmpty ? nil : colours[index % colours.count]
            pending += Array((colour.map { "\u{1b}[\($0)m\(label)\u{1b}[0m" } ?? label).utf8)
        }
        if hasTimestamps, let time = line.timestamp { pending += Array("\(ConsoleText.safe(time)) ".utf8) }
    }

    mutating func endLine() {
        if openIndex != nil { pending.append(UInt8(ascii: "\n")) }
        openIndex = nil
    }

    mutating func flush() throws {
        // A jail may write faster than this is read: there may be no end to wait for.
        if let signal = Delivery.pendingSignal { throw ExitCode(128 + signal) }
        if !isClosed { isClosed = try !Output.result(pending) }
        pending = []
    }
}
