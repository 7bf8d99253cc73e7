internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// What the supervisor waits for.
extension Supervisor {
    private enum Source {
        case signals, front, workEnd, workWords, workMessage, checkEnd, checkWords, jailReport, jailEnd, output, memory,
            reader, journal, forwarding, rules
    }

    private struct Watch {
        var source: Source
        var service: Service?
        var descriptor: Int32
        var events = Int16(POLLIN)
    }

    private static let soonMilliseconds = 100
    private static let momentMilliseconds: Int32 = 10

    /// Waits for the next events and deals with all of them.
    func wait() {
        watchNetwork()
        lookAtNetwork()
        let watches = watches().filter { $0.descriptor >= 0 }
        var polled = watches.map { pollfd(fd: $0.descriptor, events: $0.events, revents: 0) }
        let count = unsafe poll(&polled, nfds_t(polled.count), timeout())
        resumeOutput()
        guard count > 0 else { return }
        for (watch, answer) in zip(watches, polled) where answer.revents != 0 { handle(watch) }
        reapStrangers()
    }

    private func watches() -> [Watch] {
        var all = [
            Watch(source: .signals, descriptor: host.signals.descriptor), Watch(source: .front, descriptor: front),
            Watch(source: .forwarding, descriptor: forwardingWatch), Watch(source: .rules, descriptor: rulesWatch),
            Watch(source: .reader, descriptor: relay.isPending ? 1 : -1, events: Int16(POLLOUT)),
        ]
        for service in services {
            let isFlooded = service.budget.resumesMilliseconds != nil
            all.append(Watch(source: .output, service: service, descriptor: isFlooded ? -1 : service.output))
            if let journal = service.journal {
                all.append(
                    Watch(source: .journal, service: service, descriptor: journal.awaited, events: Int16(POLLOUT)))
            }
            if let work = service.work {
                all.append(Watch(source: .workMessage, service: service, descriptor: work.control))
                all.append(Watch(source: .workWords, service: service, descriptor: work.words))
                all.append(Watch(source: .workEnd, service: service, descriptor: work.pidfd))
            }
            if let check = service.check {
                all.append(Watch(source: .checkWords, service: service, descriptor: check.words))
                all.append(Watch(source: .checkEnd, service: service, descriptor: check.pidfd))
            }
            all.append(
                Watch(source: .memory, service: service, descriptor: service.memoryEvents, events: Int16(POLLPRI)))
            // The end of a start comes first.
            if service.work?.kind != .start {
                all.append(Watch(source: .jailReport, service: service, descriptor: service.control))
                all.append(Watch(source: .jailEnd, service: service, descriptor: service.pidfd))
            }
        }
        return all
    }

    private func timeout() -> Int32 {
        let moments = services.map(\.budget.resumesMilliseconds) + [networkMilliseconds]
        let pause = moments.compactMap { $0 }.min().map { max(0, $0 - Clock.milliseconds()) }
        let rest = workTimeout()
        guard let pause else { return rest }
        return rest < 0 ? Int32(pause) : min(rest, Int32(pause))
    }

    /// Jails whose output came too fast.
    private func resumeOutput() {
        let now = Clock.milliseconds()
        for service in services {
            guard let moment = service.budget.resumesMilliseconds, moment <= now else { continue }
            guard service.budget.drop(service.discardOutput(), now) else { continue }
            tellDropped(service)
        }
    }

    func tellDropped(_ service: Service) {
        let count = service.budget.takeDropped()
        if count == 0 { return }
        let text = "\(count) bytes were dropped: they came faster than a tenth of a processor can read them"
        service.log?.note(text)
        service.journal?.write(Array("jailrun: \(text)\n".utf8)[...], of: service.name)
    }

    private func workTimeout() -> Int32 {
        if !hasNames { return Self.momentMilliseconds }
        if hasUntoldNews { return Int32(Self.soonMilliseconds) }
        var deadlines = services.compactMap { $0.work == nil && $0.check == nil ? $0.life.deadline : nil }
        if services.contains(where: \.awaitsOthers) { deadlines.append(Clock.milliseconds() + Self.soonMilliseconds) }
        guard !isStopping, let next = deadlines.min() else { return -1 }
        return Int32(min(max(0, next - Clock.milliseconds()), 3_600_000))
    }

    private func handle(_ watch: Watch) {
        guard let service = watch.service else { return handle(watch.source) }
        // An event before this one may have changed what the descriptor is.
        switch watch.source {
        case .output where service.output == watch.descriptor:
            let began = Clock.processorMicroseconds()
            if let bytes = service.readOutput() { show(bytes, of: service) }
            service.budget.spend(Clock.processorMicroseconds() - began, Clock.milliseconds())
        case .journal: service.journal?.flush()
        case .workMessage where service.work?.control == watch.descriptor:
            if service.work?.kind == .start { receive(service) } else { _ = service.work?.receive() }
        case .workWords where service.work?.words == watch.descriptor: service.work?.listen()
        case .workEnd where service.work?.pidfd == watch.descriptor: workEnded(service)
        case .checkWords where service.check?.words == watch.descriptor: service.check?.listen()
        case .memory where service.memoryEvents == watch.descriptor: memoryKill(service)
        case .checkEnd where service.check?.pidfd == watch.descriptor: checkEnded(service)
        case .jailReport where service.control == watch.descriptor: receiveReport(service)
        case .jailEnd where service.pidfd == watch.descriptor: processesEnded(service)
        case .output, .workMessage, .workWords, .workEnd, .checkWords, .memory, .checkEnd, .jailReport, .jailEnd: break
        case .signals, .front, .forwarding, .rules, .reader: break  // of no jail
        }
    }

    /// What is no jail's.
    private func handle(_ source: Source) {
        switch source {
        case .signals: readSignal()
        case .front: readOrder()
        case .forwarding: forwardingChanged()
        case .rules: rulesChanged()
        case .reader: relay.flush()
        case .output, .journal, .workMessage, .workWords, .workEnd, .checkWords, .memory, .checkEnd, .jailReport,
            .jailEnd:
            break
        }
    }

    private func readSignal() {
        switch host.signals.next() {
        case nil, SIGWINCH: break
        case SIGHUP: lookAgain()
        case SIGQUIT: (isStopping, isForced) = (true, true)
        default: askToStop()
        }
    }

    func askToStop() {
        isForced = isStopping
        isStopping = true
    }

    /// The end of the front without a word is its death: nobody is left who wanted the jails.
    private func readOrder() {
        switch SupervisedRun.Order(from: front) {
        case .stop: isStopping = true
        case .force: (isStopping, isForced) = (true, true)
        case .stopLate:
            let now = Clock.milliseconds()
            for service in services where !service.life.state.isReady { service.life.askToStop(now) }
        case .letGo: letGo()
        case .beside(let pid): command = CommandBeside(pid)
        case nil: die()
        }
    }

    /// The jails of a front that died go at once: the end of its control socket is the end of a transient jail.
    private func die() {
        letGo()
        (isStopping, isForced, isOrphaned) = (true, true, true)
        command?.end(host)
        for service in services where options.isTransient && service.control >= 0 {
            close(service.control)
            service.control = -1
        }
    }

    /// What a command of the host, or a worker that was killed, left to the supervisor to wait for.
    private func reapStrangers() {
        while true {
            let pid = cns_next_ended()
            if pid <= 0 || services.contains(where: { $0.work?.pid == pid || $0.check?.pid == pid }) { return }
            if services.contains(where: { $0.record?.pid == pid && $0.pidfd >= 0 }) { return }
            waitpid(pid, nil, WNOHANG)
        }
    }
}
