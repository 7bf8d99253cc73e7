internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// The side of whoever starts a supervisor: it learns how the jails are, and says when to stop them.
package final class SupervisedRun {
    enum Order: Equatable {
        case stop, force, letGo
        /// Those are to go that are not up, or not healthy.
        case stopLate
        /// A command of the host runs beside the jails, and is to end with the front.
        case beside(pid: Int32)

        /// The next order; nil when there will be none any more.
        init?(from front: Int32) {
            var words: [Int32] = [0, 0]
            guard unsafe receiveBytes(front, &words, MemoryLayout<Int32>.size * words.count) > 0 else { return nil }
            switch words[0] {
            case Self.letGo.words[0]: self = .letGo
            case Self.stop.words[0]: self = .stop
            case Self.force.words[0]: self = .force
            case Self.stopLate.words[0]: self = .stopLate
            default: self = .beside(pid: words[1])
            }
        }

        var words: [Int32] {
            switch self {
            case .stop: [1, 0]
            case .force: [2, 0]
            case .stopLate: [5, 0]
            case .letGo: [3, 0]
            case .beside(let pid): [4, pid]
            }
        }
    }

    /// Of each jail, in the order of the file.
    package private(set) var statuses: [ServiceStatus]
    /// Readable when there is news; -1 when the supervisor has ended or was released.
    package private(set) var descriptor: Int32
    /// What the supervisor, its workers and commands of the host print, if the caller shows it: a pipe, otherwise -1.
    /// It has to be read as long as they live.
    package private(set) var messages: Int32 = -1
    let supervisor: Int32
    /// Readable when the supervisor has ended.
    package let pidfd: Int32

    /// Forks the supervisor, which begins to start the jails.
    /// - Parameters:
    ///   - isTransient: the jails die with the supervisor, however it ends; and it ends when this process does.
    ///   - logDirectory: keeps each jail's console there as `NAME.log`; nil where its `log.file` says.
    ///   - showsOutput: shows the jails' output on descriptor 1.
    ///   - starts: how the jails are started for the first time.
    ///   - report: says why a start failed; called in another process.
    ///   - announce: called in another process when a jail is up for the first time.
    package init(
        specs: [ConfiguredJail], host: Host, isTransient: Bool, configuration: String, logDirectory: String? = nil,
        showsOutput: Bool, showsNames: Bool = false, starts: StartOptions = StartOptions(),
        report: @escaping @Sendable (RuntimeError) -> Void,
        announce: @escaping @Sendable (JailRecord) -> Void
    ) throws(RuntimeError) {
        host.note(without: try host.unavailableDefaults(of: specs))
        host.note(reachableOf: specs)
        try host.warn(ofFirewallBefore: specs)
        let pair = try attempt("cannot start a supervisor") { () throws(Errno) in try ControlPair() }
        let now = Clock.milliseconds()
        let services = specs.map { Service($0, life: ServiceLife($0, now: now, isFirstFinal: starts.isFirstFinal)) }
        for service in services { service.remembersEnd = starts.remembersEnds && !isTransient }
        statuses = services.map(\.status)
        if specs.count > 1 {
            let identities = try IdentityRegistry(host).assign(specs)
            for (service, identity) in zip(services, identities) { service.wish = identity }
        }
        let messages = showsOutput ? nil : try OutputPipe()
        var ended: Int32 = -1
        supervisor = unsafe cns_fork(&ended)
        if supervisor == 0 {
            close(pair.ours.number)
            if let messages {
                close(messages.reading)
                redirect(2, to: messages.writing)
                close(messages.writing)
            }
            setsid()
            let options = Supervisor.Options(
                isTransient: isTransient, configuration: configuration, logDirectory: logDirectory,
                showsOutput: showsOutput, isOutputForeign: !showsOutput,
                isStrict: !showsOutput || !isTransient, showsNames: showsNames, starts: starts)
            Supervisor(
                services, host: host, options: options, front: pair.childs.number, report: report, announce: announce
            ).run()
            _exit(0)
        }
        if let messages {
            close(messages.writing)
            self.messages = messages.reading
        }
        descriptor = pair.ours.release()
        pidfd = ended
        if supervisor < 0 { throw .system("cannot start a supervisor", Errno(-supervisor)) }
    }

    deinit {
        for number in [descriptor, pidfd, messages] where number >= 0 { close(number) }
    }

    /// Reads the next piece of news.
    /// - Returns: the jail whose status has changed, before and after; nil at the supervisor's end.
    package func next() -> (before: ServiceStatus, after: ServiceStatus)? {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = unsafe receiveBytes(descriptor, &buffer, buffer.count)
        guard count > 0,
            let status = try? JSONValueDecoder().decode(ServiceStatus.self, from: Array(buffer[..<count])),
            let index = statuses.firstIndex(where: { $0.name == status.name })
        else {
            closeNews()
            return nil
        }
        let before = statuses[index]
        statuses[index] = status
        return (before, status)
    }

    /// What there is of `messages`; empty at its end.
    package func nextMessage() -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 16384)
        let count = unsafe read(messages, &buffer, buffer.count)
        if count > 0 { return Array(buffer[..<count]) }
        close(messages)
        messages = -1
        return []
    }

    package var isEnded: Bool { descriptor < 0 }
    package var isOver: Bool { statuses.allSatisfy { $0.state.isOver && !$0.isBusy } }
    /// Each is up, healthy or done, or never will be.
    package var isSettled: Bool { statuses.allSatisfy(\.isSettled) }

    /// Stops all, in reverse order.
    /// - Parameter isForced: without `exec.prestop` and `exec.stop`.
    package func stop(isForced: Bool = false) { send(isForced ? .force : .stop) }

    /// Those that are not ready stop; the others stay up.
    func stopLate() { send(.stopLate) }

    /// The jails continue without this process.
    package func letGo() {
        send(.letGo)
        closeNews()
    }

    /// If this process dies, the supervisor ends it.
    package func protect(_ program: borrowing HostProgram) { send(.beside(pid: program.pid)) }

    private func send(_ order: Order) {
        guard descriptor >= 0 else { return }
        var words = order.words
        // A supervisor that is not told to let go takes the end of this process for its death, and stops the jails.
        for _ in 0..<attempts {
            let length = MemoryLayout<Int32>.size * words.count
            let count = unsafe Glibc.send(descriptor, &words, length, Int32(MSG_NOSIGNAL))
            if count >= 0 || ![EINTR, ENOBUFS, ENOMEM].contains(errno) { return }
        }
    }

    private func closeNews() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }

    /// Releases a supervisor that has nothing left to do, and waits for its end: then nothing of the jails is left.
    /// - Returns: whether it ended as it should.
    package func finish() -> Bool {
        if descriptor >= 0 { letGo() }
        return cns_wait(pidfd, -1) == 0
    }
}

/// At what may go well a moment later.
private let attempts = 100

/// recv(2). Who closes its end with something unread resets the other, once, before what it sent last: unix(7).
private func receiveBytes(_ socket: Int32, _ buffer: UnsafeMutableRawPointer, _ capacity: Int) -> Int {
    for _ in 0..<attempts {
        let count = unsafe recv(socket, buffer, capacity, 0)
        if count >= 0 || ![EINTR, ECONNRESET, ENOBUFS, ENOMEM].contains(errno) { return count }
    }
    return -1
}
