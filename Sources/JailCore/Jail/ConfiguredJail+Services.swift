extension ConfiguredJail {
    /// `health.*`: how to find out whether the jail works.
    package struct Health: Equatable, Sendable, Codable {
        /// Run inside, as the jail's commands are; status 0 means that it is healthy.
        package var command: Located<String>
        package var intervalSeconds = 10
        package var timeoutSeconds = 10
        /// Failures in a row that make it unhealthy.
        package var retries = 3
        /// Seconds after the start in which failures do not count.
        package var startSeconds = 30
    }

    /// `restart.*`: whether a jail that ended, or is unhealthy, is replaced.
    package struct Restart: Equatable, Sendable, Codable {
        package enum Policy: String, Sendable, Codable, CaseIterable { case no, failure, always }

        package var policy = Policy.no
        /// How often in a row; 0 is no limit.
        package var maximum = 5
        /// Before the first restart; each further one waits twice as long as the one before it.
        package var delaySeconds = 1
    }

    /// `log.*`: where the jail's output is kept.
    package struct Log: Equatable, Sendable, Codable {
        /// An absolute path of the host; nil keeps it in the state directory, as long as the jail is known.
        package var file: Located<String>?
        package var maximumBytes = 1 << 20
        /// How many rotated files are kept.
        package var kept = 1
        /// The file's lines begin with the time. The state directory's always do.
        package var hasTimestamps = false
        /// `log.journal`: the lines are entries of the host's journal, too.
        package var journal: Located<Bool>?
    }

    /// Whether a supervisor has to look after it while it is up.
    package var isSupervised: Bool {
        health != nil || restart.policy != .no || log.file != nil || log.journal != nil
    }
}
