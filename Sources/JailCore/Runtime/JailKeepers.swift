internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Starts the jails of a file, each kept by a process of its own, so that jails that do not depend on each other start at once
/// and each keeper reads like jail(8)'s manual: one thing after the other.
public struct JailKeepers {
    public enum Mode: Sendable {
        /// Runs until every jail has ended or a signal arrives; jails die with jailrun.
        case foreground
        /// Returns when all are up.
        case detached
    }

    /// What became of one jail.
    public struct Result: Sendable {
        public var jail: String
        /// 0 when it was started.
        public var status: Int32
        public var isSkipped: Bool
    }

    private struct Keeper {
        var spec: JailSpec
        var pid: Int32 = 0
        var pidfd: Int32 = -1
        /// A byte when the jail exists and another when it is up; closed when it has failed.
        var news: Int32 = -1
        var exists = false
        var isStarted = false
        var status: Int32?
        var isSkipped = false
        var isDone: Bool { isStarted || status != nil || isSkipped }
        var isFailed: Bool { isSkipped || status != nil && !isStarted }
        var isStarting: Bool { pid > 0 && !isDone }
    }

    let host: Host
    let mode: Mode
    let configuration: String
    /// Says why a jail failed; called in its keeper.
    let report: @Sendable (RuntimeError) -> Void
    /// Called in its keeper when a jail is up.
    let announce: @Sendable (JailRecord) -> Void
    /// Called in its keeper when a jail exists and none of its commands has run.
    public var created: @Sendable (JailSpec, JailIdentity) -> Void = { _, _ in }
    /// Called in its keeper when a jail that existed is gone because its start failed, after `report`.
    public var removed: @Sendable (JailSpec) -> Void = { _ in }
    /// How many jails may be starting at once: each runs one command at a time. jail -p.
    public var limit = Int.max
    /// Until it is up, a detached jail has the caller's input, and those of descriptors 0 to 2 that are terminals.
    public var isInteractive = false
    private var keepers: [Keeper]

    public init(
        specs: [JailSpec], host: Host, mode: Mode, configuration: String, running: [String] = [],
        report: @escaping @Sendable (RuntimeError) -> Void, announce: @escaping @Sendable (JailRecord) -> Void
    ) {
        self.host = host
        self.mode = mode
        self.configuration = configuration
        self.report = report
        self.announce = announce
        keepers = specs.map { Keeper(spec: $0) }
    }

    /// Starts all, in the order of their dependencies.
    public mutating func run() throws(RuntimeError) -> [Result] {
        var received: Int32?
        while received == nil, keepers.contains(where: { !$0.isDone }) {
            try startReady()
            received = waitForNews()
        }
        if mode == .foreground || received != nil { waitForEnd(signal: received) }
        return keepers.map {
            Result(jail: $0.spec.label, status: $0.isSkipped ? 125 : $0.status ?? 0, isSkipped: $0.isSkipped)
        }
    }

    /// Those whose dependencies are up; one whose dependency failed is skipped, as jail(8) does.
    private mutating func startReady() throws(RuntimeError) {
        for index in keepers.indices where keepers[index].pid == 0 && !keepers[index].isSkipped {
            let spec = keepers[index].spec
            let others = keepers.filter { keeper in spec.depend.contains { $0.value == keeper.spec.name.value } }
            let parent = keepers.first { $0.spec.name.value == spec.parent?.value }
            if others.contains(where: \.isFailed) || parent?.isFailed == true {
                keepers[index].isSkipped = true
            } else if others.allSatisfy(\.isStarted), parent?.exists != false,
                keepers.count(where: \.isStarting) < limit
            {
                try fork(index)
            }
        }
    }

    private mutating func fork(_ index: Int) throws(RuntimeError) {
        let news = try OutputPipe()
        let parent = getpid()
        let pid = cns_fork()
        if pid < 0 { throw .system("cannot start a keeper for \(keepers[index].spec.label)", Errno(-pid)) }
        if pid == 0 {
            close(news.reading)
            exit(keep(keepers[index].spec, news: news.writing, parent: parent))
        }
        close(news.writing)
        keepers[index].pid = pid
        keepers[index].pidfd = cns_pidfd_open(pid)
        keepers[index].news = news.reading
    }

