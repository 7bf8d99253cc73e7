extension ConfiguredJail {
    /// `health.*`: how it is known that the jail does its work.
    public struct Health: Equatable, Sendable, Codable {
        /// Run inside, as the jail's commands are; status 0 means that it is healthy.
        public var command: Located<String>
        public var intervalSeconds = 10
        public var timeoutSeconds = 10
        /// Failures in a row that make it unhealthy.
        public var retries = 3
        /// Seconds after the start in which failures do not count.
        public var startSeconds = 30
    }

    /// `restart.*`: whether a jail that ended, or is unhealthy, is replaced.
    public struct Restart: Equatable, Sendable, Codable {
        public enum Policy: String, Sendable, Codable, CaseIterable { case no, failure, always }

        public var policy = Policy.no
        /// How often in a row; 0 is no limit.
        public var maximum = 5
        /// Before the first; each other waits for twice as long as the one before it.
        public var delaySeconds = 1
    }

    /// `log.*`: where the jail's output is kept.
    public struct Log: Equatable, Sendable, Codable {
        /// An absolute path of the host; nil keeps it in the state directory, as long as the jail is known.
        public var file: Located<String>?
        public var maximumBytes = 1 << 20
        /// How many rotated files are kept.
        public var kept = 1
        /// The file's lines begin with the time. The state directory's always do.
        public var hasTimestamps = false
        /// `log.journal`: the lines are entries of the host's journal, too.
        public var journal: Located<Bool>?
    }

    /// Whether somebody has to look after it while it is up.
    public var isSupervised: Bool {
        health != nil || restart.policy != .no || log.file != nil || log.journal != nil
    }
}
