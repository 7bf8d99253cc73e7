/// What a supervised jail is doing.
package enum ServiceState: String, Codable, Sendable, CaseIterable {
    /// For the jails that it depends on.
    case waiting
    /// Its start commands are at work, or its health is not known yet.
    case starting
    /// Nothing tells whether it works: it has no `health.command`.
    case up
    case healthy
    case unhealthy
    /// It ended or was unhealthy, and will be started again.
    case restarting
    case stopping
    /// As it should.
    case ended
    /// It ended and is not started again.
    case failed

    /// Jails that depend on it can start.
    package var isReady: Bool { [.up, .healthy, .ended].contains(self) }
    package var isOver: Bool { self == .ended || self == .failed }
}

/// The life of one supervised jail as a pure machine: events and the time go in, what is to be done next comes out.
///
/// Times are milliseconds of CLOCK_MONOTONIC, which counts on when another supervisor adopts the jail.
struct ServiceLife: Equatable, Sendable, Codable {
    enum Work: String, Codable, Sendable { case start, check, stop }

    private struct Appointment: Equatable, Codable, Sendable {
        var work: Work
        var milliseconds: Int
    }

    /// Good health for that long, and restarts are counted anew.
    static let steadyMilliseconds = 60_000
    /// Where no health command tells, a jail that ended before has not started.
    static let firstMilliseconds = 1000
    /// By then a program that cannot do its work has read its configuration, and said so.
    static let firstMomentMilliseconds = 200
    static let longestDelayMilliseconds = 300_000
    /// While nothing is known about its health, it is checked often: each time it waits half as long again, at most a
    /// second.
    static let firstCheckMilliseconds = 50
    static let slowestEarlyCheckMilliseconds = 1000

    let health: ConfiguredJail.Health?
    let restart: ConfiguredJail.Restart
    /// A first start that never was good is the answer: it is not repeated, whatever `restart` says.
    let isFirstFinal: Bool
    private(set) var state = ServiceState.waiting
    private(set) var sinceMilliseconds: Int
    /// All that there were.
    private(set) var restarts = 0
    private(set) var restartsInARow = 0
    /// Since the last start.
    private(set) var checks = 0
    private(set) var failuresInARow = 0
    /// Has been up, or healthy if something tells: from then on it is worth being kept up.
    private(set) var isEstablished = false
    private(set) var isAskedToStop = false
    /// The health command cannot be executed: no repetition mends that.
    private(set) var isUnanswerable = false
    private var startedMilliseconds = 0
    private var earlyPause = Self.firstCheckMilliseconds
    private var appointment: Appointment?

    init(_ spec: ConfiguredJail, now: Int, isFirstFinal: Bool = false) {
        (health, restart, sinceMilliseconds) = (spec.health, spec.restart, now)
        self.isFirstFinal = isFirstFinal
    }

    /// When `due` has something to say.
    var deadline: Int? { appointment?.milliseconds }

    /// What to begin now; it is returned once.
    mutating func due(_ now: Int) -> Work? {
        guard let next = appointment, next.milliseconds <= now else { return nil }
        appointment = nil
        if next.work == .start {
            restarts += 1
            restartsInARow += 1
            become(.starting, now)
        }
        return next.work
    }

    /// Until when it only seems to be up: it has ended before, and may do so again at once. Nil when it is as it says.
    var unsteadyUntil: Int? {
        state == .up && restartsInARow > 0 ? sinceMilliseconds + Self.firstMilliseconds : nil
    }

    /// Until when one that needs a process may be over before whoever started it has looked.
    var firstMomentEnd: Int? {
        state == .up && restarts == 0 ? sinceMilliseconds + Self.firstMomentMilliseconds : nil
    }

    // MARK: Events

    /// The jails that it depends on are ready.
    mutating func begin(_ now: Int) { become(.starting, now) }

    /// A jail that it depends on failed.
    mutating func skip(_ now: Int) { become(.failed, now) }

    /// Its start commands have ended well.
    mutating func started(_ now: Int) {
        (startedMilliseconds, checks, failuresInARow) = (now, 0, 0)
        // The request came too late to interrupt the start.
        if isAskedToStop { return become(.stopping, now) }
        if health == nil {
            isEstablished = true
            become(.up, now)
        } else {
            earlyPause = Self.firstCheckMilliseconds
            appointment = Appointment(work: .check, milliseconds: now)
        }
    }

    /// A first start that fails is an error of the configuration, which no repetition mends.
    mutating func startFailed(_ now: Int) {
        if isAskedToStop { return become(.ended, now) }
        if restarts == 0 { become(.failed, now) } else { scheduleRestart(now) }
    }

