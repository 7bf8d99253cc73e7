internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// One process that looks after all jails of a file: one loop over the ends of processes, their output, signals and times. What
/// has to be waited for is done by workers.
final class Supervisor {
    struct Options: Sendable {
        /// Jails die with the supervisor.
        var isTransient: Bool
        var configuration: String
        /// Keeps consoles there, whatever the jails' `log.file` says.
        var logDirectory: String?
        /// Shows the jails' output on descriptor 1, until it is released.
        var showsOutput: Bool
        /// Descriptor 1 belongs to somebody else: commands of the host write to 2.
        var isOutputForeign: Bool
        /// A start fails with its last command, whose end is not what the caller is to be told.
        var isStrict: Bool
        /// Whom a jail's output is from.
        var showsNames: Bool
        var starts = StartOptions()
    }

    let host: Host
    let options: Options
    let report: @Sendable (RuntimeError) -> Void
    let announce: @Sendable (JailRecord) -> Void
    var services: [Service]
    /// The socket of the process that started it; -1 once it has been released.
    var front: Int32
    var relay: OutputRelay
    /// Its jails have their names, as far as they can, and may begin.
    var hasNames = false
    /// Until when it waits for others who take theirs.
    var namesDeadline: Int?
    var isStopping = false
    var isForced = false
    /// The process that started it died before it had released it.
    var isOrphaned = false
    var hasUntoldNews = false
    /// Of the host's, as long as the front looks after it.
    var command: CommandBeside?
    /// Says when somebody turns the host's forwarding on or off; -1 as long as no jail is forwarded.
    var forwardingWatch: Int32 = -1
    /// When to look again who forwards; nil when nobody has to.
    var guardsMilliseconds: Int?
    /// When to look again whether IPv6 is still forwarded for jails alone; nil when it is not.
    var ipv6Milliseconds: Int?
    /// What was said last of the host's network.
    var networkObjection: String?
    /// Says when rules of nftables go; -1 as long as no jail has any.
    var rulesWatch: Int32 = -1
    private let ownCgroup: SupervisorCgroup?
    private var startTime: UInt64?

    init(
        _ services: [Service], host: Host, options: Options, front: Int32,
        report: @escaping @Sendable (RuntimeError) -> Void, announce: @escaping @Sendable (JailRecord) -> Void
    ) {
        self.services = services
        self.host = host
        self.options = options
        self.front = front
        self.report = report
        self.announce = announce
        relay = OutputRelay(
            namesWidth: options.showsNames ? services.map(\.spec.label.count).max() : nil,
            isSpelled: options.starts.spellsOutput)
        ownCgroup = SupervisorCgroup(host)
        _ = cns_adopt_orphans()
        OwnOomScore.lower()
        dropCapabilities()
    }

    /// What no jail of its has, and no step of a start needs. Commands of the host get what the caller had: what they need nobody
    /// knows.
    private func dropCapabilities() {
        if services.contains(where: \.spec.commands.hasHostCommands) { return }
        let dropped = services.reduce(CapabilitySet.unneeded) { $0.subtracting(CapabilitySet($1.spec.privileges)) }
        let lost = cns_drop_capabilities(dropped.rawValue)
        if lost < 0 { host.audience.warn("the supervisor keeps all capabilities: \(Errno(-lost))") }
        // Jails inherit the filter, and one with more than the default may need what it refuses.
        guard services.allSatisfy(\.spec.privileges.hasDefaultFilter) else { return }
        let refused = cns_refuse_machine_calls()
        if refused < 0 { host.audience.warn("the supervisor has no filter: \(Errno(-refused))") }
    }

    var registry: ServiceRegistry { ServiceRegistry(state: host.state) }

