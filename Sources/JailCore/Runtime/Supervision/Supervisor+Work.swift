internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// What workers do for a jail, and what follows when they have ended.
extension Supervisor {
    // MARK: Begin

    func start(_ service: Service) {
        service.isInterrupted = false
        service.isRepeated = false
        service.isWithdrawn = false
        service.isReported = false
        service.detail = nil
        do throws(RuntimeError) {
            try registry.checkFree(try newRecord(service), after: restart(of: service))
            let log = newLog(of: service)
            service.log = service.log ?? log
            let isFirst = service.life.restarts == 0
            let isInteractive = options.starts.isInteractive && isFirst
            let terminals = isInteractive ? [0, 1, 2].filter { isatty(Int32($0)) == 1 } : []
            let isPiped = service.spec.commands.consoleLog == nil && terminals.isEmpty
            let output = isPiped ? try OutputPipe(mode: OutputPipe.writableInside) : nil
            let record = try newRecord(service)
            var host = host
            // What it says of a jail that is started again it has said.
            if !isFirst { host.audience.note = { _ in } }
            var start = JailStart(
                jail: service.spec, host: host, isTransient: options.isTransient, configuration: options.configuration,
                terminals: terminals, output: output, supervisor: getpid(), isStrict: options.isStrict)
            if isFirst { start.wish = service.wish }
            start.isOneOfMany = true
            start.others = services.filter { $0 !== service }.map(\.spec)
            start.isHeld = services.contains { $0.isNested(in: service) && $0.life.state == .waiting }
            start.hasMainProgram = !service.spec.commands.awaitsCommand
            service.isHeld = start.isHeld
            let claim = Claim(
                record: record, isAgain: !isFirst || service.isClaimed, restart: restart(of: service),
                yields: isFirst && yields(service))
            service.work = try Worker(.start, beside: services, keepsInput: isInteractive) { channel in
                self.run(&start, claim, isFirst: isFirst, log, channel)
            }
            if let output {
                close(output.writing)
                if service.output >= 0 { close(service.output) }
                service.output = output.reading
            }
        } catch { refuse(service, error) }
    }

    /// Where the console goes; nil when that is known already, or `exec.consolelog` takes it.
    private func newLog(of service: Service) -> ConsoleLogWriter? {
        let log = service.spec.log
        guard service.log == nil, service.spec.commands.consoleLog == nil else { return nil }
        var place = ConsoleLog.Place(path: registry.logPath(service.name), hasTimestamps: true)
        if let directory = options.logDirectory {
            place = ConsoleLog.Place(path: "\(directory)/\(service.name).log", hasTimestamps: log.hasTimestamps)
        } else if let file = log.file {
            place = ConsoleLog.Place(path: file.value, hasTimestamps: log.hasTimestamps)
        }
        let file = LogFile(place.path, walk: walk)
        file.openPresentFolder()
        return ConsoleLogWriter(place, file, maximumBytes: log.maximumBytes, kept: log.kept)
    }

    /// Begins it, in the worker that has claimed the name: until then it may be that of another jail, which is up or about to be.
    /// - Throws: `.unsuitable` when it cannot be written; nothing has started then.
    private func begin(_ log: ConsoleLogWriter, of jail: ConfiguredJail) throws(RuntimeError) {
        // What an earlier jail of the name left in a place of jailrun's own is not this one's.
        if options.logDirectory != nil || jail.log.file == nil { log.remove() }
        guard let objection = log.open() else { return }
        throw HostRequirements.foremost(jail.objection(toLog: log.place.path, objection), of: [jail], on: host)
    }

    /// To logs, in folders that jails may write to.
    var walk: HostWalk { HostWalk(jails: services.map(\.spec), state: host.state) }

    /// In the worker.
    private func run(
        _ start: inout JailStart, _ claim: Claim, isFirst: Bool, _ log: ConsoleLogWriter?, _ channel: Worker.Channel
    ) -> Int32 {
        if options.isOutputForeign { redirect(1, to: 2) }
        channel.tell(host.waits)
        let awaitOutput = { [isShown = options.showsOutput && isFirst] in if isShown { channel.awaitOutput() } }
        let (spec, notices) = (start.jail, isFirst ? options.starts : StartOptions())
        var hasExisted = false
        do throws(RuntimeError) {
            try make(claim)
            if let log { try begin(log, of: spec) }
            start.onLock = { [registry] () throws(RuntimeError) in try registry.checkClaim(claim.record) }
            start.onCommandEnd = awaitOutput
            start.onCreate = { identity in
                hasExisted = true
                notices.created(spec, identity)
                channel.tellExists()
            }
            let running = try start.run()
            notices.started(spec)
            let terminal = start.console.release()
            channel.send(
                CNS_STARTED, status: running.outcome.exitStatus,
                [running.control.number, running.pidfd.number] + (terminal >= 0 ? [terminal] : []))
            return 0
        } catch {
            if case .alreadyExists = error, claim.yields {
                channel.tellYielded()
                return 0
            }
            channel.say(error.message)
            awaitOutput()
            switch error {
            // A stop has taken its name away, or breaks the start off.
            case .notFound, .interrupted(_, SIGQUIT): channel.tellWithdrawn()
            case .interrupted: break
            default: report(error)
            }
            if hasExisted { notices.removed(spec) }
            return error.exitStatus == 0 ? 125 : error.exitStatus
        }
    }

