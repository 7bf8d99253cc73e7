import ArgumentParser
import Glibc
import JailCore

/// `FILE [JAIL…] -- COMMAND…`: jails beside a command of the host.
struct ServicesRequest: Equatable {
    var command: [String] = []
    /// Where consoles are kept.
    var logDirectory: String?
    /// The jails stay up.
    var isKept = false
    /// Until all are healthy; 0 waits for ever.
    var timeoutSeconds = 300
    /// A jail that dies ends the command.
    var failsFast = false
    var hasColour = !Output.refusesColour

    static func check(timeout: Int) throws {
        if timeout < 0 || timeout > 1_000_000 { throw ValidationError("--timeout: must be 0 to 1000000 seconds") }
    }
}

/// Starts jails, waits until all are healthy, runs the command, stops the jails.
struct ServicesRun {
    /// What a command that is ended because a jail died may take.
    private static let graceMilliseconds = 10_000
    private static let shownLines = 50

    private let request: ServicesRequest
    private let isQuiet: Bool
    private let host: Host
    private let specs: [ConfiguredJail]
    /// Jails that those depend on, and that were up before.
    private let others: [ConfiguredJail]
    private let run: SupervisedRun
    private var progress: Progress
    private var shown: [String] = []

    init(
        _ request: ServicesRequest, specs: [ConfiguredJail], beside selection: StartSelection?, host: Host,
        configuration: String, isQuiet: Bool, timings: Timings?
    ) throws {
        let others = selection?.running ?? []
        if let (first, second) = ServiceEnvironment.clash(of: others + specs) {
            throw RuntimeError.host(
                "the jails \(first) and \(second) would have the same environment variables", hint: "rename one of them"
            )
        }
        self.request = request
        self.isQuiet = isQuiet
        self.host = host
        self.specs = specs
        self.others = others
        var starts = StartOptions()
        starts.remembersEnds = request.isKept
        starts.started = { timings?.report($0.label) }
        starts.isFirstFinal = true
        starts.yields = selection?.shared ?? []
        progress = Progress(isQuiet: isQuiet, hasColour: request.hasColour, jails: specs.count)
        run = try SupervisedRun(
            specs: specs, host: host, isTransient: !request.isKept, configuration: configuration,
            logDirectory: try request.logDirectory.map(Self.directory), showsOutput: false, starts: starts,
            report: { Output.failure($0) }, announce: { _ in })
    }

    private static func directory(_ path: String) throws -> String {
        if mkdir(path, 0o755) != 0 && errno != EEXIST {
            throw RuntimeError.host("--logs \(path): \(String(cString: strerror(errno)))", hint: nil)
        }
        return Descriptors.absolute(path)
    }

    /// - Returns: the exit status.
    mutating func perform() throws -> Int32 {
        guard let status = try awaitReady() else {
            let status = try runCommand()
            return try stop(isKept: request.isKept) ?? status
        }
        return try stop(isKept: false) ?? status
    }

    // MARK: Start

    /// Nil when all are ready, else the status to end with.
    private mutating func awaitReady() throws -> Int32? {
        let timeout = request.timeoutSeconds * 1000
        let deadline = timeout > 0 ? Screen.milliseconds() + timeout : nil
        defer { progress.end() }
        while true {
            if run.isEnded { return 125 }
            let failed = run.statuses.filter { $0.state == .failed && !$0.isSkipped }
            for status in failed { tell(status) }
            if !failed.isEmpty { return 125 }
            if run.isSettled { return nil }
            if let deadline, Screen.milliseconds() >= deadline {
                timedOut()
                return 125
            }
            let (hasNews, signal) = wait(until: deadline, second: -1)
            if let signal {
                Output.error(Announcement.broken(by: signal.signal))
                return 128 + signal.signal
            }
            let change = hasNews ? run.next() : nil
            progress.show(run.statuses, changed: change)
            if !progress.isMoving && !isQuiet { WaitLine.show(run.statuses.compactMap(\.wait)) }
        }
    }

    private mutating func timedOut() {
        for status in run.statuses where !status.state.isReady {
            let what = status.awaited ?? "its start"
            Output.error("\(status.label): timed out after \(request.timeoutSeconds) s waiting for \(what)")
            if status.state != .waiting { showLog(of: status) }
        }
    }

    // MARK: The command

    private mutating func runCommand() throws -> Int32 {
        let program = try HostProgram(
            request.command, environment: ServiceEnvironment.variables(of: try others + specs.map(present)),
            signals: host.signals)
        run.protect(program)
        var isEnded = false
        var killDeadline: Int?
        while true {
            let (hasNews, signal) = wait(until: killDeadline, second: program.pidfd)
            if let signal, !signal.isFromTerminal { program.signal(signal.signal) }
            if hasNews, isDeath(run.next()), request.failsFast, !isEnded {
                Output.error("ending the command")
                program.signalAll(SIGTERM)
                (isEnded, killDeadline) = (true, Screen.milliseconds() + Self.graceMilliseconds)
            }
            if let deadline = killDeadline, Screen.milliseconds() >= deadline {
                program.signalAll(SIGKILL)
                killDeadline = nil
            }
            var watched = pollfd(fd: program.pidfd, events: Int16(POLLIN), revents: 0)
            if poll(&watched, 1, 0) > 0 { break }
        }
        let outcome = program.outcome()
        if isEnded { program.endRest(withinMilliseconds: Self.graceMilliseconds) }
        if case .notExecuted = outcome {
            Output.failure(
                .host(
                    "cannot run \(Terminal.escaped(request.command[0])) on the host: \(outcome.description)", hint: nil)
            )
        }
        return isEnded ? 125 : outcome.exitStatus
    }

