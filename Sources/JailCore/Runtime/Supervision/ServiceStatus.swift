internal import Glibc

/// A supervised jail as others see it.
package struct ServiceStatus: Codable, Equatable, Sendable {
    package var name: String
    package var label: String
    package var state: ServiceState
    /// Seconds since 1970.
    package var sinceSeconds: Int
    package var restarts: Int
    /// Health commands since its start, and how many failed in a row.
    package var checks: Int
    package var failedChecks: Int
    /// Why it is in this state. Written by the jail: to be escaped.
    package var detail: String?
    /// How its start, or its last start command, or the jail itself ended.
    package var exitStatus: Int32
    /// A jail that it depends on failed.
    package var isSkipped: Bool
    /// Another command was about to start it, and has it now: `detail` says so.
    package internal(set) var isYielded = false
    /// Another command has stopped it before it was up.
    var isWithdrawn = false
    /// The process that started it has already reported why its start failed.
    package var isReported: Bool
    /// Processes that the kernel killed because memory ran out, and the last of them in words: to be escaped.
    package var memoryKills: Int
    package var lastMemoryKill: String?
    /// Where this jail's own output is, once there may be some.
    package var console: ConsoleLog.Place?

    var isSettled: Bool { state.isReady || state.isOver }
    /// It has been up, has done its work, and does it again when its pause is over.
    var isDoneForNow: Bool { state == .restarting && exitStatus == 0 }
    /// What it waits for, by name, and since when by CLOCK_MONOTONIC; told to whoever has started it.
    var awaits: String?
    var awaitsSinceMilliseconds = 0
    /// It is over, but commands that follow are still running.
    package var isBusy = false
    /// Until when it only seems to be up, by CLOCK_MONOTONIC: it has ended before, or may end at once.
    var unsteadyUntil: Int?
    /// Why its record cannot be read.
    package private(set) var unreadable: String?

    package init(_ record: ServiceRecord) {
        self.init(
            record.spec, record.life, detail: record.detail, exitStatus: record.exitStatus ?? 0, isSkipped: false,
            isReported: false, memoryKills: record.memoryKills, lastMemoryKill: record.lastMemoryKill)
        unreadable = record.unreadable
        // Nobody tried to start it again: it did not fail at that.
        if record.isEnded && record.spec.restart.policy == .no { state = .ended }
    }

    init(
        _ spec: ConfiguredJail, _ life: ServiceLife, detail: String?, exitStatus: Int32, isSkipped: Bool,
        isReported: Bool,
        memoryKills: Int, lastMemoryKill: String?
    ) {
        (name, label, state) = (spec.name.value, spec.label, life.state)
        sinceSeconds = time(nil) - (Clock.milliseconds() - life.sinceMilliseconds) / 1000
        (restarts, checks, failedChecks) = (life.restarts, life.checks, life.failuresInARow)
        unsteadyUntil = life.unsteadyUntil ?? (spec.isPersistent.value ? nil : life.firstMomentEnd)
        (self.detail, self.exitStatus) = (detail, exitStatus)
        (self.isSkipped, self.isReported) = (isSkipped, isReported)
        (self.memoryKills, self.lastMemoryKill) = (memoryKills, lastMemoryKill)
    }
}