    func stop(_ service: Service) {
        endCheck(service)
        follow(service)
        guard service.pidfd >= 0 else { return service.life.ended(isFailure: false, Clock.milliseconds()) }
        let (isForced, isRepeated) = (isForced, service.isRepeated)
        // One that is started again is missed for a moment only.
        let own = isStopping ? services.filter { !$0.isYielded }.map(\.name) : nil
        begin(.stop, service) { [host, name = service.name] in
            do throws(RuntimeError) {
                let stop = JailStop(
                    host: host, terminals: [], scope: isRepeated ? .afterwards : .all, isSupervisors: true,
                    signals: .force, isForced: isForced)
                if let own { try stop.stopDependents(of: name, beside: own) }
                try stop.run(name)
                return nil
            } catch {
                // Somebody else has stopped it.
                if case .notFound = error { return nil }
                return error
            }
        }
    }

    /// After a jail has ended by itself, or a stop was killed.
    private func finish(_ service: Service) {
        begin(.finish, service) { [host, isForced, name = service.name, record = service.record] in
            do throws(RuntimeError) {
                var known = record
                // It could not be read when the jail had started.
                if known == nil { known = try host.state.record(of: name) }
                if let record = known, record.unreadable == nil {
                    try JailStop(host: host, terminals: [], signals: .force, isForced: isForced).finishEnded(record)
                }
                try JailTakeover(host: host).finishStop(of: name, waitingMilliseconds: 1000)
                try JailRepair(host: host).repairNamed(name)
                return nil
            } catch { return error }
        }
    }

    /// A start that was killed stops what it began.
    private func takeBack(_ service: Service) {
        begin(.finish, service) { [host, supervisor = getpid(), name = service.name] in
            do throws(RuntimeError) {
                try JailRepair(host: host).removeStarted(name, by: supervisor)
                return nil
            } catch { return error }
        }
    }

    private func begin(_ kind: Worker.Kind, _ service: Service, _ body: @escaping () -> RuntimeError?) {
        service.isForced = isForced
        do throws(RuntimeError) {
            service.work = try Worker(kind, beside: services) { [report] channel in
                if self.options.isOutputForeign { redirect(1, to: 2) }
                channel.tell(self.host.waits)
                guard let error = body() else { return 0 }
                channel.say(error.message)
                report(error)
                return 125
            }
        } catch { host.audience.warn(error.message) }
    }

    // MARK: End

    /// News of a start.
    func receive(_ service: Service) {
        switch service.work?.receive() {
        case .exists:
            service.hasExisted = true
            service.log?.open()
        case .yielded: service.isYielded = true
        case .withdrawn: service.isWithdrawn = true
        case .printed:
            showPrinted(service)
            service.work?.goOn()
        case .started(let control, let pidfd, let terminal, let status):
            service.hasExisted = true
            // From here on what the jail prints there is read for its log.
            if terminal >= 0 { service.output = terminal }
            service.started(pidfd: pidfd, control: control, record: startedRecord(of: service))
            service.exitStatus = status
            (service.startedSeconds, service.endedSeconds) = (time(nil), nil)
            watchMemory(service)
            service.life.started(Clock.milliseconds())
        case nil: break
        }
    }

    /// It was written a moment ago.
    private func startedRecord(of service: Service) -> JailRecord? {
        do throws(RuntimeError) { return try host.state.record(of: service.name) } catch {
            host.audience.warn(error.message)
            return nil
        }
    }

    /// What the jail has printed up to now is shown before what is told of it next, as far as the reader takes it.
    func showPrinted(_ service: Service) {
        guard options.showsOutput, front >= 0 else { return }
        service.drainOutput { show($0, of: service) }
        relay.flush(waitingMilliseconds: 500)
    }

    func workEnded(_ service: Service) {
        guard let work = service.work else { return }
        while work.kind == .start, service.pidfd < 0, work.control >= 0 { receive(service) }
        let (outcome, words) = work.end()
        service.work = nil
        switch work.kind {
        case .start where service.isYielded: yield(service)
        case .start where service.pidfd < 0: startFailed(service, outcome, words)
        case .start where service.spec.network.isForwarded: releaseGuards()
        case .stop: stopEnded(service, outcome)
        // Somebody has killed it.
        case .finish: if case .signalled = outcome { finish(service) }
        case .start, .check: break
        }
    }