    /// One that another command has started is as that has it.
    private func present(_ spec: ConfiguredJail) throws -> ConfiguredJail {
        isOthers(spec) ? try JailLookup(host: host).origin(of: spec.name.value)?.spec ?? spec : spec
    }

    /// Says what happened to a jail beside the command.
    private mutating func isDeath(_ change: (before: ServiceStatus, after: ServiceStatus)?) -> Bool {
        guard let (before, after) = change else {
            Output.error("the jails' supervisor was killed, and the jails with it")
            do throws(RuntimeError) { try JailTakeover(host: host).run(waitingMilliseconds: 2000) } catch {
                Output.failure(error)
            }
            return true
        }
        if after.memoryKills > before.memoryKills, let words = after.lastMemoryKill, !after.state.isOver {
            Output.error("\(after.label): \(ConsoleText.safe(words))")
        }
        if before.state == after.state { return false }
        if [.unhealthy, .restarting].contains(after.state) {
            Output.error("\(after.label): \(after.state.rawValue)\(after.shownDetail)")
        }
        guard after.state.isOver else { return false }
        tell(after)
        return true
    }

    private mutating func tell(_ status: ServiceStatus) {
        if !status.isReported { Output.error("\(status.label): \(status.state.rawValue)\(status.shownDetail)") }
        showLog(of: status)
    }

    /// What the jail said last, which may say why.
    private mutating func showLog(of status: ServiceStatus) {
        if shown.contains(status.name) { return }
        shown.append(status.name)
        // A jail that another jailrun has is not this run's, nor is its console.
        guard let place = status.console else { return }
        let lines = ConsoleLog.tail(place, count: Self.shownLines, state: host.state)
        if lines.isEmpty && !status.isReported { Output.error("\(status.label): it printed nothing") }
        for line in lines { Output.notice("\(status.label) | \(ConsoleText.safe(line))") }
    }

    // MARK: Stop

    /// - Returns: a status that overrides the command's: the jails did not end as they should.
    private mutating func stop(isKept: Bool) throws -> Int32? {
        if isKept && !run.isEnded {
            run.letGo()
            showMessages()
            if !isQuiet && !names.isEmpty { Output.error("the jails stay up; stop them with: jailrun stop \(names)") }
            return nil
        }
        run.stop()
        while !run.isEnded && !run.isOver {
            let (hasNews, signal) = wait(until: nil, second: -1)
            if hasNews { _ = run.next() }
            if signal != nil { run.stop(isForced: true) }
            if !isQuiet { WaitLine.show(run.statuses.compactMap(\.wait)) }
        }
        WaitLine.erase()
        awaitSupervisor()
        let isOrderly = run.finish()
        showMessages()
        if isOrderly { return nil }
        try JailTakeover(host: host).run(waitingMilliseconds: 2000)
        return 125
    }

    /// Commands of the host may have more to say than fits into a pipe.
    private mutating func awaitSupervisor() {
        run.letGo()
        while true {
            var watched = [run.pidfd, run.messages].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            guard poll(&watched, 2, -1) > 0, watched[0].revents == 0 else { return }
            progress.interrupt(with: run.nextMessage(), run.statuses)
        }
    }

    /// What was said last.
    private mutating func showMessages() {
        var watched = pollfd(fd: run.messages, events: Int16(POLLIN), revents: 0)
        while watched.fd >= 0, poll(&watched, 1, 0) > 0 {
            progress.interrupt(with: run.nextMessage(), run.statuses)
            watched.fd = run.messages
        }
    }

    /// Without those that another command has.
    private var names: String {
        specs.filter { !isOthers($0) }.map(\.name.value).joined(separator: " ")
    }

    private func isOthers(_ spec: ConfiguredJail) -> Bool {
        run.statuses.contains { $0.isYielded && $0.name == spec.name.value }
    }

    /// Waits for news of the jails, a signal, another descriptor, or the time.
    private mutating func wait(until deadline: Int?, second: Int32) -> (
        hasNews: Bool, signal: (signal: Int32, isFromTerminal: Bool)?
    ) {
        var watched = [run.descriptor, host.signals.descriptor, second, run.messages].map {
            pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        var timeout = deadline.map { max(0, $0 - Screen.milliseconds()) } ?? -1
        if second < 0 {
            let pause = progress.isMoving ? 100 : Waits.pauseMilliseconds
            timeout = timeout < 0 ? pause : min(timeout, pause)
        }
        guard poll(&watched, 4, Int32(min(timeout, 1_000_000))) > 0 else { return (false, nil) }
        if watched[3].revents != 0 { progress.interrupt(with: run.nextMessage(), run.statuses) }
        let signal = watched[1].revents != 0 ? host.signals.nextWithSender() : nil
        return (watched[0].revents != 0, signal?.signal == SIGWINCH ? nil : signal)
    }
}