    /// Until nothing is left to look after, and nobody to tell.
    func run() {
        // Adopted ones are up already.
        for service in services where service.pidfd >= 0 { watchMemory(service) }
        while true {
            if !hasNames { begin() }
            advanceAll(Clock.milliseconds())
            settleHeld()
            hasUntoldNews = false
            for service in services { publish(service) }
            if front < 0 { services.removeAll { forgetIfOver($0) } }
            relay.flush()
            if front < 0 && services.isEmpty { break }
            wait()
        }
        ownCgroup?.leave()
        removeUnused()
    }

    private func begin() {
        takeNames()
        advanceAll(Clock.milliseconds())
        if hasNames { claimWaiting() }
    }

    /// Others who do the same may have looked while this process was still in a cgroup below that of all jails.
    private func removeUnused() {
        host.state.removeIfUnused(cgroupRoot: host.cgroupRoot)
        do throws(RuntimeError) {
            for _ in 0..<50 {
                let isLeft = try host.cgroupRoot.look { (cgroup) throws(Errno) in
                    try cgroup.isLevel(by: host.authority.mark)
                }
                guard isLeft, try host.state.names().isEmpty, try registry.names().isEmpty else { return }
                usleep(2000)
                try host.state.prepare()
                host.state.removeIfUnused(cgroupRoot: host.cgroupRoot)
            }
        } catch { host.audience.warn(error.message) }
    }

    // MARK: What is to be done now

    /// What one jail does may be what another one has waited for, whichever stands first in the file.
    private func advanceAll(_ now: Int) {
        var before: [ServiceState]
        repeat {
            before = services.map(\.life.state)
            for service in services { advance(service, now) }
        } while before != services.map(\.life.state)
    }

    private func advance(_ service: Service, _ now: Int) {
        if isStopping && !service.life.isAskedToStop && mayStop(service) { service.life.askToStop(now) }
        guard service.work == nil else {
            if service.life.isAskedToStop { interrupt(service) }
            return
        }
        if service.life.state == .stopping { return stop(service) }
        if isStopping { return }
        if service.life.state == .waiting {
            if hasNames { beginIfReady(service, now) }
            return
        }
        guard let work = service.life.due(now) else { return }
        switch work {
        case .start: start(service)
        case .stop: stop(service)
        case .check: check(service)
        }
    }

    /// In the reverse of the order of starts: those that depend on it first.
    private func mayStop(_ service: Service) -> Bool {
        !services.contains { $0 !== service && ($0.depends(on: service) || $0.isNested(in: service)) && !$0.isOver }
    }

    /// Those whose dependencies are ready start; one whose dependency failed is skipped, as jail(8) does. The jail around a
    /// nested one must exist, but need not be up.
    private func beginIfReady(_ service: Service, _ now: Int) {
        let needed = services.filter { service.depends(on: $0) && !$0.isYielded }
        let outside = dependenciesOutside(of: service)
        service.awaitsOthers = false
        let parent = services.first { service.isNested(in: $0) && !$0.isYielded }
        let all = needed + [parent].compactMap { $0 }
        if all.contains(where: { $0.life.state == .failed || $0.life.isAskedToStop }) {
            skip(service, now)
        } else if let gone = outside.first(where: { $0.readiness == .gone }) {
            service.detail = "\(gone.name), which it depends on, is not up"
            skip(service, now)
        } else if outside.contains(where: { $0.readiness == .pending }) {
            service.awaitsOthers = true
        } else if needed.allSatisfy(\.life.state.isReady), parent?.hasExisted != false,
            services.count(where: { $0.work?.kind == .start }) < options.starts.limit
        {
            service.life.begin(now)
            start(service)
        }
    }

    func skip(_ service: Service, _ now: Int) {
        service.isSkipped = true
        service.exitStatus = 125
        service.life.skip(now)
    }

    /// A start is interrupted. What is at work for a stop ends by itself, in its time, unless it is forced.
    private func interrupt(_ service: Service) {
        guard let work = service.work else { return }
        if isForced && !service.isForced {
            (service.isInterrupted, service.isForced) = (true, true)
            work.signal(SIGQUIT)
        } else if work.kind == .start && !service.isInterrupted {
            service.isInterrupted = true
            work.signal(SIGTERM)
        }
    }

