internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Runs a command in a jail that is up: jexec(8), and `exec.stop`.
///
/// The process that joins is the static stage: jailrun's own program is never in a namespace of the jail. The stage is
/// cloned into the jail's cgroup, so that it escapes no limit and a stop reaches it.
package struct JailEntry {
    let record: JailRecord
    let host: Host
    let terminals: [Int]
    /// Nobody types to it, and what it says on a terminal is spelled out.
    let isUnattended: Bool
    /// A jail that is frozen may be thawed while it waits: it has a bound.
    let isPatient: Bool

    /// - Parameter terminals: which of descriptors 0, 1, 2 become a pty of the jail's own.
    package init(record: JailRecord, host: Host, terminals: [Int]) {
        self.init(record: record, host: host, terminals: terminals, isUnattended: false, isPatient: false)
    }

    private init(record: JailRecord, host: Host, terminals: [Int], isUnattended: Bool, isPatient: Bool) {
        self.record = record
        self.host = host
        self.terminals = terminals
        self.isUnattended = isUnattended
        self.isPatient = isPatient
    }

    /// For commands that the file asks for: `exec.stop`.
    static func unattended(_ record: JailRecord, host: Host) -> Self {
        Self(record: record, host: host, terminals: [], isUnattended: true, isPatient: true)
    }

    /// For `health.command`, whose output is read.
    static func checking(_ record: JailRecord, host: Host) -> Self {
        Self(record: record, host: host, terminals: [], isUnattended: false, isPatient: true)
    }

    /// Where a command starts.
    package enum Directory: Equatable, Sendable {
        case root
        case home
        /// In the jail.
        case path(String)
    }

    /// Runs one command and waits for it.
    /// - Parameters:
    ///   - line: nil for the user's shell.
    ///   - user: a name of the jail's passwd(5) or a number; nil for the jail's own `exec.jail_user`.
    ///   - isHostUser: look the user up on the host: jexec -u.
    ///   - environment: `NAME=VALUE`, on top of the standard one.
    ///   - endsBySignal: a signal to jailrun ends the command, which otherwise gets it and may handle it.
    /// - Throws: `.notFound` when the jail has ended; `.host` when it is frozen, or the shell is not there; `.step` when it cannot be joined.
    package func run(
        _ line: JailCommand?, parameter: String, origin: Origin, user: String? = nil, isHostUser: Bool = false,
        directory: Directory = .root, environment: [String] = [], timeoutSeconds: Int = 0, endsBySignal: Bool = false
    ) throws(RuntimeError) -> CommandOutcome {
        // What its processes may do is not known: a command could do more.
        if record.unreadable != nil { throw record.unreadableError() }
        if !isPatient { try record.checkFreeze() }
        let log = isUnattended ? consoleLog : Descriptor.none
        let handed = try HandedDescriptors(
            log.number < 0 ? handedNumbers : [], jail: record.spec.label, authority: host.authority)
        if log.number >= 0 { try handed.divert(into: log) }
        let hidden = isUnattended && log.number < 0 ? try handed.hideTerminals() : nil
        let console = hidden.map { Console(showing: $0.pipe, on: $0.shownOn) }
        let pidfd = try openJail()
        let root = try attempt("\(record.spec.label): cannot open the jail's root") { () throws(Errno) in
            try Files.open("/proc/\(record.pid)/root", Int32(OpenFlags([.path, .directory]).rawValue))
        }
        var spec = record.spec
        if let user { spec.commands.jailUser = Located(user, origin) }
        if isHostUser { spec.commands.isJailUserOfHost = Located(true, origin) }
        var facts = try FactFinder(jail: spec, host: host).entryFacts(
            root: root.number, terminals: terminals, environment: environment,
            filter: record.details.filter.flatMap { SeccompFilter(text: $0) })
        facts.handedDescriptors = handed.facts
        let shell = facts.jailUser.shell
        let interactive = JailCommand(text: shell, arguments: [shell, "-i"], isBackground: false)
        let entry = Planner(
            jail: spec.loweredForEntry(as: record.identity, on: facts), facts: facts
        ).enter(
            StartCommand(
                name: parameter, line: line ?? interactive, origin: origin,
                timeoutSeconds: spec.commands.timeoutSeconds.value, isWatched: false),
            directory: directory.path(for: facts.jailUser))
        let kills = MemoryKill.count(of: record)
        let outcome = try perform(
            entry, joined: pidfd.number, handed, console ?? Console(terminals: terminals),
            timeoutSeconds: timeoutSeconds, endsBySignal: endsBySignal)
        if let words = MemoryKill.explanation(of: outcome, record, before: kills) { host.audience.warn(words) }
        guard line == nil, case .notExecuted(let errno) = outcome else { return outcome }
        throw .host("execlp: \(Terminal.escaped(shell)): \(errno.description)", hint: nil)
    }

    /// The jail's pid 1, and that it still is: the pidfd cannot come to mean another process.
    private func openJail() throws(RuntimeError) -> Descriptor {
        let number = cns_pidfd_open(record.pid)
        if number == -ESRCH { throw .notFound(jail: record.name) }
        let pidfd = Descriptor(
            try attempt("\(record.spec.label): cannot look at its first process") { () throws(Errno) in
                try checkedResult(number)
            })
        if try !record.isAlive() { throw .notFound(jail: record.name) }
        return pidfd
    }

    /// `exec.consolelog`, of the commands that stop a jail, too. A log that cannot be written does not keep it up.
    private var consoleLog: Descriptor {
        let walk = HostWalk(jails: [record.spec], state: host.state)
        do throws(RuntimeError) { return try PlanPerformer.openConsoleLog(record.spec, walk) } catch {
            host.audience.warn(error.message)
            return Descriptor.none
        }
    }

    private var handedNumbers: [Int] {
        isUnattended
            ? [1, 2].filter { isatty(Int32($0)) == 0 } : [0, 1, 2].filter { !terminals.contains($0) }
    }

    private func perform(
        _ entry: Planner.Entry, joined: Int32, _ handed: HandedDescriptors, _ console: Console, timeoutSeconds: Int,
        endsBySignal: Bool
    ) throws(RuntimeError) -> CommandOutcome {
        let message = "\(record.spec.label): cannot run \(Terminal.escaped(entry.command.line.text))"
        let cgroup = try attempt("\(record.spec.label): \(record.cgroup)") { () throws(Errno) in
            try Files.open(try Cgroup(path: record.cgroup).home(), O_DIRECTORY)
        }
        let staged = try StagedEntry(entry, joined: joined, cgroup: cgroup.number, message) { handed.set(in: $0) }
        handed.closeEnds()
        let session = Session(
            control: staged.control.number, pidfd: staged.pidfd.number, host: host, console: console)
        let outcome = try wait(
            session, entry: entry, ends: (staged.control.number, staged.pidfd.number), timeoutSeconds: timeoutSeconds,
            endsBySignal: endsBySignal)
        try handed.finish(host.signals, isHurried: session.isHurried)
        try session.checkConsole()
        return outcome
    }

    private static let graceMilliseconds = 2000

    /// What enters the jail has a status of its own: it is not the command's.
    private func neverRan(_ outcome: CommandOutcome) -> RuntimeError {
        .command(
            jail: record.spec.label, text: "the process that enters the jail", origin: .standard(""), outcome: outcome)
    }

    /// A request to end. The command may do with one what it likes, not with the second.
    private static func asks(_ signal: Int32) -> Bool { signal == SIGTERM || signal == SIGHUP }

    private func wait(
        _ session: Session, entry: Planner.Entry, ends: (control: Int32, pidfd: Int32), timeoutSeconds: Int,
        endsBySignal: Bool
    ) throws(RuntimeError) -> CommandOutcome {
        let steps = entry.spawn + entry.enter + entry.command.steps
        var deadline = timeoutSeconds > 0 ? Clock.milliseconds() + timeoutSeconds * 1000 : nil
        var outcome: CommandOutcome?
        var ending: Int32?
        var (isAsked, isKilled, isRunning) = (false, false, false)
        while true {
            switch session.next(deadline: deadline) {
            case .report(.running):
                isRunning = true
                session.console.makeRaw()
            case .report(.failed(let index, let errno)):
                let isExecute = index == steps.count - 1
                guard isExecute, steps.indices.contains(index) else {
                    throw .step(
                        jail: record.spec.label, step: steps[max(0, min(index, steps.count - 1))], errno: Errno(errno),
                        number: index)
                }
                outcome = .notExecuted(Errno(errno))
            case .report(.finished(_, let status)): outcome = outcome ?? CommandOutcome(waitStatus: status)
            case .report, .pointless: break
            case .exited(let status):
                session.console.makeCooked()
                if let ending { throw .interrupted(jail: record.spec.label, signal: ending) }
                if !isRunning && outcome == nil { throw neverRan(CommandOutcome(waitStatus: status)) }
                return outcome ?? CommandOutcome(waitStatus: status)
            // Nothing in it hears a signal.
            case .signal(let signal) where record.isFrozen:
                ending = ending ?? signal
                _ = cns_pidfd_signal(ends.pidfd, SIGKILL)
            case .signal(let signal) where endsBySignal && ending == nil:
                ending = signal
                Control.signal(ends.control, signal == SIGQUIT ? SIGKILL : signal)
                deadline = Clock.milliseconds() + Self.graceMilliseconds
            case .signal(let signal) where isAsked && Self.asks(signal):
                Control.signal(ends.control, SIGKILL)
                isKilled = true
                deadline = Clock.milliseconds() + Self.graceMilliseconds
            case .signal(let signal):
                isAsked = Self.asks(signal)
                Control.signal(ends.control, signal)
            case .timedOut:
                if ending == nil && !isAsked { outcome = .timedOut(seconds: timeoutSeconds) }
                // In a jail that is frozen the stage does not hear.
                if isKilled || record.isFrozen {
                    _ = cns_pidfd_signal(ends.pidfd, SIGKILL)
                } else {
                    Control.signal(ends.control, SIGKILL)
                }
                deadline = Clock.milliseconds() + Self.graceMilliseconds
                isKilled = true
            }
        }
    }
}

extension JailEntry.Directory {
    fileprivate func path(for user: StartFacts.User) -> String? {
        switch self {
        case .root: nil
        case .home: user.home
        case .path(let path): path
        }
    }
}
