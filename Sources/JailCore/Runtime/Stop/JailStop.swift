internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Stops a jail: in jail(8)'s order, and removes every object that does not die with its processes.
package struct JailStop {
    /// Which commands of the jail run.
    package enum Scope: Sendable {
        case all
        /// Without `exec.prestop` and `exec.stop`: the way out when they fail.
        case afterwards
        /// jail -R.
        case none
    }

    /// What a signal means that comes while a command of the jail runs.
    package enum SignalMeaning: Sendable {
        /// The jail goes on, unless its processes have been told to end already.
        case breakOff
        /// Whoever has the signal is stopping the jail because of one before: it is to go at once.
        case force
    }

    let host: Host
    let terminals: [Int]
    let scope: Scope
    /// Instead of those that the jail was started with.
    let commands: CommandSpec?
    /// Called when the jail is gone and the commands that follow have not run.
    let onRemoval: (JailRecord) -> Void
    /// Its supervisor itself wants it down, and keeps what it knows of it.
    let isSupervisors: Bool
    let signals: SignalMeaning
    /// Its commands have a bound where `exec.timeout` has none.
    let isBounded: Bool
    /// The restart that the jail is stopped for.
    let restart: RestartMemory?
    let urgency = Urgency()

    /// Nothing is waited for any more that can be ended.
    final class Urgency {
        var isForced = false
        /// A command that follows the end of the jail was ended by it.
        var interruption: Int32?
    }

    /// The signal that has ended a command after the jail's end.
    package var interruption: Int32? { urgency.interruption }

    /// Beside `stop.timeout`, for a command that nothing else bounds.
    static let commandSeconds = 30
    /// For a command that follows the end of a jail that was forced.
    static let forcedCommandSeconds = 5

    /// - Parameters:
    ///   - isBounded: false for jail(8), whose commands run for as long as they like.
    ///   - restart: the jail is started again: it stays known in the meantime.
    ///   - isForced: from the beginning, as by a signal.
    package init(
        host: Host, terminals: [Int], scope: Scope = .all, commands: CommandSpec? = nil, isBounded: Bool = true,
        restart: RestartMemory? = nil, onRemoval: @escaping (JailRecord) -> Void = { _ in }
    ) {
        self.init(
            host: host, terminals: terminals, scope: scope, commands: commands, signals: .breakOff,
            isBounded: isBounded, restart: restart, onRemoval: onRemoval)
    }

    init(
        host: Host, terminals: [Int], scope: Scope = .all, commands: CommandSpec? = nil, isSupervisors: Bool = false,
        signals: SignalMeaning, isBounded: Bool = true, isForced: Bool = false, restart: RestartMemory? = nil,
        onRemoval: @escaping (JailRecord) -> Void = { _ in }
    ) {
        self.host = host
        self.terminals = terminals
        self.scope = isForced && scope == .all ? .afterwards : scope
        self.commands = commands
        self.isSupervisors = isSupervisors
        self.signals = signals
        self.isBounded = isBounded
        self.restart = restart
        self.onRemoval = onRemoval
        urgency.isForced = isForced
    }

    /// Stops the jail of that name.
    /// - Returns: whether everything went well. What fails after the jail's end is reported, and the rest is done
    ///   anyway.
    /// - Throws: `.notFound`; what failed before the jail was removed, which then goes on.
    @discardableResult
    package func run(_ name: String) throws(RuntimeError) -> Bool {
        if let inner = try InnerJails(host: host).record(of: name) { return try stopInner(inner) }
        guard JailName.objection(to: Bytes(name.utf8)) == nil else { throw .notFound(jail: name) }
        thaw(name)
        let known = try host.state.trace(of: name)
        let wasUp = try known?.isAlive() == true
        try stopNested(in: name)
        // Who keeps a jail has one already.
        let watch = signals == .breakOff ? RunWatch(host) : nil
        defer { watch?.end() }
        let began = Clock.milliseconds()
        let holder = JailHolder(of: name, host: host, isInterruptible: signals == .breakOff)
        let isAsked = try scope == .all ? ask(holder) : holder.hurry()
        let lock = try host.lock(name, since: began)
        // Somebody else has ended it meanwhile.
        let isGone = try known != nil ? !host.state.hasTrace(of: name) : false
        let isDown = wasUp || isGone
        HookCgroup.end(HookCgroup.place(of: name, host), host)
        try JailRepair(host: host, isForced: isForced).repair(name, mendsNetwork: false)
        let service = try isSupervisors ? nil : ServiceRegistry(state: host.state).record(of: name)
        let isUnrecorded = try JailRepair(host: host).isPopulatedUnrecorded(name)
        if isUnrecorded {
            host.audience.warn(
                "\(name): it is not recorded in \(host.state.path), or no longer: it is ended without its commands, "
                    + "and what its network changed on the host stays")
            try JailRepair(host: host).removeUnrecorded(name)
        }
        guard var record = try host.state.record(of: name) else {
            if let service {
                handOver(service)
                forget(service)
            }
            lock.unlinkAndRelease()
            afterwards { () throws(RuntimeError) in try awaitSupervisor(service) }
            host.state.removeIfUnused(cgroupRoot: host.cgroupRoot)
            // One that waits for its restart, or failed, is stopped by being forgotten.
            if service == nil && !isAsked && !isUnrecorded && !isDown { throw .notFound(jail: name) }
            return true
        }
        if let why = record.unreadable { sayWithoutCommands(record, why) }
        if let commands { record.details.spec.commands = commands }
        if record.unreadable != nil { record.details.spec.commands.stop = [] }
        if scope == .none { record.details.spec.commands.removeStopCommands() }
        if scope == .all { try runCommandsBefore(&record) }
        let first = firstProcess(of: record)
        note(.stopping, record)
        if let service { handOver(service) }
        terminate(record, first)
        let isClean = finish(record)
        service.map(forget)
        lock.unlinkAndRelease()
        afterwards { () throws(RuntimeError) in
            if service != nil { try awaitSupervisor(service) } else if !isSupervisors { try awaitKeeper(record.trace) }
        }
        host.state.removeIfUnused(cgroupRoot: host.cgroupRoot)
        return isClean
    }

    /// The jail is down: what cannot be looked at now does not change that.
    private func afterwards(_ body: () throws(RuntimeError) -> Void) {
        do throws(RuntimeError) { try body() } catch { host.audience.warn(error.message) }
    }

    private func sayWithoutCommands(_ record: JailRecord, _ why: String) {
        if scope == .none { return }
        let left = commands == nil ? "exec.prestop, exec.stop, exec.poststop and exec.release" : "exec.stop"
        host.audience.warn(
            "\(Terminal.escaped(record.name)): its record cannot be read, \(why): it is stopped without its \(left)")
    }

    /// A stop that is broken off is finished by whoever finds this. Where it cannot be written the stop goes on: the jail is to
    /// end, whatever becomes of the record.
    func note(_ phase: JailTrace.Phase, _ record: JailRecord) {
        var stopping = record.trace
        stopping.phase = phase
        do throws(RuntimeError) { try host.state.overwrite(stopping) } catch {
            host.audience.warn("\(error.message); the stop continues without that")
        }
    }

    /// Jails inside it go first, each as it would go alone.
    private func stopNested(in name: String) throws(RuntimeError) {
        for nested in try JailNesting(of: name, host: host).jails() { try stopBefore(nested) }
    }

    func stopBefore(_ other: String) throws(RuntimeError) {
        do throws(RuntimeError) {
            try JailStop(
                host: host, terminals: terminals, scope: scope, signals: signals, isBounded: isBounded,
                isForced: urgency.isForced
            ).run(other)
        } catch {
            // Its own supervisor may have been at it.
            if case .notFound = error { return }
            throw error
        }
    }

    /// A jail whose command runs in the foreground is held by the jailrun that runs it, as long as it does: that one is asked
    /// to stop it. Without commands, its end is the jail's.
    /// - Returns: whether it was asked.
    private func ask(_ holder: JailHolder) throws(RuntimeError) -> Bool {
        let name = holder.name
        guard let trace = try host.state.trace(of: name), trace.isTransient, trace.supervisor != getpid(),
            try trace.isAlive(), try trace.isKept(),
            try ServiceRegistry(state: host.state).record(of: name) == nil
        else { return false }
        return try holder.askToStop()
    }

    /// Stops a jail whose name's lock the caller holds, as its starter does. What fails is reported; the jail ends in
    /// any case.
    func stopHeld(_ held: JailRecord) {
        var record = held
        if scope == .all {
            do throws(RuntimeError) { try runCommandsBefore(&record) } catch { host.audience.warn(error.message) }
        }
        let first = firstProcess(of: record)
        note(.stopping, record)
        terminate(record, first)
        finish(record)
    }

    // MARK: Steps of a stop

    /// A jail whose processes have ended by themselves: its name's lock, and what was recorded when it was taken.
    struct Ended: ~Copyable {
        let lock: JailLock
        let trace: JailTrace?
    }

    /// After the processes of a jail have ended by themselves: the commands of the host, and nothing left.
    package func finishEnded(_ record: JailRecord) throws(RuntimeError) {
        if let ended = try lockEnded(record) { return try finishEnded(record, ended) }
        // Stopped by another command, as a rule: then there is nothing to do, and no lock to be made for it. It may have been
        // renamed.
        guard let name = try host.state.name(of: record.identity, once: record.name) else { return }
        let lock = try host.lock(name)
        // Another command may have stopped it, and a new jail may have its name by now.
        try finishEnded(record, Ended(lock: lock, trace: try host.state.trace(of: name)))
    }

    /// The first half, which may be done while the first process is still on its way out.
    /// - Returns: nil when another command has the name's lock, or the jail this name no longer.
    func lockEnded(_ record: JailRecord) throws(RuntimeError) -> Ended? {
        guard try host.state.hasTrace(of: record.name),
            let lock = try JailLock(tryLocking: host.state.lockPath(record.name))
        else { return nil }
        let trace = try host.state.trace(of: record.name)
        let isOurs = trace.map { $0.unreadable != nil || $0.identity == record.identity } ?? true
        return isOurs ? Ended(lock: lock, trace: trace) : nil
    }

    /// The second half.
    func finishEnded(_ record: JailRecord, _ ended: consuming Ended) throws(RuntimeError) {
        let trace = ended.trace
        let isOurs = trace?.identity == record.identity || trace?.unreadable != nil
        if let trace, isOurs {
            // It may have been changed since its start.
            let present = try trace.revision == record.trace.revision ? nil : host.state.record(of: trace.name)
            var found = present.flatMap { $0.unreadable == nil ? $0 : nil } ?? record
            found.trace.phase = trace.phase
            // A stop that was killed is finished as one that is forced.
            if trace.phase == .up { finish(found, hasEnded: true) } else { forced.resume(found) }
        }
        if trace == nil || isOurs { ended.release() }
        host.state.removeIfUnused(cgroupRoot: host.cgroupRoot)
    }

    /// `exec.prestop` and `exec.stop`.
    /// - Throws: what failed; the jail goes on.
    private func runCommandsBefore(_ record: inout JailRecord) throws(RuntimeError) {
        let commands = record.spec.commands
        if commands.prestop.isEmpty && commands.stop.isEmpty { return }
        record.trace.stopper = ProcessIdentity(pid: getpid(), startTime: try ProcessTable.ownStartTime())
        note(.up, record)
        do throws(RuntimeError) { try runCommands(before: record) } catch {
            record.trace.stopper = nil
            note(.up, record)
            throw error
        }
    }

    private func runCommands(before record: JailRecord) throws(RuntimeError) {
        let commands = record.spec.commands
        var hooks = hooks(of: record)
        let first = Descriptor(cns_pidfd_open(record.pid))
        if try record.isAlive() { hooks.purpose = HostCommandPurpose(first.number) }
        try run(record) { () throws(RuntimeError) in try hooks.run(commands.prestop, parameter: "exec.prestop") }
        let entry = JailEntry.unattended(record, host: host)
        // Somebody may have frozen it since the stop began.
        if !commands.stop.isEmpty { thaw(record.name) }
        for command in commands.stop where !urgency.isForced {
            try run(record) { () throws(RuntimeError) in try run(command, entry, record) }
        }
    }

    /// A command that takes longer than any should, where nobody has said how long it may take, does not keep the jail up; nor
    /// does one that is ended by a signal that forces.
    private func run(_ record: JailRecord, _ body: () throws(RuntimeError) -> Void) throws(RuntimeError) {
        do throws(RuntimeError) { try body() } catch {
            switch error {
            // SIGQUIT is what another stop sends that is to be at once.
            case .interrupted(_, let signal) where signals == .force || signal == SIGQUIT:
                if signals == .breakOff { host.audience.warn("\(record.spec.label): the stop continues by force") }
                urgency.isForced = true
            case .command(_, _, _, .timedOut) where record.spec.commands.timeoutSeconds.value == 0 || signals == .force:
                host.audience.warn("\(error.message); the stop continues without it")
            default: throw error
            }
        }
    }

    private func hooks(of record: JailRecord) -> HostCommand {
        var hooks = HostCommand(jail: record.spec, identity: record.identity, host: host)
        hooks.standardBound = bound(record.spec.commands)
        return hooks
    }

    /// Seconds for a command that `exec.timeout` does not bound; 0 is no limit.
    private func bound(_ commands: CommandSpec) -> Int {
        isBounded ? commands.stopTimeoutSeconds.value + Self.commandSeconds : 0
    }

    private func run(_ command: Located<String>, _ entry: JailEntry, _ record: JailRecord) throws(RuntimeError) {
        let commands = record.spec.commands
        let line = JailCommand(command.value)
        if line.arguments.isEmpty { return }
        host.audience.tell?(
            record.spec.label,
            JailCommand.notice(command.value, command.origin, isInJail: true, user: commands.jailUser))
        host.waits.begin(record.spec.label, "exec.stop: \(Terminal.escaped(line.text))\(record.freezeNote)")
        defer { host.waits.end() }
        let timeout = commands.timeoutSeconds.value
        let outcome = try entry.run(
            line, parameter: "exec.stop", origin: command.origin,
            timeoutSeconds: timeout > 0 ? timeout : bound(commands), endsBySignal: true)
        if outcome != .exited(0), try record.isAlive() {
            throw .command(
                of: record, named: record.spec.label, line: line, origin: command.origin, outcome: outcome)
        }
    }

    /// - Parameter hasEnded: its first process has, and all others with it.
    @discardableResult
    func finish(_ record: JailRecord, hasEnded: Bool = false) -> Bool {
        let commands = record.spec.commands
        var hooks = hooks(of: record)
        if !hasEnded {
            do throws(Errno) { try Cgroup(path: record.cgroup).killAll(timeoutMilliseconds: 10000) } catch {
                host.audience.warn("\(record.spec.label): processes do not end: \(error.description)")
            }
        }
        // A change of its network that was killed may have made more.
        var undo = record.details.networkUndo
        do throws(RuntimeError) { undo = try NetworkReconnection(record: record, host: host).undo() } catch {
            host.audience.warn(error.message)
        }
        // FreeBSD's kernel gives them back with the jail's end, and exec.poststop destroys or uses them again.
        let network = NetworkStop(trace: record.trace, undo: undo, host: host, isForced: isForced)
        network.returnInterfaces()
        onRemoval(record)
        if isForced { hooks.forcedBound = Self.forcedCommandSeconds }
        let isStopped = succeeds { () throws(RuntimeError) in
            if record.trace.phase == .removing || commands.poststop.isEmpty { return }
            noteRemoval(record)
            try hooks.run(commands.poststop, parameter: "exec.poststop")
        }
        if urgency.isForced { hooks.forcedBound = Self.forcedCommandSeconds }
        let removal = JailRemoval(trace: record.trace, networkUndo: undo, host: host, isForced: isForced)
        let isUndone = removal.run()
        let isReleased = succeeds { () throws(RuntimeError) in
            try hooks.run(commands.release, parameter: "exec.release")
        }
        return isStopped && isUndone && isReleased
    }

    /// By a signal, or from the beginning: `stop -f`.
    private var isForced: Bool { urgency.isForced || scope == .afterwards }

    private func succeeds(_ body: () throws(RuntimeError) -> Void) -> Bool {
        do throws(RuntimeError) {
            try body()
            return true
        } catch {
            switch error {
            case .interrupted(let jail, SIGQUIT):
                urgency.isForced = true
                host.audience.warn("\(jail): a command of the host was ended: the stop is forced")
            case .interrupted(_, let signal):
                urgency.interruption = signal
                host.audience.complain(error)
            default: host.audience.complain(error)
            }
            return false
        }
    }
}

extension JailStop.Ended {
    consuming func release() { lock.unlinkAndRelease() }
}

extension CommandSpec {
    /// What would run at a stop; the wait for SIGTERM stays jail(8)'s own.
    fileprivate mutating func removeStopCommands() {
        (prestop, stop, poststop, release) = ([], [], [], [])
        stopTimeoutSeconds = Located(10, .standard("stop.timeout = SECONDS"))
    }
}