    /// Jails that lived on for those to be started in them may end, unless these keep them.
    func settleHeld() {
        for service in services where service.isHeld && service.work == nil {
            let isAwaited = services.contains {
                $0.isNested(in: service) && ($0.life.state == .waiting || $0.work?.kind == .start)
            }
            if isAwaited { continue }
            service.isHeld = false
            guard let record = service.record, !record.spec.isPersistent.value else { continue }
            JailNesting(of: record.name, host: host).settle(record)
        }
    }

    private func startFailed(_ service: Service, _ outcome: CommandOutcome, _ words: String) {
        drainToEnd(service)
        service.detail = words.isEmpty ? "its start was killed" : words
        service.isReported = !words.isEmpty
        (service.exitStatus, service.isEndKnown, service.endedSeconds) = (outcome.exitStatus, true, time(nil))
        if service.isInterrupted { service.isWithdrawn = false }
        if service.isWithdrawn { tellStoppedElsewhere(service) }
        let now = Clock.milliseconds()
        if service.life.restarts > 0 {
            if !owns(service) { service.life.askToStop(now) }
            service.log?.note("it was not started again: \(service.detail ?? "")")
        }
        service.life.startFailed(now)
        // What a killed start left is removed; one that failed has done so itself.
        if case .signalled = outcome { takeBack(service) }
    }

    private func stopEnded(_ service: Service, _ outcome: CommandOutcome) {
        if outcome != .exited(0) && service.pidfd >= 0 && !service.isRepeated {
            service.isRepeated = true
            return stop(service)
        }
        if service.pidfd >= 0 { reap(service, timeoutMilliseconds: 1000) }
        drainToEnd(service)
        if case .signalled = outcome { finish(service) }
        service.record = nil
        if service.life.state == .unhealthy { service.detail = "unhealthy: \(service.detail ?? "")" }
        service.life.ended(isFailure: false, Clock.milliseconds())
    }

    @discardableResult
    private func reap(_ service: Service, timeoutMilliseconds: Int32) -> CommandOutcome? {
        let status = cns_wait(service.pidfd, timeoutMilliseconds)
        for descriptor in [service.pidfd, service.control, service.memoryEvents] where descriptor >= 0 {
            close(descriptor)
        }
        (service.pidfd, service.control, service.memoryEvents) = (-1, -1, -1)
        // Who is no child of ours, because another supervisor started it, does not tell how it ended.
        return status >= 0 ? CommandOutcome(waitStatus: status) : nil
    }

    /// Its pid 1 has ended: by itself, unless a stop is at work.
    func processesEnded(_ service: Service) {
        memoryKill(service)
        let outcome = reap(service, timeoutMilliseconds: -1)
        if service.work?.kind == .stop { return }
        endCheck(service)
        drainToEnd(service)
        (service.exitStatus, service.isEndKnown) = (outcome?.exitStatus ?? 125, outcome != nil)
        service.endedSeconds = time(nil)
        service.detail = recentMemoryKill(service) ?? outcome?.description ?? ServiceRecord.unseenEnd
        let now = Clock.milliseconds()
        // A stop by somebody else takes the record away first, and does the rest.
        let isStoppedElsewhere = !owns(service)
        if isStoppedElsewhere { service.life.askToStop(now) }
        service.life.ended(
            isFailure: outcome != .exited(0), isUnexecuted: outcome == .exited(126) || outcome == .exited(127), now)
        if isStoppedElsewhere { failUnlessEstablished(service, now) }
        // How it ended is written before anything of it is taken back.
        writeRecord(service)
        if !isStoppedElsewhere { finish(service) }
        service.record = nil
    }

    /// Whoever waits for it to be up must not take it for one that did its work.
    func failUnlessEstablished(_ service: Service, _ now: Int) {
        if service.life.isEstablished { return }
        service.life.leftDown(now)
        tellStoppedElsewhere(service)
    }

    private func tellStoppedElsewhere(_ service: Service) {
        (service.exitStatus, service.isReported, service.isWithdrawn) = (125, false, true)
        service.detail = "another command stopped it before it was up"
    }

    func drain(_ service: Service) {
        service.drainOutput { show($0, of: service) }
        if options.showsOutput { relay.end(of: service.spec.label) }
    }

    /// Of a jail that is over.
    private func drainToEnd(_ service: Service) {
        tellDropped(service)
        drain(service)
        service.journal?.end(of: service.name)
    }

    func show(_ bytes: [UInt8], of service: Service) {
        service.log?.write(bytes[...])
        service.journal?.write(bytes[...], of: service.name)
        if options.showsOutput && front >= 0 { relay.add(bytes[...], of: service.spec.label) }
    }
}