    mutating func checked(isHealthy: Bool, _ now: Int) {
        guard let health, [.starting, .healthy, .unhealthy].contains(state), !isAskedToStop else { return }
        checks += 1
        let interval = health.intervalSeconds * 1000
        if isHealthy {
            failuresInARow = 0
            isEstablished = true
            if state != .healthy { become(.healthy, now) }
            appointment = Appointment(work: .check, milliseconds: now + interval)
            return
        }
        let isEarly = state == .starting
        if !isEarly || now - startedMilliseconds >= health.startSeconds * 1000 { failuresInARow += 1 }
        if failuresInARow >= health.retries {
            if state != .unhealthy { become(.unhealthy, now) }
            // Without a restart it may still recover; one that never was healthy has not started.
            let isReplaced = restart.policy != .no || !isEstablished
            appointment = Appointment(
                work: isReplaced ? .stop : .check, milliseconds: isReplaced ? now : now + interval)
        } else {
            appointment = Appointment(
                work: .check, milliseconds: now + (isEarly ? min(earlyPause, interval) : interval))
            earlyPause = min(earlyPause * 3 / 2, Self.slowestEarlyCheckMilliseconds)
        }
    }

    /// There is no health command that could be executed. A jail that was healthy before is unhealthy as any other.
    mutating func cannotCheck(_ now: Int) {
        guard health != nil, !isAskedToStop, !isEstablished, state == .starting else {
            return checked(isHealthy: false, now)
        }
        checks += 1
        failuresInARow += 1
        isUnanswerable = true
        become(.unhealthy, now)
        appointment = Appointment(work: .stop, milliseconds: now)
    }

    /// The main program of a jail that persists has ended.
    mutating func mainProgramEnded(isFailure: Bool, _ now: Int) {
        guard [.starting, .up, .healthy, .unhealthy].contains(state), !isAskedToStop,
            restart.policy == .always || restart.policy == .failure && isFailure
        else { return }
        become(.unhealthy, now)
        appointment = Appointment(work: .stop, milliseconds: now)
    }

    /// Nothing of the jail lives any more.
    /// - Parameter isUnexecuted: what it was to run could not be executed.
    mutating func ended(isFailure: Bool, isUnexecuted: Bool = false, _ now: Int) {
        appointment = nil
        // One with a health command that never was healthy did not do what it is for, however it ended.
        let isBad = isFailure || state == .unhealthy || health != nil && !isEstablished
        if isAskedToStop {
            become(.ended, now)
        } else if isBad && isFinal(isUnexecuted, now) {
            become(.failed, now)
        } else if restart.policy == .always || restart.policy == .failure && isBad {
            scheduleRestart(now)
        } else {
            become(isBad ? .failed : .ended, now)
        }
    }

    private func isFinal(_ isUnexecuted: Bool, _ now: Int) -> Bool {
        let wasGood = health == nil ? now - startedMilliseconds >= Self.firstMilliseconds : isEstablished
        return isUnanswerable || (isFirstFinal || isUnexecuted) && restarts == 0 && !wasGood
    }

    /// Somebody wants it to be down.
    mutating func askToStop(_ now: Int) {
        if isAskedToStop { return }
        isAskedToStop = true
        appointment = nil
        if state.isOver { return }
        become(state == .waiting || state == .restarting ? .ended : .stopping, now)
    }

    /// Somebody wants it up before its pause is over.
    mutating func hasten(_ now: Int) {
        guard state == .restarting, let next = appointment, next.work == .start else { return }
        appointment = Appointment(work: .start, milliseconds: min(now, next.milliseconds))
    }

    /// Somebody takes it down to start it again, and wants it up whatever it was.
    mutating func restarted(_ now: Int) {
        (appointment, isAskedToStop, isEstablished) = (nil, false, true)
        become(.restarting, now)
    }

    /// And could not.
    mutating func downAfterRestart(_ now: Int) {
        restarted(now)
        become(.failed, now)
    }

    /// Another supervisor starts it.
    mutating func yielded(_ now: Int) { become(.ended, now) }

    /// Somebody has taken it down before it was up.
    mutating func leftDown(_ now: Int) {
        (appointment, isAskedToStop) = (nil, false)
        become(.failed, now)
    }

    /// Of a jail whose life was not told: it is as it is.
    mutating func found(isAlive: Bool, _ now: Int) {
        isEstablished = isAlive
        become(isAlive ? .up : .failed, now)
    }

    /// Of a jail that is down, and whose supervisor is there: nothing else is known.
    mutating func foundKept(_ now: Int) { become(.restarting, now) }

    /// Another supervisor takes over from one that was killed.
    mutating func adopted(isAlive: Bool, _ now: Int) {
        if state.isOver { return }
        if !isAlive {
            if state == .restarting {
                appointment = appointment ?? Appointment(work: .start, milliseconds: now)
            } else {
                ended(isFailure: true, now)
            }
        } else if health != nil {
            appointment = Appointment(work: .check, milliseconds: now)
        }
    }

    // MARK: -

    private mutating func become(_ next: ServiceState, _ now: Int) {
        let wasGood = state == .up || state == .healthy
        if wasGood, now - sinceMilliseconds >= Self.steadyMilliseconds { restartsInARow = 0 }
        (state, sinceMilliseconds) = (next, now)
    }

    private mutating func scheduleRestart(_ now: Int) {
        // A good while that ends here must count before the limit is looked at.
        become(.restarting, now)
        if restart.maximum > 0 && restartsInARow >= restart.maximum { return become(.failed, now) }
        let first = restart.delaySeconds * 1000
        let longest = max(first, Self.longestDelayMilliseconds)
        appointment = Appointment(
            work: .start, milliseconds: now + min(first << min(restartsInARow, 16), longest))
    }
}
