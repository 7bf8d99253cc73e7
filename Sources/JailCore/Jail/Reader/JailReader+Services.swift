extension JailReader {
    private static let dayInSeconds = 86400

    mutating func health() -> ConfiguredJail.Health? {
        let others = ["health.interval", "health.timeout", "health.retries", "health.start"]
        guard let command = string("health.command"), !command.value.isEmpty else {
            for name in others {
                guard let parameter = jail.parameter(name) else { continue }
                error("\(name) has no effect without health.command", at: parameter.location)
            }
            return nil
        }
        if command.value.hasSuffix("&") {
            error("health.command: a command that ends in & has no status", at: command.place)
        }
        var health = ConfiguredJail.Health(command: command)
        health.intervalSeconds = number("health.interval", 1...Self.dayInSeconds, health.intervalSeconds)
        health.timeoutSeconds = number("health.timeout", 1...Self.dayInSeconds, health.timeoutSeconds)
        health.retries = number("health.retries", 1...1000, health.retries)
        health.startSeconds = number("health.start", 0...Self.dayInSeconds, health.startSeconds)
        return health
    }

    mutating func restart() -> ConfiguredJail.Restart {
        var restart = ConfiguredJail.Restart()
        if let policy = word("restart", ConfiguredJail.Restart.Policy.self) { restart.policy = policy }
        restart.maximum = number("restart.max", 0...1_000_000, restart.maximum)
        restart.delaySeconds = number("restart.delay", 0...3600, restart.delaySeconds)
        return restart
    }

    mutating func log() -> ConfiguredJail.Log {
        var log = ConfiguredJail.Log()
        log.file = absoluteFile("log.file")
        log.journal = optionalBoolean("log.journal").flatMap { $0.value ? $0 : nil }
        if let other = jail.parameter("exec.consolelog") {
            for (name, place) in [("log.file", log.file?.place), ("log.journal", log.journal?.place)] {
                guard let place else { continue }
                error(
                    "\(name): exec.consolelog already takes the output, in line \(other.location.line)", at: place,
                    hint: "keep only one of them")
            }
        }
        let root = jail.parameter("path")?.lastValue?.bytes.printable() ?? "/"
        if let file = log.file, root != "/", file.value.hasPrefix(root + "/") {
            error("log.file: lies below the jail's path, where the jail could replace it with a link", at: file.place)
        }
        if let size = string("log.size") {
            if let bytes = Self.byteCount(Bytes(size.value.utf8)), (4096...(1 << 40)).contains(bytes) {
                log.maximumBytes = bytes
            } else {
                error("log.size: \"\(size.shown)\" is not a size from 4K to 1T", at: size.place)
            }
        }
        log.kept = number("log.keep", 0...1000, log.kept)
        log.hasTimestamps = boolean("log.timestamps", otherwise: false, "log.timestamps").value
        return log
    }

    private mutating func number(_ name: String, _ range: ClosedRange<Int>, _ standard: Int) -> Int {
        integer(name, in: range)?.value ?? standard
    }

    mutating func word<Word: RawRepresentable & CaseIterable>(_ name: String, _: Word.Type) -> Word?
    where Word.RawValue == String {
        guard let text = string(name) else { return nil }
        if let word = Word(rawValue: text.value) { return word }
        let words = Word.allCases.map(\.rawValue).joined(separator: ", ")
        error("\(name): \"\(text.shown)\" is none of \(words)", at: text.place)
        return nil
    }
}
