internal import Glibc

extension HostCheck {
    /// What waits for somebody else at the start.
    mutating func checkQueue() {
        guard let log = spec.commands.consoleLog, Self.isQueue(log.value) else { return }
        say(
            .warning, "exec.consolelog: \(Terminal.escaped(log.value)): a FIFO, which needs a reader at the start",
            log.origin)
    }

    private static func isQueue(_ path: String) -> Bool {
        var status = stat()
        return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
    }
}
