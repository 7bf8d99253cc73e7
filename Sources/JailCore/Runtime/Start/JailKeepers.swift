internal import CNamespaces
internal import Glibc

/// Starts the jails of a file and has them kept by one supervisor: jails that do not depend on each other start at once.
package struct JailKeepers {
    package enum Mode: Sendable {
        /// Runs until every jail has ended or a signal arrives; jails die with jailrun.
        case foreground
        /// Returns when all are up, and healthy if something tells.
        case detached
    }

    /// What happened to one jail.
    package struct Result: Sendable {
        package var jail: String
        /// 0 when it was started.
        package var status: Int32
        package var isSkipped: Bool
        /// Another command was about to start it, and has it now.
        package var isYielded = false
        /// Another command has stopped it before it was up.
        package var isWithdrawn = false
        /// Why it is as it is: to be escaped.
        package var detail: String?
        package var state: ServiceState
        package var isUp: Bool { state == .up || state == .healthy }
    }

    let specs: [ConfiguredJail]
    let host: Host
    let mode: Mode
    let configuration: String
    /// Says why a jail failed; called in another process.
    let report: @Sendable (RuntimeError) -> Void
    /// Called in another process when a jail is up.
    let announce: @Sendable (JailRecord) -> Void
    package var starts = StartOptions()
    /// Detached jails that are up stay so when another one fails.
    package var keepsStarted = false
    /// The signal that ended the start, the wait for the jails to be up, or jails in the foreground: they are stopped.
    package private(set) var interruption: Int32?
    private var isStopping = false
    private var isReady = false
    private var deadline: Int?
    /// Names of those that were not up in time.
    private var late: [String] = []
    /// Names of those that end again and again.
    private var unsteady: [String] = []
    /// Called every second with what is waited for.
    package var awaiting: ([Waits.Wait]) -> Void = { _ in }
    /// How long all may take to be up; 0 is no limit.
    package var timeoutSeconds = 0

    package init(
        specs: [ConfiguredJail], host: Host, mode: Mode, configuration: String, running: [String] = [],
        report: @escaping @Sendable (RuntimeError) -> Void, announce: @escaping @Sendable (JailRecord) -> Void
    ) {
        self.specs = specs
        self.host = host
        self.mode = mode
        self.configuration = configuration
        self.report = report
        self.announce = announce
    }

    /// Starts all, in the order of their dependencies.
    package mutating func run() throws(RuntimeError) -> [Result] {
        if specs.isEmpty { return [] }
        let run = try SupervisedRun(
            specs: specs, host: host, isTransient: mode == .foreground, configuration: configuration,
            showsOutput: true, showsNames: mode == .foreground && specs.count > 1, starts: starts, report: report,
            announce: announce)
        deadline = timeoutSeconds > 0 ? Clock.milliseconds() + timeoutSeconds * 1000 : nil
        while !run.isEnded && !run.isOver {
            takeBackIfFailed(run)
            giveUpUnsteady(run)
            if mode == .detached && !isStopping && isSettled(run) { break }
            tellReadiness(run)
            wait(run)
        }
        takeBackIfFailed(run)
        try end(run)
        for status in run.statuses where status.state == .failed && !status.isSkipped && !status.isReported {
            report(.host("\(status.label): \(ConsoleText.safe(status.detail ?? "failed"))", hint: nil))
        }
        return run.statuses.map {
            Result(
                jail: $0.label, status: (late + unsteady).contains($0.name) ? 125 : failure(of: $0),
                isSkipped: $0.isSkipped, isYielded: $0.isYielded, isWithdrawn: $0.isWithdrawn, detail: $0.detail,
                state: $0.state)
        }
    }

    /// Of a start that failed nothing is left, nor what is known of a jail that ended a moment after it was up.
    private mutating func takeBackIfFailed(_ run: SupervisedRun) {
        if mode == .detached && !isStopping && !keepsStarted && run.statuses.contains(where: { $0.state == .failed }) {
            stop(run)
        }
    }

    private mutating func tellReadiness(_ run: SupervisedRun) {
        guard mode == .foreground, !isReady, run.statuses.allSatisfy(\.state.isReady) else {
            return
        }
        isReady = true
        ServiceManager.notify(.ready)
    }

    private mutating func wait(_ run: SupervisedRun) {
        var watched = [
            pollfd(fd: run.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: host.signals.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        let isWaiting = isStopping || !isSettled(run) || run.statuses.contains(where: \.isBusy)
        let rest = unsteadyUntil(run).map { max(0, $0 - Clock.milliseconds()) } ?? Waits.pauseMilliseconds
        _ = unsafe poll(&watched, 2, isWaiting ? Int32(min(rest, Waits.pauseMilliseconds)) : -1)
        awaiting(run.statuses.compactMap(\.wait))
        if let end = deadline, end <= Clock.milliseconds(), !isStopping {
            late = tellLate(run.statuses)
            deadline = nil
            if mode == .detached && keepsStarted { run.stopLate() } else { stop(run) }
        }
        if watched[0].revents != 0, let news = run.next() { tell(news) }
        guard watched[1].revents != 0, let signal = host.signals.next(), signal != SIGWINCH else { return }
        // Foreground jails that have all ended are on their way out anyway.
        if mode == .detached || !run.statuses.allSatisfy(\.state.isOver) {
            interruption = interruption ?? signal
        }
        stop(run, isForced: signal == SIGQUIT)
    }

    private func tell(_ news: (before: ServiceStatus, after: ServiceStatus)) {
        let (before, after) = news
        if before.state == after.state || isStopping { return }
        switch mode {
        // A start in the background waits for it in the end, and says it then.
        case .foreground: if after.isYielded { host.audience.note("\(after.label)\(after.shownDetail)") }
        case .detached:
            if after.state == .restarting { host.audience.note("\(after.label): restarting\(after.shownDetail)") }
        }
    }

    // MARK: Whether all are up

    /// Each is up and stays so, as far as a start in the background can see, or never will be.
    private func isSettled(_ run: SupervisedRun) -> Bool {
        run.statuses.allSatisfy { $0.isSettled || $0.isDoneForNow || unsteady.contains($0.name) }
            && unsteadyUntil(run) == nil
    }

    /// One that has ended since it was up for the first time counts as up when it has stayed.
    private func unsteadyUntil(_ run: SupervisedRun) -> Int? {
        if mode == .foreground { return nil }
        let others = run.statuses.filter { !unsteady.contains($0.name) }
        return others.compactMap(\.unsteadyUntil).filter { $0 > Clock.milliseconds() }.max()
    }

    private static let mostRestarts = 5

    /// What fails again and again is not waited for as long as it may do so.
    private mutating func giveUpUnsteady(_ run: SupervisedRun) {
        if mode == .foreground || isStopping { return }
        for status in run.statuses where status.state == .restarting && status.restarts >= Self.mostRestarts {
            guard !unsteady.contains(status.name),
                specs.contains(where: { $0.name.value == status.name && $0.health == nil })
            else { continue }
            report(
                .host(
                    "\(status.label): restarted \(status.restarts) times, and ended\(status.shownDetail)",
                    hint: "jailrun logs \(status.name) shows what it printed"))
            unsteady.append(status.name)
        }
        if !unsteady.isEmpty && !keepsStarted { stop(run) }
    }

    private mutating func stop(_ run: SupervisedRun, isForced: Bool = false) {
        if !isStopping && mode == .foreground { ServiceManager.notify(.stopping) }
        run.stop(isForced: isStopping || isForced)
        isStopping = true
    }

    /// - Returns: the names of those that are not up in time.
    private func tellLate(_ statuses: [ServiceStatus]) -> [String] {
        let now = Clock.milliseconds()
        let late = statuses.filter {
            !$0.state.isReady && !$0.state.isOver && !$0.isDoneForNow || $0.unsteadyUntil.map { $0 > now } ?? false
        }
        for status in late {
            let what = status.awaited ?? (status.state.isReady ? "whether it stays up" : "its start")
            report(.timedOut(jail: status.label, "\(what), after \(timeoutSeconds) s"))
        }
        return late.map(\.name)
    }

    private func end(_ run: SupervisedRun) throws(RuntimeError) {
        if run.isOver || run.isEnded {
            if !run.finish() && !run.isOver {
                try JailTakeover(host: host).run(waitingMilliseconds: 2000)
                takeBack(run)
                throw .host("the supervisor of the jails was killed", hint: nil)
            }
        } else {
            run.letGo()
        }
    }

    /// The supervisor was killed: nobody else takes back what it was about to start, and all that it has started.
    private func takeBack(_ run: SupervisedRun) {
        for status in run.statuses where !status.state.isOver && !(keepsStarted && status.state.isReady) {
            do throws(RuntimeError) {
                try JailRepair(host: host).removeStarted(status.name, by: run.supervisor)
            } catch { host.audience.warn(error.message) }
        }
        // Processes that died a moment ago had kept them.
        do throws(RuntimeError) {
            if try ServiceRegistry(state: host.state).removeAbandoned().isEmpty { return }
            host.state.removeIfUnused(cgroupRoot: host.cgroupRoot)
        } catch { host.audience.warn(error.message) }
    }

    /// In the foreground how the last start command ended is what the caller wants to know; else only whether it started.
    private func failure(of status: ServiceStatus) -> Int32 {
        if mode == .foreground { return status.exitStatus }
        return status.state == .failed ? status.exitStatus == 0 ? 125 : status.exitStatus : 0
    }
}
