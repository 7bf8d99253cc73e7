internal import CNamespaces
internal import Glibc

/// Whether a jail does its work: `health.command`, and its main program.
extension Supervisor {
    func check(_ service: Service) {
        guard let health = service.spec.health, let record = service.record else { return }
        do throws(RuntimeError) {
            service.check = try Worker(.check, beside: services) { [host] channel in
                redirect(1, to: channel.words)
                redirect(2, to: channel.words)
                do throws(RuntimeError) {
                    let outcome = try JailEntry.checking(record, host: host).run(
                        JailCommand(health.command.value), parameter: "health.command",
                        origin: health.command.origin, timeoutSeconds: health.timeoutSeconds)
                    if case .timedOut = outcome { channel.say("no answer within \(health.timeoutSeconds) s") }
                    if case .notExecuted = outcome { channel.say(Self.words(of: outcome, health, record)) }
                    return outcome.exitStatus
                } catch {
                    channel.say(error.message)
                    return 125
                }
            }
        } catch {
            service.detail = error.message
            service.life.checked(isHealthy: false, Clock.milliseconds())
        }
    }

    /// Why the health command cannot be executed.
    private static func words(of outcome: CommandOutcome, _ health: ConfiguredJail.Health, _ record: JailRecord)
        -> String
    {
        let error = RuntimeError.command(
            of: record, named: record.spec.label, line: JailCommand(health.command.value),
            origin: health.command.origin, outcome: outcome)
        guard case .cannotExecute(_, _, _, _, let cause, _) = error else { return error.message }
        return cause
    }

    func endCheck(_ service: Service) {
        guard let check = service.check else { return }
        check.signal(SIGKILL)
        _ = check.end()
        service.check = nil
    }

    func checkEnded(_ service: Service) {
        guard let check = service.check else { return }
        let (outcome, words) = check.end()
        service.check = nil
        // A stop by another command has begun: what the command says by now is not whether the jail is up.
        if !owns(service) { return }
        let now = Clock.milliseconds()
        switch outcome {
        case .exited(126), .exited(127):
            service.detail = words.isEmpty ? outcome.description : words
            let isFirst = !service.life.isUnanswerable
            service.life.cannotCheck(now)
            if isFirst && service.life.isUnanswerable { refuse(service, outcome) }
        default:
            let isHealthy = outcome == .exited(0)
            service.detail = isHealthy ? nil : words.isEmpty ? outcome.description : words
            service.life.checked(isHealthy: isHealthy, now)
            if service.life.state == .unhealthy { service.exitStatus = 125 }
        }
    }

    /// There is no such command: a start that waits for it would wait in vain.
    private func refuse(_ service: Service, _ outcome: CommandOutcome) {
        guard let health = service.spec.health else { return }
        let last = service.detail?.split(separator: "\n").last.map(String.init) ?? ""
        let error = RuntimeError.unsuitable(
            jail: service.spec.label, origin: health.command.origin,
            "health.command: \(Terminal.escaped(health.command.value)): \(ConsoleText.safe(last))",
            hint:
                "it ended with \(outcome.exitStatus): 126 and 127 mean that a command could not be executed, not that the jail is unhealthy"
        )
        report(error)
        service.isReported = true
        service.detail = error.message
        service.exitStatus = outcome.exitStatus
    }

    /// What pid 1 says of a jail that is up.
    func receiveReport(_ service: Service) {
        guard let report = try? Control.receive(from: service.control) else {
            close(service.control)
            service.control = -1
            return
        }
        guard case .finished(_, let status) = report else { return }
        follow(service)
        // Of every other jail it is the end.
        guard service.record?.spec.isPersistent.value == true else { return }
        // It is being stopped, and why has been said.
        if service.life.isUnanswerable { return }
        let outcome = CommandOutcome(waitStatus: status)
        service.detail = "command: \(outcome.description)"
        service.exitStatus = outcome.exitStatus
        service.life.mainProgramEnded(isFailure: outcome != .exited(0), Clock.milliseconds())
    }
}