    /// The keeper's life.
    private func keep(_ spec: JailSpec, news: Int32, parent: Int32) -> Int32 {
        var hasExisted = false
        do throws(RuntimeError) {
            if mode == .foreground {
                // The jails of a foreground run die with it, by the control socket of each keeper.
                cns_die_with_parent(parent)
            } else {
                setsid()
            }
            if !isInteractive { dup2(CNS_CONTROL_DESCRIPTOR.int32, 0) }
            let mayHaveTerminal = mode == .foreground || isInteractive
            let terminals = mayHaveTerminal ? [0, 1, 2].filter { isatty(Int32($0)) == 1 } : []
            let output = mode == .detached && terminals.isEmpty ? try OutputPipe() : nil
            var start = JailStart(
                jail: spec, host: host, isTransient: mode == .foreground, configuration: configuration,
                terminals: terminals, output: output)
            start.onCreate = { identity in
                hasExisted = true
                created(spec, identity)
                _ = unsafe write(news, "e", 1)
            }
            return try JailRun(start: start, host: host).run { record in
                // Or what the last command wrote would be lost.
                if mode == .detached { start.console.drain() }
                announce(record)
                _ = unsafe write(news, "+", 1)
                close(news)
                if mode == .detached { detach(start.console) }
            }.exitStatus
        } catch {
            report(error)
            if hasExisted { removed(spec) }
            return error.exitStatus
        }
    }

    /// From here on nobody reads what the keeper could say; a caller that waits for the end of our output must not wait longer.
    private func detach(_ console: Console) {
        console.output = -1
        for descriptor: Int32 in 0...2 { dup2(CNS_CONTROL_DESCRIPTOR.int32, descriptor) }
        _ = unsafe chdir("/")
    }

    /// Waits for one keeper's news or end, or a signal.
    private mutating func waitForNews() -> Int32? {
        var watched = keepers.map {
            pollfd(fd: $0.isDone ? -1 : $0.news, events: Int16(POLLIN), revents: 0)
        }
        watched.append(pollfd(fd: host.signals.descriptor, events: Int16(POLLIN), revents: 0))
        if keepers.allSatisfy(\.isDone) { return nil }
        _ = unsafe poll(&watched, nfds_t(watched.count), -1)
        for index in keepers.indices where watched[index].revents != 0 {
            var byte: UInt8 = 0
            if unsafe read(keepers[index].news, &byte, 1) != 1 {
                keepers[index].status = exitStatus(index)
            } else {
                keepers[index].exists = true
                keepers[index].isStarted = byte == UInt8(ascii: "+")
            }
        }
        guard watched[keepers.count].revents != 0, let signal = host.signals.next(), signal != SIGWINCH else {
            return nil
        }
        return signal
    }

    private func exitStatus(_ index: Int) -> Int32 {
        CommandOutcome(waitStatus: cns_wait(keepers[index].pidfd, -1)).exitStatus
    }

    /// Waits until every keeper has ended; a signal stops the jails, in the reverse of their order.
    private mutating func waitForEnd(signal received: Int32?) {
        var isStopping = received != nil
        while true {
            if isStopping { stopLast(received ?? SIGTERM) }
            let open = keepers.indices.filter { keepers[$0].pid > 0 && keepers[$0].status == nil }
            if open.isEmpty { return }
            var watched = open.map { pollfd(fd: keepers[$0].pidfd, events: Int16(POLLIN), revents: 0) }
            watched.append(pollfd(fd: host.signals.descriptor, events: Int16(POLLIN), revents: 0))
            _ = unsafe poll(&watched, nfds_t(watched.count), -1)
            for (position, index) in open.enumerated() where watched[position].revents != 0 {
                keepers[index].status = exitStatus(index)
            }
            if watched[open.count].revents != 0, let signal = host.signals.next(), signal != SIGWINCH {
                isStopping = true
            }
        }
    }

    private func stopLast(_ signal: Int32) {
        guard let last = keepers.last(where: { $0.pid > 0 && $0.status == nil }) else { return }
        _ = cns_pidfd_signal(last.pidfd, signal)
    }
}

extension Int {
    fileprivate var int32: Int32 { Int32(self) }
}