    // MARK: News

    private func publish(_ service: Service) {
        var status = service.status
        if let (what, since) = awaited(by: service) { (status.awaits, status.awaitsSinceMilliseconds) = (what, since) }
        if status == service.published { return }
        if service.life.state.isReady, !service.isAnnounced, let record = service.record {
            service.isAnnounced = true
            showPrinted(service)
            announce(record)
        }
        if service.published?.hasSameNews(as: status) != true { writeRecord(service) }
        guard front >= 0 else { return service.published = status }
        guard let news = try? JSONValueEncoder().encode(status).bytes else { return }
        let count = unsafe news.withUnsafeBytes {
            unsafe send(front, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
        }
        // A front that does not read now is told again in a moment, as when there is no memory for what it is told.
        if count < 0 && [EAGAIN, EINTR, ENOBUFS, ENOMEM].contains(errno) {
            hasUntoldNews = true
        } else {
            service.published = status
        }
    }

    /// What a jail waits for, by name, and since when.
    private func awaited(by service: Service) -> (String, Int)? {
        if let awaited = service.work?.awaited { return awaited }
        let since = service.life.sinceMilliseconds
        switch service.life.state {
        case .waiting:
            if let names = awaitedNames(since: since) { return (names, since) }
            let needed = services.filter {
                service.depends(on: $0) && !$0.life.state.isReady || service.isNested(in: $0)
            }
            let outside = service.awaitsOthers ? pendingOutside(of: service) : []
            let names = needed.map { "\($0.spec.label) (\($0.life.state.rawValue))" } + outside
            return names.isEmpty ? nil : ("what it depends on: \(names.joined(separator: ", "))", since)
        case .starting where service.work == nil, .unhealthy:
            return service.spec.health.map { ("health.command: \(Terminal.escaped($0.command.value))", since) }
        case .starting, .up, .healthy, .restarting, .stopping, .ended, .failed: return nil
        }
    }

    func newRecord(_ service: Service) throws(RuntimeError) -> ServiceRecord {
        if startTime == nil { startTime = try ProcessTable.ownStartTime() }
        return record(of: service, startTime: startTime ?? 0)
    }

    private func record(of service: Service, startTime: UInt64) -> ServiceRecord {
        ServiceRecord(
            spec: service.spec, configuration: options.configuration, supervisor: getpid(),
            supervisorStartTime: startTime, isTransient: options.isTransient,
            life: service.life, detail: service.detail, memoryKills: service.memoryKills,
            lastMemoryKill: service.lastMemoryKill, log: service.log?.place,
            exitStatus: service.life.state.isOver && service.isEndKnown ? service.exitStatus : nil,
            startedSeconds: service.startedSeconds, endedSeconds: service.endedSeconds,
            remembersEnd: service.remembersEnd)
    }

    func writeRecord(_ service: Service) {
        follow(service)
        do { try registry.update(try newRecord(service)) } catch { host.audience.warn(error.message) }
    }

    /// On a doubt it does: nobody's jail ends because one look failed.
    func owns(_ service: Service) -> Bool {
        follow(service)
        do throws(RuntimeError) {
            guard let record = try registry.record(of: service.name) else { return false }
            return record.supervisor == getpid() || record.hasUnknownSupervisor
        } catch {
            host.audience.warn(error.message)
            return true
        }
    }

    /// A jail may have been changed while it was up, and have another name since: jail -m. It is started again as it is now.
    /// What cannot be read says nothing else than what is known.
    func follow(_ service: Service) {
        guard let record = service.record else { return }
        do throws(RuntimeError) {
            guard let current = try current(service, record), current.unreadable == nil, current.spec != record.spec
            else { return }
            (service.spec, service.record) = (current.spec, current)
        } catch { host.audience.warn(error.message) }
    }

    private func current(_ service: Service, _ record: JailRecord) throws(RuntimeError) -> JailRecord? {
        let current = try host.state.record(of: service.name)
        if current?.identity == record.identity { return current }
        guard let name = try host.state.name(of: record.identity, once: record.name) else { return nil }
        return try host.state.record(of: name)
    }

    /// A jail that ended by itself stays known, as does one that gave up being started again.
    private func forgetIfOver(_ service: Service) -> Bool {
        guard service.isOver else { return false }
        if isOrphaned, let record = options.starts.restarted?.down(service.firstName), owns(service) {
            do throws(RuntimeError) { try registry.take(record) } catch { host.audience.warn(error.message) }
            return true
        }
        let isGivenUp = service.life.state == .failed && service.spec.restart.policy != .no
        do throws(RuntimeError) {
            if try !newRecord(service).isEnded || !isGivenUp && !service.remembersEnd {
                follow(service)
                registry.remove(own: try newRecord(service))
            }
        } catch { host.audience.warn(error.message) }
        return true
    }

    /// SIGHUP: somebody has taken a record away.
    func lookAgain() {
        let now = Clock.milliseconds()
        for service in services where !service.life.state.isOver && service.work?.kind != .start {
            if owns(service) || service.life.state == .waiting && !service.isClaimed {
                hasten(service)
                continue
            }
            // Its jail, if there is one, is being stopped by somebody else, who has the lock.
            service.life.askToStop(now)
            if service.pidfd >= 0 || service.work != nil { continue }
            service.life.ended(isFailure: false, now)
            failUnlessEstablished(service, now)
        }
    }

    /// A start that finds it in the pause before a restart has asked for that.
    private func hasten(_ service: Service) {
        guard let planned = service.life.deadline, service.life.state == .restarting else { return }
        do throws(RuntimeError) {
            guard let asked = try registry.record(of: service.name)?.life, asked.state == .restarting,
                let moment = asked.deadline, moment < planned
            else { return }
            service.life.hasten(moment)
        } catch { host.audience.warn(error.message) }
    }

    /// What the jails have printed up to now is still shown, as far as the reader takes it within a moment.
    func letGo() {
        for service in services where options.showsOutput { drain(service) }
        relay.flush(waitingMilliseconds: 500)
        if front >= 0 { close(front) }
        front = -1
        RestartLocks.letGo()
        // Who waits for the end of the caller's output must not wait for the jails'.
        for number: Int32 in 0...2 { redirect(number, to: CNS_CONTROL_DESCRIPTOR.int32) }
        _ = unsafe chdir("/")
        if !options.isTransient { RunMark.leave() }
    }
}

extension ServiceStatus {
    /// Whether a reader of the record would see the same; the number of health commands alone is no news.
    fileprivate func hasSameNews(as other: ServiceStatus) -> Bool {
        var (left, right) = (self, other)
        (left.checks, right.checks, left.sinceSeconds, right.sinceSeconds) = (0, 0, 0, 0)
        (left.isBusy, right.isBusy) = (false, false)
        (left.awaits, right.awaits, left.awaitsSinceMilliseconds, right.awaitsSinceMilliseconds) = (nil, nil, 0, 0)
        return left == right
    }
}

extension CapabilitySet {
    /// Those that nothing in a start, a stop or a health command needs.
    fileprivate static let unneeded = CapabilitySet([
        .auditControl, .auditRead, .blockSuspend, .lease, .linuxImmutable, .macAdmin, .macOverride, .sysBoot,
        .sysModule, .sysPacct, .sysRawio, .sysTime, .sysTtyConfig, .wakeAlarm,
    ])
}

extension PrivilegeSpec {
    /// Nothing but the default filter's calls.
    fileprivate var hasDefaultFilter: Bool {
        seccomp.value == .standard && capAdd.isEmpty && granted.isEmpty && childrenMaximum.value == 0
    }
}

extension CommandSpec {
    fileprivate var hasHostCommands: Bool {
        ![prepare, prestart, created, poststart, prestop, poststop, release].allSatisfy(\.isEmpty)
    }
}
