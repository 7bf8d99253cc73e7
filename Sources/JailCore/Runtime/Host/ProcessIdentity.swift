/// A process, whatever has its number later: by its pid, and its start time in clock ticks since boot.
struct ProcessIdentity: Equatable, Sendable, Codable {
    var pid: Int32
    var startTime: UInt64

    init(pid: Int32, startTime: UInt64) { (self.pid, self.startTime) = (pid, startTime) }

    /// As `text` writes it.
    init?(pid: some StringProtocol, startTime: some StringProtocol) {
        guard let pid = Int32(pid), let startTime = UInt64(startTime), pid > 0 else { return nil }
        self.init(pid: pid, startTime: startTime)
    }

    var text: String { "\(pid) \(startTime)" }
}
